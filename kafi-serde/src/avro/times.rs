//! Dates and times that are text, as columns of files have them, as the numbers that Avro stores.

use crate::avro::schema::Logical;
use crate::rfc3339::read_timestamp;

const NANOSECONDS: i128 = 1_000_000_000;

/// The number that a text stands for: `2026-01-02`, `03:04:05.123`, `2026-01-02T03:04:05.123Z` with any offset, and
/// without one where it is local. `None` where it is none, and where it has more digits than the type.
pub(crate) fn number_of(logical: Logical, text: &str) -> Option<i64> {
    let is_local =
        matches!(logical, Logical::LocalTimestampMillis | Logical::LocalTimestampMicros | Logical::LocalTimestampNanos);
    let unit = match logical {
        Logical::Date => 86_400 * NANOSECONDS,
        Logical::TimeMillis | Logical::TimestampMillis | Logical::LocalTimestampMillis => 1_000_000,
        Logical::TimeMicros | Logical::TimestampMicros | Logical::LocalTimestampMicros => 1000,
        Logical::TimestampNanos | Logical::LocalTimestampNanos => 1,
        Logical::Decimal { .. } | Logical::Uuid | Logical::Duration => return None,
    };
    let (seconds, nanoseconds) = match logical {
        Logical::Date => read_timestamp(&format!("{text}T00:00:00Z")),
        Logical::TimeMillis | Logical::TimeMicros => read_timestamp(&format!("1970-01-01T{text}Z")),
        _ => {
            let (date, time) = text.split_at_checked(10)?;
            // As pandas writes them, without the T.
            let time = time.strip_prefix(['T', ' '])?;
            read_timestamp(&format!("{date}T{time}{}", if is_local { "Z" } else { "" }))
        }
    }?;
    let all = i128::from(seconds) * NANOSECONDS + i128::from(nanoseconds);
    if all % unit == 0 { i64::try_from(all / unit).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_numbers_where_nothing_is_lost() {
        for (logical, text, number) in [
            (Logical::Date, "2026-01-02", Some(20_455)),
            (Logical::Date, "1969-12-31", Some(-1)),
            (Logical::Date, "2026-02-30", None),
            (Logical::Date, "2026-01-02T00:00:00Z", None),
            (Logical::TimeMillis, "01:02:03.004", Some(3_723_004)),
            (Logical::TimeMillis, "01:02:03.0041", None),
            (Logical::TimeMicros, "00:00:00.000001", Some(1)),
            (Logical::TimeMicros, "00:00:00+01:00", None),
            (Logical::TimestampMillis, "1970-01-01T01:00:00.5+01:00", Some(500)),
            (Logical::TimestampMillis, "1969-12-31 23:59:59.999Z", Some(-1)),
            (Logical::TimestampMicros, "1970-01-01T00:00:00", None),
            (Logical::TimestampNanos, "1970-01-01T00:00:00.000000001Z", Some(1)),
            (Logical::TimestampNanos, "9999-12-31T23:59:59Z", None),
            (Logical::LocalTimestampMicros, "1970-01-01T00:00:01.000001", Some(1_000_001)),
            (Logical::LocalTimestampMicros, "1970-01-01T00:00:01Z", None),
            (Logical::LocalTimestampMillis, "", None),
            (Logical::Uuid, "2026-01-02", None),
        ] {
            assert_eq!(number_of(logical, text), number, "{logical:?} {text}");
        }
    }
}
