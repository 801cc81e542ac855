//! Values of JSON one after another: on lines, with white space between them, or as the elements of one array.

use std::io::BufRead;

use kafi_core::{Error, ErrorKind, Result};

use crate::csv::ROW_BYTES_MAX;
use crate::input::{Bytes, failed, skip_mark};

/// Splits a stream into the texts of its values, which are not checked further.
pub(crate) struct JsonReader<'a> {
    bytes: Bytes<'a>,
    /// Whether the values are the elements of an array; not known before the first byte.
    array: Option<bool>,
    row: u64,
}

#[derive(Clone, Copy, Default)]
struct State {
    depth: u32,
    in_string: bool,
    escaped: bool,
    /// Whether a value has begun.
    begun: bool,
}

impl<'a> JsonReader<'a> {
    pub(crate) fn new(mut bytes: Bytes<'a>) -> Result<Self> {
        skip_mark(&mut bytes)?;
        Ok(Self { bytes, array: None, row: 0 })
    }

    /// The number of the value that was read last, from 1.
    pub(crate) fn row(&self) -> u64 {
        self.row
    }

    /// Replaces what `into` holds with the text of the next value; false at the end.
    pub(crate) fn read(&mut self, into: &mut Vec<u8>) -> Result<bool> {
        into.clear();
        let mut state = State::default();
        loop {
            let block = self.bytes.fill_buf().map_err(failed)?;
            if block.is_empty() {
                return self.end(state, into);
            }
            let (mut used, mut is_whole) = (0, false);
            for byte in block {
                used += 1;
                match (self.array, *byte) {
                    // The beginning of the file says which of both it is.
                    (None, b' ' | b'\t' | b'\n' | b'\r') => {}
                    (None, b'[') => self.array = Some(true),
                    (known, byte) => {
                        if known.is_none() {
                            self.array = Some(false);
                        }
                        match take(&mut state, byte, into) {
                            Taken::More => {}
                            Taken::Whole => is_whole = true,
                            // It ends the value before it, and is looked at again.
                            Taken::Before => {
                                (used, is_whole) = (used - 1, true);
                            }
                            Taken::End if self.array == Some(true) => {
                                self.bytes.consume(used);
                                return self.nothing_more(into);
                            }
                            Taken::End => return Err(self.bad("a bracket closes what was never opened")),
                        }
                    }
                }
                if is_whole {
                    break;
                }
            }
            self.bytes.consume(used);
            if is_whole {
                self.row += 1;
                return Ok(true);
            }
            if into.len() > ROW_BYTES_MAX {
                return Err(self.bad("a value has more than 256 MiB"));
            }
        }
    }

    fn end(&mut self, state: State, into: &[u8]) -> Result<bool> {
        if self.array == Some(true) || state.depth > 0 || state.in_string {
            return Err(self.bad("the file ends in the middle: it is damaged or cut off"));
        }
        if into.is_empty() {
            return Ok(false);
        }
        self.row += 1;
        Ok(true)
    }

    /// Behind the end of the array there is only white space.
    fn nothing_more(&mut self, into: &mut Vec<u8>) -> Result<bool> {
        self.array = Some(false);
        if self.read(into)? { Err(self.bad("something stands behind the end of the array")) } else { Ok(false) }
    }

    fn bad(&self, why: &str) -> Error {
        Error::new(ErrorKind::Corrupt, "read JSON", why).with("row", self.row + 1)
    }
}

enum Taken {
    More,
    /// The byte is the last of the value.
    Whole,
    /// The byte stands behind the value.
    Before,
    /// The byte closes the array around all values.
    End,
}

/// Takes a byte. Only brackets and strings matter here; what is no JSON is found when the value is read.
fn take(state: &mut State, byte: u8, into: &mut Vec<u8>) -> Taken {
    if state.in_string {
        into.push(byte);
        match byte {
            _ if state.escaped => state.escaped = false,
            b'\\' => state.escaped = true,
            b'"' => {
                state.in_string = false;
                if state.depth == 0 {
                    return Taken::Whole;
                }
            }
            _ => {}
        }
        return Taken::More;
    }
    if state.depth == 0 && matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b',') {
        return if state.begun { Taken::Before } else { Taken::More };
    }
    match byte {
        b']' | b'}' if state.depth == 0 => return if state.begun { Taken::Before } else { Taken::End },
        b'{' | b'[' | b'"' if state.depth == 0 && state.begun => return Taken::Before,
        b'{' | b'[' => state.depth += 1,
        b'"' => state.in_string = true,
        b']' | b'}' => state.depth -= 1,
        _ => {}
    }
    state.begun = true;
    into.push(byte);
    if state.depth == 0 && matches!(byte, b']' | b'}') { Taken::Whole } else { Taken::More }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    fn values(text: &str, buffer: usize) -> Result<Vec<String>> {
        let mut reader = JsonReader::new(Box::new(BufReader::with_capacity(buffer, text.as_bytes())))?;
        let (mut into, mut values) = (Vec::new(), Vec::new());
        while reader.read(&mut into)? {
            values.push(String::from_utf8(into.clone()).unwrap());
        }
        Ok(values)
    }

    #[test]
    fn lines_and_arrays_are_split_whatever_the_blocks() {
        let object = r#"{"a":"}]\"\\","b":[1,{"c":[]}]}"#;
        for buffer in [1, 2, 3, 100] {
            let lines = format!("{object}\n\n {object}\r\n17\n\"a b\"\nnull");
            assert_eq!(values(&lines, buffer).unwrap(), [object, object, "17", "\"a b\"", "null"], "{buffer}");
            let array = format!(" [{object} ,\n{object},17,\"x\",[2], null]\n");
            assert_eq!(values(&array, buffer).unwrap(), [object, object, "17", "\"x\"", "[2]", "null"], "{buffer}");
            assert_eq!(values("[]", buffer).unwrap(), [""; 0]);
            assert_eq!(values("\u{feff}[1]", buffer.max(3)).unwrap(), ["1"]);
            assert_eq!(values(" \n", buffer).unwrap(), [""; 0]);
        }
    }

    #[test]
    fn what_is_cut_off_says_so() {
        for text in ["{\"a\":1", "[{\"a\":1}", "[{\"a\":1},", "\"x", "[", "[1]2", "1]"] {
            assert_eq!(values(text, 100).unwrap_err().kind(), ErrorKind::Corrupt, "{text}");
        }
    }
}
