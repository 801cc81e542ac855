"""Functions over topics in a folder and on a broker, beside jq, kcat, and Python Kafi; `cargo xtask bench --functions` runs it.

functions.py KAFI FOLDER RUNS BROKERS [MESSAGES]

All are whole processes, in turn; times are medians. What comes out has to be as much. jq is given the same lines in a file, or what kcat reads; it
runs in one thread, Kafi in as many as it likes. The rows without a peer say what the same verb takes without any function. Python Kafi, if this
Python has it, is measured within its process and over fewer messages; its ratio is one of messages a second.
"""

import os
import pathlib
import statistics
import subprocess
import sys
import time

VALUES = ["DE", "FR", "US", "IT", "GB", "ES", "NL", "PL", "SE", "AT"]
SECOND = ("{value: (.value | {country, total: (.amount * 2 | floor), tag: (.customer | ascii_upcase | .[0:3])})}",
          "{country, total: (.amount * 2 | floor), tag: (.customer | ascii_upcase | .[0:3])}")
FOLD = ".[$m.value.country] += $m.value.amount"
PYTHON_MESSAGES = 1000


def lines(path, count):
    """JSON of 100 bytes; one message of ten is from DE."""
    with open(path, "w") as file:
        for number in range(count):
            line = (f'{{"id":{number},"country":"{VALUES[number * 7 % 10]}","amount":{number % 977}.{number % 100:02},'
                    f'"customer":"c{number * 31 % 1000003:06}","paid":{"true" if number % 3 else "false"},"note":"')
            file.write(f'{line}{"x" * (98 - len(line))}"}}\n')


def once(line, before=()):
    """Seconds of a line for the shell, after others that are not measured."""
    for other in before:
        subprocess.run(["bash", "-c", other], check=True, stderr=subprocess.DEVNULL)
    begun = time.monotonic()
    subprocess.run(["bash", "-o", "pipefail", "-c", line], check=True)
    return time.monotonic() - begun


class Bench:
    def __init__(self, folder, runs):
        self.out, self.runs = folder / "out", runs
        print("| job | Kafi | peer | peer's time | ratio | target |\n|---|--:|---|--:|--:|--:|")

    def row(self, job, kafi, peer=None, target=None, before=((), ()), counted=None):
        """Kafi, and a peer (its name and line), in turn."""
        times, others = [], []
        for _ in range(self.runs):
            times.append(once(kafi, before[0]))
            count = counted and counted[0]()
            if peer:
                others.append(once(peer[1], before[1]))
                if counted and counted[1]() != count:
                    sys.exit(f"{job}: kafi makes {count}, and {peer[0]} {counted[1]()}")
        kafi_seconds = statistics.median(times)
        self.print(job, kafi_seconds, peer and (peer[0], statistics.median(others)), target)

    @staticmethod
    def print(job, kafi_seconds, peer, target, note="s"):
        of_peer = f"{peer[0]} | {peer[1]:.2f} {note} | {peer[1] / kafi_seconds:.1f}" if peer else "– |  | "
        print(f"| {job} | {kafi_seconds:.2f} s | {of_peer} | {f'≥ {target}' if target else ''} |", flush=True)


def lines_of(path):
    return lambda: int(subprocess.check_output(["wc", "-l", path]).split()[0])


def messages_of(kafi, topic):
    def count():
        said = subprocess.run([kafi, "-q", "wc", "--json", topic], check=True, capture_output=True, text=True).stdout
        return int(said.split('"messages":')[1].split(",")[0])
    return count


def in_folder(bench, kafi, folder, count):
    file, topic, copy = folder / "lines.json", f"{folder}/topics/t", f"{folder}/copies/t"
    subprocess.run([kafi, "-q", "produce", "--create", topic, "-l", file], check=True)
    out, other = folder / "out", folder / "other"
    clean = [f"rm -rf {folder}/copies"]
    both = (lines_of(out), lines_of(other))
    jq = lambda text: ("jq", f"jq -c '{text}' {file} > {other}")
    copied = (messages_of(kafi, copy), lines_of(other))
    bench.row("cat --filter, folder", f"{kafi} -q cat {topic} --filter '.value.country == \"DE\"' > {out}",
              jq('select(.country == "DE")'), 25, counted=both)
    bench.row("cat, folder", f"{kafi} -q cat {topic} > {out}")
    bench.row("cp --map, folder to folder", f"{kafi} -q cp --map '.value.amount += 1' {topic} {copy}", jq(".amount += 1"), 15,
              before=(clean, ()), counted=copied)
    bench.row("cp, folder to folder", f"{kafi} -q cp {topic} {copy}", before=(clean, ()))
    bench.row("map, second tier, folder", f"{kafi} -q map '{SECOND[0]}' {topic} > {out}", jq(SECOND[1]), 3, counted=both)
    fold = f"jq -n 'reduce inputs as $m ({{}}; .[$m.country] += $m.amount)' {file} > {other}"
    bench.row("fold, folder", f"{kafi} -q fold '{FOLD}' --init '{{}}' {topic} > {out}", ("jq reduce", fold), 15)


