//! Protobuf, by the rules of Confluent's registry: messages are compared by their names within the package, fields by
//! their numbers, wherever in the message they stand.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use kafi_core::Result;
use prost_reflect::{Cardinality, FieldDescriptor, FileDescriptor, Kind, MessageDescriptor, OneofDescriptor, Syntax};

use crate::compat::found::Found;
use crate::compat::{Budget, Incompatibility, with_stack};
use crate::source::Source;

/// How many pairs of messages are compared.
const PAIRS_MAX: usize = 1 << 18;

pub(super) fn check(reader: &Source, writer: &Source) -> Result<Vec<Incompatibility>> {
    let (new, old) = (reader.protobuf_file()?, writer.protobuf_file()?);
    with_stack(|| {
        let mut checker = Checker {
            old: &old,
            new: &new,
            known: HashMap::new(),
            budget: Budget::new(PAIRS_MAX),
            path: String::new(),
        };
        checker.files().map(Found::into_vec)
    })
}

struct Checker<'a> {
    old: &'a FileDescriptor,
    new: &'a FileDescriptor,
    /// What was found for a pair of messages, the old one first; nothing while they are compared: what is recursive fits
    /// unless something else does not.
    known: HashMap<(String, String), Found>,
    budget: Budget,
    path: String,
}

