//! Schemas and values of any kind, by seed.

use std::fmt::Write;

/// The same numbers for the same seed.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() >> 33) as usize % end
    }

    pub fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }
}

/// A type.
#[derive(Clone)]
pub enum Type {
    Primitive(&'static str),
    Logical(&'static str, &'static str),
    Decimal {
        precision: u32,
        scale: u32,
    },
    FixedDecimal {
        name: String,
        size: usize,
        precision: u32,
        scale: u32,
    },
    FixedUuid(String),
    Duration(String),
    Fixed(String, usize),
    Enum(String, Vec<&'static str>),
    Array(Box<Type>),
    Map(Box<Type>),
    Union(Vec<Type>),
    Record(String, Vec<(&'static str, Type)>),
    /// The record of this name, which holds this.
    Name(String),
}

const PRIMITIVES: [&str; 8] = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"];
const LOGICALS: [(&str, &str); 10] = [
    ("int", "date"),
    ("int", "time-millis"),
    ("long", "time-micros"),
    ("long", "timestamp-millis"),
    ("long", "timestamp-micros"),
    ("long", "timestamp-nanos"),
    ("long", "local-timestamp-millis"),
    ("long", "local-timestamp-micros"),
    ("long", "local-timestamp-nanos"),
    ("string", "uuid"),
];
const FIELDS: [&str; 10] =
    ["id", "name", "string", "map", "a_long_name_of_a_field", "x", "double", "next", "straße", "array"];
const TEXTS: [&str; 12] =
    ["", "a", "hello world", "\"\\\n\t\u{1}", "ü€😀", "NaN", "Infinity", "A", "7", "\u{0}\u{ff}", "string", "map"];

/// Makes schemas.
pub struct Generator {
    pub random: Random,
    names: usize,
    /// The records around what is being made.
    open: Vec<String>,
}

impl Generator {
    pub fn new(seed: u64) -> Self {
        Self { random: Random::new(seed), names: 0, open: Vec::new() }
    }

    fn name(&mut self, kind: &str) -> String {
        self.names += 1;
        let namespace = self.random.pick(&["", "a.", "a.b."]);
        format!("{namespace}{kind}{}", self.names)
    }

    pub fn schema(&mut self, depth: usize) -> Type {
        match self.random.below(if depth == 0 { 8 } else { 14 }) {
            0..=2 => Type::Primitive(self.random.pick(&PRIMITIVES)),
            3 => {
                let (base, logical) = LOGICALS[self.random.below(LOGICALS.len())];
                Type::Logical(base, logical)
            }
            4 => {
                let precision = 1 + self.random.below(60) as u32;
                Type::Decimal { precision, scale: self.random.below(precision as usize + 1) as u32 }
            }
            5 => match self.random.below(3) {
                0 => Type::FixedUuid(self.name("U")),
                1 => Type::Duration(self.name("D")),
                _ => {
                    let size = 1 + self.random.below(20);
                    let precision = 1 + self.random.below((size * 8 - 1) * 301 / 1000) as u32;
                    Type::FixedDecimal {
                        name: self.name("P"),
                        size,
                        precision,
                        scale: self.random.below(precision as usize + 1) as u32,
                    }
                }
            },
            6 => Type::Fixed(self.name("F"), self.random.below(9)),
            7 => Type::Enum(self.name("E"), ["A", "B", "NaN", "lower"][..1 + self.random.below(4)].to_vec()),
            8 => Type::Array(Box::new(self.schema(depth - 1))),
            9 => Type::Map(Box::new(self.schema(depth - 1))),
            10 | 11 => self.union(depth),
            _ => self.record(depth),
        }
    }

    fn union(&mut self, depth: usize) -> Type {
        let mut branches: Vec<Type> = Vec::new();
        for _ in 0..1 + self.random.below(5) {
            let branch = if self.random.below(3) == 0 && !self.open.is_empty() {
                Type::Name(self.open[self.random.below(self.open.len())].clone())
            } else {
                self.schema(depth - 1)
            };
            if !matches!(branch, Type::Union(_)) && branches.iter().all(|other| other.tag() != branch.tag()) {
                branches.push(branch);
            }
        }
        // A record that holds itself needs a way out.
        if !branches.iter().any(|branch| matches!(branch, Type::Primitive(_))) {
            branches.push(Type::Primitive("null"));
        }
        Type::Union(branches)
    }

    fn record(&mut self, depth: usize) -> Type {
        let name = self.name("R");
        self.open.push(name.clone());
        let mut fields: Vec<(&'static str, Type)> = Vec::new();
        for _ in 0..self.random.below(6) {
            let field: &'static str = self.random.pick(&FIELDS);
            if fields.iter().all(|(other, _)| *other != field) {
                fields.push((field, self.schema(depth - 1)));
            }
        }
        if self.random.below(3) == 0 && fields.iter().all(|(other, _)| *other != "again") {
            fields.push(("again", Type::Union(vec![Type::Primitive("null"), Type::Name(name.clone())])));
        }
        self.open.pop();
        Type::Record(name, fields)
    }
}

impl Type {
    /// What stands for it in a union.
    pub fn tag(&self) -> &str {
        match self {
            Self::Primitive(name) | Self::Logical(name, _) => name,
            Self::Decimal { .. } => "bytes",
            Self::Array(_) => "array",
            Self::Map(_) => "map",
            Self::Union(_) => "union",
            Self::FixedDecimal { name, .. }
            | Self::FixedUuid(name)
            | Self::Duration(name)
            | Self::Fixed(name, _)
            | Self::Enum(name, _)
            | Self::Record(name, _)
            | Self::Name(name) => name,
        }
    }

    /// Its JSON. Names without a namespace would take the one around them, so every one says its own.
    pub fn text(&self) -> String {
        let named = |name: &str| {
            let (namespace, simple) = name.rsplit_once('.').unwrap_or(("", name));
            format!("\"name\":\"{simple}\",\"namespace\":\"{namespace}\"")
        };
        match self {
            Self::Primitive(name) => format!("\"{name}\""),
            Self::Name(name) => format!("\"{name}\""),
            Self::Logical(base, logical) => format!("{{\"type\":\"{base}\",\"logicalType\":\"{logical}\"}}"),
            Self::Decimal { precision, scale } => {
                format!(
                    "{{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":{precision},\"scale\":{scale}}}"
                )
            }
            Self::FixedDecimal { name, size, precision, scale } => {
                format!(
                    "{{\"type\":\"fixed\",{},\"size\":{size},\"logicalType\":\"decimal\",\"precision\":{precision},\"scale\":{scale}}}",
                    named(name)
                )
            }
            Self::FixedUuid(name) => {
                format!("{{\"type\":\"fixed\",{},\"size\":16,\"logicalType\":\"uuid\"}}", named(name))
            }
            Self::Duration(name) => {
                format!("{{\"type\":\"fixed\",{},\"size\":12,\"logicalType\":\"duration\"}}", named(name))
            }
            Self::Fixed(name, size) => format!("{{\"type\":\"fixed\",{},\"size\":{size}}}", named(name)),
            Self::Enum(name, symbols) => format!("{{\"type\":\"enum\",{},\"symbols\":{symbols:?}}}", named(name)),
            Self::Array(items) => format!("{{\"type\":\"array\",\"items\":{}}}", items.text()),
            Self::Map(values) => format!("{{\"type\":\"map\",\"values\":{}}}", values.text()),
            Self::Union(branches) => format!("[{}]", branches.iter().map(Self::text).collect::<Vec<_>>().join(",")),
            Self::Record(name, fields) => {
                let mut text = format!("{{\"type\":\"record\",{},\"fields\":[", named(name));
                for (index, (field, type_)) in fields.iter().enumerate() {
                    write!(
                        text,
                        "{}{{\"name\":\"{field}\",\"type\":{}}}",
                        if index == 0 { "" } else { "," },
                        type_.text()
                    )
                    .unwrap();
                }
                text + "]}"
            }
        }
    }
}

/// Writes a value of any type in the binary encoding, as a writer that knows nothing of JSON would.
pub fn value(random: &mut Random, type_: &Type, open: &mut Vec<(String, Type)>, depth: usize, out: &mut Vec<u8>) {
    match type_ {
        Type::Primitive(name) | Type::Logical(name, _) => primitive(random, name, out),
        Type::Decimal { precision, .. } => {
            let bytes = unscaled(random, *precision);
            long(bytes.len() as i64, out);
            out.extend(bytes);
        }
        Type::FixedDecimal { size, precision, .. } => {
            let bytes = unscaled(random, *precision);
            let filler = if bytes[0] < 0x80 { 0 } else { 0xff };
            out.extend(std::iter::repeat_n(filler, size - bytes.len()));
            out.extend(bytes);
        }
        Type::FixedUuid(_) => out.extend((0..16).map(|_| random.next() as u8)),
        Type::Duration(_) => out.extend((0..12).map(|_| random.next() as u8)),
        Type::Fixed(_, size) => out.extend((0..*size).map(|_| random.next() as u8)),
        Type::Enum(_, symbols) => long(random.below(symbols.len()) as i64, out),
        Type::Array(items) => many(random, depth, out, |random, out| value(random, items, open, depth + 1, out)),
        Type::Map(values) => {
            let mut keys = 0;
            many(random, depth, out, |random, out| {
                // Different keys, and at times names of branches.
                let key = if keys == 0 { random.pick(&TEXTS).to_string() } else { format!("{keys}ä\"") };
                keys += 1;
                long(key.len() as i64, out);
                out.extend_from_slice(key.as_bytes());
                value(random, values, open, depth + 1, out);
            });
        }
        Type::Union(branches) => {
            let simplest = branches.iter().position(|branch| matches!(branch, Type::Primitive(_)));
            let index = match simplest {
                Some(index) if depth > 5 => index,
                _ => random.below(branches.len()),
            };
            long(index as i64, out);
            value(random, &branches[index], open, depth + 1, out);
        }
        Type::Record(name, fields) => {
            open.push((name.clone(), type_.clone()));
            fields.iter().for_each(|(_, field)| value(random, field, open, depth + 1, out));
            open.pop();
        }
        Type::Name(name) => {
            let (_, record) = open.iter().rev().find(|(open, _)| open == name).unwrap().clone();
            value(random, &record, open, depth + 1, out);
        }
    }
}

fn many(random: &mut Random, depth: usize, out: &mut Vec<u8>, mut one: impl FnMut(&mut Random, &mut Vec<u8>)) {
    let count = if depth > 5 { 0 } else { random.below(4) };
    if count > 0 {
        long(count as i64, out);
        (0..count).for_each(|_| one(random, out));
    }
    out.push(0);
}

fn primitive(random: &mut Random, name: &str, out: &mut Vec<u8>) {
    match name {
        "null" => {}
        "boolean" => out.push(random.below(2) as u8),
        "int" => long(i64::from((random.next() as i32) >> random.below(32)), out),
        "long" => long((random.next() as i64) >> random.below(64), out),
        "float" => {
            let special =
                [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0, 0.1, 1e38, f32::MIN_POSITIVE, f32::MAX];
            let value = special.get(random.below(18)).copied().unwrap_or(random.next() as i32 as f32 / 1000.0);
            out.extend(value.to_le_bytes());
        }
        "double" => {
            let special =
                [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, 0.1, 1e300, f64::MIN_POSITIVE, f64::MAX];
            let value = special.get(random.below(18)).copied().unwrap_or(random.next() as i64 as f64 / 1000.0);
            out.extend(value.to_le_bytes());
        }
        "bytes" => {
            let len = random.below(20);
            long(len as i64, out);
            out.extend((0..len).map(|_| random.next() as u8));
        }
        "string" => {
            let text = random.pick(&TEXTS);
            long(text.len() as i64, out);
            out.extend_from_slice(text.as_bytes());
        }
        other => panic!("{other}"),
    }
}

/// A number of at most so many digits in as few bytes as hold it.
fn unscaled(random: &mut Random, precision: u32) -> Vec<u8> {
    let value = (random.next() as i128) << 64 | i128::from(random.next());
    let value = value >> random.below(127);
    let value = if precision < 38 { value % 10i128.pow(precision) } else { value };
    let bytes = value.to_be_bytes();
    let filler = if value < 0 { 0xff } else { 0 };
    let start = (0..15).take_while(|&at| bytes[at] == filler && (bytes[at + 1] ^ filler) < 0x80).count();
    bytes[start..].to_vec()
}

pub fn long(value: i64, out: &mut Vec<u8>) {
    let mut rest = (value << 1 ^ value >> 63) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}
