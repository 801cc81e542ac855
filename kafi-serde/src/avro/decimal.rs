//! Decimals: numbers in two's complement, with all their digits.

use crate::number::Digits;

/// How many digits a decimal may have; what claims more is no decimal.
pub(crate) const DECIMAL_DIGITS_MAX: u32 = 4096;

/// The bytes that so many digits take, with their sign.
const DECIMAL_BYTES_MAX: usize = 1702;

impl Digits {
    /// Appends the number in two's complement, big-endian, in as few bytes as hold it and its sign.
    pub fn write_twos_complement(&self, out: &mut Vec<u8>) {
        let start = out.len();
        // Nine digits at a time come in at the end of the magnitude, which stands with its lowest byte first until it
        // is done.
        out.push(0);
        for nine in self.digits.chunks(9) {
            let mut carry = nine.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
            let factor = 10u64.pow(nine.len() as u32);
            for byte in &mut out[start..] {
                let sum = u64::from(*byte) * factor + carry;
                *byte = sum as u8;
                carry = sum >> 8;
            }
            while carry > 0 {
                out.push(carry as u8);
                carry >>= 8;
            }
        }
        let magnitude = &mut out[start..];
        if self.is_negative {
            let mut borrow = true;
            for byte in magnitude.iter_mut() {
                let (negated, again) = (!*byte).overflowing_add(u8::from(borrow));
                (*byte, borrow) = (negated, again);
            }
        }
        let filler = if self.is_negative && !self.digits.is_empty() { 0xff } else { 0 };
        out.push(filler);
        // What only repeats the sign goes.
        while out.len() > start + 1 && out[out.len() - 1] == filler && (out[out.len() - 2] ^ filler) < 0x80 {
            out.pop();
        }
        out[start..].reverse();
    }
}

/// Appends a decimal that is given in two's complement, big-endian, with `scale` digits behind the point; false, and
/// nothing, if it is too large.
pub(crate) fn write_decimal(out: &mut Vec<u8>, unscaled: &[u8], scale: u32) -> bool {
    let (is_negative, bytes) = without_signs(unscaled);
    if bytes.len() > DECIMAL_BYTES_MAX {
        return false;
    }
    if let Some(value) = short_decimal(unscaled) {
        place_point(out, is_negative, itoa::Buffer::new().format(value.unsigned_abs()).as_bytes(), scale);
        return true;
    }
    place_point(out, is_negative, &long_digits(bytes, is_negative), scale);
    true
}

/// A number in two's complement, big-endian, if it has fewer than 128 bits.
pub(crate) fn short_decimal(unscaled: &[u8]) -> Option<i128> {
    let (is_negative, bytes) = without_signs(unscaled);
    let sign = if is_negative { -1 } else { 0 };
    (bytes.len() < 16).then(|| bytes.iter().fold(sign, |value: i128, &byte| value << 8 | i128::from(byte)))
}

/// Whether a number is negative, and its bytes without those that only repeat the sign.
fn without_signs(unscaled: &[u8]) -> (bool, &[u8]) {
    let is_negative = unscaled.first().is_some_and(|&first| first >= 0x80);
    let filler = if is_negative { 0xff } else { 0 };
    let signs = unscaled.iter().take_while(|&&byte| byte == filler).count();
    (is_negative, &unscaled[signs..])
}

/// The digits of a number of any size, by division; `bytes` lack the bytes that only repeat the sign.
fn long_digits(bytes: &[u8], is_negative: bool) -> Vec<u8> {
    // 32 bits each, the highest first.
    let mut limbs = Vec::with_capacity(bytes.len() / 4 + 1);
    let filler = if is_negative { u32::MAX } else { 0 };
    let (first, rest) = bytes.split_at(bytes.len() % 4);
    limbs.push(first.iter().fold(filler, |limb, &byte| limb << 8 | u32::from(byte)));
    limbs.extend(rest.chunks_exact(4).map(|four| u32::from_be_bytes([four[0], four[1], four[2], four[3]])));
    if is_negative {
        let mut carry = true;
        for limb in limbs.iter_mut().rev() {
            let (negated, again) = (!*limb).overflowing_add(u32::from(carry));
            (*limb, carry) = (negated, again);
        }
        // All bytes zero: it is a power of 256 below zero.
        if carry {
            limbs.insert(0, 1);
        }
    }
    let mut digits = Vec::new();
    let mut start = 0;
    while start < limbs.len() {
        let mut rest = 0u64;
        for limb in &mut limbs[start..] {
            let value = rest << 32 | u64::from(*limb);
            *limb = (value / 1_000_000_000) as u32;
            rest = value % 1_000_000_000;
        }
        for _ in 0..9 {
            digits.push(b'0' + (rest % 10) as u8);
            rest /= 10;
        }
        start += limbs[start..].iter().take_while(|&&limb| limb == 0).count();
    }
    while digits.len() > 1 && digits.last() == Some(&b'0') {
        digits.pop();
    }
    digits.reverse();
    digits
}

