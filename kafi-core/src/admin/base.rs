//! What the facets of administration have in common.

/// What every facet of [`Admin`](super::Admin) knows.
pub trait AdminBase: Send {
    /// The name of the storage, for errors.
    fn storage_name(&self) -> &str;
}
