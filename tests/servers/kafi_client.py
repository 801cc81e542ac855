"""Kafi for Python's storage for a REST Proxy, over the one at the first argument, with a topic named by the second; what it gets, a line
each. Kafi for Python is another program than this project's, with the same name."""

import sys

from kafi.kafka.restproxy.restproxy import RestProxy

URL, NAME = sys.argv[1], sys.argv[2]


def main():
    settings = {"consume.num.attempts": 1, "consumer.request.timeout.ms": 500, "requests.num.retries": 0}
    proxy = RestProxy({"rest_proxy": {"rest.proxy.url": URL}, "kafi": settings})
    print("exists", proxy.exists(NAME))
    proxy.create(NAME, partitions=2, config={"retention.ms": "-1"})
    print("partitions", proxy.exists(NAME), proxy.partitions(NAME)[NAME])
    producer = proxy.producer(NAME, type="json")
    for number in range(20):
        producer.produce({"n": number}, key={"k": number}, partition=number % 2, headers={"h": "v"})
    producer.close()
    print("watermarks", proxy.watermarks(NAME)[NAME])
    messages = proxy.cat(NAME, n=20, type="json")
    print("read", sorted((m["value"]["n"], m["key"]["k"], m["partition"], m["offset"]) for m in messages)
          == [(n, n, n % 2, n // 2) for n in range(20)])
    print("messages", proxy.ls(NAME, size=True)[NAME])
    print("config", proxy.config(NAME)[NAME]["retention.ms"])
    proxy.delete(NAME)
    print("exists", proxy.exists(NAME))


main()