impl Checker<'_> {
    fn files(&mut self) -> Result<Found> {
        let (old, new) = (self.old, self.new);
        let mut found = Found::default();
        if old.package_name() != new.package_name() {
            let reason = format!("the package was {:?}, and is {:?}", old.package_name(), new.package_name());
            found.push("PACKAGE_CHANGED", &self.path, reason);
        }
        found.merge(&self.messages(old.messages(), new.messages())?);
        Ok(found)
    }

    /// The messages of a file, or those in another message.
    fn messages(
        &mut self,
        old: impl Iterator<Item = MessageDescriptor>,
        new: impl Iterator<Item = MessageDescriptor>,
    ) -> Result<Found> {
        let new: HashMap<String, MessageDescriptor> =
            new.filter(|message| !message.is_map_entry()).map(|message| (message.name().into(), message)).collect();
        let mut found = Found::default();
        for old in old.filter(|message| !message.is_map_entry()) {
            match new.get(old.name()) {
                Some(new) => {
                    found.merge(&self.within(old.name(), |checker| checker.message(&old, new))?);
                }
                None => {
                    let reason = format!("the message {} is no longer there", old.full_name());
                    found.push("MESSAGE_REMOVED", &format!("{}/{}", self.path, old.name()), reason);
                }
            }
        }
        Ok(found)
    }

    fn message(&mut self, old: &MessageDescriptor, new: &MessageDescriptor) -> Result<Found> {
        let pair = (old.full_name().to_string(), new.full_name().to_string());
        if let Some(found) = self.known.get(&pair) {
            return Ok(found.clone());
        }
        self.budget.enter()?;
        self.known.insert(pair.clone(), Found::default());
        let mut found = self.oneofs(old, new)?;
        found.merge(&self.fields(old, new)?);
        found.merge(&self.messages(old.child_messages(), new.child_messages())?);
        self.known.insert(pair, found.clone());
        self.budget.leave();
        Ok(found)
    }

    /// What was independent must not exclude one another now; and no member leaves a oneof that stays.
    fn oneofs(&mut self, old: &MessageDescriptor, new: &MessageDescriptor) -> Result<Found> {
        let old_oneofs: HashMap<String, OneofDescriptor> =
            old.oneofs().filter(|oneof| !oneof.is_synthetic()).map(|oneof| (oneof.name().into(), oneof)).collect();
        let mut found = Found::default();
        for oneof in new.oneofs().filter(|oneof| !oneof.is_synthetic()) {
            let path = format!("{}/{}", self.path, oneof.name());
            let mut were_in = BTreeSet::new();
            let mut free = Vec::new();
            for field in oneof.fields().filter_map(|field| old.get_field(field.number())) {
                match real_oneof(&field) {
                    Some(oneof) => _ = were_in.insert(oneof.name().to_string()),
                    None => free.push(field.name().to_string()),
                }
            }
            if free.len() > 1 {
                let reason = format!("the fields {} could be set together, and are one oneof now", free.join(", "));
                found.push("MULTIPLE_FIELDS_MOVED_TO_ONEOF", &path, reason);
            } else if were_in.len() + free.len() > 1 {
                let reason = match free.first() {
                    Some(field) => format!("the field {field} could be set beside the others of the oneof"),
                    None => format!("the fields of {} could be set together", Vec::from_iter(were_in).join(", ")),
                };
                found.push("FIELD_MOVED_TO_EXISTING_ONEOF", &path, reason);
            }
            let members = old_oneofs.get(oneof.name()).into_iter().flat_map(OneofDescriptor::fields);
            for gone in members.filter(|field| new.get_field(field.number()).is_none()) {
                let reason = format!("the field {} of the oneof is no longer there", gone.name());
                found.push("ONEOF_FIELD_REMOVED", &format!("{path}/{}", gone.number()), reason);
            }
        }
        Ok(found)
    }

    fn fields(&mut self, old: &MessageDescriptor, new: &MessageDescriptor) -> Result<Found> {
        let numbered = |message: &MessageDescriptor| -> BTreeMap<u32, FieldDescriptor> {
            message.fields().map(|field| (field.number(), field)).collect()
        };
        let (old, new) = (numbered(old), numbered(new));
        let mut found = Found::default();
        for (number, field) in &old {
            let step = match real_oneof(field) {
                Some(oneof) => format!("{}/{number}", oneof.name()),
                None => number.to_string(),
            };
            match new.get(number) {
                Some(new) => found.merge(&self.within(&step, |checker| checker.field(field, new))?),
                None if field.cardinality() == Cardinality::Required => {
                    let reason = format!("the required field {} is no longer there", field.name());
                    found.push("REQUIRED_FIELD_REMOVED", &format!("{}/{step}", self.path), reason);
                }
                None => {}
            }
        }
        for (number, field) in new.iter().filter(|(number, _)| !old.contains_key(number)) {
            if field.cardinality() == Cardinality::Required {
                let reason = format!("the field {} is required, and was not there", field.name());
                found.push("REQUIRED_FIELD_ADDED", &format!("{}/{number}", self.path), reason);
            }
        }
        Ok(found)
    }

    fn field(&mut self, old: &FieldDescriptor, new: &FieldDescriptor) -> Result<Found> {
        let labels = (label(old), label(new));
        if let (Some((old_key, old_value)), Some((new_key, new_value))) = (entry(old), entry(new)) {
            let mut found = self.kinds(&old_key.kind(), &new_key.kind(), new)?;
            found.merge(&self.kinds(&old_value.kind(), &new_value.kind(), new)?);
            return Ok(found);
        }
        if old.is_map() != new.is_map() {
            let reason = format!("the field {} was {}, and is {}", new.name(), described(old), described(new));
            return Ok(Found::one("FIELD_KIND_CHANGED", &self.path, reason));
        }
        let found = self.kinds(&old.kind(), &new.kind(), new)?;
        match (labels, Scalar::of(&new.kind())) {
            ((Some(was), Some(is)), Some(scalar)) if found.is_empty() && was != is && scalar != Scalar::Text => {
                let reason = format!("the field {} of a number was {was}, and is {is}", new.name());
                Ok(Found::one("FIELD_NUMERIC_LABEL_CHANGED", &self.path, reason))
            }
            _ => Ok(found),
        }
    }

    fn kinds(&mut self, old: &Kind, new: &Kind, field: &FieldDescriptor) -> Result<Found> {
        let changed = || format!("the field {} was of the type {old:?}, and is of {new:?}", field.name());
        match (old.as_message(), new.as_message()) {
            (Some(old), Some(new)) => self.types(old, new, field),
            (None, None) if Scalar::of(old) == Scalar::of(new) => Ok(Found::default()),
            (None, None) => Ok(Found::one("FIELD_SCALAR_KIND_CHANGED", &self.path, changed())),
            _ => Ok(Found::one("FIELD_KIND_CHANGED", &self.path, changed())),
        }
    }

    /// The messages that fields hold: of their own files they are compared by themselves, of imports here.
    fn types(&mut self, old: &MessageDescriptor, new: &MessageDescriptor, field: &FieldDescriptor) -> Result<Found> {
        let changed = |why: String| format!("the message of the field {} {why}", field.name());
        if local_name(old) != local_name(new) {
            let why = format!("was {}, and is {}", old.full_name(), new.full_name());
            return Ok(Found::one("FIELD_NAMED_TYPE_CHANGED", &self.path, changed(why)));
        }
        if old.parent_file() == *self.old && new.parent_file() == *self.new {
            return Ok(Found::default());
        }
        let path = std::mem::replace(&mut self.path, format!("/{}", local_name(new).replace('.', "/")));
        let found = self.message(old, new);
        self.path = path;
        let mut found = found?;
        if !found.is_empty() {
            let why = format!("is {} from another file, which does not fit", new.full_name());
            found.push("FIELD_NAMED_TYPE_CHANGED", &self.path, changed(why));
        }
        Ok(found)
    }

    fn within<T>(&mut self, step: &str, work: impl FnOnce(&mut Self) -> T) -> T {
        let len = self.path.len();
        self.path.push('/');
        self.path.push_str(step);
        let done = work(self);
        self.path.truncate(len);
        done
    }
}

