//! What is printed: messages, tables, and progress. Nothing here knows an argument.

mod closed;
mod differences;
pub mod escape;
mod format;
mod highlight;
mod message_line;
mod messages;
pub mod number;
mod options;
pub mod progress;
pub mod stderr;
mod stdout;
mod table;
pub mod terminal;

pub use differences::DifferencePrinter;
pub use format::unescape;
pub use message_line::Origin;
pub use messages::{MessagePrinter, Printing, Reading};
pub use options::OutputOptions;
pub use stdout::{Stdout, is_nobody_reads, nobody_reads};
pub use table::{Cell, Table, name_of};
