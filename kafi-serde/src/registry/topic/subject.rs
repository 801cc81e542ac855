//! Names of subjects, and the contexts in front of them: `:.staging:orders-value`.

/// The default context.
pub(super) const DEFAULT_CONTEXT: &str = ".";

/// What stands in front of a context.
const CONTEXT_START: &str = ":.";

/// What means the subjects of all contexts.
const ALL_CONTEXTS: &str = ":*:";

/// Names that registries keep for themselves.
const RESERVED: [&str; 2] = ["__GLOBAL", "__EMPTY"];

/// The context of a subject, and its name in it.
pub(super) fn split(subject: &str) -> (&str, &str) {
    if !subject.starts_with(CONTEXT_START) {
        return (DEFAULT_CONTEXT, subject);
    }
    let rest = &subject[1..];
    rest.split_once(':').unwrap_or((rest, ""))
}

/// The context of a subject.
pub(super) fn context_of(subject: &str) -> &str {
    split(subject).0
}

/// The subject of this name in a context.
pub(super) fn join(context: &str, name: &str) -> String {
    if context == DEFAULT_CONTEXT { name.into() } else { format!(":{context}:{name}") }
}

/// A subject as it is kept: without the default context.
pub(super) fn plain(subject: &str) -> String {
    let (context, name) = split(subject);
    join(context, name)
}

/// The subject that a reference in another subject means: in the same context, unless it says another one.
pub(super) fn referred(subject: &str, from: &str) -> String {
    if subject.starts_with(CONTEXT_START) { plain(subject) } else { join(context_of(from), subject) }
}

/// What configurations and modes of a whole context stand under.
pub(super) fn whole_context(subject: &str) -> Option<String> {
    match context_of(subject) {
        DEFAULT_CONTEXT => None,
        context => Some(join(context, "")),
    }
}

/// Whether a subject can be called that.
pub(super) fn is_valid(subject: &str) -> bool {
    let (context, name) = split(subject);
    let is_text = |text: &str| !text.chars().any(char::is_control);
    !name.is_empty() && is_text(context) && is_text(name) && !RESERVED.contains(&name)
}

/// Whether a subject is among those that a prefix means.
pub(super) fn is_meant(subject: &str, prefix: &str) -> bool {
    let (context, name) = split(subject);
    if let Some(prefix) = prefix.strip_prefix(ALL_CONTEXTS) {
        return name.starts_with(prefix);
    }
    let (wanted, prefix) = split(prefix);
    context == wanted && name.starts_with(prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_have_contexts() {
        for (subject, context, name) in [
            ("a-value", ".", "a-value"),
            (":.staging:a", ".staging", "a"),
            (":.:a", ".", "a"),
            (":.staging:", ".staging", ""),
            (":.staging", ".staging", ""),
            (":a:b", ".", ":a:b"),
            ("a:.b:c", ".", "a:.b:c"),
        ] {
            assert_eq!(split(subject), (context, name), "{subject}");
        }
        assert_eq!((plain(":.:a"), plain(":.b:a"), plain("a")), ("a".into(), ":.b:a".into(), "a".into()));
        assert_eq!((referred("a", ":.c:b"), referred(":.d:a", ":.c:b")), (":.c:a".into(), ":.d:a".into()));
    }

    #[test]
    fn prefixes_mean_a_context_or_all() {
        for (subject, prefix, is) in [
            ("a", "", true),
            (":.c:a", "", false),
            (":.c:a", ":.c:", true),
            (":.c:a", ":.c:b", false),
            (":.c:a", ":*:", true),
            ("a", ":*:a", true),
            ("ab", "a", true),
            ("b", "a", false),
        ] {
            assert_eq!(is_meant(subject, prefix), is, "{subject} {prefix}");
        }
    }

    #[test]
    fn some_names_are_none() {
        for name in ["", "a\nb", "__GLOBAL", ":.c:", ":.c:__EMPTY"] {
            assert!(!is_valid(name), "{name}");
        }
        assert!(is_valid("ä b/c") && is_valid(":.c:a"));
    }
}
