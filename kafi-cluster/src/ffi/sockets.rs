//! The sockets of connections, of which a broker's thread makes only so many a second.
//!
//! Whoever waits for the controller or a coordinator in a request of administration is woken by each change of a
//! broker's state, and then asks for a connection, for which librdkafka 2.12.1 sets `reconnect.backoff.ms` aside. Where
//! nobody listens, such as on a broker that restarts, that fails at once, which changes the state: two threads would
//! never rest. A broker's thread makes its socket just before it connects, with no lock held, and so waits here.

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::time::{Duration, Instant};

/// So many attempts may follow each other at once, since a host may have several addresses, within this time.
const BURST: usize = 4;
const WITHIN: Duration = Duration::from_millis(100);

thread_local! {
    /// When this thread made its last sockets, the earliest one first.
    static LAST: Cell<[Option<Instant>; BURST]> = const { Cell::new([None; BURST]) };
}

/// Makes a socket that no program started from here inherits; -1 where the system has none.
pub(super) extern "C" fn make(domain: c_int, kind: c_int, protocol: c_int, _opaque: *mut c_void) -> c_int {
    std::thread::sleep(pause(Instant::now()));
    #[cfg(target_os = "linux")]
    // SAFETY: plain numbers go in and come out.
    let socket = unsafe { libc::socket(domain, kind | libc::SOCK_CLOEXEC, protocol) };
    #[cfg(not(target_os = "linux"))]
    // SAFETY: as above; the descriptor is the one that was just made.
    let socket = unsafe {
        let socket = libc::socket(domain, kind, protocol);
        if socket >= 0 {
            libc::fcntl(socket, libc::F_SETFD, libc::FD_CLOEXEC);
        }
        socket
    };
    socket
}

/// How long this thread has to wait for its next socket, of which it takes note.
fn pause(now: Instant) -> Duration {
    LAST.with(|last| {
        let [first, rest @ ..] = last.get();
        let pause = first.map_or(Duration::ZERO, |first| (first + WITHIN).saturating_duration_since(now));
        let mut next = [Some(now + pause); BURST];
        next[..BURST - 1].copy_from_slice(&rest);
        last.set(next);
        pause
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_connects_only_so_often() {
        let begun = Instant::now();
        let mut now = begun;
        for _ in 0..BURST {
            assert_eq!(pause(now), Duration::ZERO);
        }
        for _ in 0..10 * BURST {
            now += pause(now);
        }
        assert_eq!(now - begun, 10 * WITHIN);
        // Whoever has rested may try several addresses at once again, and other threads always could.
        assert_eq!(pause(now + WITHIN), Duration::ZERO);
        std::thread::spawn(move || assert_eq!(pause(now), Duration::ZERO)).join().unwrap();
    }
}
