"""Topics as files, beside what people do in Python and in the shell; `cargo xtask bench --files` runs it.

files.py KAFI BROKERS FOLDER RUNS [--quick | --memory]

All are whole processes, in turn; what is written has to have as many rows. Memory is the peak of the largest process. `--quick` takes a
tenth of the messages and leaves out the memory over many rows, `--memory` measures nothing else.
"""

import os
import pathlib
import statistics
import subprocess
import sys
import time

MESSAGES = 2_000_000
SHEET = 1_000_000
MANY = 20_000_000
MEMORY_MAX_MB = 300

CONSUME = """
import json, sys
import pandas as pd
from confluent_kafka import Consumer, TopicPartition
brokers, topic, out = sys.argv[1:]
consumer = Consumer({"bootstrap.servers": brokers, "group.id": "bench", "enable.auto.commit": False,
                     "queued.min.messages": 1000000, "queued.max.messages.kbytes": 1048576})
place = TopicPartition(topic, 0)
_, end = consumer.get_watermark_offsets(place)
consumer.assign([TopicPartition(topic, 0, 0)])
rows = []
while len(rows) < end:
    rows += [json.loads(message.value()) for message in consumer.consume(10000, timeout=1)]
pd.DataFrame(rows).to_parquet(out)
"""
PRODUCE = """
import json, sys
import pandas as pd
from confluent_kafka import Producer
brokers, topic, source = sys.argv[1:]
producer = Producer({"bootstrap.servers": brokers, "enable.idempotence": True})
for row in pd.read_parquet(source).to_dict(orient="records"):
    value = json.dumps(row, separators=(",", ":"))
    while True:
        try:
            producer.produce(topic, value)
            break
        except BufferError:
            producer.poll(0.1)
sys.exit(producer.flush(60))
"""
DUCKDB = """
import duckdb, sys
duckdb.sql(f"copy (select * from read_json('{sys.argv[1]}', format='newline_delimited')) to '{sys.argv[2]}' (format parquet)")
"""
OPENPYXL = """
import json, sys
from openpyxl import Workbook
book = Workbook(write_only=True)
sheet = book.create_sheet()
with open(sys.argv[1]) as lines:
    for number, line in enumerate(lines):
        row = json.loads(line)
        if number == 0:
            sheet.append(list(row))
        sheet.append(list(row.values()))
book.save(sys.argv[2])
"""
ROWS_OF_PARQUET = "import pyarrow.parquet, sys; print(pyarrow.parquet.ParquetFile(sys.argv[1]).metadata.num_rows)"


