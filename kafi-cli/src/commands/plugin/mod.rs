//! `plugin`: the plugins, which open storages that are not built in.

mod check;
mod ls;

use std::path::Path;

use kafi::{Plugin, StorageInfo};

use crate::output::Cell;
use crate::verb::{Entry, entry};

/// What can be done with plugins.
pub const PLUGIN: Entry = Entry::Verbs {
    name: "plugin",
    about: "List and check plugins, which open storages that are not built in",
    verbs: &[entry::<ls::LsArgs>("ls"), entry::<check::CheckArgs>("check")],
};

fn schemes(plugin: &Plugin) -> String {
    joined(plugin, |storage| Some(storage.scheme))
}

fn sections(plugin: &Plugin) -> String {
    joined(plugin, |storage| storage.section)
}

fn joined(plugin: &Plugin, of: impl Fn(&StorageInfo) -> Option<&'static str>) -> String {
    plugin.announced.storages.iter().filter_map(of).collect::<Vec<_>>().join(" ")
}

fn file(path: &Path) -> Cell {
    Cell::Text(path.display().to_string())
}
