//! Workbooks of Excel: a sheet of rows under their names, and further ones where it is full.

mod dates;
mod parts;
mod read;
mod write;

pub(crate) use read::file_to_topic;
pub(crate) use write::topic_to_file;
