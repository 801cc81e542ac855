//! Puts environment variables into values: `${NAME}`, with `$${` for a plain `${`.

use std::env::VarError;

use crate::error::{Error, ErrorKind};

/// No value is longer, variables included: it is not a value any more but a file.
pub(crate) const VALUE_BYTES_MAX: usize = 1 << 20;

/// Where variables come from; tests have their own.
pub(crate) type Lookup<'a> = &'a dyn Fn(&str) -> Result<String, VarError>;

/// Replaces each `${NAME}` in the `value` of the property `key` by the environment variable of that name; `$${` stands
/// for `${` itself.
///
/// # Errors
/// `Config` for a variable that is not set or not UTF-8, a brace that is missing, or a value that gets larger than 1
/// MiB; it names the key and the variable, and never what a variable holds.
pub fn expand_environment(key: &str, value: &str) -> crate::Result<String> {
    let refuse = |why| Error::new(ErrorKind::Config, "read variables", why).with("key", key);
    expand(value, &|name| std::env::var(name)).map_err(refuse)
}

/// Whether a text is one variable, `${NAME}`, and nothing else.
pub fn is_variable(text: &str) -> bool {
    text.strip_prefix("${").and_then(|text| text.strip_suffix('}')).is_some_and(is_name)
}

/// Replaces each `${NAME}` of `text`. What a variable holds is not expanded again. The error says what is wrong, and
/// never what any variable holds.
pub(crate) fn expand(text: &str, lookup: Lookup) -> Result<String, String> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let before = &rest[..at];
        rest = &rest[at + 2..];
        if let Some(before) = before.strip_suffix('$') {
            expanded.push_str(before);
            expanded.push_str("${");
            continue;
        }
        expanded.push_str(before);
        let Some((name, after)) = rest.split_once('}') else {
            return Err("a variable lacks its closing brace; write $${ where ${ itself is meant".into());
        };
        if !is_name(name) {
            return Err(
                "the name of a variable is letters, digits, and underscores; write $${ where ${ itself is meant".into(),
            );
        }
        expanded.push_str(&lookup(name).map_err(|error| match error {
            VarError::NotPresent => format!("the environment variable {name} is not set"),
            VarError::NotUnicode(_) => format!("the environment variable {name} is not UTF-8"),
        })?);
        if expanded.len() > VALUE_BYTES_MAX {
            return Err(format!("the value is larger than 1 MiB with the environment variable {name}"));
        }
        rest = after;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

fn is_name(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(name: &str) -> Result<String, VarError> {
        match name {
            "HOST" => Ok("h1".into()),
            "PORT_2" => Ok("9092".into()),
            "EMPTY" => Ok(String::new()),
            "NESTED" => Ok("${HOST}".into()),
            "LARGE" => Ok("x".repeat(600_000)),
            "BYTES" => Err(VarError::NotUnicode("x".into())),
            _ => Err(VarError::NotPresent),
        }
    }

    #[test]
    fn replaces_variables() {
        let cases = [
            ("", ""),
            ("plain", "plain"),
            ("${HOST}", "h1"),
            ("${HOST}:${PORT_2},é${HOST}", "h1:9092,éh1"),
            ("a${EMPTY}b", "ab"),
            ("${NESTED}", "${HOST}"),
            ("$${HOST}", "${HOST}"),
            ("x$${HOST}${HOST}", "x${HOST}h1"),
            ("$$${HOST}", "$${HOST}"),
            ("${HOST}$${HOST}$", "h1${HOST}$"),
            ("$HOST $ $$ {HOST} }", "$HOST $ $$ {HOST} }"),
        ];
        for (text, expected) in cases {
            assert_eq!(expand(text, &lookup).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn knows_what_is_nothing_but_a_variable() {
        assert!(is_variable("${A_1}"));
        for text in ["", "${}", "${A}${B}", "${A}hunter2${B}", "x${A}", "${A}x", "$${A}", "${1}", "{A}", "${A"] {
            assert!(!is_variable(text), "{text}");
        }
    }

    #[test]
    fn says_what_is_wrong() {
        let cases = [
            ("${MISSING}", "MISSING is not set"),
            ("${HOST", "closing brace"),
            ("${HOST$}", "letters, digits"),
            ("${}", "letters, digits"),
            ("${1A}", "letters, digits"),
            ("${A-b}", "letters, digits"),
            ("${BYTES}", "BYTES is not UTF-8"),
            ("${LARGE}${LARGE}", "larger than 1 MiB with the environment variable LARGE"),
        ];
        for (text, expected) in cases {
            let message = expand(text, &lookup).unwrap_err();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }
}
