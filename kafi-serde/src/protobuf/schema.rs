//! A Protobuf file with what it imports, and which of its messages a payload is.

use std::fmt;

use kafi_core::{Error, ErrorKind, Result, nearest};
use prost_reflect::{FileDescriptor, MessageDescriptor};

use crate::protobuf::sources::{self, UNNAMED};
use crate::protobuf::types::{MessageId, Types};
use crate::wire::MessageIndexes;

const OPERATION: &str = "choose Protobuf message";

/// A Protobuf schema: a file, and what it imports.
///
/// ```
/// use kafi_serde::protobuf::Schema;
/// let schema = Schema::parse(r#"syntax = "proto3"; package shop; message Order { message Line { int64 id = 1; } repeated Line lines = 1; }"#)?;
/// assert_eq!(schema.message_names().collect::<Vec<_>>(), ["shop.Order", "shop.Order.Line"]);
/// assert_eq!(schema.indexes(schema.message("Order.Line")?).as_slice(), [0, 0]);
/// # Ok::<(), kafi_core::Error>(())
/// ```
pub struct Schema {
    pub(crate) types: Types,
    /// The messages of the file itself, as `message_names` gives them.
    own: Box<[Own]>,
    package: Box<str>,
}

/// A message of the file itself.
struct Own {
    id: MessageId,
    indexes: MessageIndexes,
    /// The same where nested messages that stand for maps are counted, too.
    indexes_with_maps: MessageIndexes,
}

/// A message of a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Message(pub(crate) MessageId);

impl Schema {
    /// Reads a source that imports nothing but what everybody knows: `google/protobuf/`, `google/type/`, and
    /// `confluent/`. In place of a source the descriptor of a file in base64 is taken, as by registries.
    ///
    /// # Errors
    /// `Corrupt`, with file, line, and column, where it is wrong; `Unsupported` for editions; `TooLarge` above 16 MiB.
    pub fn parse(text: &str) -> Result<Self> {
        Self::parse_with_imports(text, &[])
    }

    /// Reads a source with the files that it imports, each with the name that it is imported by. What those import has
    /// to be among them, or known to everybody.
    ///
    /// # Errors
    /// As those of [`parse`](Self::parse); also for an import that is not there.
    pub fn parse_with_imports(text: &str, imports: &[(&str, &str)]) -> Result<Self> {
        Self::parse_named(UNNAMED, text, imports)
    }

    /// The same for a source with a name, which errors show, and by which its imports may know it.
    ///
    /// # Errors
    /// As those of [`parse_with_imports`](Self::parse_with_imports).
    pub fn parse_named(name: &str, text: &str, imports: &[(&str, &str)]) -> Result<Self> {
        Ok(Self::of_file(&sources::file_named(name, text, imports)?))
    }

    /// Reads a set of descriptors, as `protoc --descriptor_set_out=FILE --include_imports` writes it; its last file is
    /// the schema.
    ///
    /// # Errors
    /// `Corrupt` if it is none, or lacks a file that is imported; `Unsupported` for editions.
    pub fn from_descriptor_set(set: &[u8]) -> Result<Self> {
        Ok(Self::of_file(&sources::last_file(set)?))
    }

    fn of_file(file: &FileDescriptor) -> Self {
        let types = Types::of(file.parent_pool());
        let mut own = Vec::new();
        collect(&types, file, &mut own);
        Self { types, own: own.into(), package: file.package_name().into() }
    }

    /// The full names of the file's messages, each before those that are nested in it.
    pub fn message_names(&self) -> impl Iterator<Item = &str> {
        self.own.iter().map(|own| &*self.types.message(own.id).name)
    }

    /// The first message of the file, which a payload is unless something else is said.
    ///
    /// # Errors
    /// `Corrupt` if the file has no message.
    pub fn first_message(&self) -> Result<Message> {
        match self.own.first() {
            Some(own) => Ok(Message(own.id)),
            None => Err(Error::new(ErrorKind::Corrupt, OPERATION, "the schema has no message")),
        }
    }

    /// The message of this name: its full name, or that without the file's package; messages of imports by their full
    /// names.
    ///
    /// # Errors
    /// `NotFound`, with the nearest name.
    pub fn message(&self, name: &str) -> Result<Message> {
        let within_package = format!("{}.{name}", self.package);
        let found = [name, &within_package].into_iter().find_map(|name| self.types.by_name.get(name));
        found.map(|id| Message(*id)).ok_or_else(|| {
            let error =
                Error::new(ErrorKind::NotFound, OPERATION, "the schema has no such message").with("message", name);
            match nearest(&within_package, self.message_names())
                .or_else(|| nearest(name, self.message_names()))
                .or_else(|| self.message_names().next())
            {
                Some(near) => error.hint(format!("did you mean {near}?")),
                None => error,
            }
        })
    }

    /// The message that a payload's indexes name. Clients disagree on whether the messages that stand for maps are
    /// counted: they are not, unless nothing else is there.
    ///
    /// # Errors
    /// `Corrupt` if there is none.
    pub fn message_at(&self, indexes: &MessageIndexes) -> Result<Message> {
        let found = self
            .own
            .iter()
            .find(|own| own.indexes == *indexes)
            .or_else(|| self.own.iter().find(|own| own.indexes_with_maps == *indexes));
        found.map(|own| Message(own.id)).ok_or_else(|| {
            let shown = indexes.as_slice().iter().map(u32::to_string).collect::<Vec<_>>().join(".");
            Error::new(ErrorKind::Corrupt, OPERATION, "the schema has no message at these indexes")
                .with("indexes", shown)
        })
    }

    /// The indexes of a message, for who writes a payload; those of a message of another file are those of the first.
    pub fn indexes(&self, message: Message) -> MessageIndexes {
        self.own.iter().find(|own| own.id == message.0).map(|own| own.indexes.clone()).unwrap_or_default()
    }

