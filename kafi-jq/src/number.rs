//! Numbers: integers of 64 bits and floating point, and the text of those that were read and not calculated with.

use std::cmp::Ordering;
use std::io::Write;
use std::rc::Rc;

use kafi_core::json_text::compare_numbers;

/// Integers up to this are floating point exactly.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// A number.
#[derive(Clone, Debug)]
pub(crate) enum Num {
    Int(i64),
    Float(f64),
    /// As it was written, where that is more, or looks different, than what floating point keeps.
    Text(Rc<str>),
}

impl Num {
    /// Of JSON text, or a literal of a program.
    pub(crate) fn read(text: &str) -> Self {
        match text.parse::<i64>() {
            Ok(int) if text != "-0" => Self::Int(int),
            _ => Self::Text(text.into()),
        }
    }

    /// The result of a calculation: an integer where it is one.
    pub(crate) fn of(float: f64) -> Self {
        if float.fract() == 0.0 && float.abs() <= EXACT_MAX && !(float == 0.0 && float.is_sign_negative()) {
            return Self::Int(float as i64);
        }
        Self::Float(float)
    }

    pub(crate) fn float(&self) -> f64 {
        match self {
            Self::Int(int) => *int as f64,
            Self::Float(float) => *float,
            Self::Text(text) => text.parse().unwrap_or(f64::NAN),
        }
    }

    /// The integer, where it is one.
    pub(crate) fn int(&self) -> Option<i64> {
        match self {
            Self::Int(int) => Some(*int),
            _ => match Self::of(self.float()) {
                Self::Int(int) => Some(int),
                _ => None,
            },
        }
    }

    pub(crate) fn is_nan(&self) -> bool {
        matches!(self, Self::Float(float) if float.is_nan())
    }

    /// By value, exactly also beyond floating point; what is not a number is less than all that are.
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Int(left), Self::Int(right)) => left.cmp(right),
            _ => match self.float().partial_cmp(&other.float()) {
                Some(Ordering::Equal) if self.is_long() || other.is_long() => {
                    compare_numbers(&self.text(), &other.text())
                }
                Some(order) => order,
                None if self.is_nan() => Ordering::Less,
                None => Ordering::Greater,
            },
        }
    }

    /// Whether floating point may keep less than all of it.
    fn is_long(&self) -> bool {
        match self {
            Self::Int(int) => int.unsigned_abs() > EXACT_MAX as u64,
            Self::Float(_) => false,
            Self::Text(text) => text.len() > 15,
        }
    }

    fn text(&self) -> String {
        let mut out = Vec::new();
        self.write(&mut out);
        String::from_utf8(out).expect("numbers are ASCII")
    }

    /// Appends its JSON text, as jq does: null for what is not a number, the largest number for what is infinite.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Int(int) => out.extend_from_slice(itoa::Buffer::new().format(*int).as_bytes()),
            Self::Float(float) => write_float(*float, out),
            Self::Text(text) => out.extend_from_slice(text.as_bytes()),
        }
    }

    pub(crate) fn negated(self) -> Self {
        match self {
            Self::Int(int) if int != 0 => int.checked_neg().map_or(Self::Float(-(int as f64)), Self::Int),
            Self::Text(text) => match text.strip_prefix('-') {
                Some(positive) => Self::read(positive),
                None => Self::read(&format!("-{text}")),
            },
            number => Self::of(-number.float()),
        }
    }

    pub(crate) fn add(&self, other: &Self) -> Self {
        self.calculate(other, i64::checked_add, |left, right| left + right)
    }

    pub(crate) fn subtract(&self, other: &Self) -> Self {
        self.calculate(other, i64::checked_sub, |left, right| left - right)
    }

    pub(crate) fn multiply(&self, other: &Self) -> Self {
        self.calculate(other, i64::checked_mul, |left, right| left * right)
    }

    /// The quotient; none of a division by zero.
    pub(crate) fn divide(&self, other: &Self) -> Option<Self> {
        if other.float() == 0.0 {
            return None;
        }
        let whole = |left: i64, right: i64| if left.checked_rem(right)? == 0 { left.checked_div(right) } else { None };
        Some(self.calculate(other, whole, |left, right| left / right))
    }

    /// The remainder of the whole numbers; none of a division by zero. What is not a number stays that.
    pub(crate) fn remainder(&self, other: &Self) -> Option<Self> {
        if self.is_nan() || other.is_nan() {
            return Some(Self::Float(f64::NAN));
        }
        // Casts saturate, as jq's do.
        let whole = |number: &Self| if let Self::Int(int) = number { *int } else { number.float() as i64 };
        let (left, right) = (whole(self), whole(other).unsigned_abs());
        if right == 0 {
            return None;
        }
        let rest = (left.unsigned_abs() % right) as i64;
        Some(Self::Int(if left < 0 { -rest } else { rest }))
    }

    fn calculate(
        &self,
        other: &Self,
        ints: impl FnOnce(i64, i64) -> Option<i64>,
        floats: impl FnOnce(f64, f64) -> f64,
    ) -> Self {
        let exact = match (self, other) {
            (Self::Int(left), Self::Int(right)) => ints(*left, *right),
            _ => None,
        };
        exact.map_or_else(|| Self::of(floats(self.float(), other.float())), Self::Int)
    }
}

