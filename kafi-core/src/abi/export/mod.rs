//! The plugin's side: plain traits become what crosses.

mod admin;
mod consumer;
mod files;
mod guard;
mod log_lines;
mod producer;

use std::sync::Arc;
use std::time::Duration;

use kafi_abi::abi_stable::prefix_type::PrefixTypeTrait;
use kafi_abi::abi_stable::sabi_trait::TD_Opaque;
use kafi_abi::abi_stable::std_types::{RResult, RStr, RString};
use kafi_abi::{
    Admin_TO, AdminBox, Consumer_TO, ConsumerBox, Failure, LogSink, Plugin, PluginRef, Producer_TO, ProducerBox,
    Storage_TO, StorageBox,
};
use serde::Serialize;

use super::files::FILES_V1;
use super::json::{from_text, to_text};
use super::{Opening, PluginInfo};
use crate::config::StorageInfo;
use crate::consumer::ConsumerOptions;
use crate::error::{Error, ErrorKind, Result};
use crate::producer::ProducerOptions;
use crate::storage::Storage;
use guard::{Guarded, guard};

/// Opens a storage of a plugin. Does not speak to a server.
pub type Open = fn(&Opening) -> Result<Arc<dyn Storage>>;

/// Exports storages from a `cdylib` crate: the number of the interface, and the root module. Takes a `static`
/// [`PluginInfo`](crate::abi::PluginInfo), and a function `fn(&Opening) -> Result<Arc<dyn Storage>>`. It stands once in
/// the root of the crate; the example is that of [`abi`](crate::abi).
#[macro_export]
macro_rules! export_storage {
    ($info:path, $open:path) => {
        /// The number of the plugin interface that this library was built with.
        #[unsafe(no_mangle)]
        pub static KAFI_ABI: u32 = $crate::abi::KAFI_ABI;

        const _: () = {
            use $crate::abi::export;
            use $crate::abi::kafi_abi::abi_stable::library::{
                __call_root_module_loader, CheckTypeLayout, LibHeader, RootModuleResult,
            };
            use $crate::abi::kafi_abi::abi_stable::std_types::{RResult, RStr, RString};
            use $crate::abi::kafi_abi::{Failure, LogSink, PluginRef, StorageBox};

            // Prefixed, so that they hide nothing of what the arguments name.
            extern "C" fn kafi_announce() -> RString {
                export::announce(&$info)
            }

            extern "C" fn kafi_open(opening: RStr<'_>, sink: LogSink) -> RResult<StorageBox, Failure> {
                export::open(&$info, opening, sink, $open)
            }

            extern "C" fn kafi_call(name: RStr<'_>, argument: RStr<'_>) -> RResult<RString, Failure> {
                export::call(name, argument)
            }

            fn kafi_module() -> PluginRef {
                export::module(&$info, kafi_announce, kafi_open, kafi_call)
            }

            extern "C" fn kafi_load() -> RootModuleResult {
                __call_root_module_loader(kafi_module)
            }

            /// What abi_stable looks for; its attribute would ask each plugin to depend on it directly.
            #[unsafe(export_name = "_1as_0lib_1header_0root_bmodule_bloader")]
            // SAFETY: `kafi_load` makes its module of a `PluginRef`, by the function that abi_stable has for it.
            static KAFI_HEADER: LibHeader =
                unsafe { LibHeader::from_constructor::<PluginRef>(kafi_load, CheckTypeLayout::Yes) };
        };
    };
}

/// What a plugin says of itself, as it crosses.
#[derive(Serialize)]
struct Announcement {
    name: &'static str,
    version: &'static str,
    kafi_core: &'static str,
    storages: &'static [StorageInfo],
}

