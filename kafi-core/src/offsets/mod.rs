//! Which offsets to read, as people write them: `start`, `-10`, `100:200`, `@-1h`, and so on for each partition.

mod resolve;

use std::collections::BTreeMap;

use crate::error::{Error, ErrorKind, Result};
use crate::time::{Clock, TIMES, is_time_of_day};

pub use resolve::{ResolveOptions, Resolved, resolve, resolve_each};

/// Which part of a partition is meant. Times are epoch milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum OffsetSpec {
    /// `start`: from the first offset that is there.
    #[default]
    Start,
    /// `end`: from the end; what comes from now on.
    End,
    /// `N` (also `N:`): from this offset on.
    At(i64),
    /// `-N`: the last so many offsets. On a compacted topic they hold fewer messages.
    Last(u64),
    /// `+N`: from the start, without the first so many offsets.
    Skip(u64),
    /// `N:M` and `:M`: from one offset, or the start, to just before the other.
    Range {
        /// The first offset; `None` is the start.
        from: Option<i64>,
        /// The offset to stop before.
        to: i64,
    },
    /// `@T`, `@T1:T2`, `@T1..T2`: from the first offset whose message has a timestamp at or after one time, to just
    /// before that of the other.
    Time {
        /// The time to begin at.
        from: i64,
        /// The time to stop before; `None` goes to the end.
        to: Option<i64>,
    },
}

/// One [`OffsetSpec`] for all partitions, and others for some. The default is the start for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offsets {
    default: OffsetSpec,
    partitions: BTreeMap<i32, OffsetSpec>,
}

impl Offsets {
    /// The same for all partitions.
    pub fn all(spec: OffsetSpec) -> Self {
        Self { default: spec, partitions: BTreeMap::new() }
    }

    /// Reads specs as they stand on the command line: at most one for all partitions, and at most one `P=SPEC` for
    /// each.
    ///
    /// | written | means |
    /// |---|---|
    /// | `start`, `end` | from the first offset; from the end |
    /// | `N`, `N:` | from offset N |
    /// | `-N`, `+N` | the last N offsets; all but the first N |
    /// | `N:M`, `:M` | up to M, which is excluded |
    /// | `@T` | from the first message with a timestamp at or after T |
    /// | `@T1:T2`, `@T1..T2`, `@T1:@T2` | the offsets between two times |
    /// | `P=SPEC` | one of these for partition P |
    ///
    /// Times are as for [`parse_time`](crate::parse_time). A text that is one time as a whole is one: neither
    /// `@2024-11-26T10:30` nor `@10:30` is a range.
    ///
    /// # Errors
    /// `Usage` for a bad spec, saying what is allowed, for a range that ends before it begins, and for two specs for
    /// the same partitions.
    ///
    /// ```
    /// use kafi_core::{OffsetSpec, Offsets};
    /// let offsets = Offsets::parse(&["-10", "2=100:200"], false)?;
    /// assert_eq!(offsets.of(0), &OffsetSpec::Last(10));
    /// assert_eq!(offsets.of(2), &OffsetSpec::Range { from: Some(100), to: 200 });
    /// # Ok::<(), kafi_core::Error>(())
    /// ```
    pub fn parse(specs: &[impl AsRef<str>], utc: bool) -> Result<Offsets> {
        Self::parse_with(specs, &Clock::new(utc))
    }

    fn parse_with(specs: &[impl AsRef<str>], clock: &Clock) -> Result<Offsets> {
        let mut default = None;
        let mut partitions = BTreeMap::new();
        for written in specs {
            let written = written.as_ref();
            let twice = match written.split_once('=') {
                None => default.replace(parse_spec(written, written, clock)?).is_some(),
                Some((partition, spec)) => {
                    partitions.insert(parse_partition(written, partition)?, parse_spec(written, spec, clock)?).is_some()
                }
            };
            if twice {
                return Err(usage(written, "there is an offset for these partitions already"));
            }
        }
        Ok(Offsets { default: default.unwrap_or_default(), partitions })
    }

    /// Whether something is said about where to stop: `N:M`, `:M`, `@T1:T2`.
    pub fn has_range(&self) -> bool {
        let is_range =
            |spec: &OffsetSpec| matches!(spec, OffsetSpec::Range { .. } | OffsetSpec::Time { to: Some(_), .. });
        is_range(&self.default) || self.partitions.values().any(is_range)
    }

