//! Points in time as people write and read them. A timestamp is milliseconds since 1970-01-01 00:00 UTC, as in Kafka.

use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::strtime::BrokenDownTime;
use jiff::fmt::temporal::DateTimePrinter;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::error::{Error, ErrorKind, Result};

/// How timestamps are shown: a form and a zone.
///
/// ```
/// use kafi_core::TimeFormat;
/// let mut line = b"at ".to_vec();
/// TimeFormat::rfc3339(true).write(1732660705555, &mut line);
/// assert_eq!(line, b"at 2024-11-26T22:38:25.555Z");
/// ```
#[derive(Clone, Debug)]
pub struct TimeFormat {
    zone: TimeZone,
    utc: bool,
    /// `None` is RFC 3339.
    pattern: Option<String>,
}

impl TimeFormat {
    /// RFC 3339 with milliseconds and the offset from UTC, in the local zone or in UTC (`Z`).
    pub fn rfc3339(utc: bool) -> Self {
        Self { zone: zone(utc), utc, pattern: None }
    }

    /// A pattern of `strftime` (`%F %T`, `%H:%M:%S.%3f`), in the local zone or in UTC.
    ///
    /// # Errors
    /// `Usage` for a verb that there is not.
    pub fn new(pattern: &str, utc: bool) -> Result<Self> {
        let format = Self { zone: zone(utc), utc, pattern: Some(pattern.to_owned()) };
        let probe = BrokenDownTime::from(&Timestamp::UNIX_EPOCH.to_zoned(format.zone.clone()));
        match probe.format(pattern, &mut Vec::new()) {
            Ok(()) => Ok(format),
            Err(error) => Err(Error::new(ErrorKind::Usage, "read the form of times", error.to_string())
                .with("pattern", pattern)
                .source(error)),
        }
    }

    /// Appends a timestamp. One that is no date (beyond the year 9999) is appended as the number it is.
    pub fn write(&self, epoch_ms: i64, out: &mut Vec<u8>) {
        let start = out.len();
        if self.try_write(epoch_ms, out).is_err() {
            out.truncate(start);
            out.extend_from_slice(epoch_ms.to_string().as_bytes());
        }
    }

    fn try_write(&self, epoch_ms: i64, out: &mut Vec<u8>) -> std::result::Result<(), jiff::Error> {
        const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(3));
        let timestamp = Timestamp::from_millisecond(epoch_ms)?;
        match &self.pattern {
            None if self.utc => PRINTER.print_timestamp(&timestamp, out),
            None => PRINTER.print_timestamp_with_offset(&timestamp, self.zone.to_offset(timestamp), out),
            Some(pattern) => BrokenDownTime::from(&timestamp.to_zoned(self.zone.clone())).format(pattern, out),
        }
    }
}

/// A timestamp as RFC 3339 with milliseconds and the offset from UTC, in the local zone or in UTC (`Z`):
/// `2024-11-26T23:38:25.555+01:00`.
///
/// Where many are shown, a [`TimeFormat`] saves looking up the zone each time.
pub fn format_local(epoch_ms: i64, utc: bool) -> String {
    let mut out = Vec::with_capacity(32);
    TimeFormat::rfc3339(utc).write(epoch_ms, &mut out);
    String::from_utf8(out).expect("dates are ASCII")
}

/// The timestamp that a text means, as a time on the command line: epoch milliseconds (a number of ten digits:
/// seconds), RFC 3339 (`2024-11-26T23:38:25.555+01:00`), a date, a date and time (`2024-11-26 23:38`), a time of today
/// (`10:30`), `now`, `today` and `yesterday` (their beginning), or how long ago (`-1h30m`; units `s m h d w`, a day
/// being 24 hours).
///
/// Dates and times without an offset are local, or UTC with `utc`. One that the clocks skip is moved forward by what
/// they skip, of one that they show twice the first is meant. Parts of a millisecond are rounded up, as nothing within
/// that millisecond's timestamp is earlier.
///
/// # Errors
/// `Usage`, saying what is allowed.
pub fn parse_time(text: &str, utc: bool) -> Result<i64> {
    Clock::new(utc).parse(text).ok_or_else(|| {
        let message = format!("this is no time; allowed are {TIMES} (units s m h d w)");
        Error::new(ErrorKind::Usage, "read time", message).with("time", text)
    })
}

/// What a time can be written as.
pub(crate) const TIMES: &str = "epoch ms (ten digits: seconds), RFC 3339, a date, a date and time, a time of day, now, today, yesterday, or -1h30m for ago";

/// So many digits are seconds: milliseconds with as many are of January to April 1970, and seconds of 2001 to 2286.
const SECONDS_DIGITS: usize = 10;

/// What the texts of times are relative to: one now for all texts of a command.
pub(crate) struct Clock {
    now_ms: i64,
    zone: TimeZone,
}

