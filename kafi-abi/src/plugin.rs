//! What a plugin exports.

use abi_stable::StableAbi;
use abi_stable::library::RootModule;
use abi_stable::package_version_strings;
use abi_stable::sabi_types::VersionStrings;
use abi_stable::std_types::{RResult, RStr, RString};

use crate::failure::Failure;
use crate::traits::StorageBox;

/// Where a plugin's log lines go.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct LogSink {
    /// The most detailed level that is wanted: 0 nothing, 1 errors, 2 warnings, 3 info, 4 debug, 5 trace.
    pub level_max: u32,
    /// Takes the level, the target, and the line; may be called on any thread, and does not unwind.
    pub line: extern "C" fn(u32, RStr<'_>, RStr<'_>),
}

/// The root module of a plugin.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = PluginRef)))]
#[sabi(missing_field(panic))]
pub struct Plugin {
    /// Says, as JSON, what the plugin is: its name and version, and its storages with their schemes, sections, and
    /// keys.
    pub announce: extern "C" fn() -> RString,
    /// Opens a storage. The text is JSON: the name that the user gave it, the scheme, and either the parts of an
    /// address or the items of its section in a configuration.
    pub open: extern "C" fn(RStr<'_>, LogSink) -> RResult<StorageBox, Failure>,
    /// Does what later versions of Kafi agree on, by name, with JSON in and out.
    #[sabi(last_prefix_field)]
    pub call: extern "C" fn(RStr<'_>, RStr<'_>) -> RResult<RString, Failure>,
}

impl RootModule for PluginRef {
    abi_stable::declare_root_module_statics! {PluginRef}

    const BASE_NAME: &'static str = "kafi_plugin";
    const NAME: &'static str = "kafi_plugin";
    const VERSION_STRINGS: VersionStrings = package_version_strings!();
}
