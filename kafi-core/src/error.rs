//! The one error type: what was done, where, why it failed, and whether trying again can help.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

use crate::secret::without_secrets;

/// The result of everything in Kafi that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong, as a class that a program can act on.
///
/// The numbers are stable: they cross the plugin interface.
#[non_exhaustive]
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// Something that nobody foresaw; the source chain says more.
    Unexpected = 0,
    /// The caller passed something that cannot be meant: a bad flag, address, offset, or expression.
    Usage = 1,
    /// The configuration is wrong: an unknown key, a bad value, an unset variable.
    Config = 2,
    /// A topic, partition, group, file, or storage does not exist.
    NotFound = 3,
    /// It exists already.
    AlreadyExists = 4,
    /// This storage cannot do this operation.
    Unsupported = 5,
    /// Who we are was not accepted: wrong user, password, certificate, or token.
    Authentication = 6,
    /// Who we are is known, but may not do this.
    PermissionDenied = 7,
    /// The server cannot be reached or does not answer.
    Unavailable = 8,
    /// The time that the caller gave ran out.
    Timeout = 9,
    /// An offset lies outside of what the partition holds.
    OutOfRange = 10,
    /// A message is larger than the storage accepts.
    TooLarge = 11,
    /// Bytes do not form what they should: a damaged batch, a value that is not JSON.
    Corrupt = 12,
    /// There is no room left on the storage.
    NoSpace = 13,
    /// Somebody else changed the same thing at the same time.
    Conflict = 14,
    /// A newer member or producer took this one's place.
    Fenced = 15,
    /// The operating system refused to read or write.
    Io = 16,
    /// The user asked to stop.
    Cancelled = 17,
    /// A function of the user's failed.
    Function = 18,
}

/// Whether the same call can succeed when it is made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Retry {
    /// It fails each time.
    Never,
    /// It may succeed later.
    Later,
    /// It was retried for as long as was allowed.
    Exhausted,
}

