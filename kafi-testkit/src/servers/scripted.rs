//! An HTTP server that says what a test tells it to, for what no real server can be made to say.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// A server. Its threads end with the process.
#[derive(Clone)]
pub struct Scripted {
    /// Where it listens, as host:port.
    pub address: String,
    requests: Arc<AtomicUsize>,
    received: Arc<Mutex<Vec<String>>>,
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
        let server = Self { address, requests: Arc::default(), received: Arc::default(), sent: Arc::default() };
        let (answers, served) = (Arc::<[String]>::from(answers), server.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answers, served) = (Arc::clone(&answers), served.clone());
                thread::spawn(move || served.serve(stream, &answers));
            }
        });
        server
    }

    /// How many bytes of endless answers were sent.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::SeqCst)
    }

    /// The requests as they came, each with its head and its body.
    pub fn received(&self) -> Vec<String> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many requests there were.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    fn serve(&self, stream: TcpStream, answers: &[String]) {
        let mut lines = BufReader::new(&stream);
        while let Some(request) = read_request(&mut lines) {
            self.received.lock().unwrap_or_else(PoisonError::into_inner).push(request);
            let number = self.requests.fetch_add(1, Ordering::SeqCst);
            let answer = answers.get(number).or(answers.last()).expect("a script has answers");
            let beginning = answer.strip_suffix(ENDLESS);
            if (&stream).write_all(beginning.unwrap_or(answer).as_bytes()).is_err() {
                return;
            }
            if beginning.is_some() {
                let more = [b'x'; 1 << 16];
                while (&stream).write_all(&more).is_ok() {
                    self.sent.fetch_add(more.len() as u64, Ordering::SeqCst);
                }
                return;
            }
        }
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

/// Reads a request with its body; `None` at the end of the connection.
fn read_request(lines: &mut BufReader<&TcpStream>) -> Option<String> {
    let (mut request, mut len) = (String::new(), 0);
    loop {
        let begun = request.len();
        if !lines.read_line(&mut request).is_ok_and(|read| read > 0) {
            return None;
        }
        let line = request[begun..].trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            len = value.trim().parse().expect("a length is a number");
        }
    }
    let mut body = Vec::new();
    lines.take(len).read_to_end(&mut body).ok()?;
    Some(request + &String::from_utf8_lossy(&body))
}
