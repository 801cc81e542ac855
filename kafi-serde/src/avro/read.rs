//! Avro's binary encoding into JSON text: straight from the payload to the output, one operation of the program after
//! another.

use kafi_core::json_text::write_string;
use kafi_core::{Json, MemberSink, Result, Scalar};

use crate::avro::decimal::{short_decimal, write_decimal};
use crate::avro::form::{Form, Tag};
use crate::avro::input::Input;
use crate::avro::program::{Branch, Decimal, Field, Many, Op, OpId, Program, Record, ShownMember};
use crate::avro::schema::Schema;
use crate::fault::{Fault, Outcome};
use crate::number::{write_float, write_integer};

const OPERATION: &str = "decode Avro";

/// How many elements that take no bytes (nulls, empty records) a payload may claim in all.
const EMPTY_ELEMENTS_MAX: u64 = 1 << 16;

/// How much JSON one payload may become, in bytes: far more than any honest one does.
const OUTPUT_BYTES_MAX: usize = 256 << 20;

/// Turns payloads into JSON text.
///
/// ```
/// use kafi_serde::avro::{Form, Reader, Schema};
/// let schema = Schema::parse(r#"{"type": "record", "name": "Order", "fields": [
///     {"name": "id", "type": "long"}, {"name": "note", "type": ["null", "string"]}]}"#)?;
/// let mut out = Vec::new();
/// Reader::new(&schema, Form::Readable).read(b"\x0e\x02\x04hi", &mut out)?;
/// assert_eq!(out, br#"{"id":7,"note":"hi"}"#);
///
/// out.clear();
/// Reader::new(&schema, Form::Standard).read(b"\x0e\x02\x04hi", &mut out)?;
/// assert_eq!(out, br#"{"id":7,"note":{"string":"hi"}}"#);
/// # Ok::<(), kafi_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Reader {
    program: Program,
    space: Space,
}

/// Memory that is used again.
#[derive(Debug, Default)]
struct Space {
    /// Where the values of records lie that are put in another order at their end.
    values: Vec<(usize, usize)>,
    bytes: Vec<u8>,
    /// The text of members that have no other form.
    text: Vec<u8>,
}

impl Reader {
    /// A reader of what was written with `schema`.
    pub fn new(schema: &Schema, form: Form) -> Self {
        Self::running(Program::plain(schema, form))
    }

    /// A reader that does what this program says.
    pub(crate) fn running(program: Program) -> Self {
        Self { program, space: Space::default() }
    }

    /// Appends a payload as JSON text. Nothing is allocated beyond `out`, save for what memory is kept for the next
    /// payload.
    ///
    /// # Errors
    /// `Corrupt`, with the path and the byte, if the payload does not fit the schema, nests deeper than
    /// [`Json::DEPTH_MAX`], or would become more than 256 MiB of text; `out` is as it was then.
    pub fn read(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<()> {
        self.read_type(self.program.root, payload, out).map_err(|fault| fault.error(OPERATION))
    }

    /// Hands over the members of a payload that is a record, by the order of the schema, and says whether these were
    /// all of it: false also for what is no record, and where a reader's schema has other members than the writer's.
    pub(crate) fn members(&mut self, payload: &[u8], sink: &mut dyn MemberSink) -> bool {
        let ops = &self.program.ops;
        let Op::Record(record) = &ops[self.program.root as usize] else { return false };
        let [fields @ .., Field::Text(closing)] = &*record.fields else { return false };
        if record.order.is_some() || &**closing != b"}" {
            return false;
        }
        let mut text = std::mem::take(&mut self.space.text);
        let input = Input::new(payload);
        let (limit, space) = (OUTPUT_BYTES_MAX, &mut self.space);
        let mut run = Run { ops, input, limit, out: &mut text, space, depth: 1, empty_elements: 0 };
        let are_told = fields.iter().enumerate().all(|(index, field)| match field {
            Field::Read { op, .. } => run.member(*op, index, sink),
            Field::Skip { .. } | Field::Text(_) => false,
        });
        let are_all = are_told && run.input.end().is_ok();
        self.space.text = text;
        are_all
    }

    /// The same for one type of the schema.
    pub(crate) fn read_type(&mut self, op: OpId, payload: &[u8], out: &mut Vec<u8>) -> Outcome<()> {
        let start = out.len();
        let (ops, space) = (&self.program.ops, &mut self.space);
        let mut run = Run {
            ops,
            input: Input::new(payload),
            limit: start.saturating_add(OUTPUT_BYTES_MAX),
            out,
            space,
            depth: 0,
            empty_elements: 0,
        };
        let read = run.value(op).and_then(|()| run.input.end());
        if read.is_err() {
            out.truncate(start);
            self.space.values.clear();
        }
        read
    }
}

struct Run<'a> {
    ops: &'a [Op],
    input: Input<'a>,
    out: &'a mut Vec<u8>,
    space: &'a mut Space,
    /// The length of the output that is too much.
    limit: usize,
    depth: u32,
    empty_elements: u64,
}

