//! What an app tells of itself over HTTP: metrics as Prometheus reads them, and whether it lives and is ready.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use kafi_core::{Error, ErrorKind, Result};

use crate::engine::metrics::{Marks, metrics};
use crate::engine::task::Common;

/// A request takes no longer than this, and is no larger.
const REQUEST_MAX: Duration = Duration::from_secs(2);
const REQUEST_BYTES_MAX: usize = 8 << 10;

/// So many requests are answered at the same time, so that whoever asks whether the app lives need not wait for what a
/// storage answers that somebody else has asked.
const THREADS: usize = 4;

/// Answers at an address until it is dropped.
pub(crate) struct Listener {
    address: SocketAddr,
    ends: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Listener {
    /// Listens at HOST:PORT; port 0 is any free port.
    pub(crate) fn start(address: &str, common: &Arc<Common>) -> Result<Self> {
        let failed = |error| Error::io("listen", error).with("address", address);
        let listener = TcpListener::bind(address).map_err(failed)?;
        let ends = Arc::new(AtomicBool::new(false));
        let address = listener.local_addr().map_err(failed)?;
        let mut started = Self { address, ends: Arc::clone(&ends), threads: Vec::new() };
        log::info!("metrics and health at http://{}", started.address);
        for _ in 0..THREADS {
            let (listener, ends) = (listener.try_clone().map_err(failed)?, Arc::clone(&ends));
            let common = Arc::clone(common);
            let serve = move || {
                for stream in listener.incoming().filter_map(std::result::Result::ok) {
                    if ends.load(Ordering::Relaxed) {
                        return;
                    }
                    if let Err(error) = answer(stream, &common) {
                        log::debug!("{error}");
                    }
                }
            };
            let named = thread::Builder::new().name("kafi-app-http".into());
            started.threads.push(named.spawn(serve).map_err(|error| Error::io("start a thread", error))?);
        }
        Ok(started)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        // Each thread sees it with its next connection, which is one of these.
        let woken: Vec<_> =
            self.threads.iter().map(|_| TcpStream::connect_timeout(&self.address, REQUEST_MAX)).collect();
        if woken.iter().all(std::result::Result::is_ok) {
            // They answer what they have, for a moment at most.
            self.threads.drain(..).for_each(|thread| drop(thread.join()));
        }
    }
}

fn answer(mut stream: TcpStream, common: &Common) -> Result<()> {
    let failed = |error| Error::io("answer", error);
    stream.set_read_timeout(Some(REQUEST_MAX)).map_err(failed)?;
    stream.set_write_timeout(Some(REQUEST_MAX)).map_err(failed)?;
    let path = path_of(&mut stream)?;
    let of_health = |complaint: Option<String>| match complaint {
        None => ("200 OK", "ok\n".to_string()),
        Some(why) => ("503 Service Unavailable", format!("{why}\n")),
    };
    let (status, body) = match path.as_str() {
        "/metrics" => ("200 OK", metrics(common, Marks::ask(common).ok().as_ref())),
        "/livez" => of_health(common.pulse.is_dead()),
        "/readyz" => of_health(is_not_ready(common)),
        _ => ("404 Not Found", "there are /metrics, /livez, and /readyz\n".to_string()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).map_err(failed)
}

/// Why it is not ready, if it is not.
fn is_not_ready(common: &Common) -> Option<String> {
    if let Some(why) = common.pulse.is_dead() {
        return Some(why);
    }
    match Marks::ask(common) {
        Ok(Marks { high, committed }) => common.pulse.is_stalled(&high, &committed),
        Err(error) => Some(format!("the storage does not answer: {error}")),
    }
}

/// The path of a GET.
fn path_of(stream: &mut TcpStream) -> Result<String> {
    let (mut request, mut part) = (Vec::new(), [0; 1024]);
    let begun = Instant::now();
    while !request.windows(4).any(|window| window == b"\r\n\r\n") {
        let read = stream.read(&mut part).map_err(|error| Error::io("read request", error))?;
        request.extend_from_slice(&part[..read]);
        if read == 0 || request.len() > REQUEST_BYTES_MAX || begun.elapsed() > REQUEST_MAX {
            return Err(Error::new(ErrorKind::Corrupt, "read request", "it does not end"));
        }
    }
    let line = request.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if method != b"GET" {
        return Ok(String::new());
    }
    let path = path.split(|byte| *byte == b'?').next().unwrap_or_default();
    Ok(String::from_utf8_lossy(path).into_owned())
}
