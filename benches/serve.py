"""`kafi serve` before a folder, and the storage over it, beside Kafi for Python and a bare axum server; `cargo xtask bench --http` runs it.

serve.py KAFI HELLO FOLDER RUNS [MESSAGES]

Kafi writes and reads messages of 100 bytes over the server, as whole processes; so does Kafi for Python, fewer of them, over the same server
in the same run. wrk asks the server, and the bare one, for what is small. What is written is counted by the server.
"""

import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time
import urllib.request

PYTHON_MESSAGES = 2_000
WRK = ["wrk", "-t", "2", "-c", "32", "-d", "3s"]


def started(line, pattern, stream):
    """A server, and what its first lines say of where it is."""
    process = subprocess.Popen(line, text=True, **{stream: subprocess.PIPE})
    found = []
    while len(found) < pattern[1]:
        line = getattr(process, stream).readline()
        if not line:
            sys.exit(f"{process.args} does not start")
        found += re.findall(pattern[0], line)
    return process, found


def end(base, topic):
    with urllib.request.urlopen(f"{base}/topics/{topic}/partitions/0/offsets") as answer:
        return json.load(answer)["end_offset"]


def make(base, topic):
    cluster = json.load(urllib.request.urlopen(f"{base}/v3/clusters"))["data"][0]["cluster_id"]
    body = json.dumps({"topic_name": topic, "partitions_count": 1}).encode()
    head = {"Content-Type": "application/json"}
    urllib.request.urlopen(urllib.request.Request(f"{base}/v3/clusters/{cluster}/topics", body, head)).close()
    return cluster


def seconds(line, **files):
    begun = time.monotonic()
    subprocess.run(line, check=True, **files)
    return time.monotonic() - begun


def by_python(base, topic):
    """Messages a second that Kafi for Python writes, one a request, and reads."""
    from kafi.kafka.restproxy.restproxy import RestProxy
    settings = {"consume.num.attempts": 1, "consume.batch.size": 1000, "progress.num.messages": 10**9, "enable.auto.commit": False}
    proxy = RestProxy({"rest_proxy": {"rest.proxy.url": base}, "kafi": settings})
    producer = proxy.producer(topic, type="bytes")
    value = "x" * 100
    begun = time.monotonic()
    for _ in range(PYTHON_MESSAGES):
        producer.produce(value)
    written = time.monotonic() - begun
    producer.close()
    begun = time.monotonic()
    read = len(proxy.cat(topic, n=PYTHON_MESSAGES, type="str"))
    if read != PYTHON_MESSAGES or end(base, topic) != PYTHON_MESSAGES:
        sys.exit(f"Kafi for Python read {read} messages")
    return PYTHON_MESSAGES / written, PYTHON_MESSAGES / (time.monotonic() - begun)


def requests_a_second(url):
    said = subprocess.run([*WRK, url], check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in said:
        sys.exit(f"{url}: {said}")
    return float(re.search(r"Requests/sec:\s*([0-9.]+)", said).group(1))


def main():
    kafi, hello, folder, runs = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]), int(sys.argv[4])
    count = int(sys.argv[5]) if len(sys.argv) > 5 else 1_000_000
    lines = folder / "messages"
    lines.write_bytes((b"x" * 100 + b"\n") * count)
    serve = [kafi, "serve", f"{folder}/topics/", "--rest", "127.0.0.1:0", "--registry", "127.0.0.1:0"]
    server, (base, registry) = started(serve, (r"at (http://\S+)", 2), "stderr")
    bare, (greeting,) = started([hello], (r"(http://\S+)", 1), "stdout")
    try:
        written, read, others = [], [], []
        for run in range(runs):
            topic = f"t{run}"
            cluster = make(base, topic)
            address = f"{base.replace('http', 'rest')}/{topic}"
            written.append(count / seconds([kafi, "-q", "produce", address, "-l", str(lines)]))
            if end(base, topic) != count:
                sys.exit(f"of {count} messages {end(base, topic)} are there")
            with open(folder / "read", "wb") as out:
                read.append(count / seconds([kafi, "-q", "cat", address], stdout=out))
            if (folder / "read").stat().st_size != lines.stat().st_size:
                sys.exit("what was read is not what was written")
            make(base, f"python{run}")
            others.append(by_python(base, f"python{run}"))
        print("| job | messages a second | Kafi for Python | ratio |\n|---|--:|--:|--:|")
        for name, ours, theirs in (("produce", written, 0), ("cat", read, 1)):
            other = statistics.median(rate[theirs] for rate in others)
            ours = statistics.median(ours)
            print(f"| {name} | {ours:,.0f} | {other:,.0f} | {ours / other:.0f} |", flush=True)
        schema = json.dumps({"schema": '"int"'}).encode()
        head = {"Content-Type": "application/json"}
        urllib.request.urlopen(urllib.request.Request(f"{registry}/subjects/s/versions", schema, head)).close()
        print("\n| request | a second | of the bare server |\n|---|--:|--:|")
        small = [("bare axum", greeting), ("`/livez`", f"{base}/livez"), ("a cluster", f"{base}/v3/clusters/{cluster}"),
                 ("offsets of a partition", f"{base}/topics/t0/partitions/0/offsets"), ("topics", f"{base}/topics"),
                 ("a schema by its id", f"{registry}/schemas/ids/1")]
        rates = {name: [] for name, _ in small}
        for _ in range(runs):
            for name, url in small:
                rates[name].append(requests_a_second(url))
        for name, _ in small:
            rate = statistics.median(rates[name])
            print(f"| {name} | {rate:,.0f} | {rate / statistics.median(rates['bare axum']):.2f} |", flush=True)
    finally:
        for process in (server, bare):
            process.terminate()
            process.wait()


os.environ.pop("KAFI_STORAGE", None)
main()
