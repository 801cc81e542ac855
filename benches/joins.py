"""Joins and compactions of topics in a folder, beside DuckDB on the same JSON lines, and Python Kafi; `cargo xtask bench --joins` runs it.

joins.py KAFI FOLDER RUNS PYTHON [MESSAGES]

Kafi and DuckDB are whole processes, in turn: Kafi reads two topics and writes a third, which is flushed to the disk; DuckDB reads two files
and writes a third. The rows have to be as many. Memory is the peak of the process. PYTHON has Python Kafi, which is measured within its
process and over fewer messages; its ratio is one of messages a second.
"""

import os
import pathlib
import statistics
import subprocess
import sys
import time

DUCKDB = """
import duckdb, sys
left, right, out = sys.argv[1:]
duckdb.sql(f"copy (select l.*, r.country from read_json('{left}', format='newline_delimited') l "
           f"join read_json('{right}', format='newline_delimited') r on l.id = r.id) to '{out}' (format json)")
"""
COMPACTING = """
import duckdb, sys
source, out = sys.argv[1:]
duckdb.sql(f"copy (select arg_max(t, n) as t from (select t, row_number() over () as n from read_json('{source}', "
           f"format='newline_delimited') t) group by t.id) to '{out}' (format json)")
"""
PYTHON_KAFI = """
import os, pathlib, sys, time
folder, count = pathlib.Path(sys.argv[1]), int(sys.argv[2])
(folder / "configs/locals").mkdir(parents=True)
(folder / "configs/locals/local.yaml").write_text(f"local:\\n  root.dir: {folder}/topics\\n")
os.environ["KAFI_HOME"] = str(folder)
from kafi.kafi import Local
local = Local("local")
for topic in ("left", "right"):
    local.create(topic)
    producer = local.producer(topic)
    with open(f"{folder}/{topic}.json") as file:
        for line in file:
            producer.produce(line.strip())
    producer.close()
local.create("out")
key = lambda message: message["value"]["id"]
begun = time.monotonic()
local.join_to("left", local, "right", local, "out", get_key_function1=key, get_key_function2=key, join="inner")
seconds = time.monotonic() - begun
messages, _, _ = local.wc("out")
if messages != count:
    sys.exit(f"Python Kafi makes {messages} rows of {count}")
print(seconds)
"""
PYTHON_MESSAGES = 1000


def measured(line):
    """Seconds, and the peak of memory in MB."""
    begun = time.monotonic()
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{line}: {said.decode()}")
    return time.monotonic() - begun, usage.ru_maxrss * 1024 / 1e6


def lines(path, count, member, first=0):
    with open(path, "w") as file:
        for number in range(count):
            # Every key once, in an order that is not that of the other file.
            key = (number * 7919 + first) % count
            file.write(f'{{"id":{key},"{member}":"{"x" * 20}{key % 1000}","price":{key % 977}.50,"pad":"{"y" * 20}"}}\n')


def row(name, kafi, peer):
    (kafi_seconds, kafi_memory), (peer_seconds, peer_memory) = [
        [statistics.median(column) for column in zip(*runs)] for runs in (kafi, peer)]
    print(f"| {name} | {kafi_seconds:.2f} s | {kafi_memory:.0f} MB | {peer_seconds:.2f} s | {peer_memory:.0f} MB "
          f"| {peer_seconds / kafi_seconds:.2f} |", flush=True)


def both_sides(folder, count):
    """Two files of as many keys, and where they are."""
    left, right = str(folder / "left.json"), str(folder / "right.json")
    lines(left, count, "name")
    lines(right, count, "country", 17)
    return left, right


def beside_python_kafi(kafi, folder, runs, python):
    """`join_to`, which joins as messages come, beside the same of the command line."""
    count = 1_000_000
    left, right = both_sides(folder, count)
    topic = in_topics(kafi, folder, left, right)
    times, others = [], []
    for number in range(runs):
        subprocess.run([kafi, "-q", "rm", "-y", topic("out")], stderr=subprocess.DEVNULL)
        times.append(measured([kafi, "-q", "join", topic("left"), topic("right"), "--left-key", ".value.id", "--right-key", ".value.id",
                               "--emit", "eager", "--memory", "1GB", "--to", topic("out")])[0])
        few = folder / f"python-{number}"
        few.mkdir()
        both_sides(few, PYTHON_MESSAGES)
        said = subprocess.run([python, "-W", "ignore", "-c", PYTHON_KAFI, few, str(PYTHON_MESSAGES)], check=True, stdout=subprocess.PIPE)
        others.append(float(said.stdout.split()[-1]))
    check(kafi, topic("out"), count)
    kafi_rate, rate = count / statistics.median(times), PYTHON_MESSAGES / statistics.median(others)
    print("\n| job | Kafi | Python Kafi | ratio | target |\n|---|--:|--:|--:|--:|")
    print(f"| join_to of {count:,} with as many, eager, beside {PYTHON_MESSAGES:,} | {kafi_rate:,.0f} messages/s | {rate:,.0f} messages/s "
          f"| {kafi_rate / rate:.0f} | ≥ 100 |", flush=True)


def in_topics(kafi, folder, left, right):
    """The topics of both files, and how topics are called there."""
    place = str(folder / "topics")
    topic = lambda name: f"{place}/{name}"
    subprocess.run(["rm", "-rf", place], check=True)
    for name, source in (("left", left), ("right", right)):
        subprocess.run([kafi, "-q", "produce", "--create", topic(name), "-l", source, "--key-path", ".id"], check=True)
    return topic


def check(kafi, topic, count):
    written = subprocess.run([kafi, "-q", "wc", "--json", topic], check=True, capture_output=True, text=True).stdout
    if f'"messages":{count},' not in written:
        sys.exit(f"the join of {count} messages has other rows: {written}")


def main():
    kafi, folder, runs, python = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    sizes = [int(sys.argv[5])] if len(sys.argv) > 5 else [1_000_000, 10_000_000]
    print("| job | Kafi | memory | DuckDB | memory | ratio |\n|---|---|---|---|---|---|")
    for count in sizes:
        (left, right), out = both_sides(folder, count), str(folder / "out.json")
        topic = in_topics(kafi, folder, left, right)
        joins, peers, compactions, grouped = [], [], [], []
        for _ in range(runs):
            subprocess.run([kafi, "-q", "rm", "-y", topic("out")], stderr=subprocess.DEVNULL)
            joins.append(measured([kafi, "-q", "join", topic("left"), topic("right"), "--left-key", ".value.id", "--right-key",
                                   ".value.id", "--to", topic("out")]))
            peers.append(measured([sys.executable, "-c", DUCKDB, left, right, out]))
        check(kafi, topic("out"), count)
        if int(subprocess.check_output(["wc", "-l", out]).split()[0]) != count:
            sys.exit(f"DuckDB's join of {count} messages has other rows")
        row(f"join of {count:,} with {count:,} by a member", joins, peers)
        for _ in range(runs):
            subprocess.run([kafi, "-q", "rm", "-y", topic("out")], stderr=subprocess.DEVNULL)
            compactions.append(measured([kafi, "-q", "compact", topic("left"), "--to", topic("out")]))
            grouped.append(measured([sys.executable, "-c", COMPACTING, left, out]))
        row(f"compact of {count:,} keys", compactions, grouped)
    beside_python_kafi(kafi, folder, runs, python)


main()