def measured(line):
    """Seconds, those of the processors, and the peak of memory in MB."""
    begun = time.monotonic()
    process = subprocess.Popen(["/usr/bin/time", "-f", "%U %S %M", *line], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    _, said = process.communicate()
    if process.returncode != 0:
        sys.exit(f"{line}: {said}")
    user, system, memory = said.split()[-3:]
    return time.monotonic() - begun, float(user) + float(system), int(memory) * 1024 / 1e6


def row(name, kafi, peer_name, peer, target):
    (seconds, cpu, memory), (peer_seconds, peer_cpu, peer_memory) = [
        [statistics.median(column) for column in zip(*runs)] for runs in (kafi, peer)]
    ratio = peer_seconds / seconds
    print(f"| {name} | {seconds:.2f} | {cpu:.2f} | {memory:.0f} | {peer_name} | {peer_seconds:.2f} | {peer_cpu:.2f} | {peer_memory:.0f} "
          f"| {ratio:.2f} | {peer_cpu / cpu:.2f} | ≥ {target} | {'yes' if ratio >= target else 'no'} |", flush=True)


def lines(path, count):
    """JSON values of 100 bytes."""
    with open(path, "w") as file:
        for number in range(count):
            text = f'{{"id":{number},"name":"customer {number % 1000}","price":{number % 977}.50,"active":{str(number % 3 == 0).lower()},"note":"'
            file.write(text + "n" * (98 - len(text)) + '"}\n')


class Bench:
    def __init__(self, kafi, brokers, folder, runs, count):
        self.kafi, self.brokers, self.folder, self.runs, self.count = kafi, brokers, pathlib.Path(folder), runs, count
        os.chdir(folder)
        os.makedirs("configs/clusters", exist_ok=True)
        with open("configs/clusters/k.yaml", "w") as file:
            file.write(f"kafka:\n  bootstrap.servers: {brokers}\n")
        self.prefix = f"bench-files-{os.getpid()}"

    def run(self, *line):
        subprocess.run([self.kafi, "-q", *line], check=True)

    def python(self, script, *arguments):
        return [sys.executable, "-c", script, *arguments]

    def compare(self, name, kafi, peer_name, peer, target, check):
        """Runs both in turn; each is a command, or what prepares one."""
        measurements = ([], [])
        for _ in range(self.runs):
            for which, line in enumerate((kafi, peer)):
                line = line() if callable(line) else line
                measurements[which].append(measured(line))
                found = int(check(which))
                if found != self.count:
                    sys.exit(f"{name}: {line}: {found} rows instead of {self.count}")
        row(name, measurements[0], peer_name, measurements[1], target)

    def rows_of_parquet(self, which):
        return subprocess.check_output(self.python(ROWS_OF_PARQUET, ("kafi.parquet", "peer.parquet")[which]))

    def rows_of_csv(self, which):
        # Kafi's has a line of names.
        return int(subprocess.check_output(["wc", "-l", ("kafi.csv", "peer.csv")[which]]).split()[0]) - (1 if which == 0 else 0)

    def all(self):
        topic = f"{self.prefix}-source"
        lines("rows.jsonl", self.count)
        self.run("touch", f"k:{topic}", "--config", "retention.ms=-1")
        self.run("produce", f"k:{topic}", "-l", "rows.jsonl")
        self.run("produce", "--create", "./topics/source", "-l", "rows.jsonl")
        try:
            self.compare("broker → Parquet", [self.kafi, "-q", "export", f"k:{topic}", "kafi.parquet"], "confluent-kafka, pandas",
                         self.python(CONSUME, self.brokers, topic, "peer.parquet"), 10, self.rows_of_parquet)
            self.compare("folder → Parquet", [self.kafi, "-q", "export", "./topics/source", "kafi.parquet"], "DuckDB from lines",
                         self.python(DUCKDB, "rows.jsonl", "peer.parquet"), 1, self.rows_of_parquet)
            pipe = f"kcat -C -e -q -b {self.brokers} -t {topic} -p 0 -o beginning -X queued.min.messages=1000000 " \
                   f"| jq -r '[.[]] | @csv' > peer.csv"
            self.compare("broker → CSV", [self.kafi, "-q", "export", f"k:{topic}", "kafi.csv"], "kcat, jq @csv", ["sh", "-c", pipe], 10,
                         self.rows_of_csv)
            self.imports()
        finally:
            self.run("rm", "-y", f"k:{self.prefix}-*")
        self.workbook()

    def imports(self):
        made = [0]

        def target(line):
            def prepared():
                made[0] += 1
                self.run("touch", f"k:{self.prefix}-{made[0]}")
                return line(f"{self.prefix}-{made[0]}")
            return prepared

        def messages(_which):
            listed = subprocess.check_output([self.kafi, "ls", "-l", "--json", f"k:{self.prefix}-{made[0]}"], text=True)
            return listed.split('"messages":')[1].split(",")[0]

        self.compare("Parquet → broker", target(lambda topic: [self.kafi, "-q", "import", "peer.parquet", f"k:{topic}"]), "pandas, confluent-kafka",
                     target(lambda topic: self.python(PRODUCE, self.brokers, topic, "peer.parquet")), 10, messages)

    def workbook(self):
        self.count = min(self.count, SHEET)
        lines("sheet.jsonl", self.count)
        self.run("produce", "--create", "./topics/sheet", "-l", "sheet.jsonl")
        self.compare("folder → Excel", [self.kafi, "-q", "export", "./topics/sheet", "kafi.xlsx"], "openpyxl, write-only",
                     self.python(OPENPYXL, "sheet.jsonl", "peer.xlsx"), 5, lambda _which: self.count)

    def memory(self):
        print("\n| format | rows | export, CPU s | MB | import, CPU s | MB | target | reached |\n|---|--:|--:|--:|--:|--:|---|---|")
        for rows, formats in ((MANY, ("csv", "jsonl", "parquet", "feather", "orc", "xml")), (SHEET, ("xlsx",))):
            lines("many.jsonl", rows)
            self.run("produce", "--create", f"./topics/many{rows}", "-l", "many.jsonl")
            os.remove("many.jsonl")
            for suffix in formats:
                file = f"many.{suffix}"
                _, cpu, memory = measured([self.kafi, "-q", "export", f"./topics/many{rows}", file])
                _, back_cpu, back_memory = measured([self.kafi, "-q", "import", file, "./topics/back", "--create"])
                counted = subprocess.check_output([self.kafi, "wc", "--json", "-q", "./topics/back"], text=True)
                if f'"messages":{rows},' not in counted:
                    sys.exit(f"{suffix}: other rows come back: {counted}")
                self.run("rm", "-y", "./topics/back")
                os.remove(file)
                reached = "yes" if max(memory, back_memory) < MEMORY_MAX_MB else "no"
                print(f"| {suffix} | {rows:,} | {cpu:.1f} | {memory:.0f} | {back_cpu:.1f} | {back_memory:.0f} "
                      f"| < {MEMORY_MAX_MB} MB | {reached} |", flush=True)
            self.run("rm", "-y", f"./topics/many{rows}")


def main():
    kafi, brokers, folder, runs = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    quick, only_memory = "--quick" in sys.argv, "--memory" in sys.argv
    bench = Bench(kafi, brokers, folder, runs, MESSAGES // 10 if quick else MESSAGES)
    if not only_memory:
        print("| job | kafi s | CPU s | MB | peer | peer s | CPU s | MB | ratio | CPU ratio | target | reached |\n"
              "|---|--:|--:|--:|---|--:|--:|--:|--:|--:|---|---|")
        bench.all()
    if not quick:
        bench.memory()


main()