impl<'a> Run<'a> {
    fn value(&mut self, op: OpId) -> Outcome<()> {
        match &self.ops[op as usize] {
            Op::Null => self.out.extend_from_slice(b"null"),
            Op::Boolean => {
                let text: &[u8] = if self.input.boolean()? { b"true" } else { b"false" };
                self.out.extend_from_slice(text);
            }
            Op::Int => write_integer(self.out, self.input.int()?),
            Op::Long => write_integer(self.out, self.input.long()?),
            Op::Float => write_float(self.out, self.input.float()?),
            Op::Double => write_float(self.out, self.input.double()?),
            Op::LongAsFloat => write_float(self.out, self.input.long()? as f32),
            Op::LongAsDouble => write_float(self.out, self.input.long()? as f64),
            Op::FloatAsDouble => write_float(self.out, f64::from(self.input.float()?)),
            Op::Bytes => write_latin_1(self.out, self.input.bytes()?),
            Op::String => write_string(self.out, self.input.string()?),
            Op::BytesDecimal(decimal) => {
                let bytes = self.input.bytes()?;
                self.decimal(bytes, *decimal)?;
            }
            Op::Fixed(size) => write_latin_1(self.out, self.input.fixed(*size)?),
            Op::FixedDecimal(size, decimal) => {
                let bytes = self.input.fixed(*size)?;
                self.decimal(bytes, *decimal)?;
            }
            Op::FixedUuid => write_uuid(self.out, self.input.fixed(16)?),
            Op::Enum(symbols) => {
                let at = self.input.position();
                let index = self.input.index(symbols.len(), "a symbol")?;
                match &symbols[index] {
                    Ok(text) => self.out.extend_from_slice(text),
                    Err(why) => return Err(Fault::at(at, why.to_string())),
                }
            }
            Op::Array(many) => self.array(*many)?,
            Op::Map(many) => self.map(*many)?,
            Op::Union(branches) => {
                let index = self.input.index(branches.len(), "a branch of the union")?;
                self.branch(&branches[index])?;
            }
            Op::Branch(branch) => self.branch(branch)?,
            Op::Record(record) => self.record(record)?,
            Op::Fail(why) => return Err(Fault::at(self.input.position(), why.to_string())),
        }
        Ok(())
    }

    /// Hands over a member of a record; false where it cannot be read, or does not fit.
    fn member(&mut self, op: OpId, index: usize, sink: &mut dyn MemberSink) -> bool {
        let ops = self.ops;
        let scalar = match &ops[op as usize] {
            Op::Null => Ok(Scalar::Null),
            Op::Boolean => self.input.boolean().map(Scalar::Bool),
            Op::Int => self.input.int().map(|number| Scalar::Int(number.into())),
            Op::Long => self.input.long().map(Scalar::Int),
            Op::Float => self.input.float().map(Scalar::Float),
            Op::Double => self.input.double().map(Scalar::Double),
            Op::Bytes => self.input.bytes().map(Scalar::Bytes),
            Op::String => self.input.string().map(Scalar::Str),
            Op::Fixed(size) => self.input.fixed(*size).map(Scalar::Bytes),
            Op::BytesDecimal(decimal) => match self.input.bytes() {
                Ok(bytes) => return self.decimal_member(bytes, *decimal, index, sink),
                Err(fault) => Err(fault),
            },
            Op::FixedDecimal(size, decimal) => match self.input.fixed(*size) {
                Ok(bytes) => return self.decimal_member(bytes, *decimal, index, sink),
                Err(fault) => Err(fault),
            },
            // One type, or null.
            Op::Union(branches) if is_optional(ops, branches) => {
                let branch = self.input.index(branches.len(), "a branch of the union");
                return branch.is_ok_and(|branch| self.member(branches[branch].op, index, sink));
            }
            _ => {
                self.out.clear();
                return self.value(op).is_ok() && self.text_member(index, sink);
            }
        };
        scalar.is_ok_and(|scalar| sink.take(index, scalar))
    }

