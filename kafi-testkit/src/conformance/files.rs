//! Files beside the topics: they appear as a whole or not at all, and are read in parts.

use kafi_core::{Capabilities, ErrorKind, FileReader};

use super::check::{Checked, Verdict, check, equal, refused};
use super::context::Context;
use super::{Case, Needs};

const FILES: Capabilities = Capabilities::FILES;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "files_are_unsupported",
        needs: Needs::Without(Capabilities::from_bits(0), FILES),
        promise: "files is Unsupported for a storage without a place for files.",
        run: unsupported,
    },
    Case::new("files_come_and_go", FILES, "What is finished is listed and read, until it is deleted.", come_and_go),
    Case::new(
        "files_appear_whole",
        FILES,
        "A file is there when it is finished, and not before; what is aborted or dropped never was.",
        appear_whole,
    ),
    Case::new("files_are_replaced", FILES, "A finished file replaces the one that had its name.", replaced),
    Case::new(
        "replaced_files_are_told_apart",
        FILES,
        "Who reads a file that is replaced meanwhile sees the old one, or Conflict; never a mixture.",
        told_apart,
    ),
    Case::new("files_are_read_in_parts", FILES, "read_at reads from any place; fewer bytes only at the end.", in_parts),
    Case::new("large_files", FILES, "A file that takes several requests is the bytes that were written.", large),
    Case::new("files_may_be_empty", FILES, "A file without bytes is one.", empty),
    Case::new("finished_is_over", FILES, "Nothing is written to what is finished or aborted.", over),
    Case::new("files_are_sorted", FILES, "list gives the names with the prefix, in the order of their bytes.", sorted),
    Case::new("missing_files_are_not_found", FILES, "A file that is not there is NotFound.", missing),
    Case::new("file_names_are_checked", FILES, "A name that could lead elsewhere is Usage.", names),
    Case::new("files_outlive_their_client", FILES, "Readers and writers work without the client of files.", outlive),
];

fn unsupported(c: &Context) -> Verdict {
    refused(c.storage.files(), &[ErrorKind::Unsupported], "files").map(|_| ())
}

/// Writes a whole file.
fn put(c: &Context, name: &str, bytes: &[u8]) -> Verdict {
    let mut writer = c.files()?.create(name, c.wait())?;
    writer.write(bytes, c.wait())?;
    Ok(writer.finish(c.wait())?)
}

/// Reads all that is left from `at` on, in pieces of up to `piece` bytes.
fn read_from(c: &Context, reader: &mut dyn FileReader, mut at: u64, piece: usize) -> Checked<Vec<u8>> {
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; piece]);
    loop {
        let read = reader.read_at(at, &mut buffer, c.wait())?;
        check(read <= piece, format_args!("{read} of {piece} bytes"))?;
        bytes.extend_from_slice(&buffer[..read]);
        at += read as u64;
        if read < piece {
            let more = reader.read_at(at, &mut buffer, c.wait())?;
            equal(&more, &0, "bytes behind a read that ended early")?;
            return Ok(bytes);
        }
    }
}

fn read(c: &Context, name: &str) -> Checked<Vec<u8>> {
    let mut reader = c.files()?.open(name, c.wait())?;
    let bytes = read_from(c, reader.as_mut(), 0, 1 << 20)?;
    equal(&reader.bytes(), &(bytes.len() as u64), "the length of the file")?;
    Ok(bytes)
}

/// The names and lengths of the files of a case, without what they begin with.
fn listed(c: &Context, prefix: &str) -> Checked<Vec<(String, u64)>> {
    let files = c.files()?.list(prefix, c.wait())?;
    Ok(files.into_iter().map(|file| (file.name.trim_start_matches(prefix).to_string(), file.len)).collect())
}

fn come_and_go(c: &Context) -> Verdict {
    let prefix = c.file_prefix();
    let name = format!("{prefix}a/b.csv");
    put(c, &name, b"hello")?;
    equal(&read(c, &name)?, b"hello".as_slice(), "the bytes")?;
    equal(&listed(c, &prefix)?, &vec![("a/b.csv".to_string(), 5)], "the list")?;
    let reopened = c.reopen()?.files()?.list(&prefix, c.wait())?;
    equal(&reopened.len(), &1, "the files that another handle sees")?;
    c.files()?.delete(&name, c.wait())?;
    equal(&listed(c, &prefix)?, &vec![], "the list after it was deleted")?;
    refused(c.files()?.open(&name, c.wait()), &[ErrorKind::NotFound], "open what was deleted").map(|_| ())
}

