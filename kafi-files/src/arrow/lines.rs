//! Rows of columns as lines of JSON, some at a time.

use std::io::{self, Write};

use arrow_array::RecordBatch;
use kafi_core::{ColumnType, Error, Result};

use super::times::wrong_rows;
use super::write::write_line;
use super::{BYTES, ROWS, write_lines};

/// Rows on their way.
pub(super) enum Rows {
    /// Lines of JSON, each with its end.
    Lines(Vec<u8>),
    /// One that is no message, with numbers where JSON has no text for what they stand for, and why.
    Wrong(Vec<u8>, Error),
}

/// Hands over rows as lines of JSON, until that returns false. They are of few rows and of few bytes at once: columns may
/// hold much, their text more, and a value that many rows share is written in each of them. `target` is what the values
/// are that they become, where that is known.
pub(super) fn each_rows(
    columns: &RecordBatch,
    target: Option<&ColumnType>,
    each: &mut dyn FnMut(Rows) -> Result<bool>,
) -> Result<bool> {
    for start in (0..columns.num_rows()).step_by(ROWS) {
        let part = columns.slice(start, ROWS.min(columns.num_rows() - start));
        let mut from = 0;
        for (row, error) in wrong_rows(&part)? {
            let is_taken = from == row || each_lines(&part.slice(from, row - from), target, each)?;
            if !is_taken || !each(Rows::Wrong(write_line(&part.slice(row, 1), target)?, error))? {
                return Ok(false);
            }
            from = row + 1;
        }
        if from < part.num_rows() && !each_lines(&part.slice(from, part.num_rows() - from), target, each)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn each_lines(
    columns: &RecordBatch,
    target: Option<&ColumnType>,
    each: &mut dyn FnMut(Rows) -> Result<bool>,
) -> Result<bool> {
    let mut lines = Lines { text: Vec::new(), each: &mut *each, end: None };
    let written = write_lines(columns, target, &mut lines);
    let Lines { text, end, .. } = lines;
    if let Some(end) = end {
        return end.map(|()| false);
    }
    written?;
    each(Rows::Lines(text))
}

/// Lines that are handed over when there are many bytes of them.
struct Lines<'e> {
    text: Vec<u8>,
    each: &'e mut dyn FnMut(Rows) -> Result<bool>,
    /// Why nothing more is handed over: an error, or that nobody wants it.
    end: Option<Result<()>>,
}

impl Write for Lines<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        if self.text.len() < BYTES {
            return Ok(bytes.len());
        }
        // Within a line there is none, as that is JSON.
        let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') else { return Ok(bytes.len()) };
        let rest = self.text.split_off(self.text.len() - bytes.len() + end + 1);
        match (self.each)(Rows::Lines(std::mem::replace(&mut self.text, rest))) {
            Ok(true) => return Ok(bytes.len()),
            ended => self.end = Some(ended.map(drop)),
        }
        Err(io::Error::other("nobody takes more lines"))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::types::Int32Type;
    use arrow_array::{DictionaryArray, Int32Array, StringArray};
    use kafi_core::ErrorKind;

    use super::*;

    /// 8,192 rows that share one value of 10 kB.
    fn shared() -> RecordBatch {
        let values = StringArray::from(vec!["x".repeat(10_000)]);
        let rows = DictionaryArray::<Int32Type>::new(Int32Array::from(vec![0; ROWS]), Arc::new(values));
        RecordBatch::try_from_iter([("a", Arc::new(rows) as _)]).unwrap()
    }

    #[test]
    fn values_that_rows_share_are_handed_over_bit_by_bit() {
        let (mut sizes, mut rows) = (Vec::new(), 0);
        let mut each = |rows_of: Rows| {
            let Rows::Lines(text) = rows_of else { panic!("nothing is wrong") };
            assert_eq!(text.last(), Some(&b'\n'));
            sizes.push(text.len());
            rows += text.split(|byte| *byte == b'\n').filter(|line| line.len() == 10_000 + r#"{"a":""}"#.len()).count();
            Ok(true)
        };
        assert!(each_rows(&shared(), None, &mut each).unwrap());
        assert_eq!(rows, ROWS);
        assert!(sizes.len() >= 10 && sizes.iter().all(|size| *size < BYTES + 100_000), "{sizes:?}");
    }

    #[test]
    fn nothing_is_handed_over_after_the_end() {
        let mut calls = 0;
        let mut stop = |_| {
            calls += 1;
            Ok(false)
        };
        assert!(!each_rows(&shared(), None, &mut stop).unwrap());
        let mut fail = |_| Err(Error::new(ErrorKind::Corrupt, "write", "it is full"));
        assert_eq!(each_rows(&shared(), None, &mut fail).unwrap_err().message(), "it is full");
        assert_eq!(calls, 1);
    }
}
