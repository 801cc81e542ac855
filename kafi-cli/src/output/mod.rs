//! What is printed: messages, tables, and progress.

mod closed;
mod differences;
pub mod escape;
mod format;
mod highlight;
mod look;
pub mod messages;
pub mod number;
pub mod progress;
pub mod stderr;
mod stdout;
mod table;
pub mod terminal;

pub use differences::DifferencePrinter;
pub use format::unescape;
pub use messages::{MessagePrinter, PrintArgs, meant_types};
pub use stdout::{Stdout, is_nobody_reads, nobody_reads};
pub use table::{Cell, Table};