/// Seventeen digits at most, the shortest that give the same number, in jq's form.
fn write_float(float: f64, out: &mut Vec<u8>) {
    if float.is_nan() {
        return out.extend_from_slice(b"null");
    }
    if float == 0.0 {
        return out.extend_from_slice(if float.is_sign_negative() { b"-0" } else { b"0" });
    }
    if float.is_sign_negative() {
        out.push(b'-');
    }
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(float.abs().min(f64::MAX));
    let (mantissa, exponent) = text.split_once('e').map_or((text, 0), |(mantissa, exponent)| {
        (mantissa, exponent.parse::<i32>().expect("an exponent is an integer"))
    });
    // Its digits without zeros at either end, and how many of them stand before the point.
    let (mut digits, mut count, mut is_fraction, mut point) = ([0u8; 24], 0, false, exponent);
    for byte in mantissa.bytes() {
        match byte {
            b'.' => is_fraction = true,
            b'0' if count == 0 => point -= i32::from(is_fraction),
            digit => {
                digits[count] = digit;
                count += 1;
                point += i32::from(!is_fraction);
            }
        }
    }
    while count > 0 && digits[count - 1] == b'0' {
        count -= 1;
    }
    let digits = &digits[..count];
    let zeros = |out: &mut Vec<u8>, count: i32| out.resize(out.len() + count.max(0) as usize, b'0');
    if point <= -4 || point > count as i32 + 15 {
        out.push(digits[0]);
        if count > 1 {
            out.push(b'.');
            out.extend_from_slice(&digits[1..]);
        }
        let exponent = point - 1;
        let sign = if exponent < 0 { '-' } else { '+' };
        let _infallible = write!(out, "e{sign}{:02}", exponent.abs());
    } else if point <= 0 {
        out.extend_from_slice(b"0.");
        zeros(out, -point);
        out.extend_from_slice(digits);
    } else if point >= count as i32 {
        out.extend_from_slice(digits);
        zeros(out, point - count as i32);
    } else {
        out.extend_from_slice(&digits[..point as usize]);
        out.push(b'.');
        out.extend_from_slice(&digits[point as usize..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(number: Num) -> String {
        number.text()
    }

    #[test]
    fn calculated_numbers_are_written_as_jq_does() {
        for (float, text) in [
            (0.00001, "1e-05"),
            (0.0001, "0.0001"),
            (1e16, "1e+16"),
            (1e15, "1000000000000000"),
            (1.5e15, "1500000000000000"),
            (1.5e17, "1.5e+17"),
            (1.2345678901234567, "1.2345678901234567"),
            (3.3999999999999996e-06, "3.3999999999999996e-06"),
            (12345678901234567890123.0, "12345678901234568000000"),
            (5e-324, "5e-324"),
            (f64::INFINITY, "1.7976931348623157e+308"),
            (-0.0, "-0"),
            (-2.5, "-2.5"),
            (f64::NAN, "null"),
        ] {
            assert_eq!(shown(Num::Float(float)), text);
        }
    }

    #[test]
    fn what_was_read_keeps_its_text_and_compares_exactly() {
        for text in ["19.990", "18446744073709551615", "1e400", "-0", "1.0"] {
            assert_eq!(shown(Num::read(text)), text);
        }
        let order = |left, right| Num::read(left).compare(&Num::read(right));
        assert_eq!(order("1.0", "1"), Ordering::Equal);
        assert_eq!(order("9007199254740993", "9007199254740992.0"), Ordering::Greater);
        assert_eq!(order("18446744073709551615", "18446744073709551616"), Ordering::Less);
        assert_eq!(order("-18446744073709551615", "-18446744073709551616"), Ordering::Greater);
        assert_eq!(order("-0", "0"), Ordering::Equal);
        assert_eq!(Num::Float(f64::NAN).compare(&Num::Int(i64::MIN)), Ordering::Less);
    }

    #[test]
    fn integers_stay_exact_until_they_leave_64_bits() {
        let (large, one) = (Num::Int(9_007_199_254_740_993), Num::Int(1));
        assert_eq!(shown(large.add(&one)), "9007199254740994");
        assert_eq!(
            shown(Num::Int(i64::MAX).add(&one)),
            "9223372036854775807".parse::<f64>().map(|f| shown(Num::Float(f))).unwrap()
        );
        assert_eq!(shown(Num::Int(10).divide(&Num::Int(4)).unwrap()), "2.5");
        assert_eq!(shown(Num::Int(-7).remainder(&Num::Int(3)).unwrap()), "-1");
        assert!(Num::Int(1).divide(&Num::Int(0)).is_none() && Num::Int(1).remainder(&Num::read("0.5")).is_none());
        assert_eq!(shown(Num::read("19.990").negated()), "-19.990");
    }
}
