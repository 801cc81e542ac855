//! What the tests of the plugins share: the library as cargo builds it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use kafi::{Plugins, Registry};

/// A registry with this plugin, which stands before what is linked.
pub fn registry(name: &str) -> Registry {
    Registry::new().with_plugins(Plugins::named(vec![library(name)]))
}

/// Builds the library of the plugin `name`, which cargo does not do for tests, and says where it lies.
pub fn library(name: &str) -> PathBuf {
    let test = env::current_exe().expect("a test knows its file");
    let profile = test.ancestors().nth(2).expect("a test lies in deps, below the folder of its profile");
    let target = profile.parent().expect("the folder of a profile lies in the target folder");
    let mut build = Command::new(env!("CARGO"));
    build
        .args(["build", "--quiet", "--locked", "--package"])
        .arg(format!("kafi-plugin-{name}"))
        .arg("--target-dir")
        .arg(target);
    // What cargo tells this test of its package goes: the build scripts of some dependencies (of ring, say) look at it, and
    // they, and all that stands on them, would be built again for each plugin, and again for the next test.
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
            build.env_remove(name);
        }
    }
    if profile.ends_with("release") {
        build.arg("--release");
    }
    let status = build.current_dir(Path::new(env!("CARGO_MANIFEST_DIR"))).status().expect("cargo can be run");
    assert!(status.success(), "the plugin {name} can be built");
    profile.join(format!("{}kafi_plugin_{name}{}", env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX))
}

/// The committed list of the cases that a storage does not run; it is that of the linked storage.
pub fn expected(storage: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/expected")).join(format!("{storage}.txt"))
}
