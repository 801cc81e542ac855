//! Which types of Arrow's columns have, by what stands in them.

use std::collections::HashMap;

use arrow_schema::{DataType, Field, Fields, TimeUnit};
use kafi_core::{ColumnType, Error, ErrorKind, Json, JsonKind, json_text::write_string};

use super::fits::{bytes_of, nanoseconds_of, number_of, without_zone};
use crate::cell::Cell;
use crate::format::Format;
use crate::infer::{DECIMAL_DIGITS, Kind};

/// What is said of points in time that a file of ORC cannot hold, or that nobody reads from there.
const NO_SUCH_TIME: &str = "ORC has no number for a point in time with a fraction in the last second before 1970";
const NOT_READ: &str = "readers of ORC hold no points in time before 1677-09-22 and after 2262-04-11";

impl Kind {
    /// Whether bytes or times of day stand somewhere in it, which Arrow reads in another form.
    fn is_rewritten(&self) -> bool {
        match self {
            Self::Bytes(_) | Self::Typed(ColumnType::Time(_)) => true,
            Self::List(kind) | Self::Map(kind) => kind.is_rewritten(),
            Self::Struct(members) => members.iter().any(|(_, kind)| kind.is_rewritten()),
            _ => false,
        }
    }

    /// Appends JSON with bytes and times of day in the form that Arrow reads.
    pub(super) fn write(&self, json: &Json, out: &mut Vec<u8>) {
        match (self, json.kind()) {
            (Self::Bytes(text), JsonKind::Str) => {
                match json.str().ok().and_then(|shown| bytes_of(shown, *text)) {
                    Some(bytes) => {
                        out.push(b'"');
                        bytes.iter().for_each(|byte| out.extend_from_slice(format!("{byte:02x}").as_bytes()));
                        out.push(b'"');
                    }
                    // No hexadecimal number, so that it is an error.
                    None => out.extend_from_slice(b"\"?\""),
                }
            }
            (Self::Typed(ColumnType::Time(_)), JsonKind::Str) => {
                write_string(out, without_zone(json.str().unwrap_or_default()));
            }
            (Self::List(kind), JsonKind::Array) => {
                out.push(b'[');
                for (index, element) in json.iter().enumerate() {
                    out.extend_from_slice(if index > 0 { b"," } else { b"" });
                    kind.write(element, out);
                }
                out.push(b']');
            }
            (Self::Map(_) | Self::Struct(_), JsonKind::Object) => {
                out.push(b'{');
                for (index, (name, member)) in json.members().enumerate() {
                    out.extend_from_slice(if index > 0 { b"," } else { b"" });
                    write_string(out, name);
                    out.push(b':');
                    self.of_member(name).write(member, out);
                }
                out.push(b'}');
            }
            _ => out.extend_from_slice(json.text().trim().as_bytes()),
        }
    }

    pub(super) fn of_member(&self, name: &str) -> &Self {
        match self {
            Self::Map(kind) => kind,
            Self::Struct(members) => {
                members.iter().find(|(known, _)| known == name).map_or(&Self::Null, |(_, kind)| kind)
            }
            _ => &Self::Null,
        }
    }

    /// The kind that becomes text where there is no type in ORC, or none that can be written: for decimals, times of
    /// day, and what is nested.
    fn kept_by_orc(&self) -> Self {
        match self.data_type() {
            Some(DataType::UInt32) => Self::int64(),
            Some(
                DataType::UInt64
                | DataType::Decimal128(..)
                | DataType::Decimal256(..)
                | DataType::Time32(_)
                | DataType::Time64(_)
                | DataType::List(_)
                | DataType::Struct(_)
                | DataType::Map(..),
            ) => Self::Text,
            _ => self.clone(),
        }
    }

    /// The type in a file, which may be one of ORC; text where there is none.
    fn type_in(&self, is_orc: bool) -> DataType {
        let kept = if is_orc { self.kept_by_orc().data_type() } else { self.data_type() };
        kept.unwrap_or(DataType::Utf8)
    }

