//! Logical types: what a schema says of them, and whether it fits.

use kafi_core::Json;

use crate::avro::decimal::DECIMAL_DIGITS_MAX;
use crate::avro::schema::{Logical, Shape};

/// The logical type that `json` gives to a type of this shape; one that does not fit is none.
pub(crate) fn of(json: &Json, shape: &Shape) -> Option<Logical> {
    let name = json.get("logicalType")?.str().ok()?;
    match (name, shape) {
        ("decimal", Shape::Bytes) => decimal(json, DECIMAL_DIGITS_MAX),
        ("decimal", Shape::Fixed(fixed)) => decimal(json, digits_of_bytes(fixed.size)),
        ("uuid", Shape::String) => Some(Logical::Uuid),
        ("uuid", Shape::Fixed(fixed)) if fixed.size == 16 => Some(Logical::Uuid),
        ("duration", Shape::Fixed(fixed)) if fixed.size == 12 => Some(Logical::Duration),
        ("date", Shape::Int) => Some(Logical::Date),
        ("time-millis", Shape::Int) => Some(Logical::TimeMillis),
        ("time-micros", Shape::Long) => Some(Logical::TimeMicros),
        ("timestamp-millis", Shape::Long) => Some(Logical::TimestampMillis),
        ("timestamp-micros", Shape::Long) => Some(Logical::TimestampMicros),
        ("timestamp-nanos", Shape::Long) => Some(Logical::TimestampNanos),
        ("local-timestamp-millis", Shape::Long) => Some(Logical::LocalTimestampMillis),
        ("local-timestamp-micros", Shape::Long) => Some(Logical::LocalTimestampMicros),
        ("local-timestamp-nanos", Shape::Long) => Some(Logical::LocalTimestampNanos),
        _ => None,
    }
}

fn decimal(json: &Json, precision_max: u32) -> Option<Logical> {
    let number =
        |name: &str| json.get(name).map(|number| number.int().ok().and_then(|number| u32::try_from(number).ok()));
    let precision = number("precision")??;
    let scale = number("scale").unwrap_or(Some(0))?;
    let fits = precision > 0 && precision <= precision_max && scale <= precision;
    fits.then_some(Logical::Decimal { precision, scale })
}

/// How many digits fit into so many bytes with a sign, whatever they are.
fn digits_of_bytes(bytes: u32) -> u32 {
    // The logarithm of 2 to the base of 10, in millionths; rounded down, as is the result.
    let digits = (u64::from(bytes) * 8).saturating_sub(1) * 301_029 / 1_000_000;
    u32::try_from(digits).unwrap_or(u32::MAX).min(DECIMAL_DIGITS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::avro::Schema;

    fn logical(text: &str) -> Option<Logical> {
        let schema = Schema::parse(text).unwrap();
        schema.node(schema.root).logical
    }

    #[test]
    fn what_fits_is_taken_and_what_does_not_is_ignored() {
        let of = |type_: &str, logical: &str| format!(r#"{{"type": "{type_}", "logicalType": "{logical}"}}"#);
        let fixed = |size: u32, more: &str| format!(r#"{{"type": "fixed", "name": "F", "size": {size}, {more}}}"#);
        assert_eq!(logical(&of("int", "date")), Some(Logical::Date));
        assert_eq!(logical(&of("long", "local-timestamp-nanos")), Some(Logical::LocalTimestampNanos));
        assert_eq!(logical(&of("string", "uuid")), Some(Logical::Uuid));
        assert_eq!(logical(&fixed(16, "\"logicalType\": \"uuid\"")), Some(Logical::Uuid));
        assert_eq!(logical(&fixed(12, "\"logicalType\": \"duration\"")), Some(Logical::Duration));
        for bad in [
            of("long", "date"),
            of("int", "timestamp-millis"),
            of("bytes", "decimal"),
            of("int", "nonsense"),
            fixed(15, "\"logicalType\": \"uuid\""),
        ] {
            assert_eq!(logical(&bad), None, "{bad}");
        }
        let decimal = |more: &str| logical(&format!(r#"{{"type": "bytes", "logicalType": "decimal", {more}}}"#));
        assert_eq!(decimal("\"precision\": 4, \"scale\": 2"), Some(Logical::Decimal { precision: 4, scale: 2 }));
        assert_eq!(decimal("\"precision\": 4"), Some(Logical::Decimal { precision: 4, scale: 0 }));
        for bad in [
            "\"precision\": 0",
            "\"precision\": 4, \"scale\": 5",
            "\"precision\": 4, \"scale\": -1",
            "\"precision\": 5000",
            "\"precision\": \"4\"",
        ] {
            assert_eq!(decimal(bad), None, "{bad}");
        }
        for (size, digits) in [(1, 2), (2, 4), (4, 9), (8, 18), (16, 38)] {
            let text = |digits: u32| fixed(size, &format!("\"logicalType\": \"decimal\", \"precision\": {digits}"));
            assert!(logical(&text(digits)).is_some() && logical(&text(digits + 1)).is_none(), "{size}");
        }
    }
}
