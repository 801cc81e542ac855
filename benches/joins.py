"""Joins and compactions of topics in a folder, beside DuckDB on the same JSON lines; `cargo xtask bench --joins` runs it.

joins.py KAFI FOLDER RUNS [MESSAGES]

Both are whole processes, in turn: Kafi reads two topics and writes a third, which is flushed to the disk; DuckDB reads two files and
writes a third. The rows have to be as many. Memory is the peak of the process.
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


def main():
    kafi, folder, runs = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3])
    sizes = [int(sys.argv[4])] if len(sys.argv) > 4 else [1_000_000, 10_000_000]
    print("| job | Kafi | memory | DuckDB | memory | ratio |\n|---|---|---|---|---|---|")
    for count in sizes:
        left, right, out = (str(folder / name) for name in ("left.json", "right.json", "out.json"))
        lines(left, count, "name")
        lines(right, count, "country", 17)
        place = str(folder / "topics")
        topic = lambda name: f"{place}/{name}"
        subprocess.run(["rm", "-rf", place], check=True)
        for name, source in (("left", left), ("right", right)):
            subprocess.run([kafi, "-q", "produce", "--create", topic(name), "-l", source, "--key-path", ".id"], check=True)
        joins, peers, compactions, grouped = [], [], [], []
        for _ in range(runs):
            subprocess.run([kafi, "-q", "rm", "-y", topic("out")], stderr=subprocess.DEVNULL)
            joins.append(measured([kafi, "-q", "join", topic("left"), topic("right"), "--left-key", ".value.id", "--right-key",
                                   ".value.id", "--to", topic("out")]))
            peers.append(measured([sys.executable, "-c", DUCKDB, left, right, out]))
        written = subprocess.run([kafi, "-q", "wc", "--json", topic("out")], check=True, capture_output=True, text=True).stdout
        if f'"messages":{count},' not in written or int(subprocess.check_output(["wc", "-l", out]).split()[0]) != count:
            sys.exit(f"the joins of {count} messages have other rows: {written}")
        row(f"join of {count:,} with {count:,} by a member", joins, peers)
        for _ in range(runs):
            subprocess.run([kafi, "-q", "rm", "-y", topic("out")], stderr=subprocess.DEVNULL)
            compactions.append(measured([kafi, "-q", "compact", topic("left"), "--to", topic("out")]))
            grouped.append(measured([sys.executable, "-c", COMPACTING, left, out]))
        row(f"compact of {count:,} keys", compactions, grouped)


main()
