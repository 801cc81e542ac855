"""Apps of Kafi beside a bare loop over librdkafka, FastStream, and Kaf, on a broker; `cargo xtask bench --apps` runs it.

apps.py BENCH BARE FOLDER BROKERS RUNS [MESSAGES]
apps.py kaf|faststream BROKERS TOPIC TARGET GROUP COUNT

Each reads JSON of 100 bytes as a group, adds one to a number, and publishes the result. Times are from the first message until everything
is written and committed, without the start of the process and the joining of the group.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time

HERE = os.path.abspath(__file__)
KAF_MESSAGES = 50_000
FASTSTREAM_MESSAGES = 5_000
IN_ORDER_MESSAGES = 3_000
BY_KEY_MESSAGES = 100_000
CONCURRENCY = 64


class Clock:
    """How long it takes from the first of `count` messages to the end."""

    def __init__(self, count):
        self.left, self.begun = int(count), None

    def is_last(self):
        if self.begun is None:
            self.begun = (time.monotonic(), time.process_time())
        self.left -= 1
        return self.left == 0

    def stop(self):
        seconds, used = time.monotonic() - self.begun[0], time.process_time() - self.begun[1]
        print(seconds, used, flush=True)


def kaf(brokers, topic, target, group, count):
    """Kaf as it is published, with the settings of its README."""
    from kaf import KafkaApp

    clock = Clock(count)
    consumer = {"bootstrap.servers": brokers, "group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False}
    app = KafkaApp("bench", consumer, {"bootstrap.servers": brokers}, consumer_batch_size=1, consumer_timeout=5)

    @app.process(topic=topic, publish_to=target, accepts="json", returns="json")
    def add_one(order):
        if clock.is_last():
            app.running = False
        order["order"] += 1
        yield order, b"key"

    app.run()
    app.producer.flush()
    app.consumer.commit(asynchronous=False)
    clock.stop()
    os._exit(0)


def faststream(brokers, topic, target, group, count):
    """FastStream over confluent-kafka, acknowledging what is handled, as an app of its README."""
    from faststream import AckPolicy
    from faststream.confluent import KafkaBroker

    clock, done = Clock(count), asyncio.Event()
    broker = KafkaBroker(brokers, logger=None)

    @broker.subscriber(topic, group_id=group, auto_offset_reset="earliest", ack_policy=AckPolicy.ACK)
    @broker.publisher(target)
    async def add_one(order: dict) -> dict:
        if clock.is_last():
            done.set()
        return {**order, "order": order["order"] + 1}

    async def run():
        await broker.start()
        await done.wait()
        await broker.stop()
        clock.stop()

    asyncio.run(run())


class Bench:
    def __init__(self, bench, bare, folder, brokers, runs):
        from confluent_kafka.admin import AdminClient

        self.bench, self.bare, self.folder, self.brokers, self.runs = bench, bare, folder, brokers, int(runs)
        self.admin = AdminClient({"bootstrap.servers": brokers})
        self.prefix, self.made, self.groups = f"kafi-bench-apps-{os.getpid()}", [], []

    def make(self, name):
        from confluent_kafka.admin import NewTopic

        topic = f"{self.prefix}-{name}"
        for made in self.admin.create_topics([NewTopic(topic, 1, 1, config={"retention.ms": "-1"})]).values():
            made.result()
        self.made.append(topic)
        return topic

    def fill(self, name, count):
        """A topic of JSON with 100 bytes each, whose keys are those of a thousand customers."""
        from confluent_kafka import Producer

        topic, producer = self.make(name), Producer({"bootstrap.servers": self.brokers, "linger.ms": 50})
        for number in range(count):
            start = f'{{"order":{number},"status":"paid","note":"'
            value = start + f"{number * 2654435761:x}".rjust(98 - len(start), "n") + '"}'
            while True:
                try:
                    producer.produce(topic, value, f"customer-{number * 7919 % 1000}")
                    break
                except BufferError:
                    producer.poll(0.1)
        if producer.flush(120):
            sys.exit("messages were not delivered")
        return topic

    def end(self, topic):
        from confluent_kafka import Consumer, TopicPartition

        consumer = Consumer({"bootstrap.servers": self.brokers, "group.id": "none"})
        try:
            return consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=30)[1]
        finally:
            consumer.close()

    def run(self, line, topic, count, more=()):
        """Messages a second, microseconds of the processors for a message, and megabytes of one run."""
        number, used = len(self.groups), f"{self.folder}/used"
        target, group = self.make(f"target-{number}"), f"{self.prefix}-{number}"
        self.groups.append(group)
        timed = ["/usr/bin/time", "-f", "%M %U %S", "-o", used]
        said = subprocess.run([*timed, *line, self.brokers, topic, target, group, *more], check=True, capture_output=True, text=True)
        numbers = [float(word) for word in said.stdout.split()]
        peak, user, system = (float(word) for word in open(used).read().split())
        # FastStream publishes what comes of a message that it has taken in beyond the last, too.
        if self.end(target) < count:
            sys.exit(f"{line}: of {count} messages {self.end(target)} were written")
        for deleted in self.admin.delete_topics([target]).values():
            deleted.result()
        self.made.remove(target)
        if line[0] == sys.executable:
            seconds, cpu = numbers
        else:
            seconds, cpu = numbers[-1], user + system
        return count / seconds, cpu / count * 1e6, peak * 1024 / 1e6

    def clean(self):
        if self.made:
            for deleted in self.admin.delete_topics(self.made).values():
                deleted.result()
        for deleted in self.admin.delete_consumer_groups(self.groups or ["none"]).values():
            deleted.exception()


def median(runs):
    return [statistics.median(numbers) for numbers in zip(*runs)]


def main(messages):
    bench = Bench(*sys.argv[1:6])
    few = min(messages, KAF_MESSAGES), min(messages, FASTSTREAM_MESSAGES)
    python = [sys.executable, "-W", "ignore", HERE]
    try:
        source = bench.fill("source", messages)
        in_order, by_key = (min(messages, count) for count in (IN_ORDER_MESSAGES, BY_KEY_MESSAGES))
        waits = bench.fill("in-order", in_order), bench.fill("by-key", by_key)
        jobs = {
            "kafi": lambda: bench.run([bench.bench, "change"], source, messages),
            "kafi, `Value`": lambda: bench.run([bench.bench, "value"], source, messages),
            "bare librdkafka": lambda: bench.run([bench.bare, "change"], source, messages, [str(messages)]),
            "Kaf": lambda: bench.run([*python, "kaf"], source, few[0], [str(few[0])]),
            "FastStream": lambda: bench.run([*python, "faststream"], source, few[1], [str(few[1])]),
            "in order": lambda: bench.run([bench.bench, "wait"], waits[0], in_order, ["1"]),
            "by key": lambda: bench.run([bench.bench, "wait"], waits[1], by_key, [str(CONCURRENCY)]),
        }
        runs = {name: [] for name in jobs}
        for _ in range(bench.runs):
            for name, job in jobs.items():
                runs[name].append(job())
        found = {name: median(of) for name, of in runs.items()}
    finally:
        bench.clean()
    print("| job | a second | CPU µs each | MB | peer | a second | CPU µs each | MB | ratio | CPU ratio | target | reached |")
    print("|---|--:|--:|--:|---|--:|--:|--:|--:|--:|---|---|")
    change = "JSON in, a number changed, JSON out"
    wait = f"1 ms each, by key, {CONCURRENCY} at once"
    rows = [(change, "kafi", "bare librdkafka", 0.8), (change, "kafi", "FastStream", 5), (change, "kafi", "Kaf", 20),
            (f"{change}, as `Value`", "kafi, `Value`", "bare librdkafka", None), (wait, "by key", "in order", 50)]
    for job, ours, theirs, target in rows:
        (rate, cpu, peak), (other, other_cpu, other_peak) = found[ours], found[theirs]
        reached = "" if target is None else "yes" if rate / other >= target else "no"
        wanted = "" if target is None else f"≥ {target}"
        name = "kafi, one in order" if theirs == "in order" else theirs
        print(f"| {job} | {rate:,.0f} | {cpu:.2f} | {peak:.0f} | {name} | {other:,.0f} | {other_cpu:.2f} | {other_peak:.0f} "
              f"| {rate / other:.2f} | {other_cpu / cpu:.2f} | {wanted} | {reached} |")
    for job, ours in ((change, "kafi"), (wait, "by key")):
        rate, cpu, peak = found[ours]
        print(f"| {job} | {rate:,.0f} | {cpu:.2f} | {peak:.0f} | – | | | | | | < 100 MB | {'yes' if peak < 100 else 'no'} |")


if __name__ == "__main__":
    if sys.argv[1] in ("kaf", "faststream"):
        {"kaf": kaf, "faststream": faststream}[sys.argv[1]](*sys.argv[2:])
    else:
        main(int(sys.argv[6]) if len(sys.argv) > 6 else 2_000_000)
