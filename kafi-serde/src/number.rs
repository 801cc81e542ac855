//! Numbers as JSON text: integers, floating point, and numbers with a certain scale.

/// The digits of a number that [`scaled`] understood, without a point.
#[derive(Default)]
pub(crate) struct Digits {
    pub is_negative: bool,
    /// ASCII digits without zeros in front; none is zero.
    pub digits: Vec<u8>,
}

/// Why a text is not the number that is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Misfit {
    /// It is not written as a number.
    NoNumber,
    /// There are digits behind the last place.
    Fraction,
    /// It has too many digits, or is too large for the type.
    TooLarge,
}

/// Appends an integer.
#[inline]
pub(crate) fn write_integer(out: &mut Vec<u8>, value: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends the shortest number that reads back as the same one of this width; what is no number as its name in quotes.
#[inline]
pub(crate) fn write_float(out: &mut Vec<u8>, value: impl Float) {
    match value.name() {
        None => out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes()),
        Some(name) => {
            out.push(b'"');
            out.extend_from_slice(name.as_bytes());
            out.push(b'"');
        }
    }
}

/// A width of floating point.
pub(crate) trait Float: zmij::Float + Copy + std::str::FromStr {
    const NAN: Self;
    const INFINITY: Self;
    const NEG_INFINITY: Self;

    fn is_finite(self) -> bool;

    fn is_nan(self) -> bool;

    fn is_sign_negative(self) -> bool;

    /// The name of what is no number.
    fn name(self) -> Option<&'static str> {
        match () {
            () if self.is_finite() => None,
            () if self.is_nan() => Some("NaN"),
            () if self.is_sign_negative() => Some("-Infinity"),
            () => Some("Infinity"),
        }
    }

    /// What such a name means.
    fn named(name: &str) -> Option<Self> {
        match name {
            "NaN" => Some(Self::NAN),
            "Infinity" => Some(Self::INFINITY),
            "-Infinity" => Some(Self::NEG_INFINITY),
            _ => None,
        }
    }

    /// A number in text, if this width holds it without becoming infinite.
    fn parsed(text: &str) -> Result<Self, Misfit> {
        let value: Self = text.parse().map_err(|_| Misfit::NoNumber)?;
        if value.is_finite() { Ok(value) } else { Err(Misfit::TooLarge) }
    }
}

macro_rules! float {
    ($($float:ident)*) => {$(
        impl Float for $float {
            const NAN: Self = Self::NAN;
            const INFINITY: Self = Self::INFINITY;
            const NEG_INFINITY: Self = Self::NEG_INFINITY;

            fn is_finite(self) -> bool {
                self.is_finite()
            }

            fn is_nan(self) -> bool {
                self.is_nan()
            }

            fn is_sign_negative(self) -> bool {
                self.is_sign_negative()
            }
        }
    )*};
}

float!(f32 f64);

/// The whole number in `text`, which may have an exponent or a fraction of zero.
pub(crate) fn whole<T: TryFrom<i128> + std::str::FromStr>(text: &str) -> Result<T, Misfit> {
    if let Ok(value) = text.parse() {
        // Rust also takes a plus sign, which is no JSON.
        return if text.starts_with('+') { Err(Misfit::NoNumber) } else { Ok(value) };
    }
    let mut digits = Digits::default();
    scaled(text, 0, 38, &mut digits)?;
    let magnitude = digits.digits.iter().fold(0i128, |sum, digit| sum * 10 + i128::from(digit - b'0'));
    T::try_from(if digits.is_negative { -magnitude } else { magnitude }).map_err(|_| Misfit::TooLarge)
}