    fn decimal_member(&mut self, bytes: &[u8], decimal: Decimal, index: usize, sink: &mut dyn MemberSink) -> bool {
        match short_decimal(bytes) {
            Some(number) if decimal.scale == decimal.scale_shown => {
                sink.take(index, Scalar::Decimal(number, decimal.scale))
            }
            _ => {
                self.out.clear();
                self.decimal(bytes, decimal).is_ok() && self.text_member(index, sink)
            }
        }
    }

    /// Hands over the text that was written.
    fn text_member(&self, index: usize, sink: &mut dyn MemberSink) -> bool {
        let text = std::str::from_utf8(self.out).expect("readers write UTF-8");
        sink.take(index, Scalar::Json(text))
    }

    fn decimal(&mut self, bytes: &[u8], decimal: Decimal) -> Outcome<()> {
        let start = self.out.len();
        if !write_decimal(self.out, bytes, decimal.scale) {
            return Err(Fault::at(
                self.input.position(),
                format!("a decimal of {} bytes has too many digits", bytes.len()),
            ));
        }
        if decimal.scale < decimal.scale_shown {
            if decimal.scale == 0 {
                self.out.push(b'.');
            }
            self.out.resize(self.out.len() + (decimal.scale_shown - decimal.scale) as usize, b'0');
        }
        for _ in decimal.scale_shown..decimal.scale {
            if self.out.pop() != Some(b'0') {
                let what = format!(
                    "the decimal has more digits behind the point than the {} of the reader's schema",
                    decimal.scale_shown
                );
                return Err(Fault::at(self.input.position(), what));
            }
        }
        if decimal.scale_shown == 0 && self.out.last() == Some(&b'.') {
            self.out.pop();
        }
        debug_assert!(self.out.len() > start);
        Ok(())
    }

    fn array(&mut self, many: Many) -> Outcome<()> {
        self.enter()?;
        self.out.push(b'[');
        let mut index = 0;
        loop {
            let count = self.block(many)?;
            if count == 0 {
                break;
            }
            for _ in 0..count {
                if index > 0 {
                    self.out.push(b',');
                }
                self.check_output()?;
                self.value(many.op).map_err(|fault| fault.in_element(index))?;
                index += 1;
            }
        }
        self.out.push(b']');
        self.depth -= 1;
        Ok(())
    }

    fn map(&mut self, many: Many) -> Outcome<()> {
        self.enter()?;
        let mut before = b'{';
        loop {
            let count = self.block(many)?;
            if count == 0 {
                break;
            }
            for _ in 0..count {
                self.check_output()?;
                let key = self.input.string()?;
                self.out.push(before);
                write_string(self.out, key);
                self.out.push(b':');
                self.value(many.op).map_err(|fault| fault.in_member(key))?;
                before = b',';
            }
        }
        if before == b'{' {
            self.out.push(b'{');
        }
        self.out.push(b'}');
        self.depth -= 1;
        Ok(())
    }

    /// How many elements come next; what is claimed must be there.
    fn block(&mut self, many: Many) -> Outcome<u64> {
        let at = self.input.position();
        let claimed = self.input.long()?;
        if claimed < 0 && self.input.long()? < 0 {
            return Err(Fault::at(at, "the size of a block is negative"));
        }
        let count = claimed.unsigned_abs();
        match (self.input.remaining() as u64).checked_div(many.bytes_min) {
            Some(count_max) if count > count_max => Err(Fault::at(
                at,
                format!(
                    "it claims {count} elements, more than the {} bytes behind it can hold",
                    self.input.remaining()
                ),
            )),
            Some(_) => Ok(count),
            None => {
                self.empty_elements = self.empty_elements.saturating_add(count);
                if self.empty_elements > EMPTY_ELEMENTS_MAX {
                    return Err(Fault::at(
                        at,
                        format!("it claims {count} elements of no bytes, more than {EMPTY_ELEMENTS_MAX} in all"),
                    ));
                }
                Ok(count)
            }
        }
    }