fn appear_whole(c: &Context) -> Verdict {
    let prefix = c.file_prefix();
    let name = format!("{prefix}a");
    for aborts in [true, false] {
        let mut writer = c.files()?.create(&name, c.wait())?;
        writer.write(&bytes(3 << 20), c.wait())?;
        equal(&listed(c, &prefix)?, &vec![], "the list while it is written")?;
        refused(c.files()?.open(&name, c.wait()), &[ErrorKind::NotFound], "open what is being written")?;
        if aborts {
            writer.abort(c.wait())?;
        }
        drop(writer);
        equal(&listed(c, &prefix)?, &vec![], format_args!("the list after it was given up, aborted: {aborts}"))?;
    }
    put(c, &name, b"old")?;
    let mut writer = c.files()?.create(&name, c.wait())?;
    writer.write(b"new", c.wait())?;
    drop(writer);
    equal(&read(c, &name)?, b"old".as_slice(), "what was there before")
}

fn replaced(c: &Context) -> Verdict {
    let name = format!("{}a", c.file_prefix());
    put(c, &name, b"a longer one")?;
    put(c, &name, b"short")?;
    equal(&read(c, &name)?, b"short".as_slice(), "the bytes of the second")
}

fn told_apart(c: &Context) -> Verdict {
    let name = format!("{}a", c.file_prefix());
    put(c, &name, &[b'a'; 1000])?;
    let mut reader = c.files()?.open(&name, c.wait())?;
    let mut buffer = [0; 10];
    reader.read_at(0, &mut buffer, c.wait())?;
    put(c, &name, &[b'b'; 1000])?;
    match reader.read_at(500, &mut buffer, c.wait()) {
        Ok(read) => equal(&buffer[..read], [b'a'; 10].as_slice(), "the bytes of the first"),
        Err(error) => equal(&error.kind(), &ErrorKind::Conflict, format_args!("{error}")),
    }
}

fn in_parts(c: &Context) -> Verdict {
    let name = format!("{}a", c.file_prefix());
    let all = bytes(100_000);
    put(c, &name, &all)?;
    let mut reader = c.files()?.open(&name, c.wait())?;
    for (at, len) in [(0, 10), (99_990, 10), (50_000, 1), (3, 77_777), (99_999, 0)] {
        let mut buffer = vec![0; len];
        equal(&reader.read_at(at as u64, &mut buffer, c.wait())?, &len, format_args!("{len} bytes from {at} on"))?;
        check(buffer == all[at..at + len], format_args!("the bytes from {at} on are others"))?;
    }
    for at in [90_000, 99_999, 100_000, 100_001, u64::MAX / 2] {
        let rest = read_from(c, reader.as_mut(), at, 64 << 10)?;
        let expected = all.get(usize::try_from(at).unwrap_or(usize::MAX)..).unwrap_or_default();
        check(rest == expected, format_args!("{} bytes from {at} on, which are others", rest.len()))?;
    }
    Ok(())
}

fn large(c: &Context) -> Verdict {
    let name = format!("{}a", c.file_prefix());
    let all = bytes(20 << 20);
    let mut writer = c.files()?.create(&name, c.wait())?;
    // Pieces that fit nothing.
    let (mut rest, mut piece) = (all.as_slice(), 1);
    while !rest.is_empty() {
        let (head, tail) = rest.split_at(piece.min(rest.len()));
        writer.write(head, c.wait())?;
        (rest, piece) = (tail, (piece * 3 + 1) % 7_000_001);
    }
    writer.finish(c.wait())?;
    let found = read(c, &name)?;
    check(found == all, format_args!("{} bytes of {}, or others", found.len(), all.len()))
}

fn empty(c: &Context) -> Verdict {
    let prefix = c.file_prefix();
    let name = format!("{prefix}a");
    c.files()?.create(&name, c.wait())?.finish(c.wait())?;
    equal(&read(c, &name)?, b"".as_slice(), "the bytes")?;
    equal(&listed(c, &prefix)?, &vec![("a".to_string(), 0)], "the list")
}

