//! Timestamps and durations as JSON has them, both ways.

use crate::number::write_integer;
use crate::rfc3339::{SECONDS, read_fraction, whole};

/// The most seconds of a duration, about 10,000 years.
const DURATION_SECONDS_MAX: i64 = 315_576_000_000;

const NANOS: i32 = 1_000_000_000;

/// Appends `"2024-11-26T22:05:05.555Z"`, with quotes; false, and nothing, if it is none.
pub(crate) fn write_timestamp(out: &mut Vec<u8>, seconds: i64, nanos: i32) -> bool {
    if !SECONDS.contains(&seconds) || !(0..NANOS).contains(&nanos) {
        return false;
    }
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = date_of(days);
    out.push(b'"');
    digits(out, year as u32, 4);
    for (before, part) in [
        (b'-', month),
        (b'-', day),
        (b'T', second as u32 / 3600),
        (b':', second as u32 / 60 % 60),
        (b':', second as u32 % 60),
    ] {
        out.push(before);
        digits(out, part, 2);
    }
    write_fraction(out, nanos as u32);
    out.extend_from_slice(b"Z\"");
    true
}

/// Appends `"1.5s"`, with quotes; false, and nothing, if it is none.
pub(crate) fn write_duration(out: &mut Vec<u8>, seconds: i64, nanos: i32) -> bool {
    let is_of_one_sign = seconds == 0 || nanos == 0 || (seconds < 0) == (nanos < 0);
    if seconds.unsigned_abs() > DURATION_SECONDS_MAX as u64 || nanos.unsigned_abs() >= NANOS as u32 || !is_of_one_sign {
        return false;
    }
    out.push(b'"');
    if seconds < 0 || nanos < 0 {
        out.push(b'-');
    }
    write_integer(out, seconds.unsigned_abs());
    write_fraction(out, nanos.unsigned_abs());
    out.extend_from_slice(b"s\"");
    true
}

/// The seconds and nanoseconds of a duration, `-1.5s`.
pub(crate) fn read_duration(text: &str) -> Option<(i64, i32)> {
    let text = text.strip_suffix('s')?;
    let (is_negative, text) = text.strip_prefix('-').map_or((false, text), |text| (true, text));
    let (seconds, nanos) = match text.split_once('.') {
        Some((seconds, fraction)) => (seconds, read_fraction(fraction)?),
        None => (text, 0),
    };
    let seconds = whole(seconds).filter(|seconds| *seconds <= DURATION_SECONDS_MAX)?;
    Some(if is_negative { (-seconds, -nanos) } else { (seconds, nanos) })
}

/// Three, six, or nine digits, or none.
fn write_fraction(out: &mut Vec<u8>, nanos: u32) {
    if nanos == 0 {
        return;
    }
    out.push(b'.');
    match () {
        () if nanos.is_multiple_of(1_000_000) => digits(out, nanos / 1_000_000, 3),
        () if nanos.is_multiple_of(1000) => digits(out, nanos / 1000, 6),
        () => digits(out, nanos, 9),
    }
}

fn digits(out: &mut Vec<u8>, value: u32, len: u32) {
    out.extend((0..len).rev().map(|place| b'0' + (value / 10u32.pow(place) % 10) as u8));
}

/// The date of a day, counted from 1970-01-01.
fn date_of(days: i64) -> (i64, u32, u32) {
    // Years begin in March here, so that the day that comes and goes is their last; 400 of them always have as many
    // days.
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month as u32, day as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rfc3339::read_timestamp;

    fn timestamp(seconds: i64, nanos: i32) -> Option<String> {
        let mut out = Vec::new();
        write_timestamp(&mut out, seconds, nanos).then(|| String::from_utf8(out).unwrap().trim_matches('"').to_string())
    }

    fn duration(seconds: i64, nanos: i32) -> Option<String> {
        let mut out = Vec::new();
        write_duration(&mut out, seconds, nanos).then(|| String::from_utf8(out).unwrap().trim_matches('"').to_string())
    }

    #[test]
    fn timestamps_come_back_as_they_went() {
        for (seconds, nanos, text) in [
            (0, 0, "1970-01-01T00:00:00Z"),
            (-1, 999_000_000, "1969-12-31T23:59:59.999Z"),
            (1_732_660_705, 555_000, "2024-11-26T22:38:25.000555Z"),
            (951_782_400, 1, "2000-02-29T00:00:00.000000001Z"),
            (-62_135_596_800, 0, "0001-01-01T00:00:00Z"),
            (253_402_300_799, 999_999_999, "9999-12-31T23:59:59.999999999Z"),
        ] {
            assert_eq!(
                (timestamp(seconds, nanos).as_deref(), read_timestamp(text)),
                (Some(text), Some((seconds, nanos)))
            );
        }
        for seconds in (-62_135_596_800..=253_402_300_799).step_by(86_400 * 37 + 4321) {
            assert_eq!(read_timestamp(&timestamp(seconds, 0).unwrap()), Some((seconds, 0)));
        }
        assert_eq!(read_timestamp("1970-01-01T01:30:00.5+01:30"), Some((0, 500_000_000)));
        assert_eq!(read_timestamp("1969-12-31T16:00:00-08:00"), Some((0, 0)));
        for (seconds, nanos) in [(-62_135_596_801, 0), (253_402_300_800, 0), (0, -1), (0, NANOS)] {
            assert_eq!(timestamp(seconds, nanos), None);
        }
    }

    #[test]
    fn what_is_no_timestamp_is_none() {
        for text in [
            "",
            "1970-01-01",
            "1970-01-01T00:00:00",
            "1970-01-01 00:00:00Z",
            "1970-01-01t00:00:00Z",
            "1970-01-01T00:00:00z",
            "1970-1-1T00:00:00Z",
            "1970-13-01T00:00:00Z",
            "1970-02-29T00:00:00Z",
            "1970-01-01T24:00:00Z",
            "1970-01-01T00:60:00Z",
            "1970-01-01T00:00:60Z",
            "1970-01-01T00:00:00.Z",
            "1970-01-01T00:00:00.0000000001Z",
            "1970-01-01T00:00:00+1:00",
            "1970-01-01T00:00:00+01",
            "1970-01-01T00:00:00+25:00",
            "1970-01-01T00:00:00Zx",
            "0000-01-01T00:00:00Z",
            "0001-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59-00:01",
            "+970-01-01T00:00:00Z",
            "ü970-01-01T00:00:00Z",
        ] {
            assert_eq!(read_timestamp(text), None, "{text}");
        }
    }

    #[test]
    fn durations_come_back_as_they_went() {
        for (seconds, nanos, text) in [
            (0, 0, "0s"),
            (1, 500_000_000, "1.500s"),
            (-1, -500_000, "-1.000500s"),
            (0, -1, "-0.000000001s"),
            (315_576_000_000, 999_999_999, "315576000000.999999999s"),
        ] {
            assert_eq!(
                (duration(seconds, nanos).as_deref(), read_duration(text)),
                (Some(text), Some((seconds, nanos)))
            );
        }
        assert_eq!((read_duration("1.5s"), read_duration("-0s")), (Some((1, 500_000_000)), Some((0, 0))));
        for (seconds, nanos) in [(315_576_000_001, 0), (i64::MIN, 0), (1, -1), (-1, 1), (0, NANOS), (0, i32::MIN)] {
            assert_eq!(duration(seconds, nanos), None);
        }
        for text in ["", "s", "1", "1.s", ".5s", "1.5", "+1s", "--1s", "1e3s", "315576000001s", "1.0000000000s", " 1s"]
        {
            assert_eq!(read_duration(text), None, "{text}");
        }
    }
}
