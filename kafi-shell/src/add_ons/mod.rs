//! What people do with whole topics beyond the verbs: sizes of messages, the newest once more, a topic made anew.

mod recreate;
mod repeat;
mod sizes;

pub use recreate::{Recreation, explain_settings, recreate};
pub use repeat::repeat;
pub use sizes::{SizeStats, SizedMessage, sizes};