fn over(c: &Context) -> Verdict {
    let name = format!("{}a", c.file_prefix());
    let mut writer = c.files()?.create(&name, c.wait())?;
    writer.write(b"a", c.wait())?;
    writer.finish(c.wait())?;
    refused(writer.write(b"b", c.wait()), &[ErrorKind::Usage], "write after finish")?;
    refused(writer.finish(c.wait()), &[ErrorKind::Usage], "finish after finish")?;
    writer.abort(c.wait())?;
    drop(writer);
    equal(&read(c, &name)?, b"a".as_slice(), "the bytes")?;
    let mut writer = c.files()?.create(&name, c.wait())?;
    writer.abort(c.wait())?;
    writer.abort(c.wait())?;
    refused(writer.write(b"b", c.wait()), &[ErrorKind::Usage], "write after abort")?;
    refused(writer.finish(c.wait()), &[ErrorKind::Usage], "finish after abort")?;
    equal(&read(c, &name)?, b"a".as_slice(), "the bytes after all")
}

fn sorted(c: &Context) -> Verdict {
    let prefix = c.file_prefix();
    for name in ["b", "a/c", "a.b", "ab", "a-b", "ä", "a/b/c", "B"] {
        put(c, &format!("{prefix}{name}"), name.as_bytes())?;
    }
    let names = |below: &str| -> Checked<Vec<String>> {
        Ok(listed(c, &format!("{prefix}{below}"))?.into_iter().map(|(name, _)| format!("{below}{name}")).collect())
    };
    equal(&names("")?, &["B", "a-b", "a.b", "a/b/c", "a/c", "ab", "b", "ä"].as_slice(), "all")?;
    equal(&names("a/")?, &["a/b/c", "a/c"].as_slice(), "those of a folder")?;
    let some: Vec<_> = c.files()?.list(&format!("{prefix}a"), c.wait())?;
    let some: Vec<_> = some.iter().map(|file| file.name.trim_start_matches(&prefix)).collect();
    equal(&some, &["a-b", "a.b", "a/b/c", "a/c", "ab"].as_slice(), "those that begin with a letter")?;
    equal(&names("c")?, &Vec::<String>::new(), "none")
}

fn missing(c: &Context) -> Verdict {
    let (prefix, mut files) = (c.file_prefix(), c.files()?);
    put(c, &format!("{prefix}folder/a"), b"a")?;
    for name in ["a", "folder", "folder/b", "nothing/a"] {
        let name = format!("{prefix}{name}");
        let open = refused(files.open(&name, c.wait()), &[ErrorKind::NotFound], format_args!("open {name}"))?;
        check(open.to_string().contains(&name), format_args!("the error does not name the file: {open}"))?;
        refused(files.delete(&name, c.wait()), &[ErrorKind::NotFound], format_args!("delete {name}"))?;
    }
    Ok(())
}

fn names(c: &Context) -> Verdict {
    let mut files = c.files()?;
    for name in ["", "/a", "../a", "a/../../b", "a//b", "a/", "~a", "a\\b", "a\0b", "a."] {
        refused(files.create(name, c.wait()), &[ErrorKind::Usage], format_args!("create {name:?}"))?;
        refused(files.open(name, c.wait()), &[ErrorKind::Usage], format_args!("open {name:?}"))?;
        refused(files.delete(name, c.wait()), &[ErrorKind::Usage], format_args!("delete {name:?}"))?;
    }
    Ok(())
}

fn outlive(c: &Context) -> Verdict {
    let name = format!("{}a", c.file_prefix());
    let mut writer = c.reopen()?.files()?.create(&name, c.wait())?;
    writer.write(b"hello", c.wait())?;
    writer.finish(c.wait())?;
    let mut reader = c.reopen()?.files()?.open(&name, c.wait())?;
    equal(&read_from(c, reader.as_mut(), 1, 10)?, b"ello".as_slice(), "the bytes")
}

/// Bytes of which no two parts are the same.
fn bytes(len: usize) -> Vec<u8> {
    (0..len.div_ceil(4)).flat_map(|word| (word as u32).wrapping_mul(2_654_435_761).to_le_bytes()).take(len).collect()
}