impl Clock {
    pub(crate) fn new(utc: bool) -> Self {
        Self { now_ms: Timestamp::now().as_millisecond(), zone: zone(utc) }
    }

    #[cfg(test)]
    pub(crate) fn at(now_ms: i64, zone: TimeZone) -> Self {
        Self { now_ms, zone }
    }

    /// The timestamp, or `None` where the text is no time.
    pub(crate) fn parse(&self, text: &str) -> Option<i64> {
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            let number: i64 = text.parse().ok()?;
            return Some(if text.len() == SECONDS_DIGITS { number * 1000 } else { number });
        }
        match text {
            "now" => return Some(self.now_ms),
            "today" => return self.of_day(self.today()?, Time::midnight()),
            "yesterday" => return self.of_day(self.today()?.yesterday().ok()?, Time::midnight()),
            _ => {}
        }
        if is_time_of_day(text) {
            let padded = if text.as_bytes()[1] == b':' { format!("0{text}") } else { text.to_string() };
            return self.of_day(self.today()?, padded.parse().ok()?);
        }
        if let Some(ago) = text.strip_prefix('-') {
            return self.now_ms.checked_sub(duration_ms(ago)?);
        }
        // A year comes first in everything that is left; without this check signs and week dates would pass.
        if !text.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        if text.contains('[') {
            return text.parse::<Zoned>().ok().map(|zoned| rounded_up(zoned.timestamp()));
        }
        if let Ok(timestamp) = text.parse::<Timestamp>() {
            return Some(rounded_up(timestamp));
        }
        let civil: DateTime = text.parse().ok()?;
        Some(rounded_up(civil.to_zoned(self.zone.clone()).ok()?.timestamp()))
    }

    fn today(&self) -> Option<Date> {
        Some(Timestamp::from_millisecond(self.now_ms).ok()?.to_zoned(self.zone.clone()).date())
    }

    fn of_day(&self, day: Date, time: Time) -> Option<i64> {
        Some(rounded_up(day.to_datetime(time).to_zoned(self.zone.clone()).ok()?.timestamp()))
    }
}

/// Whether a text is written as a time of day is: `9:30`, `09:30:00`, `09:30:00.5`. There may be no such time.
pub(crate) fn is_time_of_day(text: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let mut parts = text.splitn(3, ':');
    let (Some(hour), Some(minute), second) = (parts.next(), parts.next(), parts.next()) else { return false };
    let second = second.map(|second| second.split_once('.').unwrap_or((second, "0")));
    let is_second = second.is_none_or(|(second, part)| second.len() == 2 && is_number(second) && is_number(part));
    hour.len() <= 2 && is_number(hour) && minute.len() == 2 && is_number(minute) && is_second
}

fn zone(utc: bool) -> TimeZone {
    if utc { TimeZone::UTC } else { TimeZone::system() }
}

fn rounded_up(timestamp: Timestamp) -> i64 {
    let ms = timestamp.as_millisecond();
    // The conversion cuts toward 1970.
    if timestamp.as_nanosecond() > i128::from(ms) * 1_000_000 { ms + 1 } else { ms }
}