    /// What holds for this partition.
    pub fn of(&self, partition: i32) -> &OffsetSpec {
        self.partitions.get(&partition).unwrap_or(&self.default)
    }
}

const ALLOWED: &str = "start, end, N, -N, +N, N:M, :M, @T, @T1:T2, @T1..T2, or P=… for one partition";

fn usage(written: &str, message: &str) -> Error {
    Error::new(ErrorKind::Usage, "read offset", message).with("offset", written)
}

fn not_allowed(written: &str, spec: &str, clock: &Clock) -> Error {
    let error = usage(written, &format!("this is no offset; allowed are {ALLOWED} (T = {TIMES})"));
    match meant(spec, clock) {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// What was probably meant: the words of other tools, and times without their sign.
fn meant(spec: &str, clock: &Clock) -> Option<String> {
    let meant = match spec.to_ascii_lowercase().as_str() {
        "beginning" | "earliest" | "smallest" | "oldest" | "first" => "start".to_string(),
        "latest" | "largest" | "newest" | "last" => "end".to_string(),
        "stored" | "committed" => return Some("-g G reads from the committed offsets of group G".to_string()),
        _ => match (spec.strip_prefix("s@"), spec.strip_prefix("e@")) {
            (Some(time), _) => format!("@{time}"),
            (_, Some(time)) => format!("@0..{time}"),
            _ if clock.parse(spec).is_some() => format!("@{spec}"),
            _ => return None,
        },
    };
    Some(format!("did you mean {meant}?"))
}

fn parse_partition(written: &str, text: &str) -> Result<i32> {
    let number = parse_offset(text).and_then(|number| i32::try_from(number).ok());
    number.ok_or_else(|| usage(written, "before = stands the number of a partition"))
}

fn parse_spec(written: &str, spec: &str, clock: &Clock) -> Result<OffsetSpec> {
    if let Some(times) = spec.strip_prefix('@') {
        return parse_times(written, times, clock);
    }
    let parsed = match spec {
        "start" => Some(OffsetSpec::Start),
        "end" => Some(OffsetSpec::End),
        _ => parse_numbers(spec),
    };
    match parsed {
        Some(OffsetSpec::Range { from: Some(from), to }) if from > to => Err(ends_before(written)),
        Some(spec) => Ok(spec),
        None => Err(not_allowed(written, spec, clock)),
    }
}

fn ends_before(written: &str) -> Error {
    usage(written, "the range ends before it begins")
}

fn parse_numbers(spec: &str) -> Option<OffsetSpec> {
    if let Some(count) = spec.strip_prefix('-') {
        return Some(OffsetSpec::Last(parse_offset(count)?.unsigned_abs()));
    }
    if let Some(count) = spec.strip_prefix('+') {
        return Some(OffsetSpec::Skip(parse_offset(count)?.unsigned_abs()));
    }
    match spec.split_once(':') {
        None => Some(OffsetSpec::At(parse_offset(spec)?)),
        Some((from, "")) => Some(OffsetSpec::At(parse_offset(from)?)),
        Some(("", to)) => Some(OffsetSpec::Range { from: None, to: parse_offset(to)? }),
        Some((from, to)) => Some(OffsetSpec::Range { from: Some(parse_offset(from)?), to: parse_offset(to)? }),
    }
}

/// A number from 0 to `i64::MAX`, digits only.
fn parse_offset(text: &str) -> Option<i64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

fn parse_times(written: &str, times: &str, clock: &Clock) -> Result<OffsetSpec> {
    if let Some(from) = clock.parse(times) {
        return Ok(OffsetSpec::Time { from, to: None });
    }
    // A time of day that there is not is no range of the milliseconds after 1970 either.
    let range = if is_time_of_day(times) { None } else { time_range(times, clock) };
    let (from, to) = range.ok_or_else(|| not_allowed(written, times, clock))?;
    if from > to {
        return Err(ends_before(written));
    }
    Ok(OffsetSpec::Time { from, to: Some(to) })
}

/// Two times with `..` or `:` between them. Times hold colons themselves, so each colon is tried. Where more than one
/// would do (`9:00:17:00`), none leaves a bare number behind that belongs to a time.
fn time_range(times: &str, clock: &Clock) -> Option<(i64, i64)> {
    let parse = |(from, to): (&str, &str)| Some((clock.parse(from)?, clock.parse(to.strip_prefix('@').unwrap_or(to))?));
    if let Some(halves) = times.split_once("..") {
        return parse(halves);
    }
    let halves = || times.match_indices(':').map(|(at, _)| (&times[..at], &times[at + 1..]));
    let is_number = |half: &str| half.bytes().all(|byte| byte.is_ascii_digit());
    let without_numbers = halves().filter(|(from, to)| !is_number(from) && !is_number(to)).find_map(parse);
    without_numbers.or_else(|| halves().find_map(parse))
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::OffsetSpec::{At, End, Last, Range, Skip, Start, Time};
    use super::*;

    const NOW: i64 = 1_732_660_705_555;
    const HOUR: i64 = 3_600_000;
    /// 2024-11-26 in UTC.
    const DAY: i64 = 1_732_579_200_000;

    fn parse(specs: &[&str]) -> Result<Offsets> {
        Offsets::parse_with(specs, &Clock::at(NOW, TimeZone::UTC))
    }

    #[test]
    fn parses_specs() {
        let half_past_ten = DAY + 10 * HOUR + HOUR / 2;
        let time = |from, to| Time { from, to };
        let cases = [
            ("start", Start),
            ("end", End),
            ("0", At(0)),
            ("9223372036854775807", At(i64::MAX)),
            ("7:", At(7)),
            ("-5", Last(5)),
            ("-0", Last(0)),
            ("+5", Skip(5)),
            ("3:9", Range { from: Some(3), to: 9 }),
            ("3:3", Range { from: Some(3), to: 3 }),
            (":9", Range { from: None, to: 9 }),
            ("@1732660705555", time(NOW, None)),
            ("@-1h30m", time(NOW - HOUR - HOUR / 2, None)),
            ("@2024-11-26", time(DAY, None)),
            ("@2024-11-26T10:30", time(half_past_ten, None)),
            ("@2024-11-26T10:30:00", time(half_past_ten, None)),
            ("@2024-11-26T11:30:00+01:00", time(half_past_ten, None)),
            ("@5:9", time(5, Some(9))),
            ("@5..9", time(5, Some(9))),
            ("@5:@9", time(5, Some(9))),
            ("@5..@9", time(5, Some(9))),
            ("@-2h:-1h", time(NOW - 2 * HOUR, Some(NOW - HOUR))),
            ("@-2h..-1h", time(NOW - 2 * HOUR, Some(NOW - HOUR))),
            ("@2024-11-26:-1h", time(DAY, Some(NOW - HOUR))),
            ("@2024-11-26:2024-11-26", time(DAY, Some(DAY))),
            ("@2024-11-26T10:30:2024-11-26T11:30", time(half_past_ten, Some(half_past_ten + HOUR))),
            ("@2024-11-26T10:30:00:2024-11-26T11:30:00", time(half_past_ten, Some(half_past_ten + HOUR))),
            ("@2024-11-26T11:30:00+01:00:2024-11-26T11:30:00.000Z", time(half_past_ten, Some(half_past_ten + HOUR))),
            ("@2024-11-26T11:30:00+01:00:@2024-11-26T12:30:00+01:00", time(half_past_ten, Some(half_past_ten + HOUR))),
            ("@2024-11-26T10:30:00.5..2024-11-26T11:30", time(half_past_ten + 500, Some(half_past_ten + HOUR))),
            ("@2024-11-26T10:30:00Z:1732660705555", time(half_past_ten, Some(NOW))),
            ("@0:2024-11-26T10:30", time(0, Some(half_past_ten))),
            ("@1732660705", time(1_732_660_705_000, None)),
            ("@1732579200:1732582800", time(DAY, Some(DAY + HOUR))),
            ("@now", time(NOW, None)),
            ("@today", time(DAY, None)),
            ("@yesterday", time(DAY - 24 * HOUR, None)),
            ("@yesterday:today", time(DAY - 24 * HOUR, Some(DAY))),
            ("@yesterday..-1h", time(DAY - 24 * HOUR, Some(NOW - HOUR))),
            ("@today:now", time(DAY, Some(NOW))),
            ("@10:30", time(half_past_ten, None)),
            ("@10:30:00", time(half_past_ten, None)),
            ("@9:30", time(half_past_ten - HOUR, None)),
            ("@10:30:11:30", time(half_past_ten, Some(half_past_ten + HOUR))),
            ("@10:30..11:30", time(half_past_ten, Some(half_past_ten + HOUR))),
            ("@10:30:00:11:30:00", time(half_past_ten, Some(half_past_ten + HOUR))),
            ("@9:30:10:30", time(half_past_ten - HOUR, Some(half_past_ten))),
            ("@2024-11-26T10:30:11:30", time(half_past_ten, Some(half_past_ten + HOUR))),
            ("@10:30:now", time(half_past_ten, Some(NOW))),
            ("@yesterday:10:30", time(DAY - 24 * HOUR, Some(half_past_ten))),
            ("@0..10:30", time(0, Some(half_past_ten))),
        ];
        for (text, expected) in cases {
            let offsets = parse(&[text]).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(offsets.of(0), &expected, "{text}");
            assert_eq!(
                parse(&[&format!("3={text}")]).unwrap(),
                Offsets { default: Start, partitions: [(3, expected)].into() },
                "{text}"
            );
        }
    }

    #[test]
    fn refuses_bad_specs() {
        let cases = [
            ("", "offset : this is no offset; allowed are start, end, N"),
            ("first", "allowed are"),
            ("-1h", "-1h30m for ago"),
            ("--1", "allowed are"),
            ("+-1", "allowed are"),
            ("- 1", "allowed are"),
            ("1.5", "allowed are"),
            (":", "allowed are"),
            ("1:2:3", "allowed are"),
            ("-1:5", "allowed are"),
            ("9223372036854775808", "allowed are"),
            ("9:3", "offset 9:3: the range ends before it begins"),
            ("@", "allowed are"),
            ("@@5", "allowed are"),
            ("@soon", "allowed are"),
            ("@5:", "allowed are"),
            ("@:5", "allowed are"),
            ("@1..2..3", "allowed are"),
            ("@1:2:3", "allowed are"),
            ("@25:00", "allowed are"),
            ("@10:99", "allowed are"),
            ("@10:30:99", "allowed are"),
            ("@11:30:10:30", "the range ends before it begins"),
            ("@-1", "allowed are"),
            ("@2024-11-26T10:30:99", "the range ends before it begins"),
            ("@9:5", "the range ends before it begins"),
            ("@-1h..-2h", "the range ends before it begins"),
            ("x=5", "offset x=5: before = stands the number of a partition"),
            ("=5", "before = stands"),
            ("-1=5", "before = stands"),
            ("2147483648=5", "before = stands"),
            ("1=", "allowed are"),
            ("1=2=3", "allowed are"),
        ];
        for (text, expected) in cases {
            let error = parse(&[text]).expect_err(text);
            assert!(error.kind() == ErrorKind::Usage && error.to_string().contains(expected), "{text}: {error}");
            assert!(!error.to_string().contains('\n'));
        }
    }

    #[test]
    fn names_what_was_probably_meant() {
        let start = Some("did you mean start?");
        let cases = [
            ("beginning", start),
            ("Earliest", start),
            ("2=beginning", start),
            ("latest", Some("did you mean end?")),
            ("stored", Some("-g G reads from the committed offsets of group G")),
            ("-1h", Some("did you mean @-1h?")),
            ("now", Some("did you mean @now?")),
            ("2024-11-26", Some("did you mean @2024-11-26?")),
            ("s@1732660705555", Some("did you mean @1732660705555?")),
            ("e@1732660705555", Some("did you mean @0..1732660705555?")),
            ("soon", None),
            ("@soon", None),
            ("@25:00", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(&[text]).unwrap_err().hint_text(), expected, "{text}");
        }
        assert_eq!(parse(&["@beginning"]).unwrap_err().hint_text(), start);
    }

    #[test]
    fn partitions_may_differ() {
        let offsets = parse(&["2=7", "end", "0=-1"]).unwrap();
        assert_eq!([0, 1, 2, 3].map(|partition| offsets.of(partition).clone()), [Last(1), End, At(7), End]);
        assert!(
            !offsets.has_range() && parse(&["2=:5"]).unwrap().has_range() && parse(&["@1..2"]).unwrap().has_range()
        );
        assert_eq!(parse(&[]).unwrap(), Offsets::default());
        assert_eq!(Offsets::default().of(9), &Start);
        for twice in [["1", "2"], ["1=1", "1=2"], ["1=1", "01=1"]] {
            assert!(parse(&twice).unwrap_err().to_string().contains("already"), "{twice:?}");
        }
    }
}
