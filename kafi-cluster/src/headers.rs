//! Headers as they lie in a record.

use kafi_core::Header;

/// Passes on each header of `bytes`: their number, then for each the lengths and bytes of name and value, all numbers
/// in zigzag varints. `None` where that is not what the bytes are; some headers may have been passed on then.
pub(crate) fn for_each<'a>(bytes: &'a [u8], mut each: impl FnMut(Header<'a>)) -> Option<()> {
    let mut rest = bytes;
    let count = usize::try_from(number(&mut rest)?).ok()?;
    for _ in 0..count {
        let name = field(&mut rest)??;
        let value = field(&mut rest)?;
        each(Header { name, value });
    }
    rest.is_empty().then_some(())
}

/// A length and as many bytes; the inner `None` is null.
fn field<'a>(rest: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let len = number(rest)?;
    if len == -1 {
        return Some(None);
    }
    let (field, after) = rest.split_at_checked(usize::try_from(len).ok()?)?;
    *rest = after;
    Some(Some(field))
}

fn number(rest: &mut &[u8]) -> Option<i64> {
    let mut zigzag = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        zigzag |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    type Owned = (Vec<u8>, Option<Vec<u8>>);

    fn parsed(bytes: &[u8]) -> Option<Vec<Owned>> {
        let mut headers = Vec::new();
        for_each(bytes, |header| headers.push((header.name.to_vec(), header.value.map(<[u8]>::to_vec))))?;
        Some(headers)
    }

    #[test]
    fn names_are_bytes_and_null_is_not_empty() {
        let bytes = [6, 4, b'a', 0, 2, b'1', 4, 0xff, 0xfe, 0, 0, 1];
        let expected =
            vec![(b"a\0".to_vec(), Some(b"1".to_vec())), (b"\xff\xfe".to_vec(), Some(Vec::new())), (Vec::new(), None)];
        assert_eq!(parsed(&bytes), Some(expected));
        assert_eq!(parsed(&[0]), Some(Vec::new()));
    }

    #[test]
    fn long_values_have_long_lengths() {
        let mut bytes = vec![2, 2, b'n', 0xd0, 0x0f];
        bytes.extend([7; 1000]);
        assert_eq!(parsed(&bytes), Some(vec![(b"n".to_vec(), Some(vec![7; 1000]))]));
    }

    #[test]
    fn damage_is_found() {
        let good = [4, 2, b'a', 2, b'1', 2, b'b', 1];
        assert!(parsed(&good).is_some());
        for len in 0..good.len() {
            assert_eq!(parsed(&good[..len]), None, "{len}");
        }
        assert_eq!(parsed(&[2, 1, 0]), None, "a name is not null");
        assert_eq!(parsed(&[2, 3, 0]), None, "no length is -2");
        assert_eq!(parsed(&[0, 0]), None, "nothing comes after the last");
        assert_eq!(parsed(&[0xff; 20]), None, "a number is not endless");
    }
}
