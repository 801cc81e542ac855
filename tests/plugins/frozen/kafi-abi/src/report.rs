//! Delivery reports as they cross.

use abi_stable::StableAbi;
use abi_stable::std_types::ROption;

use crate::batch::Text;
use crate::failure::Failure;

/// What became of a run of messages.
#[repr(C)]
#[derive(StableAbi, Debug)]
pub struct Report {
    /// The caller's word.
    pub token: u64,
    /// The topic; the text stays for as long as the report does.
    pub topic: Text,
    /// The partition; -1 if it was never chosen.
    pub partition: i32,
    /// The ordinal of the first message, from 0.
    pub first: u64,
    /// How many messages it covers.
    pub count: u64,
    /// The offset of the first message, -1 where it is not known; without meaning for a failure.
    pub offset: i64,
    /// Why they were not written, if so.
    pub failure: ROption<Failure>,
}