    /// The full name of a message.
    pub fn message_name(&self, message: Message) -> &str {
        &self.types.message(message.0).name
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.message_names()).finish()
    }
}

/// Takes the messages of a file in their order, those nested in another behind it.
fn collect(types: &Types, file: &FileDescriptor, own: &mut Vec<Own>) {
    // From the last to the first, so that the next one to be taken stands at the end.
    let mut left: Vec<(MessageDescriptor, Vec<u32>, Vec<u32>)> = Vec::new();
    push(file.messages(), &[], &[], &mut left);
    while let Some((message, indexes, indexes_with_maps)) = left.pop() {
        push(message.child_messages(), &indexes, &indexes_with_maps, &mut left);
        own.push(Own {
            id: types.by_name[message.full_name()],
            indexes: indexes.into(),
            indexes_with_maps: indexes_with_maps.into(),
        });
    }
}

fn push(
    messages: impl Iterator<Item = MessageDescriptor>,
    indexes: &[u32],
    with_maps: &[u32],
    left: &mut Vec<(MessageDescriptor, Vec<u32>, Vec<u32>)>,
) {
    let own = messages.enumerate().filter(|(_, message)| !message.is_map_entry()).zip(0..);
    let mut found: Vec<_> = own
        .map(|((place, message), index)| (message, [indexes, &[index]].concat(), [with_maps, &[place as u32]].concat()))
        .collect();
    found.reverse();
    left.extend(found);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Schema::parse(text).unwrap_err().to_string().strip_prefix("read Protobuf schema: ").unwrap().to_string()
    }

    #[test]
    fn messages_have_names_and_indexes() {
        let schema = Schema::parse(
            "syntax = \"proto2\"; package a.b; message A { map<string, int32> m = 1; message B { message C {} } message D {} optional group G = 2 { } } message E {}",
        )
        .unwrap();
        let names: Vec<_> = schema.message_names().collect();
        assert_eq!(names, ["a.b.A", "a.b.A.B", "a.b.A.B.C", "a.b.A.D", "a.b.A.G", "a.b.E"]);
        let indexes = |name: &str| schema.indexes(schema.message(name).unwrap()).as_slice().to_vec();
        assert_eq!(
            (indexes("A"), indexes("a.b.A.B.C"), indexes("A.D"), indexes("E")),
            (vec![0], vec![0, 0, 0], vec![0, 1], vec![1])
        );
        for name in names {
            let message = schema.message(name).unwrap();
            assert_eq!(
                (schema.message_at(&schema.indexes(message)).unwrap(), schema.message_name(message)),
                (message, name)
            );
        }
        let error = schema.message_at(&MessageIndexes::from([0, 9])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "choose Protobuf message: indexes 0.9: the schema has no message at these indexes"
        );
        let error = schema.message("A.DD").unwrap_err();
        assert_eq!((error.kind(), error.hint_text()), (ErrorKind::NotFound, Some("did you mean a.b.A.D?")));
        // Behind those that do not count maps stand those that do.
        assert_eq!(schema.message_at(&MessageIndexes::from([0, 3])).unwrap(), schema.message("A.G").unwrap());
    }

    #[test]
    fn imports_are_taken_from_what_is_given_and_known() {
        let main = "syntax = \"proto3\"; import \"a/b.proto\"; import \"google/type/money.proto\"; import \"confluent/meta.proto\"; import \"google/protobuf/timestamp.proto\";
            message M { a.B b = 1; google.type.Money m = 2 [(confluent.field_meta).doc = \"x\"]; google.protobuf.Timestamp t = 3; }";
        let other = "syntax = \"proto3\"; package a; import \"c.proto\"; message B { C c = 1; }";
        let third = "syntax = \"proto3\"; message C {}";
        let schema =
            Schema::parse_with_imports(main, &[("a/b.proto", other), ("c.proto", third), ("c.proto", third)]).unwrap();
        assert_eq!(schema.message_names().collect::<Vec<_>>(), ["M"]);
        assert!(schema.message("google.type.Money").is_ok() && schema.message("a.B").is_ok());
        assert_eq!(
            Schema::parse_with_imports(main, &[("a/b.proto", other)]).unwrap_err().to_string(),
            "read Protobuf schema: a/b.proto:1:31: import 'c.proto' not found"
        );
        assert!(
            Schema::parse_with_imports(main, &[("c.proto", third), ("c.proto", other)])
                .unwrap_err()
                .to_string()
                .contains("two files are called c.proto")
        );
    }

    #[test]
    fn what_is_wrong_says_where() {
        assert_eq!(
            error("syntax = \"proto3\";\nmessage M { int99 a = 1; }"),
            "schema.proto:2:13: name 'int99' is not defined"
        );
        assert_eq!(
            error("syntax = \"proto3\";\nmessage M { int32 a = 1 }"),
            "schema.proto:2:25: expected ';' or '[', but found '}'"
        );
        assert_eq!(error("import \"schema.proto\";"), "import cycle detected: schema.proto -> schema.proto");
        assert!(
            Schema::from_descriptor_set(b"\xff").is_err()
                && Schema::from_descriptor_set(b"").unwrap_err().to_string().contains("there is no file")
        );
        assert_eq!(Schema::parse(&" ".repeat((16 << 20) + 1)).unwrap_err().kind(), ErrorKind::TooLarge);
        assert!(Schema::parse("syntax = \"proto3\";").unwrap().first_message().is_err());
    }

    #[test]
    fn sources_that_nest_without_end_are_errors() {
        for depth in [200, 100_000] {
            assert!(Schema::parse(&format!("{}{}", "message M {".repeat(depth), "}".repeat(depth))).is_err());
        }
    }
}
