"""Confluent's serialisers and deserialisers, over the registry at the first argument.

`write` prints an envelope of Kafi's a line, of messages that the serialisers wrote; `read` takes envelopes whose keys and
values are bytes, and prints what the deserialisers make of them, a line of JSON each: topic, key, value.
"""

import base64
import decimal
import json
import sys

from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory, timestamp_pb2

AVRO = json.dumps({"type": "record", "name": "shop.Order", "fields": [
    {"name": "id", "type": "long"}, {"name": "note", "type": ["null", "string"], "default": None},
    {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
    {"name": "tags", "type": {"type": "map", "values": "int"}}]})
KEY = json.dumps("string")
JSON_SCHEMA = json.dumps({"$schema": "http://json-schema.org/draft-07/schema#", "title": "Order", "type": "object",
                          "properties": {"id": {"type": "integer"}, "note": {"type": "string"}}, "required": ["id"]})
ORDERS = [{"id": 123, "note": None, "price": decimal.Decimal("19.90"), "tags": {"a": 1}},
          {"id": -(2 ** 53) - 1, "note": "ü", "price": decimal.Decimal("-0.05"), "tags": {}}]


def classes():
    """The class of message Order.Line of a file with an import that every registry knows."""
    file = descriptor_pb2.FileDescriptorProto(name="orders.proto", package="shop", syntax="proto3",
                                              dependency=["google/protobuf/timestamp.proto"])
    order = file.message_type.add(name="Order")
    line = order.nested_type.add(name="Line")
    line.field.add(name="id", number=1, type=3, label=1)
    line.field.add(name="at", number=2, type=11, label=1, type_name=".google.protobuf.Timestamp")
    pool = descriptor_pool.DescriptorPool()
    known = descriptor_pb2.FileDescriptorProto()
    timestamp_pb2.DESCRIPTOR.CopyToProto(known)
    pool.Add(known)
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("shop.Order.Line"))


def envelope(topic, key, value):
    def member(name, bytes_):
        if bytes_ is None:
            return {name: None}
        return {name: None, name + "_base64": base64.b64encode(bytes_).decode()}
    print(json.dumps({"topic": topic, **member("key", key), **member("value", value)}))


def write(client):
    key_of = AvroSerializer(client, KEY)
    avro, json_schema = AvroSerializer(client, AVRO), JSONSerializer(JSON_SCHEMA, client)
    line = classes()
    protobuf = ProtobufSerializer(line, client, {"use.deprecated.format": False})
    for index, order in enumerate(ORDERS):
        topic = "python_avro"
        key = key_of(f"k{index}", SerializationContext(topic, MessageField.KEY))
        envelope(topic, key, avro(order, SerializationContext(topic, MessageField.VALUE)))
        topic = "python_json"
        plain = {"id": order["id"], "note": order["note"] or ""}
        envelope(topic, None, json_schema(plain, SerializationContext(topic, MessageField.VALUE)))
        topic = "python_protobuf"
        message = line(id=order["id"])
        message.at.seconds = 7 + index
        envelope(topic, None, protobuf(message, SerializationContext(topic, MessageField.VALUE)))


def read(client):
    line = classes()
    # That of Protobuf goes by its class: Apicurio fails where it is asked for the schema in its serialised form.
    readers = {"avro": AvroDeserializer(client), "json": JSONDeserializer(JSON_SCHEMA, schema_registry_client=client),
               "protobuf": ProtobufDeserializer(line, {"use.deprecated.format": False})}
    for text in sys.stdin:
        message = json.loads(text)
        topic = message["topic"]
        kind = topic.split("_")[1]

        def part(name, field, reader):
            if name + "_base64" in message:
                bytes_ = base64.b64decode(message[name + "_base64"])
            elif message[name] is None:
                return None
            else:
                bytes_ = message[name].encode()
            return reader(bytes_, SerializationContext(topic, field))
        value = part("value", MessageField.VALUE, readers[kind])
        if kind == "protobuf":
            value = json_format.MessageToDict(value)
        key = part("key", MessageField.KEY, readers["avro"])
        print(json.dumps({"topic": topic, "key": key, "value": value}, default=str, ensure_ascii=False, sort_keys=True))


if __name__ == "__main__":
    {"write": write, "read": read}[sys.argv[2]](SchemaRegistryClient({"url": sys.argv[1]}))
