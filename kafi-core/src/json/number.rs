//! Numbers as text: compared by value, exactly, however long they are.

use std::cmp::Ordering;

/// Whether two JSON numbers have the same value: `1e2` and `100.0` do.
pub(crate) fn equal(left: &str, right: &str) -> bool {
    left == right || Decimal::read(left) == Decimal::read(right)
}

/// Compares two JSON numbers by their values, exactly, however many digits they have.
pub fn compare_numbers(left: &str, right: &str) -> Ordering {
    let (left, right) = (Decimal::read(left), Decimal::read(right));
    match (left.digits.is_empty(), right.digits.is_empty()) {
        (true, true) => return Ordering::Equal,
        (true, false) => return if right.negative { Ordering::Greater } else { Ordering::Less },
        (false, true) => return if left.negative { Ordering::Less } else { Ordering::Greater },
        (false, false) => {}
    }
    let size = left.point.cmp(&right.point).then_with(|| left.digits.cmp(&right.digits));
    match (left.negative, right.negative) {
        (false, false) => size,
        (true, true) => size.reverse(),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
    }
}

/// Appends a JSON number in a form that is the same for all that have its value: `1e2` and `100.0` give the same bytes. It
/// is no JSON, and holds neither a comma nor a semicolon.
///
/// ```
/// use kafi_core::json_text::push_number;
/// let form = |number: &str| {
///     let mut form = Vec::new();
///     push_number(number, &mut form);
///     form
/// };
/// assert!(form("1e2") == form("100.0") && form("1") != form("-1"));
/// ```
pub fn push_number(number: &str, out: &mut Vec<u8>) {
    let bytes = number.as_bytes();
    // An integer, as most are, is written without the zeros at its end.
    if bytes.len() < 18 && bytes.first() != Some(&b'0') && bytes.iter().all(u8::is_ascii_digit) {
        let end = bytes.iter().rposition(|&digit| digit != b'0').map_or(0, |last| last + 1);
        out.extend_from_slice(&bytes[..end]);
        out.extend_from_slice(&[b'e', bytes.len() as u8]);
        return;
    }
    let Decimal { negative, digits, point } = Decimal::read(number);
    if negative {
        out.push(b'-');
    }
    out.extend_from_slice(&digits);
    out.push(b'e');
    match u8::try_from(point) {
        Ok(point) if point < b'+' => out.push(point),
        _ => out.extend_from_slice(point.to_string().as_bytes()),
    }
}

/// 0.DIGITS times ten to the `point`; no zeros at either end of the digits.
#[derive(PartialEq)]
struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    point: i64,
}

impl Decimal {
    fn read(text: &str) -> Self {
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
        digits.drain(..zeros);
        let end = digits.iter().rposition(|&digit| digit != b'0').map_or(0, |last| last + 1);
        digits.truncate(end);
        if digits.is_empty() {
            return Self { negative: false, digits, point: 0 };
        }
        // An exponent beyond 64 bits is nobody's number; at the bound such numbers only have to differ from all others.
        let exponent = exponent.parse().unwrap_or(if exponent.starts_with('-') { i64::MIN } else { i64::MAX });
        Self { negative, digits, point: (whole.len() as i64 - zeros as i64).saturating_add(exponent) }
    }
}

#[cfg(test)]
mod tests {
    use super::equal;

    #[test]
    fn compares_by_value() {
        for (left, right) in [
            ("1", "1.0"),
            ("100", "1e2"),
            ("0.10", "1E-1"),
            ("-0", "0.0"),
            ("19.990", "19.99"),
            ("12345678901234567890123.0", "12345678901234567890123"),
        ] {
            assert!(equal(left, right), "{left} {right}");
        }
        for (left, right) in [
            ("1", "-1"),
            ("1", "10"),
            ("12345678901234567890123", "12345678901234567890124"),
            ("0.1", "0.10000000000000001"),
            ("1e5", "1e-5"),
        ] {
            assert!(!equal(left, right), "{left} {right}");
        }
    }
}
