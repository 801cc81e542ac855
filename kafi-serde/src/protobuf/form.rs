//! How Protobuf is written as JSON.

/// The member that holds the fields which a message does not have.
pub(crate) const UNKNOWN_MEMBER: &str = "@unknown";

/// How messages are written as JSON, where Protobuf's mapping leaves a choice or is not convenient.
///
/// Whatever it is, all of it is read back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Form {
    /// How integers of 64 bits are written.
    pub integers: Integers,
    /// Whether fields that are not there, and of which nobody can tell, are written with their defaults.
    pub shows_defaults: bool,
    /// Whether fields that the message does not have are kept, as base64 in the member `@unknown`, so that writing it
    /// again loses nothing.
    pub keeps_unknown: bool,
}

/// How integers of 64 bits are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Integers {
    /// As numbers, with all their digits.
    #[default]
    Numbers,
    /// As strings, as Protobuf's mapping to JSON says.
    Strings,
}