    /// The type of Arrow's that holds it; `None` where none does, also not within lists and members, and it becomes
    /// text.
    pub(super) fn data_type(&self) -> Option<DataType> {
        match self {
            Self::Null | Self::Str => Some(DataType::Utf8),
            Self::Bool => Some(DataType::Boolean),
            Self::Number(number) => scalar(&number.column_type()),
            Self::List(element) => Some(DataType::List(Field::new_list_field(element.data_type()?, true).into())),
            // Not every format has members without any.
            Self::Struct(members) if members.is_empty() => None,
            Self::Struct(members) => {
                let field = |(name, kind): &(String, Self)| Some(Field::new(name, kind.data_type()?, true));
                Some(DataType::Struct(members.iter().map(field).collect::<Option<Fields>>()?))
            }
            Self::Map(value) => {
                let members = [Field::new("key", DataType::Utf8, false), Field::new("value", value.data_type()?, true)];
                let entries = Field::new("entries", DataType::Struct(Fields::from_iter(members)), false);
                Some(DataType::Map(entries.into(), false))
            }
            Self::Bytes(_) => Some(DataType::Binary),
            Self::Typed(type_) => scalar(type_),
            Self::Text => None,
        }
    }
}

/// The type of Arrow's for one that is neither of lists nor of members.
fn scalar(type_: &ColumnType) -> Option<DataType> {
    Some(match type_ {
        ColumnType::Int32 => DataType::Int32,
        ColumnType::Int64 => DataType::Int64,
        ColumnType::UInt32 => DataType::UInt32,
        ColumnType::UInt64 => DataType::UInt64,
        ColumnType::Float32 => DataType::Float32,
        ColumnType::Float64 => DataType::Float64,
        ColumnType::Decimal { precision: digits @ ..=DECIMAL_DIGITS, scale } => {
            DataType::Decimal128(*digits as u8, *scale as i8)
        }
        ColumnType::Decimal { precision, scale } => DataType::Decimal256(*precision as u8, *scale as i8),
        ColumnType::Date => DataType::Date32,
        ColumnType::Time(kafi_core::TimeUnit::Milliseconds) => DataType::Time32(TimeUnit::Millisecond),
        ColumnType::Time(unit) => DataType::Time64(unit_of(*unit)),
        ColumnType::Timestamp { unit, utc } => DataType::Timestamp(unit_of(*unit), utc.then(|| "+00:00".into())),
        _ => return None,
    })
}

/// What the JSON is that values of a type become: times, which JSON lacks, and bytes are text.
pub(super) fn column_type(data_type: &DataType) -> ColumnType {
    match data_type {
        DataType::Boolean => ColumnType::Bool,
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::UInt8 | DataType::UInt16 => ColumnType::Int32,
        DataType::Int64 | DataType::UInt32 => ColumnType::Int64,
        DataType::UInt64 => ColumnType::UInt64,
        DataType::Float16 | DataType::Float32 => ColumnType::Float32,
        DataType::Float64 => ColumnType::Float64,
        DataType::Decimal32(precision, scale @ 0..)
        | DataType::Decimal64(precision, scale @ 0..)
        | DataType::Decimal128(precision, scale @ 0..)
        | DataType::Decimal256(precision, scale @ 0..) => {
            ColumnType::Decimal { precision: u32::from(*precision), scale: scale.unsigned_abs().into() }
        }
        DataType::List(element) | DataType::LargeList(element) | DataType::FixedSizeList(element, _) => {
            ColumnType::List(Box::new(column_type(element.data_type())))
        }
        DataType::Struct(members) => ColumnType::Struct(
            members.iter().map(|member| (member.name().clone(), column_type(member.data_type()))).collect(),
        ),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(members) if members.len() == 2 => {
                ColumnType::Map(Box::new(column_type(members[1].data_type())))
            }
            _ => ColumnType::Any,
        },
        DataType::Dictionary(_, values) => column_type(values),
        DataType::Union(..) | DataType::Decimal128(..) | DataType::Decimal256(..) => ColumnType::Any,
        _ => ColumnType::Str,
    }
}

fn unit_of(unit: kafi_core::TimeUnit) -> TimeUnit {
    match unit {
        kafi_core::TimeUnit::Milliseconds => TimeUnit::Millisecond,
        kafi_core::TimeUnit::Microseconds => TimeUnit::Microsecond,
        kafi_core::TimeUnit::Nanoseconds => TimeUnit::Nanosecond,
    }
}

/// A column.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// Whether something in it is rewritten, once all is known.
    pub(super) is_rewritten: bool,
    /// Whether something may come that does not fit into it, and whether that may come of a schema, too.
    pub(super) is_checked: bool,
    pub(super) has_times: bool,
    /// Whether it is a column of ORC, which has fewer types.
    is_orc: bool,
}

impl Column {
    /// The type that it has in a file.
    pub(super) fn data_type(&self) -> DataType {
        self.kind.data_type().unwrap_or(DataType::Utf8)
    }

