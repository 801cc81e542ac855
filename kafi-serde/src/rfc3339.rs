//! Points in time as RFC 3339 writes them.

/// The seconds of the years 1 to 9999.
pub(crate) const SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// The seconds and nanoseconds of a time as RFC 3339 writes it, with any offset.
pub(crate) fn read_timestamp(text: &str) -> Option<(i64, i32)> {
    let mut rest = text;
    let mut part = |len: usize, after: &str| {
        let (digits, behind) = rest.split_at_checked(len)?;
        rest = behind.strip_prefix(|next| after.contains(next)).or_else(|| after.is_empty().then_some(behind))?;
        whole(digits)
    };
    let (year, month, day) = (part(4, "-")?, part(2, "-")?, part(2, "T")?);
    let (hour, minute, second) = (part(2, ":")?, part(2, ":")?, part(2, "")?);
    let nanos = if let Some(fraction) = rest.strip_prefix('.') {
        let len = fraction.bytes().take_while(u8::is_ascii_digit).count();
        rest = &fraction[len..];
        read_fraction(&fraction[..len])?
    } else {
        0
    };
    let offset = match rest.as_bytes() {
        b"Z" => 0,
        [sign @ (b'+' | b'-'), ..] => {
            let (hours, minutes) = rest[1..].split_once(':')?;
            if hours.len() != 2 || minutes.len() != 2 {
                return None;
            }
            let minutes =
                whole(hours).filter(|hours| *hours < 24)? * 60 + whole(minutes).filter(|minutes| *minutes < 60)?;
            if *sign == b'+' { minutes * 60 } else { -minutes * 60 }
        }
        _ => return None,
    };
    let is_date = (1..=12).contains(&month) && day >= 1 && day <= days_of(year, month);
    if year == 0 || !is_date || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = days_since_epoch(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset;
    SECONDS.contains(&seconds).then_some((seconds, nanos))
}

/// A number of digits and nothing else.
pub(crate) fn whole(digits: &str) -> Option<i64> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

/// Up to nine digits behind a point, as nanoseconds.
pub(crate) fn read_fraction(digits: &str) -> Option<i32> {
    let value = whole(digits).filter(|_| digits.len() <= 9)?;
    Some(value as i32 * 10i32.pow(9 - digits.len() as u32))
}

/// The days from 1970-01-01 to a date. Years begin in March here, so that the day that comes and goes is their last.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn days_of(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}