/// `1h30m` in milliseconds: numbers with units, each bigger unit before the smaller ones, none twice.
pub(crate) fn duration_ms(text: &str) -> Option<i64> {
    const UNITS: [(char, i64); 5] =
        [('w', 604_800_000), ('d', 86_400_000), ('h', 3_600_000), ('m', 60_000), ('s', 1000)];
    let mut rest = text;
    let mut units = UNITS.as_slice();
    let mut total = 0i64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let unit = rest[digits..].chars().next()?;
        let at = units.iter().position(|(name, _)| *name == unit)?;
        let number: i64 = rest[..digits].parse().ok()?;
        total = total.checked_add(number.checked_mul(units[at].1)?)?;
        units = &units[at + 1..];
        rest = &rest[digits + 1..];
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_732_660_705_555;

    fn berlin() -> TimeZone {
        // A rule of its own, so that the test needs no time zone database.
        TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()
    }

    #[test]
    fn parses_times() {
        let cases = [
            ("0", Some(0)),
            ("1732660705555", Some(NOW)),
            ("2024", Some(2024)),
            ("20241126", Some(20_241_126)),
            ("9223372036854775808", None),
            ("2024-11-26T22:38:25.555Z", Some(NOW)),
            ("2024-11-26t22:38:25.555z", Some(NOW)),
            ("2024-11-26 22:38:25.555Z", Some(NOW)),
            ("2024-11-26T23:38:25.555+01:00", Some(NOW)),
            ("2024-11-26T17:08:25.555-05:30", Some(NOW)),
            ("2024-11-26T23:38:25.555", Some(NOW)),
            ("2024-11-26 23:38", Some(1_732_660_680_000)),
            ("2024-11-26", Some(1_732_575_600_000)),
            ("2024-06-01T12:00", Some(1_717_236_000_000)),
            ("2024-11-26T22:38:25.555000001Z", Some(NOW + 1)),
            ("1969-12-31T23:59:59.9995Z", Some(0)),
            ("1969-12-31T23:59:59.9985Z", Some(-1)),
            ("2024-11-26T23:38:25.555+01:00[+01:00]", Some(NOW)),
            ("2024-11-26T17:08:25.555[-05:30]", Some(NOW)),
            ("2024-03-31T02:30", Some(1_711_848_600_000)),
            ("2024-10-27T02:30", Some(1_729_989_000_000)),
            ("-0s", Some(NOW)),
            ("-90s", Some(NOW - 90_000)),
            ("-1h30m", Some(NOW - 5_400_000)),
            ("-1w2d3h4m5s", Some(NOW - 788_645_000)),
            ("-99999999999999w", None),
            ("-99999999999999999999s", None),
            ("-1", None),
            ("-", None),
            ("-h", None),
            ("-1m1h", None),
            ("-1h1h", None),
            ("-1.5h", None),
            ("-1h ", None),
            ("-1é", None),
            ("1h", None),
            ("", None),
            ("+1h", None),
            ("+002024-11-26", None),
            ("now", Some(NOW)),
            ("today", Some(1_732_575_600_000)),
            ("yesterday", Some(1_732_489_200_000)),
            ("tomorrow", None),
            ("1732660705", Some(1_732_660_705_000)),
            ("0000000005", Some(5000)),
            ("173266070", Some(173_266_070)),
            ("17326607055", Some(17_326_607_055)),
            ("2024-13-01", None),
            ("2024-02-30", None),
            ("2024-11-26T25:00", None),
            ("2024-11-26T10:00x", None),
            ("26.11.2024", None),
            ("T10:00", None),
            ("10:00", Some(1_732_611_600_000)),
            ("9:30", Some(1_732_609_800_000)),
            ("00:00", Some(1_732_575_600_000)),
            ("23:38:25", Some(1_732_660_705_000)),
            ("23:38:25.555", Some(NOW)),
            ("24:00", None),
            ("10:60", None),
            ("10:5", None),
            ("010:00", None),
            ("10:00:5", None),
            ("10:00:05.", None),
            (":30", None),
            ("10:", None),
        ];
        for (text, expected) in cases {
            assert_eq!(Clock::at(NOW, berlin()).parse(text), expected, "{text}");
        }
        assert_eq!(parse_time("2024-11-26", true).unwrap(), 1_732_579_200_000);
        let error = parse_time("soon", true).unwrap_err();
        assert!(
            error.kind() == ErrorKind::Usage
                && error.to_string().contains("time soon: this is no time; allowed are epoch ms (ten digits: seconds)"),
            "{error}"
        );
    }

    #[test]
    fn formats_times() {
        let show = |pattern: Option<&str>, zone: TimeZone, utc, ms| {
            let mut out = b"> ".to_vec();
            TimeFormat { zone, utc, pattern: pattern.map(str::to_owned) }.write(ms, &mut out);
            String::from_utf8(out).unwrap()
        };
        let cases = [
            (None, berlin(), false, NOW, "> 2024-11-26T23:38:25.555+01:00"),
            (None, berlin(), false, 1_717_236_000_000, "> 2024-06-01T12:00:00.000+02:00"),
            (None, TimeZone::UTC, true, NOW, "> 2024-11-26T22:38:25.555Z"),
            (None, TimeZone::UTC, false, NOW, "> 2024-11-26T22:38:25.555+00:00"),
            (None, TimeZone::UTC, true, -1, "> 1969-12-31T23:59:59.999Z"),
            (None, TimeZone::UTC, true, i64::MAX, "> 9223372036854775807"),
            (Some("%F %T"), berlin(), false, NOW, "> 2024-11-26 23:38:25"),
            (Some("é%H:%M:%S.%3f %z%%"), berlin(), false, NOW, "> é23:38:25.555 +0100%"),
            (Some("%F"), berlin(), false, i64::MIN, "> -9223372036854775808"),
        ];
        for (pattern, zone, utc, ms, expected) in cases {
            assert_eq!(show(pattern, zone, utc, ms), expected, "{pattern:?} {ms}");
        }
        assert_eq!(format_local(NOW, true), "2024-11-26T22:38:25.555Z");
        assert_eq!(Clock::new(false).parse(&format_local(NOW, false)), Some(NOW));
    }

    #[test]
    fn refuses_bad_patterns() {
        assert!(TimeFormat::new("%F %T %s %z", false).is_ok());
        for pattern in ["%", "%J", "%F %"] {
            let error = TimeFormat::new(pattern, true).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage, "{pattern}: {error}");
        }
    }
}
