//! apache-avro reads the same values.

use apache_avro::types::Value;
use kafi_core::{Json, JsonKind};
use kafi_serde::avro::{Form, Reader, Schema};

use crate::generator::{Generator, value};

#[test]
fn apache_avro_reads_the_same() {
    let mut compared = 0;
    for seed in 0..1_500 {
        let mut generator = Generator::new(seed);
        let type_ = generator.schema(3);
        let text = type_.text();
        // It refuses some schemas that others take, such as letters that are no ASCII.
        let Ok(other) = apache_avro::Schema::parse_str(&text) else { continue };
        let schema = Schema::parse(&text).unwrap();
        // Only where it keeps the rules of namespaces.
        if other.canonical_form() == schema.canonical_form() {
            assert_eq!(
                other.fingerprint::<apache_avro::rabin::Rabin>().bytes,
                schema.fingerprint().to_le_bytes().to_vec(),
                "seed {seed}"
            );
        }
        let Ok(datums) = apache_avro::reader::datum::GenericDatumReader::builder(&other).build() else { continue };
        let mut reader = Reader::new(&schema, Form::Standard);
        for _ in 0..4 {
            let mut payload = Vec::new();
            value(&mut generator.random, &type_, &mut Vec::new(), 0, &mut payload);
            let Ok(theirs) = datums.read_value(&mut payload.as_slice()) else { continue };
            let mut json = Vec::new();
            reader.read(&payload, &mut json).unwrap();
            let ours = Json::parse(String::from_utf8(json).unwrap()).unwrap();
            assert!(same(&theirs, &ours), "seed {seed}: {theirs:?}: {ours}: {text}");
            compared += 1;
        }
    }
    assert!(compared > 3_000, "{compared}");
}

/// Whether a value of theirs is that of our standard JSON.
fn same(theirs: &Value, ours: &Json) -> bool {
    let is_int = |value: i64| ours.int().is_ok_and(|int| int == value);
    match theirs {
        Value::Null => ours.is_null(),
        Value::Boolean(value) => ours.bool().is_ok_and(|bool| bool == *value),
        Value::Int(value) | Value::Date(value) | Value::TimeMillis(value) => is_int(i64::from(*value)),
        Value::Long(value)
        | Value::TimeMicros(value)
        | Value::TimestampMillis(value)
        | Value::TimestampMicros(value)
        | Value::TimestampNanos(value)
        | Value::LocalTimestampMillis(value)
        | Value::LocalTimestampMicros(value)
        | Value::LocalTimestampNanos(value) => is_int(*value),
        Value::Float(value) => same_float(f64::from(*value), ours, |text| text.parse::<f32>().ok().map(f64::from)),
        Value::Double(value) => same_float(*value, ours, |text| text.parse().ok()),
        Value::Bytes(bytes) | Value::Fixed(_, bytes) => latin_1(ours).is_some_and(|ours| ours == *bytes),
        Value::Decimal(decimal) => {
            let bytes: Vec<u8> = decimal.clone().try_into().unwrap();
            latin_1(ours).is_some_and(|ours| ours == bytes)
        }
        Value::Duration(duration) => latin_1(ours).is_some_and(|ours| ours == <[u8; 12]>::from(*duration)),
        Value::Uuid(uuid) => {
            latin_1(ours).is_some_and(|ours| ours == uuid.as_bytes() || ours == uuid.to_string().as_bytes())
        }
        Value::String(text) | Value::Enum(_, text) => ours.str().is_ok_and(|ours| ours == text),
        Value::Union(_, value) => match (&**value, ours.members().next()) {
            (Value::Null, None) => ours.is_null(),
            (value, Some((_, ours))) => same(value, ours),
            _ => false,
        },
        Value::Array(values) => {
            ours.kind() == JsonKind::Array
                && values.len() == ours.len()
                && values.iter().zip(ours.iter()).all(|(theirs, ours)| same(theirs, ours))
        }
        Value::Map(values) => {
            values.len() == ours.len()
                && ours.members().all(|(name, ours)| values.get(name).is_some_and(|theirs| same(theirs, ours)))
        }
        Value::Record(fields) => {
            fields.len() == ours.len()
                && fields
                    .iter()
                    .zip(ours.members())
                    .all(|((name, theirs), (our_name, ours))| name == our_name && same(theirs, ours))
        }
        Value::BigDecimal(_) => false,
    }
}

fn same_float(theirs: f64, ours: &Json, parse: impl Fn(&str) -> Option<f64>) -> bool {
    match ours.str() {
        Ok("NaN") => theirs.is_nan(),
        Ok("Infinity") => theirs == f64::INFINITY,
        Ok("-Infinity") => theirs == f64::NEG_INFINITY,
        _ => parse(&ours.text()).is_some_and(|ours| ours.to_bits() == theirs.to_bits()),
    }
}

fn latin_1(json: &Json) -> Option<Vec<u8>> {
    json.str().ok()?.chars().map(|character| u8::try_from(u32::from(character)).ok()).collect()
}
