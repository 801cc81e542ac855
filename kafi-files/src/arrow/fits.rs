//! What fits into columns of types that schemas have said, without any loss.

use arrow_array::timezone::Tz;
use arrow_array::types::{Date32Type, Time64NanosecondType};
use arrow_cast::parse::{Parser, string_to_datetime};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kafi_core::{BytesText, ColumnType, Json, JsonKind, TimeUnit};

use crate::cell::Cell;
use crate::infer::{FLOAT_DIGITS, Kind};

/// How many characters an error shows of what does not fit.
const SHOWN_CHARS: usize = 100;

impl Kind {
    /// What stands in a value that was said to be of this kind: a text is a date only where it is one.
    pub(super) fn said(&self, json: &Json) -> Self {
        match (self, json.kind()) {
            (Self::Struct(_), JsonKind::Object) => Self::Struct(
                json.members().map(|(name, member)| (name.to_string(), self.of_member(name).said(member))).collect(),
            ),
            (Self::Map(kind), JsonKind::Object) => {
                Self::Map(Box::new(json.members().map(|(_, value)| kind.said(value)).fold(Self::Null, Self::with)))
            }
            (Self::List(kind), JsonKind::Array) => {
                Self::List(Box::new(json.iter().map(|element| kind.said(element)).fold(Self::Null, Self::with)))
            }
            (Self::Typed(type_), JsonKind::Str) if json.str().is_ok_and(|text| text_fits(type_, text)) => self.clone(),
            (Self::Bytes(shown), JsonKind::Str) if json.str().is_ok_and(|text| bytes_of(text, *shown).is_some()) => {
                self.clone()
            }
            _ => Self::of_json(json),
        }
    }

    /// Whether points in time stand in it, of which schemas know more than columns.
    pub(super) fn has_times(&self) -> bool {
        match self {
            Self::Typed(ColumnType::Timestamp { .. }) => true,
            Self::List(kind) | Self::Map(kind) => kind.has_times(),
            Self::Struct(members) => members.iter().any(|(_, kind)| kind.has_times()),
            _ => false,
        }
    }

    /// Why what stands in a cell does not fit into a column of this kind; `None` where it fits without loss.
    pub(super) fn misfit(&self, cell: Cell<'_>) -> Option<String> {
        let why = match cell {
            Cell::Json(json) => self.misfit_of(json),
            Cell::Raw(text) => self.misfit_of(&Json::from_valid(text)),
            cell => {
                let mut text = Vec::new();
                cell.write_json(&mut text);
                self.misfit_of(&Json::from_valid(String::from_utf8_lossy(&text).into_owned()))
            }
        };
        why.map(|why| why.trim_start_matches([':', ' ']).to_string())
    }

    /// The same for a value, with the way to the one within it that does not fit.
    fn misfit_of(&self, json: &Json) -> Option<String> {
        match (self, json.kind()) {
            (_, JsonKind::Null) | (Self::Null | Self::Text, _) => None,
            (Self::List(kind), JsonKind::Array) => json
                .iter()
                .enumerate()
                .find_map(|(index, element)| kind.misfit_of(element).map(|why| format!("[{index}]{why}"))),
            (Self::Map(kind), JsonKind::Object) => {
                json.members().find_map(|(name, value)| kind.misfit_of(value).map(|why| format!(".{name}{why}")))
            }
            (Self::Struct(members), JsonKind::Object) => {
                json.members().find_map(|(name, member)| match members.iter().find(|(known, _)| known == name) {
                    Some((_, kind)) => kind.misfit_of(member).map(|why| format!(".{name}{why}")),
                    None => Some(format!(".{name}: nothing said before the first row that there is such a member")),
                })
            }
            (kind, _) if kind.fits(json) => None,
            (kind, _) => {
                let text: String = json.text().trim().chars().take(SHOWN_CHARS).collect();
                Some(format!(": {text} does not fit into {}", kind.data_type()?))
            }
        }
    }

