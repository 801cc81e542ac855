//! Kafka's rule for the names of topics, which holds on every storage.

use crate::error::{Error, ErrorKind, Result};

/// The longest name, in characters.
pub const TOPIC_NAME_LEN_MAX: usize = 249;

/// Checks a topic's name by Kafka's rule: 1 to 249 of `a-z A-Z 0-9 . _ -`, and neither `.` nor `..`.
///
/// It is checked also where a name comes from a source storage, so that no name ever leaves a folder.
///
/// # Errors
/// `Usage` says what is wrong.
///
/// ```
/// assert!(kafi_core::check_topic_name("orders.v1").is_ok());
/// assert!(kafi_core::check_topic_name("../etc").is_err());
/// ```
pub fn check_topic_name(name: &str) -> Result<()> {
    let refuse =
        |why: String| Err(Error::new(ErrorKind::Usage, "check topic name", why).with("topic", format!("{name:?}")));
    if name.is_empty() {
        return refuse("a topic's name cannot be empty".into());
    }
    if name == "." || name == ".." {
        return refuse("a topic cannot be called . or ..".into());
    }
    if name.len() > TOPIC_NAME_LEN_MAX {
        return refuse(format!("{} characters are too many: {TOPIC_NAME_LEN_MAX} at most", name.len()));
    }
    let odd = name.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')));
    match odd {
        Some(odd) => refuse(format!("{odd:?} is not allowed: only a-z A-Z 0-9 . _ -")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_kafkas_rule() {
        let longest = "x".repeat(TOPIC_NAME_LEN_MAX);
        for good in ["a", "A-b_c.9", "__consumer_offsets", "...", &longest] {
            assert!(check_topic_name(good).is_ok(), "{good}");
        }
        let too_long = "x".repeat(TOPIC_NAME_LEN_MAX + 1);
        for bad in ["", ".", "..", "a/b", "a b", "ä", "a\n", "a:b", &too_long] {
            let error = check_topic_name(bad).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage, "{bad}");
            assert!(!error.to_string().contains('\n'));
        }
    }
}
