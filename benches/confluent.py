"""Reads a topic into a file, or fills one from a file, with Python's confluent-kafka; `cargo xtask bench` runs it.

confluent.py consume BROKERS TOPIC PARTITIONS FILE [NAME=VALUE...]
confluent.py produce BROKERS TOPIC FILE [NAME=VALUE...]
"""

import sys

from confluent_kafka import Consumer, Producer, TopicPartition


def properties(pairs):
    return dict(pair.split("=", 1) for pair in pairs)


def consume(brokers, topic, partitions, path, *pairs):
    settings = {"bootstrap.servers": brokers, "group.id": "confluent", "enable.auto.commit": False}
    consumer = Consumer({**settings, **properties(pairs)})
    assigned, ends = [], {}
    for partition in range(int(partitions)):
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition))
        if low < high:
            assigned.append(TopicPartition(topic, partition, low))
            ends[partition] = high
    consumer.assign(assigned)
    with open(path, "wb", buffering=256 << 10) as lines:
        while ends:
            for message in consumer.consume(1000, timeout=0.01):
                if message.error():
                    raise SystemExit(str(message.error()))
                lines.write(message.value())
                lines.write(b"\n")
                partition = message.partition()
                if message.offset() + 1 == ends.get(partition):
                    del ends[partition]
    consumer.close()


def produce(brokers, topic, path, *pairs):
    producer = Producer({"bootstrap.servers": brokers, **properties(pairs)})
    with open(path, "rb") as lines:
        for line in lines:
            key, value = line.rstrip(b"\n").split(b":", 1)
            while True:
                try:
                    producer.produce(topic, value, key)
                    break
                except BufferError:
                    producer.poll(0.1)
    if producer.flush(60):
        raise SystemExit("messages were not delivered")


if __name__ == "__main__":
    {"consume": consume, "produce": produce}[sys.argv[1]](*sys.argv[2:])
