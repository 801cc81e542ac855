//! Sources and descriptors into a pool of descriptors: from what is given, and never from the network or a file that
//! nobody named.

use std::collections::{HashMap, HashSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kafi_core::{Error, ErrorKind, Result};
use prost_reflect::prost::Message;
use prost_reflect::prost_types::FileDescriptorProto;
use prost_reflect::{DescriptorPool, FileDescriptor};
use protox::file::{File, FileResolver, GoogleFileResolver};

use crate::protobuf::well_known;

const OPERATION: &str = "read Protobuf schema";

/// What a source is called that has no name.
pub(crate) const UNNAMED: &str = "schema.proto";

/// How large a source may be, in bytes.
const TEXT_BYTES_MAX: usize = 16 << 20;

/// Compiles a source under a name, with what it imports.
pub(crate) fn file_named(name: &str, text: &str, imports: &[(&str, &str)]) -> Result<FileDescriptor> {
    let pool = compile(name, text, imports)?;
    pool.get_file_by_name(name).ok_or_else(|| bad("the compiler lost the file").with("file", name))
}

/// The last file of a set of descriptors, as `protoc --descriptor_set_out` writes it.
pub(crate) fn last_file(set: &[u8]) -> Result<FileDescriptor> {
    let last = decode(set)?.files().last();
    last.ok_or_else(|| bad("there is no file in the set of descriptors"))
}

/// The last file of a set of descriptors as a text that registries take, and the files that it imports, with their names;
/// those first that others need, and none that everybody knows.
pub(crate) fn texts_of(set: &[u8]) -> Result<(String, Vec<(String, String)>)> {
    let last = last_file(set)?;
    let mut imports = Vec::new();
    push_imports(&last, &mut HashSet::new(), &mut imports);
    Ok((text_of(&last), imports))
}

fn push_imports(file: &FileDescriptor, seen: &mut HashSet<String>, imports: &mut Vec<(String, String)>) {
    for import in file.dependencies() {
        if seen.insert(import.name().to_string()) && !is_known(import.name()) {
            push_imports(&import, seen, imports);
            imports.push((import.name().to_string(), text_of(&import)));
        }
    }
}

/// The descriptor of a file in base64.
fn text_of(file: &FileDescriptor) -> String {
    STANDARD.encode(file.encode_to_vec())
}

/// Whether everybody knows this file.
fn is_known(name: &str) -> bool {
    well_known::source(name).is_some() || GoogleFileResolver::new().open_file(name).is_ok()
}

fn compile(name: &str, text: &str, imports: &[(&str, &str)]) -> Result<DescriptorPool> {
    let mut given: HashMap<String, String> = HashMap::new();
    for (import, text) in imports {
        if given.insert(import.to_string(), text.to_string()).is_some_and(|other| other != *text) {
            return Err(bad(format!("two files are called {import}, and they differ")));
        }
    }
    given.insert(name.into(), text.into());
    for (name, text) in &given {
        check(name, text)?;
    }
    let mut compiler = protox::Compiler::with_file_resolver(Given { files: given, google: GoogleFileResolver::new() });
    compiler.include_imports(true);
    compiler.open_file(name).map_err(|error| explained(&error))?;
    // Its own pool forgets which fields are packed.
    DescriptorPool::decode(&*compiler.encode_file_descriptor_set()).map_err(|error| bad(error.to_string()))
}

fn decode(set: &[u8]) -> Result<DescriptorPool> {
    DescriptorPool::decode(set).map_err(|error| {
        let text = error.to_string();
        if text.contains("editions") {
            editions("the descriptors")
        } else {
            bad(text).hint("make it with protoc --descriptor_set_out=FILE --include_imports")
        }
    })
}

/// What a source imports that not everybody knows; nothing, if it is none, which shows when it is compiled.
pub(crate) fn imports_of(name: &str, text: &str) -> Vec<String> {
    let file = file_of(name, text);
    let imports = file.map(|file| file.file_descriptor_proto().dependency.clone()).unwrap_or_default();
    imports.into_iter().filter(|import| !is_known(import)).collect()
}

/// Finds files among those that were given, and those that everybody knows.
struct Given {
    files: HashMap<String, String>,
    google: GoogleFileResolver,
}

impl FileResolver for Given {
    fn open_file(&self, name: &str) -> std::result::Result<File, protox::Error> {
        match self.files.get(name).map(String::as_str).or_else(|| well_known::source(name)) {
            Some(text) => file_of(name, text),
            None => self.google.open_file(name),
        }
    }
}

/// A file that is given as its source, or as its descriptor.
fn file_of(name: &str, text: &str) -> std::result::Result<File, protox::Error> {
    let Some(bytes) = descriptor(text) else { return File::from_source(name, text) };
    // Whoever made it called the file as it was called there.
    let mut file = FileDescriptorProto::decode(&*bytes).map_err(protox::Error::new)?;
    file.name = Some(name.to_string());
    File::decode_file_descriptor_proto(&*file.encode_to_vec()).map_err(protox::Error::new)
}

/// The descriptor of a file in base64, which registries take in place of its source.
fn descriptor(text: &str) -> Option<Vec<u8>> {
    let is_base64 = !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'\n' | b'\r'));
    if !is_base64 {
        return None;
    }
    let joined: String = text.split_ascii_whitespace().collect();
    STANDARD.decode(joined).ok()
}

