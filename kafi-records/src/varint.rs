//! Kafka's zigzag varints.

use crate::malformed::Malformed;

/// The bytes that `value` takes as a varint.
#[inline]
pub fn varint_bytes(value: i64) -> usize {
    let bits = 64 - (zigzag(value) | 1).leading_zeros() as usize;
    // Seven bits a byte, rounded up; the division by 64 in place of 7 is right for all 64.
    (bits * 9 + 64) / 64
}

/// Writes `value` as a varint. A 32-bit value takes the same bytes as a 64-bit one.
#[inline(always)]
pub fn write_varint(out: &mut Vec<u8>, value: i64) {
    let value = zigzag(value);
    if value < 1 << 7 {
        out.push(value as u8);
    } else if value < 1 << 14 {
        out.extend_from_slice(&[value as u8 | 0x80, (value >> 7) as u8]);
    } else {
        write_long(out, value);
    }
}

fn write_long(out: &mut Vec<u8>, mut rest: u64) {
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Reads a varint of at most 32 bits and moves `position` behind it.
#[inline(always)]
pub fn read_varint(data: &[u8], position: &mut usize) -> Result<i32, Malformed> {
    let first = u32::from(*data.get(*position).ok_or(Malformed::End)?);
    *position += 1;
    if first < 0x80 {
        return Ok(unzigzag_32(first));
    }
    let second = u32::from(*data.get(*position).ok_or(Malformed::End)?);
    *position += 1;
    let low = first & 0x7f | (second & 0x7f) << 7;
    if second < 0x80 {
        return Ok(unzigzag_32(low));
    }
    read_rest(data, position, u64::from(low), 32).map(|value| unzigzag_32(value as u32))
}

/// Reads a varint of at most 64 bits and moves `position` behind it.
#[inline(always)]
pub fn read_varlong(data: &[u8], position: &mut usize) -> Result<i64, Malformed> {
    let first = u64::from(*data.get(*position).ok_or(Malformed::End)?);
    *position += 1;
    if first < 0x80 {
        return Ok(unzigzag_64(first));
    }
    let second = u64::from(*data.get(*position).ok_or(Malformed::End)?);
    *position += 1;
    let low = first & 0x7f | (second & 0x7f) << 7;
    if second < 0x80 {
        return Ok(unzigzag_64(low));
    }
    read_rest(data, position, low, 64).map(unzigzag_64)
}

/// Reads the third and later bytes of a varint whose first two gave `low`, and refuses what does not fit `bits`.
fn read_rest(data: &[u8], position: &mut usize, low: u64, bits: u32) -> Result<u64, Malformed> {
    let mut value = low;
    let mut shift = 14;
    loop {
        let byte = u64::from(*data.get(*position).ok_or(Malformed::End)?);
        *position += 1;
        let room = bits - shift;
        if room < 8 && byte >> room != 0 {
            return Err(Malformed::Varint);
        }
        value |= (byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
        shift += 7;
    }
}

/// Small numbers of either sign as small numbers.
fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn unzigzag_32(value: u32) -> i32 {
    (value >> 1) as i32 ^ -((value & 1) as i32)
}

fn unzigzag_64(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_at_every_length() {
        let mut values = vec![0, 1, -1, 63, -64, 64, -65, i64::MAX, i64::MIN, i64::from(i32::MAX), i64::from(i32::MIN)];
        values.extend((0..63).flat_map(|bit| [(1i64 << bit) - 1, 1 << bit, -(1 << bit), -(1 << bit) - 1]));
        for value in values {
            let mut out = Vec::new();
            write_varint(&mut out, value);
            assert_eq!(out.len(), varint_bytes(value), "{value}");
            let mut position = 0;
            assert_eq!(read_varlong(&out, &mut position), Ok(value));
            assert_eq!(position, out.len());
            let mut position = 0;
            let short = read_varint(&out, &mut position);
            match i32::try_from(value) {
                Ok(value) => assert_eq!(short, Ok(value)),
                Err(_) => assert_eq!(short, Err(Malformed::Varint), "{value}"),
            }
            for cut in 0..out.len() {
                assert_eq!(read_varlong(&out[..cut], &mut 0), Err(Malformed::End));
            }
        }
    }

    #[test]
    fn writes_the_bytes_of_the_specification() {
        let bytes = |value| {
            let mut out = Vec::new();
            write_varint(&mut out, value);
            out
        };
        assert_eq!(bytes(0), [0]);
        assert_eq!(bytes(-1), [1]);
        assert_eq!(bytes(1), [2]);
        assert_eq!(bytes(-64), [0x7f]);
        assert_eq!(bytes(64), [0x80, 1]);
        assert_eq!(bytes(i64::from(i32::MIN)), [0xff, 0xff, 0xff, 0xff, 0x0f]);
    }

    #[test]
    fn refuses_varints_that_never_end() {
        assert_eq!(read_varint(&[0xff; 12], &mut 0), Err(Malformed::Varint));
        assert_eq!(read_varlong(&[0xff; 12], &mut 0), Err(Malformed::Varint));
        assert_eq!(read_varint(&[0xff, 0xff, 0xff, 0xff, 0x1f], &mut 0), Err(Malformed::Varint));
        assert_eq!(
            read_varlong(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2], &mut 0),
            Err(Malformed::Varint)
        );
    }
}
