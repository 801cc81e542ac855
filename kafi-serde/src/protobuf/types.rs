//! Messages and enums as flat tables, made once from their descriptors.

use std::collections::HashMap;

use kafi_core::json_text::write_string;
use prost_reflect::{
    Cardinality, DescriptorPool, EnumDescriptor, ExtensionDescriptor, FieldDescriptor, MessageDescriptor, Syntax,
};

/// Where a message stands in its table.
pub(crate) type MessageId = u32;

/// All messages and enums that a schema knows.
#[derive(Debug)]
pub(crate) struct Types {
    pub messages: Box<[Message]>,
    pub enums: Box<[Enum]>,
    pub by_name: HashMap<Box<str>, MessageId>,
}

#[derive(Debug)]
pub(crate) struct Message {
    pub name: Box<str>,
    pub special: Special,
    /// In the order of their numbers.
    pub fields: Box<[Field]>,
    /// The place of the field of each small number, plus one.
    low: Box<[u32]>,
    /// The places of the fields by their names in JSON, and by those in the source.
    pub by_name: HashMap<Box<str>, u32>,
    pub oneofs: usize,
}

/// The messages that JSON has forms of its own for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Special {
    None,
    Any,
    Duration,
    FieldMask,
    ListValue,
    Struct,
    Timestamp,
    Value,
    Wrapper,
}

#[derive(Debug)]
pub(crate) struct Field {
    pub number: u32,
    /// The name in JSON.
    pub name: Box<str>,
    /// That name in quotes, and a colon.
    pub label: Box<[u8]>,
    pub kind: Kind,
    pub shape: Shape,
    /// Whether a value that is the default can be there, which is not the same as none.
    pub has_presence: bool,
    pub is_required: bool,
    pub is_packed: bool,
    pub oneof: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Single,
    Repeated,
    /// The kind of a field that is a map is the message of its entries.
    Map,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Double,
    Float,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Bool,
    String,
    Bytes,
    Enum(u32),
    Message(MessageId),
    Group(MessageId),
}

#[derive(Debug)]
pub(crate) struct Enum {
    pub name: Box<str>,
    /// `google.protobuf.NullValue`, which is null in JSON.
    pub is_null: bool,
    /// The first name of each number in quotes, in the order of the numbers.
    texts: Box<[(i32, Box<[u8]>)]>,
    pub numbers: HashMap<Box<str>, i32>,
}

/// How a value is laid out in a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    Varint = 0,
    Fixed64 = 1,
    Len = 2,
    Group = 3,
    Fixed32 = 5,
}

/// Numbers below this are found without a search.
const LOW_MAX: usize = 256;

impl Types {
    pub fn of(pool: &DescriptorPool) -> Self {
        let ids: HashMap<Box<str>, u32> =
            pool.all_messages().enumerate().map(|(id, message)| (message.full_name().into(), id as u32)).collect();
        let enum_ids: HashMap<Box<str>, u32> =
            pool.all_enums().enumerate().map(|(id, symbols)| (symbols.full_name().into(), id as u32)).collect();
        let kinds = Kinds { messages: &ids, enums: &enum_ids };
        let messages = pool.all_messages().map(|message| kinds.message(&message)).collect();
        Self { messages, enums: pool.all_enums().map(|symbols| Enum::of(&symbols)).collect(), by_name: ids }
    }

    pub fn message(&self, id: MessageId) -> &Message {
        &self.messages[id as usize]
    }

    pub fn symbols(&self, id: u32) -> &Enum {
        &self.enums[id as usize]
    }
}

impl Message {
    /// The place of the field of this number.
    #[inline]
    pub fn place(&self, number: u32) -> Option<u32> {
        if let Some(place) = self.low.get(number as usize) {
            return place.checked_sub(1);
        }
        self.fields.binary_search_by_key(&number, |field| field.number).ok().map(|place| place as u32)
    }
}

impl Enum {
    fn of(descriptor: &EnumDescriptor) -> Self {
        // In the order of the source, in which the first name of a number is its own.
        let values = &descriptor.enum_descriptor_proto().value;
        let mut texts: Vec<(i32, Box<[u8]>)> = Vec::with_capacity(values.len());
        for value in values {
            let mut text = Vec::new();
            write_string(&mut text, value.name());
            texts.push((value.number(), text.into()));
        }
        texts.sort_by_key(|(number, _)| *number);
        texts.dedup_by_key(|(number, _)| *number);
        let numbers = values.iter().map(|value| (value.name().into(), value.number())).collect();
        let name = descriptor.full_name();
        Self { name: name.into(), is_null: name == "google.protobuf.NullValue", texts: texts.into(), numbers }
    }