fn check(name: &str, text: &str) -> Result<()> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(Error::new(
            ErrorKind::TooLarge,
            OPERATION,
            format!("its text has {} bytes, more than {TEXT_BYTES_MAX}", text.len()),
        )
        .with("file", name));
    }
    if uses_editions(text) { Err(editions(name)) } else { Ok(()) }
}

/// Whether a source says which edition it is of, in the place of its syntax.
fn uses_editions(text: &str) -> bool {
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    loop {
        rest = match () {
            () if rest.starts_with("//") => rest.split_once('\n').map_or("", |(_, rest)| rest),
            () if rest.starts_with("/*") => rest.split_once("*/").map_or("", |(_, rest)| rest),
            () => return rest.strip_prefix("edition").is_some_and(|rest| rest.trim_start().starts_with('=')),
        }
        .trim_start();
    }
}

fn editions(what: &str) -> Error {
    let error =
        Error::new(ErrorKind::Unsupported, OPERATION, "it uses editions, which are not supported").with("file", what);
    error.hint("write it as proto2 or proto3")
}

fn explained(error: &protox::Error) -> Error {
    // The debug form has the place that the other lacks: `file:line:column: what`.
    let text = format!("{error:?}");
    let text = text.lines().next().unwrap_or_default();
    bad(if text.is_empty() { error.to_string() } else { text.to_string() })
}

fn bad(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Corrupt, OPERATION, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_stand_for_sources_whatever_their_files_are_called() {
        let item =
            file_named("item.proto", "syntax = \"proto3\"; package p; message Item { int64 id = 1; }", &[]).unwrap();
        let item = STANDARD.encode(item.file_descriptor_proto().encode_to_vec());
        let named = file_named("other.proto", &item, &[]).unwrap();
        assert_eq!((named.name(), named.messages().count()), ("other.proto", 1));
        let main = "syntax = \"proto3\"; import \"shop/item.proto\"; message M { p.Item item = 1; }";
        assert!(file_named(UNNAMED, main, &[("shop/item.proto", &item)]).is_ok());
    }

    #[test]
    fn editions_are_seen_behind_comments_only_where_they_are() {
        for text in ["edition = \"2023\";", "// a\n/* b */ edition=\"2024\";", "\u{feff}\nedition  = \"2023\";"] {
            assert_eq!(
                file_named(UNNAMED, text, &[]).unwrap_err().to_string(),
                "read Protobuf schema: file schema.proto: it uses editions, which are not supported"
            );
        }
        for text in [
            "syntax = \"proto3\"; // edition = 1\nmessage edition {}",
            "message M { optional string edition = 1; }",
            "// x",
            "",
        ] {
            assert!(!uses_editions(text) && file_named(UNNAMED, text, &[]).is_ok(), "{text}");
        }
    }
}
