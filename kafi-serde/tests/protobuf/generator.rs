//! Sources and payloads of any kind, by seed.

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
}

const SCALARS: [&str; 15] = [
    "double", "float", "int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32", "fixed64", "sfixed32",
    "sfixed64", "bool", "string", "bytes",
];
const TEXTS: [&str; 6] = ["", "a", "hello \"world\"", "ü€😀", "\n\u{0}", "NaN"];

#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    Scalar(&'static str),
    Enum,
    Message(usize),
}

#[derive(Clone, Copy, PartialEq)]
pub enum Label {
    /// Proto3 without a word: its default counts as not there.
    Implicit,
    Optional,
    Required,
    Repeated {
        is_packed: bool,
    },
    Map(&'static str),
    Oneof,
}

pub struct Field {
    pub number: u32,
    pub kind: Kind,
    pub label: Label,
}

/// A file with messages `M0`, `M1`, and so on, each of which may hold those behind it, and itself.
pub struct File {
    pub text: String,
    pub messages: Vec<Vec<Field>>,
    /// How many entries maps have at most.
    pub entries: usize,
}

pub fn file(random: &mut Random) -> File {
    let is_proto2 = random.below(2) == 0;
    let count = 1 + random.below(4);
    let mut text = format!(
        "syntax = \"proto{}\";\nenum E {{ A = 0; B = 1; NEG = -1; BIG = 1000000; }}\n",
        if is_proto2 { 2 } else { 3 }
    );
    let mut messages = Vec::new();
    for index in 0..count {
        let mut fields = Vec::new();
        let mut number = 0;
        writeln!(text, "message M{index} {{").unwrap();
        for _ in 0..random.below(9) {
            let step = if random.below(6) == 0 { 3000 } else { 4 };
            number += 1 + random.below(step) as u32;
            fields.push(field(random, is_proto2, index, count, number));
        }
        let mut in_oneof = String::new();
        for field in &fields {
            let line = line(field, is_proto2);
            if field.label == Label::Oneof { in_oneof.push_str(&line) } else { text.push_str(&line) }
        }
        if !in_oneof.is_empty() {
            write!(text, "oneof one {{ {in_oneof} }}").unwrap();
        }
        text.push_str("}\n");
        messages.push(fields);
    }
    File { text, messages, entries: 3 }
}

fn field(random: &mut Random, is_proto2: bool, index: usize, count: usize, number: u32) -> Field {
    let kind = match random.below(8) {
        0 => Kind::Enum,
        1 | 2 if index + 1 < count => Kind::Message(index + 1 + random.below(count - index - 1)),
        3 => Kind::Message(index),
        _ => Kind::Scalar(SCALARS[random.below(SCALARS.len())]),
    };
    let can_be_packed = !matches!(kind, Kind::Scalar("string" | "bytes") | Kind::Message(_));
    let label = match random.below(7) {
        0 | 1 => Label::Repeated { is_packed: can_be_packed && random.below(2) == 0 },
        2 => Label::Map(["string", "int32", "sint64", "fixed64", "bool", "uint32"][random.below(6)]),
        3 => Label::Oneof,
        // A message that requires itself can never be.
        4 if is_proto2 && kind != Kind::Message(index) => Label::Required,
        5 if !is_proto2 && !matches!(kind, Kind::Message(_)) => Label::Implicit,
        _ => Label::Optional,
    };
    Field { number, kind, label }
}

fn line(field: &Field, is_proto2: bool) -> String {
    let (kind, number) = (name(field.kind), field.number);
    match field.label {
        Label::Implicit => format!("{kind} f_{number} = {number};\n"),
        Label::Optional => format!("optional {kind} f_{number} = {number};\n"),
        Label::Required => format!("required {kind} f_{number} = {number};\n"),
        Label::Repeated { is_packed } if is_packed != is_proto2 => format!("repeated {kind} f_{number} = {number};\n"),
        Label::Repeated { .. } if matches!(field.kind, Kind::Scalar("string" | "bytes") | Kind::Message(_)) => {
            format!("repeated {kind} f_{number} = {number};\n")
        }
        Label::Repeated { is_packed } => format!("repeated {kind} f_{number} = {number} [packed = {is_packed}];\n"),
        Label::Map(key) => format!("map<{key}, {kind}> f_{number} = {number};\n"),
        Label::Oneof => format!("{kind} f_{number} = {number};\n"),
    }
}

fn name(kind: Kind) -> String {
    match kind {
        Kind::Scalar(name) => name.into(),
        Kind::Enum => "E".into(),
        Kind::Message(index) => format!("M{index}"),
    }
}

/// A payload as writers make it: fields by number, defaults left out where nothing tells them from none.
pub fn payload(random: &mut Random, file: &File, message: usize, depth: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let fields = &file.messages[message];
    let members: Vec<u32> =
        fields.iter().filter(|field| field.label == Label::Oneof).map(|field| field.number).collect();
    let chosen = if members.is_empty() { 0 } else { members[random.below(members.len())] };
    for field in fields {
        let is_deep = depth > 4 && matches!(field.kind, Kind::Message(_));
        match field.label {
            Label::Required => single(random, file, field, depth, true, &mut out),
            _ if is_deep || random.below(3) == 0 => {}
            Label::Oneof if field.number != chosen => {}
            Label::Implicit => single(random, file, field, depth, false, &mut out),
            Label::Optional | Label::Oneof => single(random, file, field, depth, true, &mut out),
            Label::Repeated { is_packed: true } => {
                let mut content = Vec::new();
                (0..1 + random.below(3)).for_each(|_| value(random, file, field.kind, depth, &mut content));
                tag(field.number, 2, &mut out);
                varint(content.len() as u64, &mut out);
                out.extend(content);
            }
            Label::Repeated { is_packed: false } => {
                (0..random.below(4)).for_each(|_| single(random, file, field, depth, true, &mut out))
            }
            Label::Map(key) => {
                for entry in 0..random.below(file.entries + 1) {
                    let mut content = Vec::new();
                    map_key(key, entry, &mut content);
                    tag(2, wire(field.kind), &mut content);
                    value(random, file, field.kind, depth, &mut content);
                    tag(field.number, 2, &mut out);
                    varint(content.len() as u64, &mut out);
                    out.extend(content);
                    if key == "bool" && entry == 1 {
                        break;
                    }
                }
            }
        }
    }
    out
}

fn single(random: &mut Random, file: &File, field: &Field, depth: usize, shows_default: bool, out: &mut Vec<u8>) {
    let mut content = Vec::new();
    value(random, file, field.kind, depth, &mut content);
    if shows_default || content.iter().any(|byte| *byte != 0) || content.len() > 1 && wire(field.kind) == 2 {
        tag(field.number, wire(field.kind), out);
        out.extend(content);
    }
}

fn map_key(kind: &str, entry: usize, out: &mut Vec<u8>) {
    match kind {
        "string" => {
            tag(1, 2, out);
            let text = format!("k{entry}");
            varint(text.len() as u64, out);
            out.extend(text.into_bytes());
        }
        "fixed64" => {
            tag(1, 1, out);
            out.extend((entry as u64).to_le_bytes());
        }
        "sint64" => {
            tag(1, 0, out);
            varint(entry as u64 * 2 + 1, out);
        }
        _ => {
            tag(1, 0, out);
            varint(entry as u64, out);
        }
    }
}

fn value(random: &mut Random, file: &File, kind: Kind, depth: usize, out: &mut Vec<u8>) {
    let any = |random: &mut Random| random.next() >> random.below(64);
    match kind {
        Kind::Scalar("double") => {
            let special = [f64::NAN, f64::INFINITY, 0.0, -0.0, 0.1, 1e300];
            // Few digits: serde_json, which reads for prost-reflect, gets the last ones wrong.
            out.extend(
                special.get(random.below(12)).copied().unwrap_or(f64::from(random.next() as i32) / 8.0).to_le_bytes(),
            );
        }
        Kind::Scalar("float") => {
            let special = [f32::NAN, f32::NEG_INFINITY, 0.0, -0.0, 0.1, 1e38];
            out.extend(
                special.get(random.below(12)).copied().unwrap_or((random.next() as i16) as f32 / 8.0).to_le_bytes(),
            );
        }
        Kind::Scalar("int32") => varint(i64::from(any(random) as i32) as u64, out),
        Kind::Scalar("uint32" | "sint32") => varint(u64::from(any(random) as u32), out),
        Kind::Scalar("int64" | "uint64" | "sint64") => varint(any(random), out),
        Kind::Scalar("fixed32" | "sfixed32") => out.extend((any(random) as u32).to_le_bytes()),
        Kind::Scalar("fixed64" | "sfixed64") => out.extend(any(random).to_le_bytes()),
        Kind::Scalar("bool") => varint(random.next() & 1, out),
        Kind::Scalar("string") => {
            let text = TEXTS[random.below(TEXTS.len())];
            varint(text.len() as u64, out);
            out.extend_from_slice(text.as_bytes());
        }
        Kind::Scalar(_) => {
            let max = if random.below(9) == 0 { 300 } else { 8 };
            let len = random.below(max);
            varint(len as u64, out);
            out.extend((0..len).map(|_| random.next() as u8));
        }
        Kind::Enum => varint([0, 1, -1i64 as u64, 1_000_000, 77][random.below(5)], out),
        Kind::Message(index) => {
            let content = payload(random, file, index, depth + 1);
            varint(content.len() as u64, out);
            out.extend(content);
        }
    }
}

fn wire(kind: Kind) -> u32 {
    match kind {
        Kind::Scalar("double" | "fixed64" | "sfixed64") => 1,
        Kind::Scalar("float" | "fixed32" | "sfixed32") => 5,
        Kind::Scalar("string" | "bytes") | Kind::Message(_) => 2,
        _ => 0,
    }
}

pub fn tag(number: u32, wire: u32, out: &mut Vec<u8>) {
    varint(u64::from(number << 3 | wire), out);
}

pub fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
