//! JSON text into Avro's binary encoding.

use std::collections::HashMap;
use std::sync::Arc;

use kafi_core::{JsonKind, Result, nearest};

use crate::avro::form::Form;
use crate::avro::lookup::{Lookup, Mode};
use crate::avro::output;
use crate::avro::schema::{Fixed, Logical, Node, NodeId, Record, Schema, Shape};
use crate::fault::{Fault, Outcome};
use crate::tape::{Item, Tape};

const OPERATION: &str = "encode Avro";

/// How many defaults may stand in one another.
const DEFAULTS_DEPTH_MAX: u32 = 32;

/// Turns JSON text into payloads.
///
/// Both forms of unions and decimals are read, whichever the writer's own form is; that only decides what a string is
/// for a decimal: its number in the readable form, its bytes in the standard one. A member that is missing takes the
/// field's default.
///
/// ```
/// use std::sync::Arc;
/// use kafi_serde::avro::{Form, Schema, Writer};
/// let schema = Schema::parse(r#"{"type": "record", "name": "Order", "fields": [
///     {"name": "id", "type": "long"}, {"name": "note", "type": ["null", "string"], "default": null}]}"#)?;
/// let mut writer = Writer::new(Arc::new(schema), Form::Readable);
/// let mut out = Vec::new();
/// writer.write(r#"{"note": "hi", "id": 7}"#, &mut out)?;
/// assert_eq!(out, b"\x0e\x02\x04hi");
///
/// let error = writer.write(r#"{"id": "x"}"#, &mut out).unwrap_err();
/// assert_eq!(error.to_string(), "encode Avro: path .id: a long is needed, and it is the string \"x\"");
/// # Ok::<(), kafi_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Writer {
    schema: Arc<Schema>,
    form: Form,
    lookups: Box<[Lookup]>,
    defaults: Vec<Default>,
    tape: Tape,
    space: Space,
}

/// The default of one field as bytes, made when it is first needed.
#[derive(Clone, Debug)]
enum Default {
    NotYet,
    /// It is being made.
    Busy,
    Bytes(Box<[u8]>),
    Wrong(Box<str>),
}

/// Memory that is used again.
#[derive(Debug, std::default::Default)]
struct Space {
    /// For each field of the records that are being written where its value is on the tape, 0 where it is missing.
    places: Vec<u32>,
    characters: Vec<u8>,
}

impl Writer {
    /// A writer of values of `schema`.
    pub fn new(schema: Arc<Schema>, form: Form) -> Self {
        let mut defaults = 0;
        let lookups = schema.nodes.iter().map(|node| Lookup::of(&schema, node, &mut defaults)).collect();
        Self {
            schema,
            form,
            lookups,
            defaults: vec![Default::NotYet; defaults],
            tape: Tape::default(),
            space: Space::default(),
        }
    }

    /// Appends the payload of a JSON text.
    ///
    /// # Errors
    /// `Corrupt`: for what is not JSON with line and column; for what does not fit the schema with the path and the
    /// reason, among them members that the schema does not have, and names that stand twice. `out` is as it was then.
    pub fn write(&mut self, json: &str, out: &mut Vec<u8>) -> Result<()> {
        let start = out.len();
        let item = self.tape.read(json)?;
        let (schema, lookups, defaults, space) = (&*self.schema, &*self.lookups, &mut self.defaults, &mut self.space);
        let mut run = Run { schema, lookups, defaults, space, out, mode: Mode::Value(self.form), defaults_depth: 0 };
        run.value(schema.root, item).map_err(|fault| {
            out.truncate(start);
            self.space.places.clear();
            fault.error(OPERATION)
        })
    }

    /// Appends the default of a field.
    pub(crate) fn write_default(
        &mut self,
        record_id: NodeId,
        record: &Record,
        index: usize,
        out: &mut Vec<u8>,
    ) -> Outcome<()> {
        let (schema, lookups, defaults, space) = (&*self.schema, &*self.lookups, &mut self.defaults, &mut self.space);
        let Lookup::Record { defaults: place, .. } = &lookups[record_id as usize] else {
            unreachable!("it is the place of a record")
        };
        Run { schema, lookups, defaults, space, out, mode: Mode::Default, defaults_depth: 0 }.default(
            record,
            index,
            place + index,
        )
    }
}

struct Run<'a> {
    schema: &'a Schema,
    lookups: &'a [Lookup],
    defaults: &'a mut Vec<Default>,
    space: &'a mut Space,
    out: &'a mut Vec<u8>,
    mode: Mode,
    defaults_depth: u32,
}

