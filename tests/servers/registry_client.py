"""Confluent's client of a schema registry, over the one at the first argument: what it gets for its calls, a line each. A second
argument is the authority that the registry's certificate has to be of."""

import sys

from confluent_kafka.schema_registry import (ConfigCompatibilityLevel, Schema, SchemaReference, SchemaRegistryClient,
                                           ServerConfig)
from confluent_kafka.schema_registry.error import SchemaRegistryError

ONE = '{"type":"record","name":"A","fields":[{"name":"a","type":"int"}]}'
TWO = '{"type":"record","name":"A","fields":[{"name":"a","type":"long"}]}'
PROTO = 'syntax = "proto3"; message M { int32 a = 1; }'


def said(what, call):
    try:
        result = call()
    except SchemaRegistryError as error:
        result = f"{error.http_status_code} {error.error_code}"
    print(f"{what}: {result}")


def main(url, *authority):
    client = SchemaRegistryClient({"url": url} | ({"ssl.ca.location": authority[0]} if authority else {}))
    one, two = Schema(ONE, "AVRO"), Schema(TWO, "AVRO")
    said("register", lambda: client.register_schema("py-value", one))
    said("register again", lambda: client.register_schema("py-value", one))
    said("register second", lambda: client.register_schema("py-value", two))
    said("protobuf", lambda: client.register_schema("proto", Schema(PROTO, "PROTOBUF")))
    refers = Schema('{"type":"record","name":"B","fields":[{"name":"a","type":"A"}]}', "AVRO",
                    references=[SchemaReference("A", "py-value", 2)])
    said("reference", lambda: client.register_schema("b", refers))
    said("subjects", client.get_subjects)
    said("versions", lambda: client.get_versions("py-value"))
    said("by id", lambda: client.get_schema(3).schema_str)
    said("references", lambda: [(r.name, r.subject, r.version) for r in client.get_schema(4).references])
    latest = client.get_latest_version("py-value")
    print("latest:", latest.schema_id, latest.version, latest.subject, latest.schema.schema_str)
    said("lookup", lambda: client.lookup_schema("py-value", one).version)
    said("compatible", lambda: client.test_compatibility("py-value", one))
    said("incompatible", lambda: client.test_compatibility("py-value", Schema('"string"', "AVRO")))
    said("refused", lambda: client.register_schema("py-value", Schema('"string"', "AVRO")))
    said("no schema", lambda: client.register_schema("py-value", Schema("{", "AVRO")))
    said("no subject", lambda: client.get_versions("nobody"))
    said("no version", lambda: client.get_version("py-value", 9))
    said("set level", lambda: client.set_compatibility("py-value", "FULL"))
    said("level", lambda: client.get_compatibility("py-value"))
    said("set config", lambda: client.set_config("py-value", ServerConfig(compatibility=ConfigCompatibilityLevel.NONE)))
    said("config", lambda: client.get_config("py-value").compatibility_level)
    said("delete referred", lambda: client.delete_version("py-value", 2))
    said("delete version", lambda: client.delete_version("py-value", 1))
    said("delete subject", lambda: client.delete_subject("proto"))
    said("delete for good", lambda: client.delete_subject("proto", True))
    said("subjects", client.get_subjects)


main(*sys.argv[1:])