def on_broker(bench, kafi, folder, brokers):
    name = f"kafi-bench-functions-{os.getpid()}"
    source, target = f"kafka://{brokers}/{name}", f"kafka://{brokers}/{name}-copy"
    file, out, other = folder / "lines.json", folder / "out", folder / "other"
    touch = lambda topic: f"{kafi} -q touch {topic} --config retention.ms=-1"
    anew = [f"{kafi} -q rm -y {target}; {touch(target)}"]
    once(f"{touch(source)} && {kafi} -q produce {source} -l {file} && {touch(target)}")
    tuned = "-X queued.min.messages=10000000 -X queued.max.messages.kbytes=1048576 -X fetch.wait.max.ms=10"
    read = f"kcat -C -q -e -b {brokers} -t {name} -o beginning {tuned}"
    write = f"kcat -P -b {brokers} -t {name}-copy -X enable.idempotence=true"
    both, copied = (lines_of(out), lines_of(other)), (messages_of(kafi, target),) * 2
    try:
        bench.row("cat --filter, Kafka", f"{kafi} -q cat {source} --filter '.value.country == \"DE\"' > {out}",
                  ("kcat tuned, jq", f"{read} | jq -c 'select(.country == \"DE\")' > {other}"), 10, counted=both)
        bench.row("cat, Kafka", f"{kafi} -q cat {source} > {out}", ("kcat tuned", f"{read} > {other}"), counted=both)
        bench.row("cp --map, Kafka to Kafka", f"{kafi} -q cp --map '.value.amount += 1' {source} {target}",
                  ("kcat tuned, jq, kcat", f"{read} | jq -c '.amount += 1' | {write}"), 6, before=(anew, anew), counted=copied)
        bench.row("cp, Kafka to Kafka", f"{kafi} -q cp {source} {target}", ("kcat tuned, kcat", f"{read} | {write}"),
                  before=(anew, anew), counted=copied)
        bench.row("fold, Kafka", f"{kafi} -q fold '{FOLD}' --init '{{}}' {source} > {out}",
                  ("kcat tuned, jq reduce", f"{read} | jq -n 'reduce inputs as $m ({{}}; .[$m.country] += $m.amount)' > {other}"), 10)
    finally:
        once(f"{kafi} -q rm -y {source} {target}")


def python_kafi(bench, kafi, folder, count):
    try:
        from kafi.kafi import Local
    except ImportError:
        return
    (folder / "configs/locals").mkdir(parents=True)
    (folder / "configs/locals/local.yaml").write_text(f"local:\n  root.dir: {folder}/python\n")
    os.environ["KAFI_HOME"] = str(folder)
    local = Local("local")
    for topic in ("t", "filtered", "mapped"):
        local.create(topic)
    producer = local.producer("t")
    with open(folder / "lines.json") as file:
        for _, line in zip(range(PYTHON_MESSAGES), file):
            producer.produce(line.strip())
    producer.close()

    def plus_one(message):
        message["value"]["amount"] += 1
        return message

    topic, copy, clean = f"{folder}/topics/t", f"{folder}/copies/t", [f"rm -rf {folder}/copies"]
    jobs = [("filter_to", "--filter '.value.country == \"DE\"'",
             lambda: local.filter_to("t", local, "filtered", lambda message: message["value"]["country"] == "DE")),
            ("map_to", "--map '.value.amount += 1'", lambda: local.map_to("t", local, "mapped", plus_one))]
    for name, option, run in jobs:
        begun = time.monotonic()
        run()
        of_all = (time.monotonic() - begun) * count / PYTHON_MESSAGES
        kafi_seconds = statistics.median(once(f"{kafi} -q cp {option} {topic} {copy}", clean) for _ in range(bench.runs))
        bench.print(f"{name}, folder", kafi_seconds, (f"Python Kafi, by {PYTHON_MESSAGES:,} messages", of_all), 100)


def main():
    kafi, folder, runs, brokers = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    count = int(sys.argv[5]) if len(sys.argv) > 5 else 2_000_000
    lines(folder / "lines.json", count)
    bench = Bench(folder, runs)
    in_folder(bench, kafi, folder, count)
    on_broker(bench, kafi, folder, brokers)
    python_kafi(bench, kafi, folder, count)


main()
