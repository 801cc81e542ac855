//! What an app tells of itself over HTTP: metrics as Prometheus reads them, and whether it lives and is ready.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use kafi_core::{Error, ErrorKind, Result};

use crate::engine::pulse::BOUNDS_US;
use crate::engine::task::{Common, Counts};

/// A request takes no longer than this, and is no larger.
const REQUEST_MAX: Duration = Duration::from_secs(2);
const REQUEST_BYTES_MAX: usize = 8 << 10;

/// Answers at an address until it is dropped.
pub(crate) struct Listener {
    address: SocketAddr,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    /// Listens at HOST:PORT; port 0 is any free port.
    pub(crate) fn start(address: &str, common: &Arc<Common>) -> Result<Self> {
        let failed = |error| Error::io("listen", error).with("address", address);
        let listener = TcpListener::bind(address).map_err(failed)?;
        let ends = Arc::new(AtomicBool::new(false));
        let address = listener.local_addr().map_err(failed)?;
        let mut started = Self { address, ends: Arc::clone(&ends), thread: None };
        log::info!("metrics and health at http://{}", started.address);
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
        started.thread = Some(named.spawn(serve).map_err(|error| Error::io("start a thread", error))?);
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
        // The thread sees it with the next connection, which is this one.
        let woken = TcpStream::connect_timeout(&self.address, REQUEST_MAX);
        if let Some(thread) = self.thread.take().filter(|_| woken.is_ok()) {
            // It answers what it has, for a moment at most.
            let _it_panicked = thread.join();
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
        "/metrics" => ("200 OK", metrics(common)),
        "/livez" => of_health(common.pulse.complaint(false)),
        "/readyz" => of_health(common.pulse.complaint(true)),
        _ => ("404 Not Found", "there are /metrics, /livez, and /readyz\n".to_string()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).map_err(failed)
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

/// All numbers, in the text format of Prometheus.
fn metrics(common: &Common) -> String {
    let Common { counts, pulse, .. } = common;
    let Counts { consumed, processed, failed, retried, skipped, dead_letters, published, took } = counts;
    let mut out = String::new();
    let mut one = |name: &str, kind: &str, help: &str, value: &AtomicU64| {
        let _ = writeln!(out, "# HELP kafi_app_{name} {help}\n# TYPE kafi_app_{name} {kind}");
        let _ = writeln!(out, "kafi_app_{name} {}", value.load(Ordering::Relaxed));
    };
    one("consumed_total", "counter", "Messages that were read.", consumed);
    one("processed_total", "counter", "Messages that were handled.", processed);
    one("failed_total", "counter", "Failures of handlers.", failed);
    one("retried_total", "counter", "Failures after which a message is tried again.", retried);
    one("skipped_total", "counter", "Messages that were left out.", skipped);
    one("dead_letters_total", "counter", "Messages that became dead letters.", dead_letters);
    one("published_total", "counter", "Outputs that were delivered.", published);
    one("commits_total", "counter", "Commits of offsets.", &pulse.commits);
    one("partitions", "gauge", "Partitions that are read.", &pulse.partitions);
    one("waiting", "gauge", "Messages that wait for a thread.", &pulse.waiting);
    one("in_flight", "gauge", "Outputs that are not acknowledged yet.", &pulse.in_flight);
    one("undone", "gauge", "Offsets that were read, and lie behind what is done.", &pulse.undone);
    let _ = writeln!(out, "# HELP kafi_app_handler_seconds How long handling a message takes.");
    let _ = writeln!(out, "# TYPE kafi_app_handler_seconds histogram");
    let mut below = 0;
    for (bound, count) in BOUNDS_US.iter().zip(&took.counts) {
        below += count.load(Ordering::Relaxed);
        let _ = writeln!(out, "kafi_app_handler_seconds_bucket{{le=\"{}\"}} {below}", *bound as f64 / 1e6);
    }
    let all = took.all.load(Ordering::Relaxed);
    let _ = writeln!(out, "kafi_app_handler_seconds_bucket{{le=\"+Inf\"}} {all}");
    let _ = writeln!(out, "kafi_app_handler_seconds_sum {}", took.sum_us.load(Ordering::Relaxed) as f64 / 1e6);
    let _ = writeln!(out, "kafi_app_handler_seconds_count {all}");
    out
}
