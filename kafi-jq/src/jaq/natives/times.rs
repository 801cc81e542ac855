//! Times: seconds since 1970, and what they are in parts.

use std::time::{SystemTime, UNIX_EPOCH};

use jaq_core::native::{bome, v};
use jiff::civil::DateTime;
use jiff::fmt::strtime::{self, BrokenDownTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::jaq::natives::{Native, fails};
use crate::number::Num;
use crate::value::{Error, Val, ValR};

pub(super) fn natives() -> Vec<Native> {
    vec![
        ("now", v(0), |_| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            bome(Ok(Val::float(since.as_secs_f64())))
        }),
        ("gmtime", v(0), |cv| bome(parts_of(&cv.1, TimeZone::UTC))),
        ("localtime", v(0), |cv| bome(parts_of(&cv.1, TimeZone::system()))),
        ("mktime", v(0), |cv| bome(seconds_of(&cv.1))),
        ("strftime", v(1), |mut cv| {
            let format = cv.0.pop_var();
            bome(shown(&cv.1, &format, TimeZone::UTC, "strftime/1"))
        }),
        ("strflocaltime", v(1), |mut cv| {
            let format = cv.0.pop_var();
            bome(shown(&cv.1, &format, TimeZone::system(), "strflocaltime/1"))
        }),
        ("strptime", v(1), |mut cv| {
            let format = cv.0.pop_var();
            bome(read(&cv.1, &format))
        }),
    ]
}

/// Seconds as a point in time, with their fraction.
fn zoned(number: &Num, zone: TimeZone) -> Result<(Zoned, f64), Error> {
    let float = number.float();
    let whole = float.floor();
    let stamp = if whole.is_finite() { Timestamp::from_second(whole as i64).ok() } else { None };
    let stamp = stamp.ok_or_else(|| fails("error converting number of seconds since epoch to datetime"))?;
    Ok((stamp.to_zoned(zone), float - whole))
}

fn parts_of(value: &Val, zone: TimeZone) -> ValR {
    let Val::Num(number) = value else { return Err(fails("gmtime() requires a number")) };
    let (zoned, fraction) = zoned(number, zone)?;
    Ok(parts(zoned.datetime(), fraction))
}

/// Year, month from 0, day, hour, minute, second, day of the week from Sunday, and day of the year from 0.
fn parts(time: DateTime, fraction: f64) -> Val {
    [
        f64::from(time.year()),
        f64::from(time.month()) - 1.0,
        f64::from(time.day()),
        f64::from(time.hour()),
        f64::from(time.minute()),
        f64::from(time.second()) + fraction,
        f64::from(time.weekday().to_sunday_zero_offset()),
        f64::from(time.day_of_year()) - 1.0,
    ]
    .map(Val::float)
    .into_iter()
    .collect()
}

/// The time that its parts say.
fn time_of(value: &Val, name: &str) -> Result<DateTime, Error> {
    let Val::Arr(items, _) = value else { return Err(fails(format_args!("{name} requires array of 6 numbers"))) };
    let numbers: Vec<f64> = items
        .iter()
        .map(|item| match item {
            Val::Num(number) => Ok(number.float().floor()),
            _ => Err(fails(format_args!("{name} requires parsed datetime inputs"))),
        })
        .collect::<Result<_, _>>()?;
    let [year, month, day, hour, minute, second, ..] = numbers[..] else {
        return Err(fails(format_args!("{name} requires array of 6 numbers")));
    };
    let time = DateTime::new(year as i16, month as i8 + 1, day as i8, hour as i8, minute as i8, second as i8, 0);
    time.map_err(|_| fails("invalid gmtime representation"))
}

fn seconds_of(value: &Val) -> ValR {
    let time = time_of(value, "mktime")?;
    let zoned = time.to_zoned(TimeZone::UTC).map_err(|_| fails("invalid gmtime representation"))?;
    Ok(Val::Num(Num::Int(zoned.timestamp().as_second())))
}

fn shown(value: &Val, format: &Val, zone: TimeZone, name: &str) -> ValR {
    let Val::Str(format) = format else { return Err(fails(format_args!("{name} requires a string format"))) };
    let zoned = match value {
        Val::Num(number) => zoned(number, zone)?.0,
        parts => time_of(parts, name)?.to_zoned(zone).map_err(|_| fails("invalid gmtime representation"))?,
    };
    let text = strtime::format(&**format, &zoned);
    text.map(|text| Val::str(&text)).map_err(|error| fails(format_args!("{name}: {error}")))
}

fn read(value: &Val, format: &Val) -> ValR {
    let (Val::Str(text), Val::Str(format)) = (value, format) else {
        return Err(fails("strptime/1 requires string inputs and arguments"));
    };
    let wrong = || fails(format_args!("date \"{text}\" does not match format \"{format}\""));
    let read = BrokenDownTime::parse(&**format, &**text).map_err(|_| wrong())?;
    let time = match (read.to_datetime(), read.to_timestamp()) {
        (Ok(time), _) => time,
        (Err(_), Ok(stamp)) => stamp.to_zoned(TimeZone::UTC).datetime(),
        (Err(_), Err(_)) => read.to_date().map_err(|_| wrong())?.at(0, 0, 0, 0),
    };
    Ok(parts(time, 0.0))
}
