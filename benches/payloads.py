"""Avro, Protobuf, and JSON Schema to JSON lines and back: Kafi beside Confluent's (de)serialisers for Python and fastavro, on the
same payloads; `cargo xtask bench --payloads` runs it.

payloads.py KAFI FOLDER RUNS

Kafi is a whole process: it starts, reads a topic in a folder (or lines from a file), and writes lines to a file (or a topic).
The peers work in memory, on payloads that are there already, and only that is timed: nothing is read or written.
"""

import base64
import io
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import fastavro
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

ITEM = {"type": "record", "name": "Item", "fields": [
    {"name": "sku", "type": "string"}, {"name": "count", "type": "int"}, {"name": "price", "type": "double"}]}
AVRO = {"type": "record", "name": "Order", "fields": [
    {"name": "id", "type": "long"}, {"name": "status", "type": "string"}, {"name": "paid", "type": "boolean"},
    {"name": "note", "type": "string"}, {"name": "items", "type": {"type": "array", "items": ITEM}}]}
PROTO = """syntax = "proto3";
message Order {
  message Item { string sku = 1; int32 count = 2; double price = 3; }
  int32 id = 1; string status = 2; bool paid = 3; string note = 4; repeated Item items = 5;
}
"""
JSON_SCHEMA = {"$schema": "http://json-schema.org/draft-07/schema#", "title": "Order", "type": "object", "properties": {
    "id": {"type": "integer"}, "status": {"enum": ["paid", "refunded"]}, "paid": {"type": "boolean"}, "note": {"type": "string"},
    "items": {"type": "array", "items": {"type": "object", "properties": {
        "sku": {"type": "string"}, "count": {"type": "integer"}, "price": {"type": "number"}}, "required": ["sku"]}}},
    "required": ["id", "items"]}
FORMATS = {"avro": ("order.avsc", json.dumps(AVRO)), "protobuf": ("order.proto", PROTO), "jsonschema": ("order.json", json.dumps(JSON_SCHEMA))}
# The name of a size, the items of an order, and how many orders Kafi and its peers take.
SIZES = [("100 B", 0, 500_000, 20_000), ("2 kB", 38, 40_000, 2_000)]
# What is to be reached of a peer's speed, and of that of the same topic as JSON.
OF_PEERS, OF_JSON = 20.0, 0.5


def orders(items, count):
    for number in range(count):
        yield {"id": number + 1, "status": "refunded" if number % 100 == 0 else "paid", "paid": True,
               "note": f"order {number} of {count}, to the door",
               "items": [{"sku": f"article-{item}", "count": item + 1, "price": item + 0.99} for item in range(items)]}


def message_class():
    file = descriptor_pb2.FileDescriptorProto(name="order.proto", syntax="proto3")
    order = file.message_type.add(name="Order")
    item = order.nested_type.add(name="Item")
    for message, fields in [(item, [("sku", 9), ("count", 5), ("price", 1)]),
                            (order, [("id", 5), ("status", 9), ("paid", 8), ("note", 9)])]:
        for number, (name, type_) in enumerate(fields, 1):
            message.field.add(name=name, number=number, type=type_, label=1)
    order.field.add(name="items", number=5, type=11, label=3, type_name=".Order.Item")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("Order"))


class Kafi:
    def __init__(self, program, folder, runs):
        self.program, self.folder, self.runs = program, folder, runs
        for name, text in FORMATS.values():
            (folder / name).write_text(text)

    def run(self, *args, output=None):
        subprocess.run([self.program, "-q", *args], cwd=self.folder, check=True, stdout=output or subprocess.DEVNULL)

    def seconds(self, *args, before=None):
        def once():
            if before:
                self.run(*before)
            with open(self.folder / "output", "wb") as output:
                start = time.perf_counter()
                self.run(*args, output=output)
                return time.perf_counter() - start
        return statistics.median(once() for _ in range(self.runs))