/// The root module, for [`export_storage!`](crate::export_storage). From here on panics of this library are told as
/// errors, and not printed.
#[doc(hidden)]
pub fn module(
    info: &'static PluginInfo,
    announce: extern "C" fn() -> RString,
    open: extern "C" fn(RStr<'_>, LogSink) -> RResult<StorageBox, Failure>,
    call: extern "C" fn(RStr<'_>, RStr<'_>) -> RResult<RString, Failure>,
) -> PluginRef {
    guard::watch(info.name);
    Plugin { announce, open, call }.leak_into_prefix()
}

/// For [`export_storage!`](crate::export_storage).
#[doc(hidden)]
pub fn announce(info: &'static PluginInfo) -> RString {
    let PluginInfo { name, version, storages } = *info;
    let text = guard(|| to_text(&Announcement { name, version, kafi_core: env!("CARGO_PKG_VERSION"), storages }));
    // An empty text is refused by the host, as a text that it cannot read is.
    text.map(RString::from).unwrap_or_default()
}

/// For [`export_storage!`](crate::export_storage).
#[doc(hidden)]
pub fn open(info: &'static PluginInfo, opening: RStr<'_>, sink: LogSink, open: Open) -> RResult<StorageBox, Failure> {
    guard(|| {
        log_lines::send_to(sink);
        let opening: Opening = from_text(&opening)?;
        if !info.storages.iter().any(|storage| storage.scheme == opening.scheme) {
            return Err(Error::new(ErrorKind::Unsupported, "open storage", "the plugin has no storage of this kind")
                .with("scheme", &opening.scheme));
        }
        Ok(storage(open(&opening)?))
    })
}

/// For [`export_storage!`](crate::export_storage). Nothing is agreed on yet.
#[doc(hidden)]
pub fn call(name: RStr<'_>, _argument: RStr<'_>) -> RResult<RString, Failure> {
    guard(|| Err(unknown(&name)))
}

/// A storage as it crosses; what [`import::storage`](super::import::storage) takes.
pub fn storage(storage: Arc<dyn Storage>) -> StorageBox {
    let files = files::Exposed::of(&storage);
    Storage_TO::from_value(ExportedStorage { inner: Guarded::new(storage), files }, TD_Opaque)
}

/// A name that this version does not know.
fn unknown(name: &str) -> Error {
    Error::new(ErrorKind::Unsupported, "call plugin", "it was built with a version of kafi-core that has no such call")
        .with("call", name)
}

fn duration(nanoseconds: u64) -> Duration {
    Duration::from_nanos(nanoseconds)
}

fn text(value: &(impl Serialize + ?Sized)) -> Result<RString> {
    to_text(value).map(RString::from)
}

struct ExportedStorage {
    inner: Guarded<Arc<dyn Storage>>,
    /// What crosses under the name [`FILES_V1`], where the storage keeps files.
    files: Option<files::Exposed>,
}

impl kafi_abi::Storage for ExportedStorage {
    fn name(&self) -> RStr<'_> {
        guard(|| Ok(RStr::from(self.inner.get().name()))).unwrap_or_default()
    }

    fn scheme(&self) -> RStr<'_> {
        guard(|| Ok(RStr::from(self.inner.get().scheme()))).unwrap_or_default()
    }

    fn capabilities(&self) -> u64 {
        guard(|| Ok(self.inner.get().capabilities().to_plugin_interface())).unwrap_or_default()
    }

    fn identity(&self, timeout_ns: u64) -> RResult<RString, Failure> {
        guard(|| self.inner.get().identity(duration(timeout_ns)).map(RString::from))
    }

    fn consumer(&self, options: RStr<'_>) -> RResult<ConsumerBox, Failure> {
        guard(|| {
            let options: ConsumerOptions = from_text(&options)?;
            Ok(Consumer_TO::from_value(
                consumer::Exported(Guarded::new(self.inner.get().consumer(&options)?)),
                TD_Opaque,
            ))
        })
    }

    fn producer(&self, options: RStr<'_>) -> RResult<ProducerBox, Failure> {
        guard(|| {
            let options: ProducerOptions = from_text(&options)?;
            Ok(Producer_TO::from_value(producer::Exported::new(self.inner.get().producer(&options)?), TD_Opaque))
        })
    }

    fn admin(&self) -> RResult<AdminBox, Failure> {
        guard(|| Ok(Admin_TO::from_value(admin::Exported(Guarded::new(self.inner.get().admin()?)), TD_Opaque)))
    }

    fn call(&self, name: RStr<'_>, _argument: RStr<'_>) -> RResult<RString, Failure> {
        guard(|| Err(unknown(&name)))
    }

    fn interface(&self, name: RStr<'_>) -> *const () {
        match &self.files {
            Some(files) if name == FILES_V1 => files.table(),
            _ => std::ptr::null(),
        }
    }
}