    /// The name of a number in quotes.
    pub fn text(&self, number: i32) -> Option<&[u8]> {
        self.texts.binary_search_by_key(&number, |(known, _)| *known).ok().map(|at| &*self.texts[at].1)
    }
}

impl Kind {
    /// How one value is laid out.
    pub fn wire(self) -> Wire {
        match self {
            Self::Int32
            | Self::Int64
            | Self::Uint32
            | Self::Uint64
            | Self::Sint32
            | Self::Sint64
            | Self::Bool
            | Self::Enum(_) => Wire::Varint,
            Self::Double | Self::Fixed64 | Self::Sfixed64 => Wire::Fixed64,
            Self::Float | Self::Fixed32 | Self::Sfixed32 => Wire::Fixed32,
            Self::String | Self::Bytes | Self::Message(_) => Wire::Len,
            Self::Group(_) => Wire::Group,
        }
    }

    /// Whether many values can stand in one piece.
    pub fn can_be_packed(self) -> bool {
        matches!(self.wire(), Wire::Varint | Wire::Fixed32 | Wire::Fixed64)
    }
}

/// The places of messages and enums by their names.
struct Kinds<'a> {
    messages: &'a HashMap<Box<str>, u32>,
    enums: &'a HashMap<Box<str>, u32>,
}

/// What fields and extensions have in common.
struct Described<'a> {
    number: u32,
    name: String,
    kind: prost_reflect::Kind,
    cardinality: Cardinality,
    is_map: bool,
    is_group: bool,
    is_packed: bool,
    has_presence: bool,
    oneof: Option<&'a str>,
}

impl Kinds<'_> {
    fn message(&self, descriptor: &MessageDescriptor) -> Message {
        let oneofs: Vec<_> = descriptor.oneofs().filter(|oneof| !oneof.is_synthetic()).collect();
        let mut fields: Vec<Field> = Vec::new();
        let mut by_name = HashMap::new();
        for field in descriptor.fields() {
            let oneof = field.containing_oneof().filter(|oneof| !oneof.is_synthetic());
            let oneof = oneof.map(|oneof| oneof.full_name().to_string());
            let mut made = self.field(described(&field, oneof.as_deref()));
            made.oneof =
                oneof.and_then(|name| oneofs.iter().position(|known| known.full_name() == name)).map(|at| at as u32);
            fields.push(made);
        }
        fields.extend(descriptor.extensions().map(|extension| self.field(described_extension(&extension))));
        fields.sort_by_key(|field| field.number);
        for (place, field) in fields.iter().enumerate() {
            if let Some(source) = descriptor.get_field(field.number) {
                by_name.entry(source.name().into()).or_insert(place as u32);
            }
        }
        // Where one field's name in JSON is another's in the source, that in JSON counts.
        by_name.extend(fields.iter().enumerate().map(|(place, field)| (field.name.clone(), place as u32)));
        let low_max = fields
            .iter()
            .map(|field| field.number as usize)
            .filter(|number| *number < LOW_MAX)
            .max()
            .map_or(0, |max| max + 1);
        let mut low = vec![0; low_max];
        for (place, field) in fields.iter().enumerate() {
            if let Some(slot) = low.get_mut(field.number as usize) {
                *slot = place as u32 + 1;
            }
        }
        let special = special(descriptor.full_name(), &fields);
        Message {
            name: descriptor.full_name().into(),
            special,
            fields: fields.into(),
            low: low.into(),
            by_name,
            oneofs: oneofs.len(),
        }
    }

    fn field(&self, field: Described<'_>) -> Field {
        let mut label = Vec::new();
        write_string(&mut label, &field.name);
        label.push(b':');
        let shape = match field.cardinality {
            _ if field.is_map => Shape::Map,
            Cardinality::Repeated => Shape::Repeated,
            Cardinality::Optional | Cardinality::Required => Shape::Single,
        };
        Field {
            number: field.number,
            name: field.name.into(),
            label: label.into(),
            kind: self.kind(&field.kind, field.is_group),
            shape,
            has_presence: field.has_presence,
            is_required: field.cardinality == Cardinality::Required,
            is_packed: field.is_packed,
            oneof: field.oneof.map(|_| 0),
        }
    }

    fn kind(&self, kind: &prost_reflect::Kind, is_group: bool) -> Kind {
        use prost_reflect::Kind as Known;
        match kind {
            Known::Double => Kind::Double,
            Known::Float => Kind::Float,
            Known::Int32 => Kind::Int32,
            Known::Int64 => Kind::Int64,
            Known::Uint32 => Kind::Uint32,
            Known::Uint64 => Kind::Uint64,
            Known::Sint32 => Kind::Sint32,
            Known::Sint64 => Kind::Sint64,
            Known::Fixed32 => Kind::Fixed32,
            Known::Fixed64 => Kind::Fixed64,
            Known::Sfixed32 => Kind::Sfixed32,
            Known::Sfixed64 => Kind::Sfixed64,
            Known::Bool => Kind::Bool,
            Known::String => Kind::String,
            Known::Bytes => Kind::Bytes,
            Known::Enum(symbols) => Kind::Enum(self.enums[symbols.full_name()]),
            Known::Message(message) if is_group => Kind::Group(self.messages[message.full_name()]),
            Known::Message(message) => Kind::Message(self.messages[message.full_name()]),
        }
    }
}

