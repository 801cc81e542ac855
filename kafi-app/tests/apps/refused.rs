//! What is no handler does not compile, and the compiler says what one is.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Compiles a program over kafi-app, without making anything of it; gives what the compiler says where it refuses.
fn refused(library: &Path, folder: &Path, statement: &str) -> Option<String> {
    let source = folder.join("program.rs");
    std::fs::write(&source, format!("use kafi_app::*;\nfn main() {{\n    {statement}\n}}\n")).unwrap();
    // The compiler of the cargo that runs this.
    let mut rustc = Command::new(Path::new(env!("CARGO")).with_file_name("rustc"));
    rustc.args(["--edition", "2024", "--emit", "metadata", "--color", "never", "-A", "warnings"]);
    rustc.arg("-L").arg(format!("dependency={}", library.parent().unwrap().display()));
    rustc.arg("--extern").arg(format!("kafi_app={}", library.display())).arg("--out-dir").arg(folder).arg(&source);
    let output = rustc.output().unwrap();
    (!output.status.success()).then(|| String::from_utf8(output.stderr).unwrap())
}

/// A library of kafi-app as cargo has built it beside this test, of those with which a right program compiles.
fn library(folder: &Path) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let files = std::fs::read_dir(test.parent().unwrap()).unwrap().map(|file| file.unwrap());
    let is_it = |name: &str| name.starts_with("libkafi_app-") && name.ends_with(".rlib");
    let built = files.filter(|file| is_it(&file.file_name().to_string_lossy()));
    let mut built: Vec<_> = built.map(|file| (file.metadata().unwrap().modified().unwrap(), file.path())).collect();
    built.sort();
    let right = "let _ = Route::new(\"t\").handle(|_: Json<u32>, _: Key<String>| Some(Bytes(vec![])));";
    let newest_first = built.into_iter().rev().map(|(_, path)| path);
    newest_first.into_iter().find(|path| refused(path, folder, right).is_none()).expect("a right program compiles")
}

#[test]
fn what_is_no_handler_is_told_what_one_is() {
    let folder = tempfile::tempdir().unwrap();
    let library = library(folder.path());
    let handler = "a handler is a function that takes what can be had of a message (`Value`, `Json<T>`, `Bytes`, \
                   `Key<T>`, `Headers`, `Meta`, `State<S>`) and returns what is published";
    for (statement, says) in [
        // What cannot be taken of a message, what cannot be published, too many arguments, and no function.
        ("let _ = Route::new(\"t\").handle(|_: Vec<u8>| ());", ["is not a handler", handler]),
        ("let _ = Route::new(\"t\").handle(|_: Key<u32>| ());", ["is not a handler", handler]),
        ("let _ = Route::new(\"t\").handle(|_: Bytes| 7u64);", ["is not a handler", handler]),
        ("let _ = Route::new(\"t\").handle(|_: Bytes| Ok::<u64, String>(7));", ["is not a handler", handler]),
        (
            "let _ = Route::new(\"t\").handle(|_: Meta, _: Meta, _: Meta, _: Meta, _: Meta, _: Meta, _: Meta| ());",
            ["is not a handler", handler],
        ),
        ("let _ = Route::new(\"t\").handle(\"text\");", ["`&str` is not a handler", handler]),
        (
            "let _ = Route::new(\"t\").handle_batch(3, |_: Batch<u32>| ());",
            ["a handler cannot take `u32`", "it takes `Value`, `Json<T>`, `Bytes`, `Key<T>`, `Headers`"],
        ),
        (
            "let _ = Route::new(\"t\").handle_batch(3, |_: Batch<Key<u32>>| ());",
            ["a key cannot be taken as `u32`", "it can be a `String`, a `Vec<u8>`, a `Value`"],
        ),
        (
            "let _ = Route::new(\"t\").handle_batch(3, |_: Batch<Bytes>| 7u64);",
            ["a handler cannot return `u64`", "it returns `()`, an output (a `Value`, `Json`, text, bytes"],
        ),
    ] {
        let said = refused(&library, folder.path(), statement).unwrap_or_else(|| panic!("{statement} compiles"));
        assert!(said.contains("error[E0277]") && says.iter().all(|part| said.contains(part)), "{statement}\n{said}");
    }
}
