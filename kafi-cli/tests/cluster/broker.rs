//! The broker, and topics on it that go with their test.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::support::Sandbox;

pub use kafi_testkit::servers::{kafka_tool, variable};

/// Sends a request of Kafka's protocol, version 0 of one with compact fields, and returns the body of the answer.
pub fn request(servers: &str, key: u8, body: &[u8]) -> Vec<u8> {
    let mut whole = vec![0, key, 0, 0, 0, 0, 0, 1, 0, 1, b'x', 0];
    whole.extend_from_slice(body);
    let mut broker = TcpStream::connect(servers).unwrap();
    broker.write_all(&i32::try_from(whole.len()).unwrap().to_be_bytes()).unwrap();
    broker.write_all(&whole).unwrap();
    let mut length = [0; 4];
    broker.read_exact(&mut length).unwrap();
    let mut answer = vec![0; usize::try_from(i32::from_be_bytes(length)).unwrap()];
    broker.read_exact(&mut answer).unwrap();
    // Behind the number of the request and its tags.
    answer.split_off(5)
}

/// A text as compact fields hold it.
pub fn compact(text: &str) -> Vec<u8> {
    [&[u8::try_from(text.len() + 1).unwrap()], text.as_bytes()].concat()
}

/// A folder to run in, where `k:` is the broker, and a prefix that no other topic of the broker has.
pub struct Broker {
    pub sandbox: Sandbox,
    /// Where it listens.
    pub servers: &'static str,
    prefix: String,
}

impl Broker {
    pub fn new() -> Self {
        Self::at(variable("KAFI_TEST_KAFKA"))
    }

    /// The broker that can be reached, of two.
    pub fn of_pair() -> Self {
        Self::at(variable("KAFI_TEST_KAFKA_PAIR"))
    }

    pub fn at(servers: &'static str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let sandbox = Sandbox::new();
        sandbox.write("configs/clusters/k.yaml", format!("kafka:\n  bootstrap.servers: {servers}\n"));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let prefix = format!("cli-{}-{now}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        Self { sandbox, servers, prefix }
    }

    /// The line with `@name` as a topic of this test, such as `k:@orders`; `@` before a number is a time.
    pub fn line(&self, line: &str) -> String {
        let mut pieces = line.split('@');
        let mut whole = pieces.next().unwrap().to_string();
        for piece in pieces {
            match piece.starts_with(|c: char| c.is_ascii_lowercase() || c == '*') {
                true => whole.push_str(&format!("{}-{piece}", self.prefix)),
                false => whole.push_str(&format!("@{piece}")),
            }
        }
        whole
    }

    /// Runs a line, and shows what a person sees, with topics as they were written.
    pub fn seen(&self, line: &str) -> String {
        self.unprefixed(&crate::support::seen(&self.sandbox.run(&self.line(line))))
    }

    /// The stdout of a line that is to succeed and say nothing else, with topics as they were written.
    pub fn text(&self, line: &str) -> String {
        self.unprefixed(&self.sandbox.text(&self.line(line)))
    }

    fn unprefixed(&self, text: &str) -> String {
        text.replace(&format!("{}-", self.prefix), "@").replace(self.servers, "BROKER")
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // Also a test that failed leaves no topics and groups behind; those of one that deleted them are gone.
        let _cleaned = self.sandbox.run(&self.line("kafi rm -y 'k:@*'; kafi group rm -y 'k:@*'"));
    }
}
