//! Whether standard output was closed when the process began. Once `main` runs that cannot be seen any more: the
//! standard library has put `/dev/null` in its place.

use std::sync::atomic::{AtomicBool, Ordering};

static WAS_CLOSED: AtomicBool = AtomicBool::new(false);

// Run before `main`, where the standard library may not be used: the body is one system call and one store.
ctor::declarative::ctor! {
    #[ctor(unsafe)]
    fn look() {
        let is_closed = rustix::io::fcntl_getfd(rustix::stdio::stdout()).is_err();
        WAS_CLOSED.store(is_closed, Ordering::Relaxed);
    }
}

/// Whether nothing that is printed gets anywhere.
pub fn was_closed() -> bool {
    WAS_CLOSED.load(Ordering::Relaxed)
}
