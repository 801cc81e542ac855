//! The arguments that several verbs share, each defined once; a verb's own stand in its file.

mod addresses;
mod common;
mod confirm;
mod conversion;
mod copying;
mod execute;
mod failures;
mod functions;
mod join_functions;
mod partitions;
mod password;
mod places;
mod printing;
mod reading;
mod shown;
mod types;
mod values;
mod writing;

pub use addresses::{GroupsArgs, TopicsArgs};
pub use common::CommonArgs;
pub use confirm::ConfirmArgs;
pub use conversion::{ConversionArgs, FromArgs, ToArgs};
pub use copying::CopyArgs;
pub use execute::ExecuteArgs;
pub use failures::FailureArgs;
pub use functions::{FunctionArgs, JqArgs, compiled, open_steps, share_limit, through_steps};
pub use join_functions::JoinFunctionArgs;
pub use partitions::PartitionsArgs;
pub use password::PasswordArgs;
pub use places::PlaceArgs;
pub use printing::{KeyValueArgs, PrintArgs};
pub use reading::{LimitArgs, OrderArgs, ReadArgs};
pub use shown::ShownArgs;
pub use types::{ReadingArgs, TextArgs, TypeArgs, WriterSchemaArgs, type_named};
pub use values::{keep_equals, key_value, refused, setting, size, size_of_something};
pub use writing::WriteArgs;