    /// Whether a value without members fits. Text may be a number.
    fn fits(&self, json: &Json) -> bool {
        let text = match json.kind() {
            JsonKind::Bool => return *self == Self::Bool,
            JsonKind::Number => json.number().unwrap_or_default().trim(),
            JsonKind::Str => json.str().unwrap_or_default(),
            _ => return false,
        };
        let is_text = json.kind() == JsonKind::Str;
        let type_ = match self {
            Self::Str => return is_text,
            Self::Bytes(shown) => return is_text && bytes_of(text, *shown).is_some(),
            // Floats that were found have their digits.
            Self::Number(number) if number.column_type() == ColumnType::Float64 => {
                return !is_text && Self::of_json(json).column_type() != ColumnType::Any && is_short(text);
            }
            kind => kind.column_type(),
        };
        let is_whole = |low: i128, high: i128| text.parse().is_ok_and(|number| (low..=high).contains(&number));
        match type_ {
            ColumnType::Int32 => is_whole(i32::MIN.into(), i32::MAX.into()),
            ColumnType::UInt32 => is_whole(0, u32::MAX.into()),
            ColumnType::Int64 => is_whole(i64::MIN.into(), i64::MAX.into()),
            ColumnType::UInt64 => is_whole(0, u64::MAX.into()),
            ColumnType::Float32 | ColumnType::Float64 => text.parse::<f64>().is_ok(),
            ColumnType::Decimal { precision, scale } => decimal_fits(text, precision, scale),
            ColumnType::Date if !is_text => is_whole(i32::MIN.into(), i32::MAX.into()),
            _ if !is_text => is_whole(i64::MIN.into(), i64::MAX.into()),
            type_ => text_fits(&type_, text),
        }
    }
}

/// Whether a number has no more digits than floats hold for certain.
fn is_short(text: &str) -> bool {
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    mantissa.bytes().filter(u8::is_ascii_digit).count() <= FLOAT_DIGITS as usize
}

/// Whether all digits of a number have a place; zeros that say nothing need none.
fn decimal_fits(text: &str, precision: u32, scale: u32) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    are_digits(whole)
        && are_digits(fraction)
        && fraction.trim_end_matches('0').len() <= scale as usize
        && whole.trim_start_matches('0').len() <= precision.saturating_sub(scale) as usize
}

/// Whether text is of a type, and stays what it is there: all digits of seconds, and no zone that would be lost.
fn text_fits(type_: &ColumnType, text: &str) -> bool {
    match type_ {
        ColumnType::Date => is_date(text) && Date32Type::parse(text).is_some(),
        ColumnType::Time(unit) => {
            let time = without_zone(text);
            is_time(time, *unit) && Time64NanosecondType::parse(time).is_some()
        }
        ColumnType::Timestamp { unit, utc } => is_timestamp(text, *unit, *utc),
        _ => false,
    }
}

/// The number that a column has for a date, a time of day, or a point in time, by its text or its number.
pub(super) fn number_of(type_: &ColumnType, text: &str) -> Option<i64> {
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    if !text_fits(type_, text) {
        return None;
    }
    match type_ {
        ColumnType::Date => Date32Type::parse(text).map(i64::from),
        ColumnType::Time(unit) => {
            Time64NanosecondType::parse(without_zone(text)).map(|nanoseconds| nanoseconds / nanoseconds_of(*unit))
        }
        ColumnType::Timestamp { unit, .. } => {
            let at = string_to_datetime(&"+00:00".parse::<Tz>().ok()?, text).ok()?;
            match unit {
                TimeUnit::Milliseconds => Some(at.timestamp_millis()),
                TimeUnit::Microseconds => Some(at.timestamp_micros()),
                TimeUnit::Nanoseconds => at.timestamp_nanos_opt(),
            }
        }
        _ => None,
    }
}

/// How many nanoseconds a unit of time has.
pub(super) fn nanoseconds_of(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Milliseconds => 1_000_000,
        TimeUnit::Microseconds => 1000,
        TimeUnit::Nanoseconds => 1,
    }
}

/// The bytes that text shows.
pub(super) fn bytes_of(text: &str, shown: BytesText) -> Option<Vec<u8>> {
    match shown {
        BytesText::Base64 => STANDARD.decode(text).ok(),
        BytesText::Characters => text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect(),
    }
}

