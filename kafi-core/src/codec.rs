//! What decodes and encodes keys and values, and where it comes from.

use std::time::Duration;

use crate::column::ColumnType;
use crate::error::Result;
use crate::functional::Cancel;
use crate::record::Headers;
use crate::schema::{SchemaOptions, SchemaRef};
use crate::types::{Field, Type};
use crate::value::Value;

/// What surrounds a key or value that is decoded or encoded.
#[derive(Clone, Copy, Debug)]
pub struct Coding<'a> {
    /// The topic of the message.
    pub topic: &'a str,
    /// Which of its parts it is.
    pub field: Field,
    /// The headers of the message, which may name a schema.
    pub headers: Headers<'a>,
    /// The schema that it was decoded by, which an encoder takes unless another one is chosen.
    pub schema: Option<&'a SchemaRef>,
    /// How long a question to a registry may take.
    pub timeout: Duration,
    /// Whoever may ask to stop meanwhile.
    pub cancel: Option<&'a Cancel>,
}

impl<'a> Coding<'a> {
    /// How long a question to a registry may take, unless something else is said.
    pub const TIMEOUT: Duration = Duration::from_secs(30);

    /// A field of a message of `topic`, without headers, and without a schema.
    pub fn new(topic: &'a str, field: Field) -> Self {
        Self { topic, field, headers: Headers::default(), schema: None, timeout: Self::TIMEOUT, cancel: None }
    }

    /// The same beside these headers.
    pub fn headers(self, headers: Headers<'a>) -> Self {
        Self { headers, ..self }
    }

    /// The same with the schema that travels with it.
    pub fn schema(self, schema: Option<&'a SchemaRef>) -> Self {
        Self { schema, ..self }
    }
}

/// What a key or value was decoded to.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// The value.
    pub value: Value,
    /// The schema by which it was decoded, where there is one.
    pub schema: Option<SchemaRef>,
}

impl From<Value> for Decoded {
    /// A value without a schema.
    fn from(value: Value) -> Self {
        Self { value, schema: None }
    }
}

/// How a key or value is shown as text.
#[derive(Clone, Debug, PartialEq)]
pub enum Text {
    /// Its bytes are what is shown.
    Same,
    /// JSON text was made of it, by this schema.
    Json(SchemaRef),
}

/// A member of a value as it was decoded, before any text was made of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar<'a> {
    /// Null.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number; also days, times of day, and points in time, in the unit that the schema says.
    Int(i64),
    /// A floating point number of 32 bits.
    Float(f32),
    /// One of 64 bits.
    Double(f64),
    /// All digits of a decimal, and how many of them stand behind the point.
    Decimal(i128, u32),
    /// Characters.
    Str(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
    /// Anything else, as its JSON text.
    Json(&'a str),
}

/// Takes the members of values while these are decoded.
pub trait MemberSink {
    /// Whether it takes members of a value of this schema.
    fn begin(&mut self, schema: &SchemaRef) -> bool;

    /// Takes the member that the schema names at this place, from 0 on; false where it does not fit.
    fn take(&mut self, index: usize, member: Scalar<'_>) -> bool;
}

/// Turns bytes into values.
pub trait Decoder: Send {
    /// Decodes a key or value; null always becomes [`Value::Null`], without a schema. Blocks, for a type with a schema,
    /// while the registry is asked for one that was not seen yet, up to the time-out.
    ///
    /// # Errors
    /// `Corrupt`, with topic, field, and where, if the bytes are not of the type; of types with a schema also what the
    /// registry fails with.
    fn decode(&mut self, coding: &Coding<'_>, bytes: Option<&[u8]>) -> Result<Decoded>;

    /// Says how a key or value that is not null is shown, for who looks at its text only: appends JSON text to `out`,
    /// or appends nothing if it is its bytes. Blocks as [`decode`](Decoder::decode) does.
    ///
    /// # Errors
    /// As for [`decode`](Decoder::decode).
    fn text(&mut self, coding: &Coding<'_>, bytes: &[u8], out: &mut Vec<u8>) -> Result<Text>;

    /// Hands over the members of a value one after another, straight from its bytes, and says whether these were all.
    /// Where it is false, nothing that was handed over counts, and [`text`](Decoder::text) says what there is, or what
    /// is wrong. Blocks as [`decode`](Decoder::decode) does.
    fn members(&mut self, _coding: &Coding<'_>, _bytes: &[u8], _sink: &mut dyn MemberSink) -> bool {
        false
    }

    /// Whether a glance tells that this is shown as its bytes, and that nothing is wrong with them.
    fn is_plain(&self, bytes: &[u8], headers: Headers<'_>) -> bool;
}

/// What becomes of the header that names the schema of a field ([`schema_id_header`](crate::schema_id_header)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaHeader<'a> {
    /// The message has it if it had it.
    Keep,
    /// The message does not have it.
    Drop,
    /// The message has it, with this value.
    Set(&'a [u8]),
}

/// Turns values into bytes.
pub trait Encoder: Send {
    /// Appends the bytes of a key or value to `out`; false, and nothing appended, is null. Blocks, for a type with a
    /// schema, while the registry is asked, up to the time-out.
    ///
    /// # Errors
    /// `Corrupt`, with topic, field, and where, if the value cannot be of the type; of types with a schema also what
    /// the registry fails with, and `Usage` where none is chosen.
    fn encode(&mut self, coding: &Coding<'_>, value: &Value, out: &mut Vec<u8>) -> Result<bool>;

    /// Appends the bytes of a key or value that was written as text: JSON for types with a schema, else what the bytes
    /// are. Blocks as [`encode`](Encoder::encode) does.
    ///
    /// # Errors
    /// As for [`encode`](Encoder::encode).
    fn encode_text(&mut self, coding: &Coding<'_>, text: &[u8], out: &mut Vec<u8>) -> Result<()>;

    /// What becomes of the header that names the schema of the field that was encoded last.
    fn schema_header(&self) -> SchemaHeader<'_>;

    /// What stands in the values that are encoded, where a schema was chosen that says so. Blocks as
    /// [`encode`](Encoder::encode) does. Default: nothing is known.
    ///
    /// # Errors
    /// What the registry fails with.
    fn column_type(&mut self, _coding: &Coding<'_>) -> Result<Option<ColumnType>> {
        Ok(None)
    }
}

/// Where decoders and encoders come from. Types with a schema come from another implementation than the others.
pub trait Codecs: Send + Sync {
    /// A decoder for `type_`. Does not speak to a server.
    ///
    /// # Errors
    /// `Unsupported` if it cannot decode this type; what is wrong with a schema that the options name.
    fn decoder(&self, type_: Type, field: Field, options: &SchemaOptions) -> Result<Box<dyn Decoder>>;

    /// An encoder for `type_`. Does not speak to a server.
    ///
    /// # Errors
    /// `Unsupported` if it cannot encode this type; what is wrong with a schema that the options name.
    fn encoder(&self, type_: Type, field: Field, options: &SchemaOptions) -> Result<Box<dyn Encoder>>;

    /// Whether [`Type::Auto`] with these options looks for schemas when it decodes: where it does not, what it decodes
    /// is shown as its bytes.
    fn decodes_auto(&self, options: &SchemaOptions) -> bool;
}
