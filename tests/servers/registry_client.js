// KafkaJS's client of a schema registry, over the one at the first argument: what it gets for its calls, a line each.
'use strict';

const { SchemaRegistry, SchemaType, COMPATIBILITY } = require('@kafkajs/confluent-schema-registry');

const AVRO = '{"type":"record","name":"A","namespace":"js","fields":[{"name":"a","type":"int"},{"name":"b","type":["null","string"],"default":null}]}';
const WIDER = '{"type":"record","name":"A","namespace":"js","fields":[{"name":"a","type":"long"},{"name":"c","type":"int"}]}';
const PROTOBUF = 'syntax = "proto3"; package js; message M { int32 a = 1; string b = 2; }';
const JSON_SCHEMA = '{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]}';

async function main(url) {
  const registry = new SchemaRegistry({ host: url }, { [SchemaType.PROTOBUF]: { messageName: 'M' } });
  const say = (what, value) => console.log(`${what}: ${value}`);
  const kinds = [[SchemaType.AVRO, AVRO, { a: 1, b: 'x' }], [SchemaType.PROTOBUF, PROTOBUF, { a: 1, b: 'x' }], [SchemaType.JSON, JSON_SCHEMA, { a: 1 }]];
  for (const [type, schema, value] of kinds) {
    const subject = `js-${type}-value`;
    const { id } = await registry.register({ type, schema }, { subject });
    const bytes = await registry.encode(id, value);
    say(type, `${bytes.toString('hex').replace(/^00[0-9a-f]{8}/, '')} ${JSON.stringify(await registry.decode(bytes))}`);
    say('same id', (await registry.getLatestSchemaId(subject)) === id && (await registry.getRegistryId(subject, 1)) === id);
    say('found', (await registry.getRegistryIdBySchema(subject, { type, schema })) === id);
  }
  const again = new SchemaRegistry({ host: url });
  const wider = { type: SchemaType.AVRO, schema: WIDER };
  const refused = await again.register(wider, { subject: 'js-AVRO-value', compatibility: COMPATIBILITY.BACKWARD }).catch((error) => error);
  say('refused', `${refused.name} ${refused.status}`);
  const missing = await again.getLatestSchemaId('js-nobody').catch((error) => error);
  say('missing', `${missing.name} ${missing.status}`);
}

main(process.argv[2]).catch((error) => {
  console.error(error);
  process.exit(1);
});