fn place_point(out: &mut Vec<u8>, is_negative: bool, digits: &[u8], scale: u32) {
    if is_negative {
        out.push(b'-');
    }
    let scale = scale as usize;
    if digits.len() > scale {
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        out.extend_from_slice(whole);
        if scale > 0 {
            out.push(b'.');
            out.extend_from_slice(fraction);
        }
        return;
    }
    out.extend_from_slice(b"0.");
    out.resize(out.len() + scale - digits.len(), b'0');
    out.extend_from_slice(digits);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::{Misfit, scaled, whole};

    fn decimal(unscaled: &[u8], scale: u32) -> String {
        let mut out = Vec::new();
        assert!(write_decimal(&mut out, unscaled, scale));
        String::from_utf8(out).unwrap()
    }

    fn unscaled(text: &str, scale: u32, digits_max: u32) -> Result<Vec<u8>, Misfit> {
        let mut digits = Digits::default();
        scaled(text, scale, digits_max, &mut digits)?;
        let mut out = vec![7];
        digits.write_twos_complement(&mut out);
        Ok(out[1..].to_vec())
    }

    #[test]
    fn decimals_are_written_with_all_their_digits() {
        for (bytes, scale, text) in [
            (&[0x00][..], 0, "0"),
            (&[], 2, "0.00"),
            (&[0x00], 2, "0.00"),
            (&[0x07, 0xcf], 2, "19.99"),
            (&[0x4e, 0x16], 3, "19.990"),
            (&[0xff], 3, "-0.001"),
            (&[0xff, 0xff], 1, "-0.1"),
            (&[0x80], 0, "-128"),
            (&[0x00, 0x80], 0, "128"),
            (&[0xff, 0x00], 0, "-256"),
        ] {
            assert_eq!(decimal(bytes, scale), text);
        }
        assert!(!write_decimal(&mut Vec::new(), &[1; DECIMAL_BYTES_MAX + 1], 0));
        assert!(write_decimal(&mut Vec::new(), &[0xff; DECIMAL_BYTES_MAX + 100], 0));
    }

    #[test]
    fn decimals_of_any_size_come_back_as_they_went() {
        let mut state = 7u64;
        for len in (1..40).chain([100, 400, DECIMAL_BYTES_MAX - 1]) {
            for round in 0..20 {
                let mut bytes: Vec<u8> = (0..len)
                    .map(|_| {
                        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                        if round % 4 == 0 { 0 } else { (state >> 56) as u8 }
                    })
                    .collect();
                bytes[0] = [0x01, 0x80, 0x7f, 0xfe][round % 4];
                let text = decimal(&bytes, 5);
                assert_eq!(unscaled(&text, 5, DECIMAL_DIGITS_MAX + 8).unwrap(), bytes, "{text}");
                assert_eq!(unscaled(&format!("{text}00e0"), 5, DECIMAL_DIGITS_MAX + 8).unwrap(), bytes);
            }
        }
        for value in [i128::MIN, i128::MIN + 1, -1, 0, 1, i128::MAX] {
            assert_eq!(decimal(&value.to_be_bytes(), 0), value.to_string());
            assert_eq!(whole::<i128>(&value.to_string()).unwrap(), value);
        }
        for value in [i64::MIN, -129, -128, -1, 0, 127, 128, i64::MAX] {
            assert_eq!(decimal(&value.to_be_bytes(), 0), value.to_string());
            let full = value.to_be_bytes();
            let bytes = unscaled(&value.to_string(), 0, 19).unwrap();
            assert!(full.ends_with(&bytes) && (bytes.len() == 1 || decimal(&bytes[1..], 0) != value.to_string()));
        }
    }
}
