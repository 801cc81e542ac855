//! Keeps panics on the plugin's side.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::mem::{self, ManuallyDrop};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::OnceLock;

use kafi_abi::Failure;
use kafi_abi::abi_stable::std_types::RResult;

use super::super::failure::flatten;
use crate::error::{Error, ErrorKind, Result};
use crate::secret::without_secrets;

/// The name of the plugin, for what its panics say.
static PLUGIN: OnceLock<&str> = OnceLock::new();

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Has panics within calls of the host told as errors, and those of the plugin's own threads in the log, where
/// otherwise they would be printed.
pub(super) fn watch(plugin: &'static str) {
    if PLUGIN.set(plugin).is_ok() {
        panic::set_hook(Box::new(|info| note(plugin, info)));
    }
}

fn note(plugin: &str, info: &PanicHookInfo<'_>) {
    let place = info.location().map(|place| format!("{}:{}", place.file(), place.line()));
    if DEPTH.get() > 0 {
        PLACE.set(place);
        return;
    }
    let text = without_secrets(text_of(info.payload()));
    log::error!(
        "a thread of the plugin {plugin} panicked: {text}, at {}",
        place.as_deref().unwrap_or("an unknown place")
    );
}

/// Runs a call of the host: its error is flattened, and so is its panic.
pub(super) fn guard<T>(run: impl FnOnce() -> Result<T>) -> RResult<T, Failure> {
    caught(run).map_err(|error| flatten(&error)).into()
}

fn caught<T>(run: impl FnOnce() -> Result<T>) -> Result<T> {
    DEPTH.set(DEPTH.get() + 1);
    // What a panic leaves half done is not used again: see `Guarded`.
    let ended = panic::catch_unwind(AssertUnwindSafe(run));
    DEPTH.set(DEPTH.get() - 1);
    ended.unwrap_or_else(|panic| Err(panicked(panic)))
}

fn panicked(panic: Box<dyn Any + Send>) -> Error {
    let mut error =
        Error::new(ErrorKind::Unexpected, "call plugin", format!("it panicked: {}", text_of(panic.as_ref())));
    // To drop it could panic again.
    mem::forget(panic);
    if let Some(plugin) = PLUGIN.get() {
        error = error.with("plugin", plugin);
    }
    if let Some(place) = PLACE.take() {
        error = error.with("at", place);
    }
    error.hint("this is a mistake of the plugin: report it to its author")
}

fn text_of(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a text")
}

/// What the host holds of the plugin's: not used again after it panicked, and dropped without one.
pub(super) struct Guarded<T> {
    inner: ManuallyDrop<T>,
    panicked: bool,
}

impl<T> Guarded<T> {
    pub(super) fn new(inner: T) -> Self {
        Self { inner: ManuallyDrop::new(inner), panicked: false }
    }

    pub(super) fn get(&self) -> &T {
        &self.inner
    }

    /// Runs a call of the host that changes it.
    pub(super) fn call<'a, R: 'a>(&'a mut self, run: impl FnOnce(&'a mut T) -> Result<R>) -> RResult<R, Failure> {
        let Self { inner, panicked } = self;
        if *panicked {
            return RResult::RErr(flatten(&Error::new(
                ErrorKind::Unexpected,
                "call plugin",
                "it panicked before, and cannot be used any more",
            )));
        }
        *panicked = true;
        let mut returned = false;
        let result = guard(|| {
            let result = run(inner);
            returned = true;
            result
        });
        *panicked = !returned;
        result
    }
}

impl<T> Drop for Guarded<T> {
    fn drop(&mut self) {
        let dropped = caught(|| {
            // SAFETY: it is dropped here and nowhere else, and not used after.
            unsafe { ManuallyDrop::drop(&mut self.inner) };
            Ok(())
        });
        if let Err(error) = dropped {
            log::error!("{error}");
        }
    }
}
