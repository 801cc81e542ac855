//! An HTTP server that says what a test tells it to, for what no real server can be made to say.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

/// A server. Its threads end with the process.
pub struct Scripted {
    /// Where it listens, as host:port.
    pub address: String,
    requests: Arc<AtomicUsize>,
    sent: Arc<AtomicU64>,
}

/// What stands at the end of an answer that goes on for as long as somebody reads it.
const ENDLESS: &str = "\u{1}endless";

impl Scripted {
    /// Answers the first requests with these answers, each a whole HTTP answer, and all that come later with the last
    /// one.
    ///
    /// # Panics
    /// If the system gives no port, and in a thread of its own with no answers.
    pub fn new(answers: &[String]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port can be opened");
        let address = listener.local_addr().expect("an open port has an address").to_string();
        let requests = Arc::new(AtomicUsize::new(0));
        let sent = Arc::new(AtomicU64::new(0));
        let (answers, count, bytes) = (Arc::<[String]>::from(answers), Arc::clone(&requests), Arc::clone(&sent));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answers, count, bytes) = (Arc::clone(&answers), Arc::clone(&count), Arc::clone(&bytes));
                thread::spawn(move || serve(stream, &answers, &count, &bytes));
            }
        });
        Self { address, requests, sent }
    }

    /// How many bytes of endless answers were sent.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::SeqCst)
    }

    /// How many requests there were.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// An answer that goes on behind this beginning for as long as somebody reads it.
pub fn endless(status: &str, headers: &str, beginning: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}\r\n{beginning}{ENDLESS}")
}

/// An answer with this status line, these header lines, and this body.
pub fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

fn serve(stream: TcpStream, answers: &[String], count: &AtomicUsize, sent: &AtomicU64) {
    let mut lines = BufReader::new(&stream);
    while read_request(&mut lines) {
        let number = count.fetch_add(1, Ordering::SeqCst);
        let answer = answers.get(number).or(answers.last()).expect("a script has answers");
        let beginning = answer.strip_suffix(ENDLESS);
        if (&stream).write_all(beginning.unwrap_or(answer).as_bytes()).is_err() {
            return;
        }
        if beginning.is_some() {
            let more = [b'x'; 1 << 16];
            while (&stream).write_all(&more).is_ok() {
                sent.fetch_add(more.len() as u64, Ordering::SeqCst);
            }
            return;
        }
    }
}

/// Reads a request and its body; `false` at the end of the connection.
fn read_request(lines: &mut BufReader<&TcpStream>) -> bool {
    let mut len = 0;
    loop {
        let mut line = String::new();
        if !lines.read_line(&mut line).is_ok_and(|read| read > 0) {
            return false;
        }
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            len = value.trim().parse().expect("a length is a number");
        }
    }
    lines.take(len).read_to_end(&mut Vec::new()).is_ok()
}