impl Run<'_> {
    fn value(&mut self, id: NodeId, item: Item<'_>) -> Outcome<()> {
        let (schema, lookups) = (self.schema, self.lookups);
        let node = schema.node(id);
        match (&node.shape, &lookups[id as usize]) {
            (Shape::Null, _) if item.kind() == JsonKind::Null => {}
            (Shape::Boolean, _) if item.kind() == JsonKind::Bool => self.out.push(u8::from(item.raw() == "true")),
            (Shape::Int | Shape::Long, _) if let Some(number) = output::time(node, item, self.mode) => {
                output::write_long(self.out, number)
            }
            (Shape::Int, _) => {
                output::write_long(self.out, output::whole::<i32>(node, item, &mut self.space.characters)?.into())
            }
            (Shape::Long, _) => output::write_long(self.out, output::whole(node, item, &mut self.space.characters)?),
            (Shape::Float, _) => self.out.extend_from_slice(&output::float::<f32>(node, item)?.to_le_bytes()),
            (Shape::Double, _) => self.out.extend_from_slice(&output::float::<f64>(node, item)?.to_le_bytes()),
            (Shape::String, _) => {
                let text = item.string(&mut self.space.characters).ok_or_else(|| output::misfit(node, item))?;
                output::write_bytes(self.out, text.as_bytes());
            }
            (Shape::Bytes, _) => self.bytes(node, item)?,
            (Shape::Fixed(fixed), _) => self.fixed(node, fixed, item)?,
            (Shape::Enum(symbols), Lookup::Enum(indexes)) => {
                let symbol = item.string(&mut self.space.characters).ok_or_else(|| output::misfit(node, item))?;
                match indexes.get(symbol) {
                    Some(index) => output::write_long(self.out, *index as i64),
                    None => return Err(Fault::new(format!("{} has no symbol {}", symbols.names.full, item.raw()))),
                }
            }
            (Shape::Array(items), _) if item.kind() == JsonKind::Array => self.array(*items, item)?,
            (Shape::Map(values), _) if item.kind() == JsonKind::Object => self.map(*values, item)?,
            (Shape::Record(record), Lookup::Record { fields, defaults }) if item.kind() == JsonKind::Object => {
                self.record(record, fields, *defaults, item)?
            }
            (Shape::Union(branches), Lookup::Union(tags)) => {
                let chooser = super::union::Chooser { schema, lookups, mode: self.mode };
                let (index, value) = chooser.choose(branches, tags, item, &mut self.space.characters)?;
                output::write_long(self.out, index as i64);
                self.value(branches[index], value)?;
            }
            _ => return Err(output::misfit(node, item)),
        }
        Ok(())
    }

    fn bytes(&mut self, node: &Node, item: Item<'_>) -> Outcome<()> {
        let mut bytes = Vec::new();
        if let Some(Logical::Decimal { precision, scale }) = node.logical
            && output::is_number(item, self.mode)
        {
            output::decimal(node, item, scale, precision, &mut bytes)?;
            output::write_bytes(self.out, &bytes);
            return Ok(());
        }
        let text = item.string(&mut self.space.characters).ok_or_else(|| output::misfit(node, item))?;
        output::write_long(self.out, text.chars().count() as i64);
        output::write_latin_1(self.out, text)
    }

    fn fixed(&mut self, node: &Node, fixed: &Fixed, item: Item<'_>) -> Outcome<()> {
        let size = fixed.size as usize;
        if let Some(Logical::Decimal { precision, scale }) = node.logical
            && output::is_number(item, self.mode)
        {
            let mut bytes = Vec::new();
            output::decimal(node, item, scale, precision, &mut bytes)?;
            let filler = if bytes[0] < 0x80 { 0 } else { 0xff };
            // A precision that the size cannot hold is no decimal.
            self.out.resize(self.out.len() + size.saturating_sub(bytes.len()), filler);
            self.out.extend_from_slice(&bytes);
            return Ok(());
        }
        let text = item.string(&mut self.space.characters).ok_or_else(|| output::misfit(node, item))?;
        if node.logical == Some(Logical::Uuid)
            && let Ok(guid) = text.parse::<crate::wire::Guid>()
        {
            self.out.extend_from_slice(&guid.0);
            return Ok(());
        }
        let len = text.chars().count();
        if len != size {
            return Err(Fault::new(format!("{} takes {size} bytes, and it has {len} characters", fixed.names.full)));
        }
        output::write_latin_1(self.out, text)
    }

    fn array(&mut self, items: NodeId, item: Item<'_>) -> Outcome<()> {
        let count = item.elements().count();
        if count > 0 {
            output::write_long(self.out, count as i64);
            for (index, element) in item.elements().enumerate() {
                self.value(items, element).map_err(|fault| fault.in_element(index))?;
            }
        }
        self.out.push(0);
        Ok(())
    }

    fn map(&mut self, values: NodeId, item: Item<'_>) -> Outcome<()> {
        let count = item.members().count();
        if count > 0 {
            item.check_names()?;
            output::write_long(self.out, count as i64);
            for (name, value) in item.members() {
                let key = name.string(&mut self.space.characters).ok_or_else(|| output::half_character(name))?;
                output::write_bytes(self.out, key.as_bytes());
                self.value(values, value).map_err(|fault| in_member(fault, name))?;
            }
        }
        self.out.push(0);
        Ok(())
    }

    fn record(
        &mut self,
        record: &Record,
        indexes: &HashMap<Box<str>, usize>,
        defaults: usize,
        item: Item<'_>,
    ) -> Outcome<()> {
        let first = self.space.places.len();
        self.space.places.resize(first + record.fields.len(), 0);
        let mut expected = 0;
        for (name, value) in item.members() {
            let key = name.string(&mut self.space.characters).ok_or_else(|| output::half_character(name))?;
            // Members mostly come in the order of the schema.
            let index = match record.fields.get(expected).filter(|field| *field.name == *key) {
                Some(_) => expected,
                None => *indexes.get(key).ok_or_else(|| unknown(record, key))?,
            };
            let place = &mut self.space.places[first + index];
            if *place != 0 {
                return Err(name.twice());
            }
            *place = value.place();
            expected = index + 1;
        }
        for (index, field) in record.fields.iter().enumerate() {
            match self.space.places[first + index] {
                0 => self.default(record, index, defaults + index)?,
                place => self.value(field.node, item.at(place)).map_err(|fault| fault.in_member(&field.name))?,
            }
        }
        self.space.places.truncate(first);
        Ok(())
    }

    /// Writes the default of a field.
    fn default(&mut self, record: &Record, index: usize, place: usize) -> Outcome<()> {
        let field = &record.fields[index];
        if let Default::NotYet = self.defaults[place] {
            let Some(default) = &field.default else {
                let fault = Fault::new(format!("it is missing, and the field of {} has no default", record.names.full));
                return Err(fault.in_member(&field.name));
            };
            self.defaults[place] = Default::Busy;
            let made = self.make_default(field.node, &default.text());
            self.defaults[place] = match made {
                Ok(bytes) => Default::Bytes(bytes),
                Err(fault) => Default::Wrong(fault.error("read default").to_string().into()),
            };
        }
        let what = match &self.defaults[place] {
            Default::Bytes(bytes) => {
                self.out.extend_from_slice(bytes);
                return Ok(());
            }
            Default::Wrong(why) => format!("it is missing, and its default does not fit the schema: {why}"),
            Default::NotYet | Default::Busy => "it is missing, and its default holds itself".into(),
        };
        Err(Fault::new(what).in_member(&field.name))
    }

    fn make_default(&mut self, node: NodeId, text: &str) -> Outcome<Box<[u8]>> {
        if self.defaults_depth == DEFAULTS_DEPTH_MAX {
            return Err(Fault::new("defaults hold one another too deep"));
        }
        let mut out = Vec::new();
        let mut tape = Tape::default();
        let item = tape.read(text).map_err(|error| Fault::new(error.to_string()))?;
        let (defaults, space) = (&mut *self.defaults, &mut *self.space);
        let places = space.places.len();
        let mut run = Run {
            schema: self.schema,
            lookups: self.lookups,
            defaults,
            space,
            out: &mut out,
            mode: Mode::Default,
            defaults_depth: self.defaults_depth + 1,
        };
        let made = run.value(node, item);
        self.space.places.truncate(places);
        made.map(|()| out.into())
    }
}

fn in_member(fault: Box<Fault>, name: Item<'_>) -> Box<Fault> {
    fault.in_member(name.string(&mut Vec::new()).unwrap_or_default())
}

fn unknown(record: &Record, name: &str) -> Box<Fault> {
    let what = match nearest(name, record.fields.iter().map(|field| &*field.name)) {
        Some(near) => format!("{} has no such field; did you mean {near}?", record.names.full),
        None => format!("{} has no such field", record.names.full),
    };
    Fault::new(what).in_member(name)
}