    /// Takes one more kind of what stands there; false where columns that were made before have another type now.
    fn take(&mut self, kind: Kind) -> bool {
        if kind == Kind::Null || kind == self.kind {
            return true;
        }
        let before = self.kind.type_in(self.is_orc);
        self.kind = std::mem::replace(&mut self.kind, Kind::Null).with(kind);
        before == self.kind.type_in(self.is_orc)
    }

    /// The same for what stands in a cell.
    pub(super) fn grow(&mut self, cell: Cell<'_>) -> bool {
        self.take(Kind::of(cell))
    }

    /// Takes a value of a column of text, by its text, likewise; `is_plain` is a string without escapes.
    #[inline]
    pub(super) fn grows_as_text(&mut self, raw: &str, is_plain: bool) -> bool {
        match (&self.kind, raw.as_bytes().first()) {
            (Kind::Text, _) | (_, Some(b'n')) => true,
            (Kind::Str, _) if is_plain => true,
            _ => self.grow(Cell::Raw(raw)),
        }
    }

    /// The whole number that a text is, in a column of such; likewise.
    #[inline]
    pub(super) fn grow_int(&mut self, text: &str) -> Option<i64> {
        let number = text.parse().ok()?;
        if let Kind::Number(known) = &mut self.kind {
            known.widen(text.trim_start_matches('-').len());
        }
        Some(number)
    }

    /// The number that a text is, or what stands for it: a date, a time of day, a point in time.
    pub(super) fn number(&self, text: &str) -> Option<i64> {
        let number = match &self.kind {
            Kind::Typed(type_) => number_of(type_, text),
            _ => text.parse().ok(),
        };
        number.filter(|number| self.has(*number))
    }

    /// Whether the file has this number for what the column holds.
    #[inline]
    pub(super) fn has(&self, number: i64) -> bool {
        !self.is_orc || self.lacks(number).is_none()
    }

    /// Why ORC does not have a number. It writes seconds toward zero, so that within the last one before 1970 only its
    /// first millisecond can be told from what comes a second later; and others read it as nanoseconds of 64 bits.
    fn lacks(&self, number: i64) -> Option<&'static str> {
        let Kind::Typed(ColumnType::Timestamp { unit, .. }) = &self.kind else { return None };
        let nanoseconds = nanoseconds_of(*unit);
        if (-999 * (nanoseconds_of(kafi_core::TimeUnit::Milliseconds) / nanoseconds)..0).contains(&number) {
            return Some(NO_SUCH_TIME);
        }
        number.checked_mul(nanoseconds).is_none().then_some(NOT_READ)
    }

    /// Why what stands in a cell does not fit, as an error that names the column.
    pub(super) fn misfit(&self, cell: Cell<'_>) -> Error {
        let lacking = || {
            let mut text = Vec::new();
            cell.write_json(&mut text);
            let text = String::from_utf8_lossy(&text);
            let Kind::Typed(type_) = &self.kind else { return None };
            self.lacks(number_of(type_, text.trim().trim_matches('"'))?)
        };
        let (why, hint) = match self.kind.misfit(cell) {
            Some(why) => (why, None),
            None if self.is_orc
                && let Some(why) = lacking() =>
            {
                (why.to_string(), Some("Parquet and Feather have it"))
            }
            None => ("it does not fit into its column".to_string(), None),
        };
        let error = Error::new(ErrorKind::Corrupt, "write row", why).with("column", &self.name);
        match hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }

    /// Whether a number has no more digits than were found before.
    #[inline]
    pub(super) fn has_digits_of(&self, text: &str) -> bool {
        matches!(&self.kind, Kind::Number(known) if known.has_digits_of(text))
    }
}

/// The columns of a file, in the order in which they came.
#[derive(Clone, Default)]
pub(super) struct Columns {
    columns: Vec<Column>,
    index: HashMap<String, usize>,
    /// The column that probably comes next.
    next: usize,
    is_orc: bool,
}

impl Columns {
    /// Those of a file in this format.
    pub(super) fn of(format: Format) -> Self {
        Self { is_orc: format == Format::Orc, ..Self::default() }
    }

    /// Takes what stands in a column, of which a schema has said what it should be: there texts may be dates.
    pub(super) fn add_said(&mut self, name: &str, cell: Cell<'_>) {
        let kind = match (self.at(name), cell) {
            (Some(at), Cell::Json(json)) => self.columns[at].kind.said(json),
            (Some(at), Cell::Raw(text)) => self.columns[at].kind.said(&Json::from_valid(text)),
            _ => Kind::of(cell),
        };
        self.add(name, kind);
    }