/// An error, one word wide.
///
/// `Display` is one line, `what: where: why`; `Debug` is a paragraph with the chain of causes. Neither ever holds a
/// secret: whoever builds an error passes no passwords, tokens, or connection strings, and what reads like one
/// (`password=…`) is masked by [`without_secrets`](crate::without_secrets).
///
/// ```
/// use kafi_core::{Error, ErrorKind};
/// let error = Error::new(ErrorKind::NotFound, "read", "no such topic").with("topic", "orders").hint("create it with --create");
/// assert_eq!(error.to_string(), "read: topic orders: no such topic");
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    retry: Retry,
    operation: Cow<'static, str>,
    message: String,
    context: Vec<(Cow<'static, str>, String)>,
    hint: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// Makes an error of `kind` about `operation` (a short verb phrase: "read", "create topic") with a `message` that
    /// says why.
    pub fn new(kind: ErrorKind, operation: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        let message = shown(message.into());
        Self(Box::new(Inner {
            kind,
            retry: Retry::Never,
            operation: operation.into(),
            message,
            context: Vec::new(),
            hint: None,
            source: None,
        }))
    }

    /// An operation that `storage` cannot do.
    pub fn unsupported(storage: &str, operation: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Unsupported, operation, "this kind of storage cannot do that").with("storage", storage)
    }

    /// An error of the operating system: the kind follows from it, its text becomes the message.
    pub fn io(operation: impl Into<Cow<'static, str>>, source: std::io::Error) -> Self {
        use std::io::ErrorKind as Io;
        let kind = match source.kind() {
            Io::NotFound => ErrorKind::NotFound,
            Io::PermissionDenied | Io::ReadOnlyFilesystem => ErrorKind::PermissionDenied,
            Io::AlreadyExists => ErrorKind::AlreadyExists,
            Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => ErrorKind::NoSpace,
            Io::TimedOut => ErrorKind::Timeout,
            _ => ErrorKind::Io,
        };
        let message = io_message(&source);
        Self::new(kind, operation, message).source(source)
    }

    /// A failure of a function of the user's: of what it called, or why it will not go on.
    ///
    /// ```
    /// use kafi_core::Error;
    /// let count: kafi_core::Result<u32> = "many".parse().map_err(Error::function);
    /// assert_eq!(count.unwrap_err().to_string(), "function: invalid digit found in string");
    /// assert_eq!(Error::function("too many").to_string(), "function: too many");
    /// ```
    pub fn function(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let source = source.into();
        Self::new(ErrorKind::Function, "function", source.to_string()).source(source)
    }

    /// Adds where it happened: `with("topic", "orders")`. The pairs are shown in the order in which they were added.
    pub fn with(mut self, key: impl Into<Cow<'static, str>>, value: impl fmt::Display) -> Self {
        self.0.context.push((key.into(), shown(value.to_string())));
        self
    }

    /// Adds what the user can do about it, shown on a line of its own.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(shown(hint.into()));
        self
    }

    /// Says whether trying again can help; without it, it cannot.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.0.retry = retry;
        self
    }

    /// Sets the cause, shown by `Debug` and `--verbose`.
    pub fn source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// A copy without the chain of causes, which cannot be copied: for an error that is lent, as in a delivery report.
    pub fn duplicate(&self) -> Self {
        let Inner { kind, retry, operation, message, context, hint, source: _ } = &*self.0;
        let (operation, message, context, hint) = (operation.clone(), message.clone(), context.clone(), hint.clone());
        Self(Box::new(Inner { kind: *kind, retry: *retry, operation, message, context, hint, source: None }))
    }

    /// The class of this error.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether trying again can help.
    pub fn retryable(&self) -> Retry {
        self.0.retry
    }

    /// Whether it concerns a storage as a whole, or the user's wish to stop, and not only the topic or the partition
    /// that was asked about.
    pub fn concerns_all(&self) -> bool {
        matches!(
            self.kind(),
            ErrorKind::Unavailable | ErrorKind::Timeout | ErrorKind::Authentication | ErrorKind::Cancelled
        )
    }

    /// What was being done.
    pub fn operation(&self) -> &str {
        &self.0.operation
    }

    /// Why it failed, without the where.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Where it happened, as pairs in the order in which they were added.
    pub fn context(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.context.iter().map(|(key, value)| (&**key, value.as_str()))
    }

    /// What the user can do about it, if anything is known.
    pub fn hint_text(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = self.0.operation.to_string();
        for (index, (key, value)) in self.0.context.iter().enumerate() {
            line.push_str(if index == 0 { ": " } else { ", " });
            line.push_str(key);
            line.push(' ');
            line.push_str(value);
        }
        line.push_str(": ");
        line.push_str(&self.0.message);
        // One error is one line, whatever a server or a file name put into its text.
        f.write_str(&line.replace(['\n', '\r'], " "))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} ({:?}, retry {:?})", self.0.kind, self.0.retry)?;
        if let Some(hint) = &self.0.hint {
            write!(f, "\nhint: {hint}")?;
        }
        let mut cause = StdError::source(self);
        while let Some(error) = cause {
            write!(f, "\ncaused by: {}", without_secrets(&error.to_string()))?;
            cause = error.source();
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

/// A text without what reads like a secret.
fn shown(text: String) -> String {
    match without_secrets(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(masked) => masked,
    }
}

/// The system's text without the number that the standard library appends.
fn io_message(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => "unknown error of the operating system".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_one_word_wide() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
        assert_eq!(size_of::<Result<()>>(), size_of::<usize>());
    }

    #[test]
    fn display_is_one_line_and_debug_has_the_chain() {
        let cause = std::io::Error::from_raw_os_error(28);
        let error = Error::io("append", cause).with("topic", "a\nb").with("partition", 3).hint("free some space");
        assert_eq!(error.kind(), ErrorKind::NoSpace);
        assert_eq!(error.to_string(), "append: topic a b, partition 3: no space left on device");
        let debug = format!("{error:?}");
        assert!(debug.contains("hint: free some space") && debug.contains("caused by: No space"), "{debug}");
    }

    #[test]
    fn what_reads_like_a_secret_is_not_shown() {
        let cause = std::io::Error::other("refused: password=hunter2");
        let error = Error::new(ErrorKind::Usage, "open", "bad: sasl.password=hunter2")
            .with("address", "kafka://me:hunter2@h")
            .hint("not secret.key=hunter2");
        let error = error.source(cause);
        let shown = format!("{error} {error:?} {:?} {}", error.context().collect::<Vec<_>>(), error.message());
        assert!(!shown.contains("hunter2") && shown.contains("kafka://***@h"), "{shown}");
    }

    #[test]
    fn a_duplicate_says_the_same() {
        let error = Error::io("append", std::io::Error::from_raw_os_error(28))
            .with("topic", "t")
            .hint("free some space")
            .retry(Retry::Later);
        let twin = error.duplicate();
        assert_eq!((twin.kind(), twin.retryable()), (ErrorKind::NoSpace, Retry::Later));
        assert_eq!(twin.to_string(), error.to_string());
        assert_eq!(twin.hint_text(), error.hint_text());
        assert!(StdError::source(&twin).is_none() && StdError::source(&error).is_some());
    }
}
