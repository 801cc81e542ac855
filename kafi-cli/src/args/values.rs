//! How the values of arguments are read, and refused.

use std::ffi::OsString;

use kafi::{Error, ErrorKind};

/// An argument that does not go together with another.
pub fn refused(argument: &str, why: &str) -> Error {
    Error::new(ErrorKind::Usage, "read arguments", why).with("argument", argument)
}

/// Lets `-K=` and `-D=` mean the delimiter `=`, as in kcat, where clap would take the sign for a part of its own
/// grammar.
pub fn keep_equals(argument: OsString) -> OsString {
    match argument.to_str() {
        Some(text) if ["-K=", "-D="].iter().any(|start| text.starts_with(start)) => {
            format!("{}={}", &text[..2], &text[2..]).into()
        }
        _ => argument,
    }
}

/// Reads `KEY=VALUE`.
pub fn key_value(text: &str) -> std::result::Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_string(), value.to_string())),
        _ => Err("it is written KEY=VALUE".into()),
    }
}

/// Reads a setting, `KEY=VALUE`, in which durations and sizes become numbers.
pub fn setting(text: &str) -> std::result::Result<(String, String), String> {
    let (key, value) = key_value(text)?;
    let value = kafi::setting_value(&key, &value).map_err(|error| error.message().to_string())?;
    Ok((key, value))
}

/// Reads a size.
pub fn size(text: &str) -> std::result::Result<u64, String> {
    kafi::parse_size(text).map_err(|error| error.message().to_string())
}

/// Reads a size that is not 0.
pub fn size_of_something(text: &str) -> std::result::Result<u64, String> {
    size(text).and_then(|bytes| if bytes == 0 { Err("it is 0".into()) } else { Ok(bytes) })
}
