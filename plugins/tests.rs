//! What the tests of the plugins share: where the library lies that was just built.

use std::env;
use std::path::PathBuf;

use kafi::{Plugins, Registry};

/// A registry with this plugin, which stands before what is linked.
pub fn registry(name: &str) -> Registry {
    Registry::new().with_plugins(Plugins::named(vec![library(name)]))
}

/// The library of the plugin `name`, which cargo builds before the tests of its package.
pub fn library(name: &str) -> PathBuf {
    let test = env::current_exe().expect("a test knows its file");
    let file = format!("{}kafi_plugin_{name}{}", env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX);
    test.parent().expect("a test lies in a folder").join(file)
}

/// The committed list of the cases that a storage does not run; it is that of the linked storage.
pub fn expected(storage: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/expected")).join(format!("{storage}.txt"))
}
