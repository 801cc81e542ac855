//! Errors as they cross: flattened, with the chain of causes as texts.

use abi_stable::StableAbi;
use abi_stable::std_types::{ROption, RString, RVec};

/// An error.
#[repr(C)]
#[derive(StableAbi, Clone, Debug)]
pub struct Failure {
    /// The number of its kind; one that the reader does not know is 0, "unexpected".
    pub kind: u32,
    /// Whether a retry may help: 0 never, 1 later, 2 it was retried for as long as was allowed.
    pub retry: u32,
    /// What was being done.
    pub operation: RString,
    /// Why it failed.
    pub message: RString,
    /// Where, in order.
    pub context: RVec<Pair>,
    /// What the user can do about it.
    pub hint: ROption<RString>,
    /// The texts of its causes, the nearest first.
    pub chain: RVec<RString>,
}

/// A key and its value.
#[repr(C)]
#[derive(StableAbi, Clone, Debug)]
pub struct Pair {
    /// The key.
    pub key: RString,
    /// The value.
    pub value: RString,
}
