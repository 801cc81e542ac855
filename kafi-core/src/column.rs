//! What a schema says of the values that it describes, for files and data frames, whose columns have types.

/// What stands in a value, or in a part of it, by its schema; as JSON it is written as Kafi maps the types of schemas.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ColumnType {
    /// True and false.
    Bool,
    /// Whole numbers of 32 bits.
    Int32,
    /// Whole numbers of 64 bits.
    Int64,
    /// Whole numbers of 32 bits without a sign.
    UInt32,
    /// Whole numbers of 64 bits without a sign.
    UInt64,
    /// Floating point numbers of 32 bits.
    Float32,
    /// Floating point numbers of 64 bits.
    Float64,
    /// Characters.
    Str,
    /// Bytes, and how JSON text shows them.
    Bytes(BytesText),
    /// Numbers with so many digits, of which so many stand behind the point.
    Decimal {
        /// The digits in all.
        precision: u32,
        /// The digits behind the point.
        scale: u32,
    },
    /// Days since 1970.
    Date,
    /// A time of day.
    Time(TimeUnit),
    /// A point in time, or a date and time of no zone.
    Timestamp {
        /// In which unit it is counted.
        unit: TimeUnit,
        /// Whether it is a point in time: one in UTC.
        utc: bool,
    },
    /// Elements of one type.
    List(Box<Self>),
    /// Values of one type by their names.
    Map(Box<Self>),
    /// Members with a type each, in this order.
    Struct(Vec<(String, Self)>),
    /// Anything: values of several types, and those that nest without end.
    Any,
    /// Numbers, of which only the values say how many digits they have.
    Number,
    /// What the schema leaves open, and only the values say.
    Open,
}

impl ColumnType {
    /// Whether something of it is left open, so that values have to be looked at.
    pub fn is_open(&self) -> bool {
        match self {
            Self::Number | Self::Open => true,
            Self::List(type_) | Self::Map(type_) => type_.is_open(),
            Self::Struct(members) => members.iter().any(|(_, type_)| type_.is_open()),
            _ => false,
        }
    }
}

/// How bytes are shown as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BytesText {
    /// As the characters 0 to 255.
    Characters,
    /// As base64.
    Base64,
}

/// A unit of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "they say it themselves")]
pub enum TimeUnit {
    Milliseconds,
    Microseconds,
    Nanoseconds,
}
