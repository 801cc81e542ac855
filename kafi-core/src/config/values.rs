//! How values of a configuration are read. Errors say what is allowed.

/// A value, or what is allowed in its place.
pub(super) type Checked<T> = std::result::Result<T, String>;

/// Sets a field, unless the value is not allowed.
pub(super) fn put<T>(field: &mut T, value: Checked<T>) -> Checked<()> {
    *field = value?;
    Ok(())
}

/// A whole number of this range.
pub(super) fn whole(text: &str, min: i64, max: i64) -> Checked<i64> {
    let allowed = || {
        if max == i64::MAX {
            format!("a whole number, {min} or more")
        } else {
            format!("a whole number from {min} to {max}")
        }
    };
    text.parse().ok().filter(|number| (min..=max).contains(number)).ok_or_else(allowed)
}

/// True or false.
pub(super) fn boolean(text: &str) -> Checked<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("true or false".into()),
    }
}

/// One of these words.
pub(super) fn one_of(text: &str, words: &[&str]) -> Checked<String> {
    if words.contains(&text) { Ok(text.to_owned()) } else { Err(format!("one of {}", words.join(" "))) }
}