/// Reads a number as whole units of its last place, of which `scale` stand behind the point.
pub(crate) fn scaled(text: &str, scale: u32, digits_max: u32, into: &mut Digits) -> Result<(), Misfit> {
    let (is_negative, unsigned) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(fraction) || (fraction.is_empty() && mantissa.contains('.'))
    {
        return Err(Misfit::NoNumber);
    }
    let exponent_digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    if exponent_digits.is_empty() || !is_number(exponent_digits) {
        return Err(Misfit::NoNumber);
    }
    into.is_negative = is_negative;
    into.digits.clear();
    into.digits.extend(whole.bytes().chain(fraction.bytes()).skip_while(|&digit| digit == b'0'));
    if into.digits.is_empty() {
        return Ok(());
    }
    // An exponent beyond 64 bits is as good as one at their ends.
    let exponent = exponent.parse().unwrap_or(if exponent.starts_with('-') { i64::MIN } else { i64::MAX });
    let shift = exponent.saturating_add(i64::from(scale)).saturating_sub(fraction.len() as i64);
    if shift < 0 {
        let zeros = into.digits.iter().rev().take_while(|&&digit| digit == b'0').count();
        let gone = shift.unsigned_abs();
        if gone > zeros as u64 {
            return Err(Misfit::Fraction);
        }
        into.digits.truncate(into.digits.len() - gone as usize);
    }
    let count = (into.digits.len() as i64).saturating_add(shift.max(0));
    if count > i64::from(digits_max) {
        return Err(Misfit::TooLarge);
    }
    into.digits.resize(count as usize, b'0');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(text: &str, scale: u32, digits_max: u32) -> Result<String, Misfit> {
        let mut digits = Digits::default();
        scaled(text, scale, digits_max, &mut digits)?;
        Ok(String::from_utf8(digits.digits).unwrap())
    }

    #[test]
    fn numbers_that_do_not_fit_say_why() {
        assert_eq!(units("1.995", 2, 9), Err(Misfit::Fraction));
        assert_eq!(units("1.990", 2, 9).unwrap(), "199");
        assert_eq!(units("199e-2", 2, 3).unwrap(), "199");
        assert_eq!(units("1e9", 2, 11), Err(Misfit::TooLarge));
        assert_eq!(units("1e999999999999999999999", 2, 11), Err(Misfit::TooLarge));
        assert_eq!(units("1e-999999999999999999999", 2, 11), Err(Misfit::Fraction));
        assert_eq!(units("0e999999999999999999999", 2, 1).unwrap(), "");
        for bad in ["", "-", "x", "1x", "1.", ".5", "1e", "1e+", "--1", "1..2", "NaN", "+1", "1e1.5"] {
            assert_eq!(units(bad, 2, 9), Err(Misfit::NoNumber), "{bad}");
            assert_eq!(whole::<i64>(bad), Err(Misfit::NoNumber), "{bad}");
        }
        assert_eq!((whole::<i32>("1e3"), whole("-12.0"), whole("0.0")), (Ok(1000), Ok(-12), Ok(0)));
        assert_eq!(
            (whole::<i32>("2147483648"), whole::<u64>("-1"), whole::<i64>("1.5")),
            (Err(Misfit::TooLarge), Err(Misfit::TooLarge), Err(Misfit::Fraction))
        );
        assert_eq!((whole::<u64>("18446744073709551615"), whole::<i64>("1e40")), (Ok(u64::MAX), Err(Misfit::TooLarge)));
    }

    #[test]
    fn floats_are_short_and_read_back() {
        let text = |write: &dyn Fn(&mut Vec<u8>)| {
            let mut out = Vec::new();
            write(&mut out);
            String::from_utf8(out).unwrap()
        };
        for (value, expected) in [
            (0.1, "0.1"),
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (1e300, "1e+300"),
            (f64::NAN, "\"NaN\""),
            (f64::NEG_INFINITY, "\"-Infinity\""),
        ] {
            assert_eq!(text(&|out| write_float(out, value)), expected);
        }
        assert_eq!(
            (text(&|out| write_float(out, 0.1f32)), text(&|out| write_float(out, f32::INFINITY))),
            ("0.1".into(), "\"Infinity\"".into())
        );
        assert_eq!(
            (f32::parsed("1e39"), f64::parsed("1e39"), f64::parsed("x")),
            (Err(Misfit::TooLarge), Ok(1e39), Err(Misfit::NoNumber))
        );
        assert!(
            f64::named("NaN").unwrap().is_nan()
                && f32::named("-Infinity") == Some(f32::NEG_INFINITY)
                && f32::named("inf").is_none()
        );
    }
}