fn described<'a>(field: &FieldDescriptor, oneof: Option<&'a str>) -> Described<'a> {
    Described {
        number: field.number(),
        name: field.json_name().into(),
        kind: field.kind(),
        cardinality: field.cardinality(),
        is_map: field.is_map(),
        is_group: field.is_group(),
        is_packed: field.is_packed(),
        has_presence: field.supports_presence()
            || (field.cardinality() != Cardinality::Repeated && field.parent_file().syntax() == Syntax::Proto2),
        oneof,
    }
}

fn described_extension(extension: &ExtensionDescriptor) -> Described<'static> {
    Described {
        number: extension.number(),
        name: format!("[{}]", extension.full_name()),
        kind: extension.kind(),
        cardinality: extension.cardinality(),
        is_map: extension.is_map(),
        is_group: extension.is_group(),
        is_packed: extension.is_packed(),
        has_presence: extension.cardinality() != Cardinality::Repeated,
        oneof: None,
    }
}

/// What a message of this name is in JSON, if it has the fields that make it so.
fn special(name: &str, fields: &[Field]) -> Special {
    let has = |kinds: &[(u32, Kind)]| {
        fields.len() == kinds.len()
            && fields.iter().zip(kinds).all(|(field, (number, kind))| field.number == *number && field.kind == *kind)
    };
    let fits = |fits: bool, special: Special| if fits { special } else { Special::None };
    match name {
        "google.protobuf.Any" => fits(has(&[(1, Kind::String), (2, Kind::Bytes)]), Special::Any),
        "google.protobuf.Duration" => fits(has(&[(1, Kind::Int64), (2, Kind::Int32)]), Special::Duration),
        "google.protobuf.Timestamp" => fits(has(&[(1, Kind::Int64), (2, Kind::Int32)]), Special::Timestamp),
        "google.protobuf.FieldMask" => {
            fits(has(&[(1, Kind::String)]) && fields[0].shape == Shape::Repeated, Special::FieldMask)
        }
        "google.protobuf.Struct" => fits(fields.len() == 1 && fields[0].shape == Shape::Map, Special::Struct),
        "google.protobuf.ListValue" => {
            fits(fields.len() == 1 && fields[0].shape == Shape::Repeated, Special::ListValue)
        }
        "google.protobuf.Value" => {
            let is_one = fields.len() == 6
                && fields.iter().zip(1..).all(|(field, number)| field.number == number && field.oneof == Some(0));
            fits(is_one && matches!(fields[0].kind, Kind::Enum(_)) && fields[1].kind == Kind::Double, Special::Value)
        }
        _ => {
            let wrapped = name.strip_prefix("google.protobuf.").and_then(|name| name.strip_suffix("Value"));
            let is_wrapper = matches!(
                wrapped,
                Some("Double" | "Float" | "Int64" | "UInt64" | "Int32" | "UInt32" | "Bool" | "String" | "Bytes")
            );
            fits(
                is_wrapper && fields.len() == 1 && fields[0].number == 1 && fields[0].shape == Shape::Single,
                Special::Wrapper,
            )
        }
    }
}
