//! Topics as files, and back: CSV, TSV, and JSON, with gzip or Zstandard around them; with the features of their names
//! XML, workbooks of Excel, Parquet, Feather, and ORC.
//!
//! [`topic_to_file`] writes a row for each message, [`file_to_topic`] makes a message of each row. A row has columns:
//! of a message they are the members of its value, unless other [`Columns`] are asked for. Memory is constant both
//! ways, however large the topic.
//!
//! # What becomes of values
//!
//! | JSON | CSV, TSV | back from CSV |
//! |---|---|---|
//! | number | its digits, all of them | a number, where all fields of the column are numbers |
//! | true, false | `true`, `false` | the same, where all fields of the column are (also `True`, `False`) |
//! | string | its characters | a string |
//! | `""` | `""`, in quotes | `""` |
//! | null, missing | an empty field | null |
//! | object, array | JSON text | a string |
//! | bytes that are no text | base64 | a string |
//!
//! A tombstone is a row without anything. What has to come back as it was is exported with
//! [`envelope`](ExportOptions::envelope): then nothing is lost, in any of the formats.

#[cfg(feature = "arrow")]
mod arrow;
mod cell;
mod columns;
mod csv;
mod delimited;
mod derive;
mod envelope;
#[cfg(any(feature = "xml", feature = "xlsx"))]
mod escape;
mod export;
mod flow;
mod format;
mod import;
mod infer;
mod input;
mod json_rows;
mod kinds;
mod known;
#[cfg(any(feature = "xml", feature = "xlsx"))]
mod markup;
mod options;
mod output;
mod row;
mod rows;
mod sink;
mod source;
#[cfg(test)]
mod tests;
mod topic;
#[cfg(feature = "xlsx")]
mod xlsx;
#[cfg(feature = "xml")]
mod xml;

#[cfg(feature = "arrow")]
pub use arrow::{DataFrame, df_to_topic, topic_to_df};
/// Columns, as Arrow knows them: what data frames are made of.
#[cfg(feature = "arrow")]
pub use arrow_array;
/// Their types, and their errors.
#[cfg(feature = "arrow")]
pub use arrow_schema;
pub use columns::Columns;
pub use derive::FileColumns;
pub use format::{Compression, FileFormat, Format};
pub use import::file_to_topic;
pub use input::FileInput;
pub use options::{ExportOptions, Exported, ImportOptions, Imported, Infer, Roll};
pub use sink::TopicTarget;
pub use source::{Through, TopicSource};
pub use topic::{topic_to_file, topic_to_files, topic_to_new_file};
