//! The Parsing Canonical Form of a schema, and its fingerprint.

use std::collections::HashSet;

use kafi_core::json_text::write_string;

use crate::avro::schema::{NodeId, Schema, Shape};

impl Schema {
    /// The specification's Parsing Canonical Form: two schemas read data alike where theirs are equal. Names from
    /// references are defined where they are first used.
    pub fn canonical_form(&self) -> String {
        form(self)
    }

    /// The 64-bit Rabin fingerprint (CRC-64-AVRO) of the canonical form.
    pub fn fingerprint(&self) -> u64 {
        fingerprint(self.canonical_form().as_bytes())
    }
}

/// The canonical form.
fn form(schema: &Schema) -> String {
    let mut writer = Writer { schema, out: Vec::new(), defined: HashSet::new(), left: vec![Piece::Type(schema.root)] };
    // No recursion, since names can make types as deep as there are names.
    while let Some(piece) = writer.left.pop() {
        match piece {
            Piece::Type(id) => writer.write(id),
            Piece::Name(name) => write_string(&mut writer.out, name),
            Piece::Text(text) => writer.out.extend_from_slice(text.as_bytes()),
        }
    }
    String::from_utf8(writer.out).expect("pieces of UTF-8 are UTF-8")
}

struct Writer<'a> {
    schema: &'a Schema,
    out: Vec<u8>,
    defined: HashSet<NodeId>,
    /// What is still to be written, the next last.
    left: Vec<Piece<'a>>,
}

enum Piece<'a> {
    Type(NodeId),
    /// A string in quotes.
    Name(&'a str),
    Text(&'static str),
}

impl<'a> Writer<'a> {
    fn write(&mut self, id: NodeId) {
        let node = self.schema.node(id);
        if let Some(names) = node.names() {
            if !self.defined.insert(id) {
                return write_string(&mut self.out, &names.full);
            }
            self.out.extend_from_slice(b"{\"name\":");
            write_string(&mut self.out, &names.full);
            self.out.extend_from_slice(format!(",\"type\":\"{}\"", node.shape.word()).as_bytes());
        }
        match &node.shape {
            Shape::Array(items) => {
                self.then(["{\"type\":\"array\",\"items\":".into(), Piece::Type(*items), "}".into()])
            }
            Shape::Map(values) => self.then(["{\"type\":\"map\",\"values\":".into(), Piece::Type(*values), "}".into()]),
            Shape::Union(branches) => self.list("[", branches, "]", |branch| [Piece::Type(*branch)]),
            Shape::Record(record) => self.list(",\"fields\":[", &record.fields, "]}", |field| {
                [
                    "{\"name\":".into(),
                    Piece::Name(&field.name),
                    ",\"type\":".into(),
                    Piece::Type(field.node),
                    "}".into(),
                ]
            }),
            Shape::Enum(symbols) => self.list(",\"symbols\":[", &symbols.symbols, "]}", |symbol| [Piece::Name(symbol)]),
            Shape::Fixed(fixed) => self.out.extend_from_slice(format!(",\"size\":{}}}", fixed.size).as_bytes()),
            primitive => write_string(&mut self.out, primitive.word()),
        }
    }

    fn list<T, const N: usize>(
        &mut self,
        before: &'static str,
        items: &'a [T],
        after: &'static str,
        pieces: impl Fn(&'a T) -> [Piece<'a>; N],
    ) {
        self.left.push(after.into());
        for (index, item) in items.iter().enumerate().rev() {
            self.then(pieces(item));
            self.left.extend((index > 0).then_some(Piece::Text(",")));
        }
        self.left.push(before.into());
    }

    fn then<const N: usize>(&mut self, pieces: [Piece<'a>; N]) {
        self.left.extend(pieces.into_iter().rev());
    }
}

impl From<&'static str> for Piece<'_> {
    fn from(text: &'static str) -> Self {
        Self::Text(text)
    }
}

/// What the fingerprint of nothing is, and the polynomial.
const EMPTY: u64 = 0xc15d_213a_a4d7_a795;

const TABLE: [u64; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut value = index as u64;
        let mut bit = 0;
        while bit < 8 {
            value = (value >> 1) ^ (EMPTY & (value & 1).wrapping_neg());
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
};

/// CRC-64-AVRO, as the specification defines it.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(EMPTY, |value, &byte| (value >> 8) ^ TABLE[usize::from((value ^ u64::from(byte)) as u8)])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The specification's own cases: `<<INPUT`, `<<canonical`, `<<fingerprint`, each with its text in the same line or
    /// up to the word below it.
    #[test]
    fn the_specifications_cases_hold() {
        let text = include_str!("../../tests/data/schema-tests.txt");
        let mut entries: Vec<(&str, String)> = Vec::new();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let Some(rest) = line.strip_prefix("<<") else { continue };
            let (name, value) = rest.split_once(' ').unwrap_or((rest, ""));
            let value = if value.is_empty() {
                lines.by_ref().take_while(|line| *line != name).collect::<Vec<_>>().join("\n")
            } else {
                value.to_string()
            };
            entries.push((name, value));
        }
        let mut cases = 0;
        let mut schema = None;
        for (name, value) in entries {
            match name {
                "INPUT" => schema = Some(Schema::parse(&value).unwrap()),
                "canonical" => assert_eq!(schema.as_ref().unwrap().canonical_form(), value),
                _ => {
                    assert_eq!(schema.as_ref().unwrap().fingerprint() as i64, value.parse::<i64>().unwrap());
                    cases += 1;
                }
            }
        }
        assert!(cases > 20, "{cases}");
    }
}