/// Scalars that read one another's payloads.
#[derive(PartialEq, Eq)]
enum Scalar {
    Varint,
    Zigzag,
    Text,
    Fixed32,
    Fixed64,
    Float,
    Double,
}

impl Scalar {
    fn of(kind: &Kind) -> Option<Self> {
        Some(match kind {
            Kind::Int32 | Kind::Int64 | Kind::Uint32 | Kind::Uint64 | Kind::Bool | Kind::Enum(_) => Self::Varint,
            Kind::Sint32 | Kind::Sint64 => Self::Zigzag,
            Kind::String | Kind::Bytes => Self::Text,
            Kind::Fixed32 | Kind::Sfixed32 => Self::Fixed32,
            Kind::Fixed64 | Kind::Sfixed64 => Self::Fixed64,
            Kind::Float => Self::Float,
            Kind::Double => Self::Double,
            Kind::Message(_) => return None,
        })
    }
}

/// The oneof of a field, unless it is the one that stands for `optional`.
fn real_oneof(field: &FieldDescriptor) -> Option<OneofDescriptor> {
    field.containing_oneof().filter(|oneof| !oneof.is_synthetic())
}

/// The label that is written in the source: none in a oneof, and in proto3 not everywhere.
fn label(field: &FieldDescriptor) -> Option<&'static str> {
    if real_oneof(field).is_some() || field.is_map() {
        return None;
    }
    match field.cardinality() {
        Cardinality::Required => Some("required"),
        Cardinality::Repeated => Some("repeated"),
        Cardinality::Optional => {
            let is_written =
                field.parent_file().syntax() == Syntax::Proto2 || field.field_descriptor_proto().proto3_optional();
            is_written.then_some("optional")
        }
    }
}

/// The fields of the entries of a map.
fn entry(field: &FieldDescriptor) -> Option<(FieldDescriptor, FieldDescriptor)> {
    if !field.is_map() {
        return None;
    }
    let kind = field.kind();
    let entry = kind.as_message()?;
    Some((entry.map_entry_key_field(), entry.map_entry_value_field()))
}

fn described(field: &FieldDescriptor) -> String {
    if field.is_map() { "a map".into() } else { format!("of the type {:?}", field.kind()) }
}

/// The name of a message without the package of its file.
fn local_name(message: &MessageDescriptor) -> &str {
    let package = message.package_name();
    let name = message.full_name();
    name.strip_prefix(package).and_then(|rest| rest.strip_prefix('.')).filter(|_| !package.is_empty()).unwrap_or(name)
}