def peers(kind, client):
    """Pairs of functions by name: a payload to a line of JSON, and back."""
    name, text = FORMATS[kind]
    context = SerializationContext("t", MessageField.VALUE)
    if kind == "avro":
        read, write = AvroDeserializer(client), AvroSerializer(client, text)
        schema = fastavro.parse_schema(AVRO)

        def fast_write(line):
            out = io.BytesIO()
            fastavro.schemaless_writer(out, schema, json.loads(line))
            return out.getvalue()
        yield ("confluent-kafka", lambda payload: json.dumps(read(payload, context)), lambda line: write(json.loads(line), context))
        yield ("fastavro", lambda payload: json.dumps(fastavro.schemaless_reader(io.BytesIO(payload[5:]), schema, None)), fast_write)
    elif kind == "protobuf":
        class_ = message_class()
        settings = {"use.deprecated.format": False}
        read, write = ProtobufDeserializer(class_, settings), ProtobufSerializer(class_, client, settings)
        yield ("confluent-kafka", lambda payload: json.dumps(json_format.MessageToDict(read(payload, context))),
               lambda line: write(json_format.Parse(line, class_()), context))
    else:
        read, write = JSONDeserializer(text), JSONSerializer(text, client)
        yield ("confluent-kafka", lambda payload: json.dumps(read(payload, context)), lambda line: write(json.loads(line), context))


def seconds_each(function, inputs):
    function(inputs[0])
    start = time.perf_counter()
    for input_ in inputs:
        function(input_)
    return (time.perf_counter() - start) / len(inputs)


def row(job, size, kafi, peer, seconds, target):
    ratio = seconds / kafi
    print(f"| {job} | {size} | {kafi * 1e6:.2f} | {peer} | {seconds * 1e6:.2f} | {ratio:.1f} | ≥ {target:g} | {'yes' if ratio >= target else 'no'} |",
          flush=True)


def main(program, folder, runs):
    folder = pathlib.Path(folder)
    kafi = Kafi(program, folder, int(runs))
    print("| job | size | kafi µs a record | peer | µs a record | ratio | target | reached |\n|---|---|--:|---|--:|--:|---|---|")
    for size, items, count, count_of_peers in SIZES:
        lines = [json.dumps(order, separators=(",", ":")) for order in orders(items, count)]
        (folder / "lines").write_text("".join(line + "\n" for line in lines))
        kafi.run("produce", "./data/json", "--create", "-l", "lines")
        as_json = kafi.seconds("cat", "./data/json", "-t", "json") / count
        json_back = kafi.seconds("produce", "./data/out", "-l", "lines", "-t", "json", before=["touch", "./data/out", "--exist-ok"]) / count
        for kind, (schema, text) in FORMATS.items():
            topic = f"./data/{kind}"
            types = ["--value-type", kind, "--value-schema", schema]
            kafi.run("produce", topic, "--create", "-l", "lines", *types)
            decoding = kafi.seconds("cat", topic) / count
            encoding = kafi.seconds("produce", f"{topic}-out", "-l", "lines", *types, before=["touch", f"{topic}-out", "--exist-ok"]) / count
            with open(folder / "payloads", "wb") as output:
                kafi.run("head", "-n", str(count_of_peers), topic, "-t", "bytes", "-F", "%v{base64}\\n", output=output)
            payloads = [base64.b64decode(line) for line in (folder / "payloads").read_bytes().splitlines()]
            client = SchemaRegistryClient.new_client({"url": "mock://payloads"})
            schema_id = client.register_schema("t-value", Schema(text, {"jsonschema": "JSON"}.get(kind, kind.upper())))
            payloads = [b"\0" + schema_id.to_bytes(4, "big") + payload[5:] for payload in payloads]
            for name, to_json, back in peers(kind, client):
                row(f"{kind} → JSON lines", size, decoding, name, seconds_each(to_json, payloads), OF_PEERS)
                row(f"JSON lines → {kind}", size, encoding, name, seconds_each(back, lines[:count_of_peers]), OF_PEERS)
            row(f"{kind} → JSON lines", size, decoding, "kafi, the same as JSON", as_json, OF_JSON)
            row(f"JSON lines → {kind}", size, encoding, "kafi, the same as JSON", json_back, OF_JSON)
        subprocess.run(["rm", "-r", folder / "data"], check=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