    /// Takes what stands in a column.
    pub(super) fn add(&mut self, name: &str, kind: Kind) {
        self.take(name, kind);
    }

    /// The same; false where it is a new one, or has another type now.
    fn take(&mut self, name: &str, kind: Kind) -> bool {
        if let Some(at) = self.at(name) {
            return self.columns[at].take(kind);
        }
        self.index.insert(name.to_string(), self.columns.len());
        let (name, is_orc) = (name.to_string(), self.is_orc);
        let (is_rewritten, is_checked, has_times) = (false, false, false);
        self.columns.push(Column { name, kind, is_rewritten, is_checked, has_times, is_orc });
        false
    }

    /// Takes the columns that later rows have; true where there are new ones, or some have other types now.
    pub(super) fn join(&mut self, later: Self) -> bool {
        self.rewind();
        let mut has_grown = false;
        for Column { name, kind, .. } in later.columns {
            has_grown |= !self.take(&name, kind);
        }
        has_grown
    }

    /// Nothing is added from here on but what fits; `are_all` says that the columns were made of the very values that
    /// come.
    pub(super) fn settle(&mut self, are_all: bool) {
        self.rewind();
        for column in &mut self.columns {
            if column.is_orc {
                column.kind = column.kind.kept_by_orc();
            }
            let kind = &column.kind;
            let holds_all = kind.data_type().is_none() || *kind == Kind::Null;
            column.has_times = kind.has_times();
            column.is_checked = !holds_all && (!are_all || column.has_times);
            column.is_rewritten = kind.is_rewritten();
        }
    }

    pub(super) fn column_mut(&mut self, at: usize) -> &mut Column {
        &mut self.columns[at]
    }

    /// Where the column of this name is, which is mostly the one behind the last.
    #[inline]
    pub(super) fn at(&mut self, name: &str) -> Option<usize> {
        let at = match self.columns.get(self.next) {
            Some(next) if next.name == name => self.next,
            _ => *self.index.get(name)?,
        };
        self.next = at + 1;
        Some(at)
    }

    /// Begins the next row.
    #[inline]
    pub(super) fn rewind(&mut self) {
        self.next = 0;
    }

    /// The names of those that hold more than strings, and become text.
    pub(super) fn texts(&self) -> Vec<String> {
        let is_text = |column: &&Column| match column.is_orc {
            true => column.kind.kept_by_orc().data_type().is_none(),
            false => column.kind.data_type().is_none(),
        };
        self.iter().filter(is_text).map(|column| column.name.clone()).collect()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data_type(values: &[&str]) -> Option<DataType> {
        let kind = |text: &&str| Kind::of_json(&Json::parse(*text).unwrap());
        values.iter().map(kind).fold(Kind::Null, Kind::with).data_type()
    }

    #[test]
    fn types_widen_without_loss() {
        assert_eq!(data_type(&["1", "-9007199254740993", "null"]), Some(DataType::Int64));
        assert_eq!(data_type(&["1", "19.990"]), Some(DataType::Decimal128(5, 3)));
        assert_eq!(data_type(&["18446744073709551615"]), Some(DataType::Decimal128(20, 0)));
        assert_eq!(data_type(&["1.5e3", "2"]), Some(DataType::Float64));
        assert_eq!(data_type(&["1.5e3", "9007199254740993"]), None);
        assert_eq!(data_type(&[&"9".repeat(39)]), None);
        assert_eq!(data_type(&["true", "false"]), Some(DataType::Boolean));
        assert_eq!(data_type(&["\"a\"", "null"]), Some(DataType::Utf8));
        assert_eq!(data_type(&["\"a\"", "1"]), None);
        assert_eq!(data_type(&["[1]", "[]", "[null]"]).unwrap().to_string(), "List(Int64)");
        assert_eq!(data_type(&["[1,\"a\"]"]), None);
        assert_eq!(data_type(&["{}"]), None);
        let DataType::Struct(fields) = data_type(&[r#"{"a":1}"#, r#"{"b":{"c":true},"a":null}"#]).unwrap() else {
            panic!("they have members");
        };
        assert_eq!(fields.iter().map(|field| field.name().as_str()).collect::<Vec<_>>(), ["a", "b"]);
    }
}
