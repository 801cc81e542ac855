//! Builds the plugins of the tests: two kinds of sources, in C and in Rust.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

/// The root of the repository.
pub const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The old plugin, built with the frozen copy of the interface.
pub static FROZEN: LazyLock<PathBuf> = LazyLock::new(|| built(&Path::new(ROOT).join("tests/plugins/frozen"), "frozen"));

/// The plugin that does what none should, built with a kafi-core of version 7.7.7.
pub static NAUGHTY: LazyLock<PathBuf> = LazyLock::new(|| {
    let workspace = emptied("naughty");
    for package in ["kafi-abi", "kafi-core", "tests/plugins/naughty"] {
        copy(
            &Path::new(ROOT).join(package),
            &workspace.join(package.rsplit('/').next().expect("a path has a last part")),
        );
    }
    fs::copy(Path::new(ROOT).join("Cargo.lock"), workspace.join("Cargo.lock")).unwrap();
    let manifest = fs::read_to_string(Path::new(ROOT).join("Cargo.toml")).unwrap();
    let (workspace_part, _) =
        manifest.split_once("\n[package]").expect("the manifest begins with that of the workspace");
    let members = workspace_part.lines().find(|line| line.starts_with("members = ")).expect("a workspace has members");
    let workspace_part = workspace_part.replace(members, "members = [\"kafi-abi\", \"kafi-core\", \"naughty\"]");
    let of_core = "kafi-core = { path = \"kafi-core\", version = \"0.1.0\" }";
    fs::write(workspace.join("Cargo.toml"), changed(&workspace_part, of_core, &of_core.replace("0.1.0", "7.7.7")))
        .unwrap();
    edit(&workspace.join("kafi-core/Cargo.toml"), "\nversion = \"0.1.0\"", "\nversion = \"7.7.7\"");
    built(&workspace, "naughty")
});

/// The old plugin with one field more in a type that the interface consists of, under the same number.
pub static CHANGED: LazyLock<PathBuf> = LazyLock::new(|| {
    let workspace = emptied("changed");
    copy(&Path::new(ROOT).join("tests/plugins/frozen"), &workspace);
    // Cargo tells packages apart by where they lie in their workspace.
    fs::rename(workspace.join("kafi-abi"), workspace.join("changed-abi")).unwrap();
    edit(&workspace.join("Cargo.toml"), "name = \"frozen\"", "name = \"changed\"");
    edit(&workspace.join("Cargo.toml"), "\"kafi-abi\"", "\"changed-abi\"");
    edit(
        &workspace.join("changed-abi/src/failure.rs"),
        "pub retry: u32,",
        "pub retry: u32,\n    /// More.\n    pub more: u32,",
    );
    edit(&workspace.join("src/lib.rs"), "retry: 0,", "retry: 0,\n        more: 0,");
    built(&workspace, "changed")
});

/// Runs the tests of the storage outside of the workspace, as its author would, and says what they print.
pub fn tests_of_the_example() -> Output {
    let folder = Path::new(ROOT).join("examples/plugins/jsonl");
    // The versions of the dependencies that are tested are those of the workspace.
    fs::copy(Path::new(ROOT).join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    let mut test = Command::new(env!("CARGO"));
    test.args(["test", "--quiet", "--offline", "--target-dir"]).arg(target()).current_dir(folder);
    test.output().expect("cargo can be run")
}

/// A library from a line of C.
pub fn from_c(folder: &Path, name: &str, line: &str) -> PathBuf {
    let (source, library) =
        (folder.join(format!("{name}.c")), folder.join(format!("{name}{}", env::consts::DLL_SUFFIX)));
    fs::write(&source, line).unwrap();
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(&source)
        .status()
        .expect("there is a C compiler");
    assert!(built.success());
    library
}

/// Builds the package in `folder` with what was built for this test, as far as it is the same, and says where its
/// library lies.
fn built(folder: &Path, name: &str) -> PathBuf {
    let target = target();
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--package", name, "--target-dir"]).arg(&target).current_dir(folder);
    assert!(build.status().expect("cargo can be run").success(), "{name} can be built");
    target.join("debug").join(format!("{}{name}{}", env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX))
}

/// The folder that this test was built in.
fn target() -> PathBuf {
    let test = env::current_exe().expect("a test knows its file");
    test.ancestors().nth(3).expect("a test lies in the target folder").to_path_buf()
}

/// A folder of this name for what is built from, with nothing in it.
fn emptied(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("plugins").join(name);
    fs::remove_dir_all(&folder).or_else(|error| if folder.exists() { Err(error) } else { Ok(()) }).unwrap();
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Copies a folder. Files keep their times, so that cargo builds only what has changed.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let from = entry.unwrap().path();
        let to = to.join(from.file_name().expect("an entry has a name"));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(&from, &to).unwrap();
            keep_time(&from, &to);
        }
    }
}

fn keep_time(from: &Path, to: &Path) {
    let modified = from.metadata().and_then(|metadata| metadata.modified()).unwrap();
    fs::File::options().write(true).open(to).and_then(|file| file.set_modified(modified)).unwrap();
}

fn edit(path: &Path, from: &str, to: &str) {
    let modified = path.metadata().and_then(|metadata| metadata.modified()).unwrap();
    let text = changed(&fs::read_to_string(path).unwrap(), from, to);
    fs::write(path, text).unwrap();
    fs::File::options().write(true).open(path).and_then(|file| file.set_modified(modified)).unwrap();
}

fn changed(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "the test changes {from:?}, which is there");
    text.replace(from, to)
}