    fn branch(&mut self, branch: &Branch) -> Outcome<()> {
        match &branch.tag {
            Tag::Never => self.value(branch.op),
            Tag::Always(tag) => {
                self.enter()?;
                self.out.extend_from_slice(tag);
                self.value(branch.op)?;
                self.out.push(b'}');
                self.depth -= 1;
                Ok(())
            }
            Tag::IfOdd(tag, tags) => {
                let start = self.out.len();
                // The tag's level counts, whether it is written or not.
                self.enter()?;
                self.value(branch.op)?;
                self.depth -= 1;
                let is_odd = self.out[start] == b'"' || self.out[start] == b'{' && tags.are_in(&self.out[start..]);
                if is_odd {
                    self.out.splice(start..start, tag.iter().copied());
                    self.out.push(b'}');
                }
                Ok(())
            }
        }
    }

    fn record(&mut self, record: &Record) -> Outcome<()> {
        self.enter()?;
        self.check_output()?;
        if let Some(order) = &record.order {
            self.reordered(&record.fields, order)?;
        } else {
            for field in &record.fields {
                match field {
                    Field::Read { label, op } => {
                        self.out.extend_from_slice(label);
                        self.value(*op).map_err(|fault| fault.in_member(name_in(label)))?;
                    }
                    Field::Skip { name, op } => self.skip(name, *op)?,
                    Field::Text(text) => self.out.extend_from_slice(text),
                }
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// Reads the fields as they come, and puts them in the order of the reader's schema.
    fn reordered(&mut self, fields: &[Field], order: &[ShownMember]) -> Outcome<()> {
        let (start, first) = (self.out.len(), self.space.values.len());
        for field in fields {
            match field {
                Field::Read { label, op } => {
                    let start = self.out.len();
                    self.value(*op).map_err(|fault| fault.in_member(name_in(label)))?;
                    self.space.values.push((start, self.out.len()));
                }
                Field::Skip { name, op } => self.skip(name, *op)?,
                Field::Text(_) => {}
            }
        }
        let Space { values, bytes, .. } = &mut *self.space;
        bytes.clear();
        for member in order {
            match member {
                ShownMember::Read(index) => {
                    let (start, end) = values[first + index];
                    bytes.extend_from_slice(&self.out[start..end]);
                }
                ShownMember::Text(text) => bytes.extend_from_slice(text),
            }
        }
        values.truncate(first);
        self.out.truncate(start);
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    fn skip(&mut self, name: &str, op: OpId) -> Outcome<()> {
        let len = self.out.len();
        self.value(op).map_err(|fault| fault.in_member(name))?;
        self.out.truncate(len);
        Ok(())
    }

    fn enter(&mut self) -> Outcome<()> {
        if self.depth == Json::DEPTH_MAX {
            return Err(Fault::at(
                self.input.position(),
                format!("it is nested deeper than {} levels", Json::DEPTH_MAX),
            ));
        }
        self.depth += 1;
        Ok(())
    }

    fn check_output(&self) -> Outcome<()> {
        if self.out.len() > self.limit {
            return Err(Fault::at(
                self.input.position(),
                format!("it becomes more than {} MiB of JSON", OUTPUT_BYTES_MAX >> 20),
            ));
        }
        Ok(())
    }
}

/// Whether branches are null and one type, which is written bare.
fn is_optional(ops: &[Op], branches: &[Branch]) -> bool {
    let is_null = |branch: &Branch| matches!(ops[branch.op as usize], Op::Null);
    let is_bare = |branch: &Branch| matches!(branch.tag, Tag::Never);
    matches!(branches, [one, other] if is_null(one) != is_null(other) && is_bare(one) && is_bare(other))
}

/// The name in the label of a member, for errors.
fn name_in(label: &[u8]) -> &str {
    std::str::from_utf8(&label[2..label.len() - 2]).expect("labels are UTF-8")
}

/// Appends bytes as a JSON string of the characters 0 to 255.
fn write_latin_1(out: &mut Vec<u8>, bytes: &[u8]) {
    out.reserve(bytes.len() + 2);
    out.push(b'"');
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0x20..=0x7f => out.push(byte),
            0x80.. => out.extend_from_slice(&[0xc0 | byte >> 6, 0x80 | byte & 0x3f]),
            _ => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                out.extend_from_slice(&[
                    b'\\',
                    b'u',
                    b'0',
                    b'0',
                    HEX[usize::from(byte >> 4)],
                    HEX[usize::from(byte & 15)],
                ]);
            }
        }
    }
    out.push(b'"');
}

fn write_uuid(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    let bytes: [u8; 16] = bytes.try_into().expect("it was read with this length");
    out.extend_from_slice(crate::wire::Guid(bytes).to_string().as_bytes());
    out.push(b'"');
}