/// A time of day in UTC without that word, which columns have none for.
pub(super) fn without_zone(text: &str) -> &str {
    text.strip_suffix(['Z', 'z']).or_else(|| text.strip_suffix("+00:00")).unwrap_or(text)
}

/// Whether it is written as `2026-01-02`.
fn is_date(text: &str) -> bool {
    text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() })
}

/// Whether it is written as `03:04:05.123`, with no more digits than the unit has.
fn is_time(text: &str, unit: TimeUnit) -> bool {
    let (time, fraction) = text.split_once('.').map_or((text, None), |(time, fraction)| (time, Some(fraction)));
    let digits = match unit {
        TimeUnit::Milliseconds => 3,
        TimeUnit::Microseconds => 6,
        TimeUnit::Nanoseconds => 9,
    };
    time.len() == 8
        && time.bytes().enumerate().all(|(at, byte)| if at == 2 || at == 5 { byte == b':' } else { byte.is_ascii_digit() })
        // Columns have no second that is left over.
        && &time[6..] < "60"
        && fraction.is_none_or(|fraction| {
            (1..=digits).contains(&fraction.len()) && fraction.bytes().all(|byte| byte.is_ascii_digit())
        })
}

/// Whether it is a point in time (`2026-01-02T03:04:05+01:00`), or with `utc` false a date and time of no zone.
fn is_timestamp(text: &str, unit: TimeUnit, utc: bool) -> bool {
    let (Some(date), Some(rest)) = (text.get(..10), text.get(11..)) else { return false };
    if !is_date(date) || !matches!(text.as_bytes()[10], b'T' | b't' | b' ') {
        return false;
    }
    let zone = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
    let (time, zone) = rest.split_at(zone);
    let has_zone = matches!(zone, "Z" | "z") || (zone.len() == 6 && zone.as_bytes()[3] == b':');
    let is_written_so = is_time(time, unit) && if utc { has_zone } else { zone.is_empty() };
    let Ok(utc) = "+00:00".parse::<Tz>() else { return false };
    is_written_so
        && string_to_datetime(&utc, text)
            .is_ok_and(|at| unit != TimeUnit::Nanoseconds || at.timestamp_nanos_opt().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_fit_where_nothing_is_lost() {
        let at = |unit, utc| ColumnType::Timestamp { unit, utc };
        let [millis, micros, nanos] = [TimeUnit::Milliseconds, TimeUnit::Microseconds, TimeUnit::Nanoseconds];
        for (type_, text, fits) in [
            (ColumnType::Date, "2026-02-28", true),
            (ColumnType::Date, "2026-02-30", false),
            (ColumnType::Date, "2026-2-3", false),
            (ColumnType::Date, "2026-02-28T00:00:00Z", false),
            (ColumnType::Time(micros), "23:59:59.123456Z", true),
            (ColumnType::Time(micros), "23:59:59+00:00", true),
            (ColumnType::Time(micros), "23:59:59+01:00", false),
            (ColumnType::Time(micros), "23:59:59.1234567", false),
            (ColumnType::Time(micros), "24:00:00", false),
            (ColumnType::Time(millis), "01:02:03.1234", false),
            (at(micros, true), "2026-01-02T03:04:05.123456+01:00", true),
            (at(micros, true), "2026-01-02T03:04:05Z", true),
            (at(micros, true), "2026-01-02T03:04:05", false),
            (at(micros, true), "2026-01-02T03:04:05.1234567Z", false),
            (at(micros, true), "2026-01-02T23:59:60Z", false),
            (at(micros, true), "9999-12-31T23:59:59Z", true),
            (at(nanos, true), "9999-12-31T23:59:59Z", false),
            (at(nanos, true), "2026-01-02T03:04:05.123456789Z", true),
            (at(millis, false), "2026-01-02T03:04:05.123", true),
            (at(millis, false), "2026-01-02T03:04:05Z", false),
            (at(micros, true), "", false),
            (at(micros, true), "2026-01-0\u{e9}T", false),
            (ColumnType::Int32, "1", false),
        ] {
            assert_eq!(text_fits(&type_, text), fits, "{type_:?} {text}");
        }
    }
}
