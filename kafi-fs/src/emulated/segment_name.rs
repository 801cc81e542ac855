//! The names of segments: 20 digits, which are the first offset.

/// The base offset in the name of a segment, without a folder before it; `None` for the name of anything else.
pub fn segment_base(name: &str) -> Option<i64> {
    base_of(name, ".log")
}

/// The base offset in the name of a file that ends in `suffix`.
pub(crate) fn base_of(name: &str, suffix: &str) -> Option<i64> {
    let digits = name.strip_suffix(suffix)?;
    let valid = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    if valid { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_files_of_twenty_digits() {
        assert_eq!(segment_base("00000000000000000042.log"), Some(42));
        for other in [
            "42.log",
            "00000000000000000042.kidx",
            "0000000000000000004x.log",
            "99999999999999999999.log",
            "00000000000000000042.log~",
        ] {
            assert_eq!(segment_base(other), None, "{other}");
        }
    }
}
