//! Durations and sizes as people write them: `7d`, `1h30m`, `64MB`, `1GiB`.

use crate::error::{Error, ErrorKind, Result};
use crate::time::duration_ms;

/// How many bytes a unit is: `B`, `kB`, `MB`, `GB`, `TB` (powers of 1000), `KiB`, `MiB`, `GiB`, `TiB` (powers of 1024),
/// in any case.
pub fn bytes_of(unit: &str) -> Option<u64> {
    Some(match unit.to_ascii_lowercase().as_str() {
        "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        _ => return None,
    })
}

/// Reads a size: a number of bytes, or a number with a unit of bytes: `B`, `kB`, `MB`, `GB`, `TB` (powers of 1000),
/// `KiB`, `MiB`, `GiB`, `TiB` (powers of 1024).
///
/// # Errors
/// `Usage` for what is none, or larger than 2^63 - 1.
///
/// ```
/// assert_eq!(kafi_core::parse_size("64MB").unwrap(), 64_000_000);
/// assert_eq!(kafi_core::parse_size("1.5 GiB").unwrap(), 1_610_612_736);
/// assert_eq!(kafi_core::parse_size("4096").unwrap(), 4096);
/// assert!(kafi_core::parse_size("many").is_err());
/// ```
pub fn parse_size(text: &str) -> Result<u64> {
    size(text).ok_or_else(|| {
        Error::new(
            ErrorKind::Usage,
            "read size",
            "a size is a number of bytes, or a number with a unit, such as 64MB or 1GiB",
        )
        .with("size", text)
    })
}

fn size(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = (&text[..digits], text[digits..].trim());
    let bytes = if unit.is_empty() {
        number.parse().ok()?
    } else if let Ok(whole) = number.parse::<u64>() {
        whole.checked_mul(bytes_of(unit)?)?
    } else {
        let bytes = number.parse::<f64>().ok()? * bytes_of(unit)? as f64;
        (bytes < i64::MAX as f64).then(|| bytes.round() as u64)?
    };
    (bytes <= i64::MAX as u64).then_some(bytes)
}

/// Milliseconds of a duration such as `7d`, `1h30m`, `500ms`.
fn duration(text: &str) -> Option<i64> {
    match text.strip_suffix("ms").map(str::parse::<u32>) {
        Some(number) => number.ok().map(i64::from),
        None => duration_ms(text),
    }
}

/// The value of a topic's or broker's setting in Kafka's own unit: where the name ends in `.ms`, `.seconds`,
/// `.minutes`, `.hours`, or `.bytes`, a duration (`7d`, `1h30m`) or a size (`64MB`, `1GiB`) becomes the number that
/// Kafka wants. Every other value is given back as it is, plain numbers among them.
///
/// # Errors
/// `Usage` for a duration or size that is none, or no whole number of the unit.
///
/// ```
/// use kafi_core::setting_value;
/// assert_eq!(setting_value("retention.ms", "7d")?, "604800000");
/// assert_eq!(setting_value("segment.bytes", "1GB")?, "1000000000");
/// assert_eq!(setting_value("retention.ms", "-1")?, "-1");
/// assert_eq!(setting_value("cleanup.policy", "compact")?, "compact");
/// # Ok::<(), kafi_core::Error>(())
/// ```
pub fn setting_value(name: &str, value: &str) -> Result<String> {
    const TIMES: [(&str, i64); 4] = [(".ms", 1), (".seconds", 1000), (".minutes", 60_000), (".hours", 3_600_000)];
    let refused =
        |why: String| Err(Error::new(ErrorKind::Usage, "read setting", why).with("setting", name).with("value", value));
    let text = value.trim();
    if text.is_empty() || text.parse::<i128>().is_ok() {
        return Ok(value.to_string());
    }
    if name.ends_with(".bytes") {
        return match size(text) {
            Some(bytes) => Ok(bytes.to_string()),
            None => refused("it is a number of bytes, or a size such as 64MB or 1GiB".into()),
        };
    }
    let Some((unit, unit_ms)) = TIMES.iter().find(|(ending, _)| name.ends_with(ending)) else {
        return Ok(value.to_string());
    };
    let unit = if *unit == ".ms" { "milliseconds" } else { &unit[1..] };
    match duration(text) {
        Some(ms) if ms % unit_ms == 0 => Ok((ms / unit_ms).to_string()),
        Some(_) => refused(format!("it is no whole number of {unit}")),
        None => refused(format!("it is a number of {unit}, or a duration such as 7d or 1h30m")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, expected) in [
            ("0", Some(0)),
            ("1kb", Some(1000)),
            ("1 KiB", Some(1024)),
            ("0.5MB", Some(500_000)),
            ("9223372036854775807", Some(i64::MAX as u64)),
        ] {
            assert_eq!(size(text), expected, "{text}");
        }
        for text in ["", "B", "-1", "1.2.3MB", "9223372036854775808", "9999999TiB", "1e3", "1 X", "1.5"] {
            assert_eq!(size(text), None, "{text}");
        }
    }

    #[test]
    fn settings_are_in_kafkas_own_units() {
        for (name, value, expected) in [
            ("retention.ms", "1h30m", "5400000"),
            ("retention.ms", "500ms", "500"),
            ("retention.ms", "2w", "1209600000"),
            ("retention.ms", "604800000", "604800000"),
            ("retention.ms", "-1", "-1"),
            ("retention.ms", "", ""),
            ("log.retention.hours", "7d", "168"),
            ("log.retention.minutes", "1h", "60"),
            ("retention.bytes", "1GiB", "1073741824"),
            ("max.message.bytes", "100MB", "100000000"),
            ("min.cleanable.dirty.ratio", "0.5", "0.5"),
            ("cleanup.policy", "7d", "7d"),
        ] {
            assert_eq!(setting_value(name, value).unwrap(), expected, "{name}={value}");
        }
        for (name, value, why) in [
            (
                "retention.ms",
                "7x",
                "setting retention.ms, value 7x: it is a number of milliseconds, or a duration such as 7d",
            ),
            ("retention.ms", "-7d", "or a duration"),
            ("retention.ms", "1.5", "or a duration"),
            ("log.retention.hours", "30m", "no whole number of hours"),
            ("segment.bytes", "1 gigabyte", "or a size such as 64MB"),
            ("segment.bytes", "7d", "or a size such as 64MB"),
        ] {
            let error = setting_value(name, value).unwrap_err();
            assert!(error.kind() == ErrorKind::Usage && error.to_string().contains(why), "{name}={value}: {error}");
        }
    }
}
