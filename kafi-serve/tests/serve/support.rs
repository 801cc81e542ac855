//! A server of the test's own, and requests to it byte by byte.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use kafi_core::{Json, NewTopic, Storage};
use kafi_serde::registry::TopicRegistry;
use kafi_serve::{Limits, ServeOptions, Served, Server};

/// What is waited for comes within this time, or the test fails.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Answers are kept for longer than a test takes: what is changed through a server it must know at once.
fn forgets_nothing() -> Limits {
    Limits { kept: Duration::from_secs(3600), ..Limits::default() }
}

/// A server over topics in memory.
pub struct Serving {
    pub server: Server,
    pub address: SocketAddr,
    storage: Arc<dyn Storage>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Json {
        Json::parse(self.body.as_str()).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Status, and code of the error.
    pub fn refusal(&self) -> (u16, i64) {
        (self.status, self.json()["error_code"].int().unwrap_or_else(|_| panic!("{self:?}")))
    }
}

impl Serving {
    pub fn new() -> Self {
        Self::with_limits(forgets_nothing())
    }

    pub fn with_limits(limits: Limits) -> Self {
        Self::with(ServeOptions { limits, ..ServeOptions::default() })
    }

    pub fn with(options: ServeOptions) -> Self {
        Self::start(ServeOptions { registry: Some("127.0.0.1:0".parse().unwrap()), ..options })
    }

    /// The REST Proxy API instead of that of registries.
    pub fn rest() -> Self {
        Self::rest_with(forgets_nothing())
    }

    pub fn rest_with(limits: Limits) -> Self {
        Self::start(ServeOptions { rest: Some("127.0.0.1:0".parse().unwrap()), limits, ..ServeOptions::default() })
    }

    fn start(options: ServeOptions) -> Self {
        let storage: Arc<dyn Storage> = Arc::new(kafi_fs::open_memory("mem"));
        let registry = Arc::new(TopicRegistry::new(Arc::clone(&storage)));
        let server = Server::start(Served { storage: Arc::clone(&storage), registry }, options).unwrap();
        let address = server.listeners()[0].address;
        Self { server, address, storage }
    }

    pub fn make_topic(&self, name: &str, partitions: i32) {
        let topic = NewTopic::new(name).partitions(partitions);
        self.storage.admin().unwrap().create_topic(&topic, PATIENCE).unwrap();
    }

    /// The registry as another process has it.
    pub fn other_registry(&self) -> TopicRegistry {
        TopicRegistry::new(Arc::clone(&self.storage))
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "")
    }

    pub fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, "")
    }

    pub fn post(&self, path: &str, body: &str) -> Answer {
        self.send("POST", path, body)
    }

    pub fn put(&self, path: &str, body: &str) -> Answer {
        self.send("PUT", path, body)
    }

    fn send(&self, method: &str, path: &str, body: &str) -> Answer {
        self.ask(method, path, &[("Content-Type", "application/json")], body)
    }

    /// A request with these headers; one without a type for its body says that it is JSON.
    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        if !lines.contains("Content-Type") {
            lines.push_str("Content-Type: application/json\r\n");
        }
        let length = body.len();
        self.raw(&format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\n{lines}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        ))
    }

    /// Sends these bytes, and reads the first answer.
    pub fn raw(&self, request: &str) -> Answer {
        let mut stream = self.connect();
        // A server that refuses what is too much does not read it all.
        let _sent = stream.write_all(request.as_bytes());
        read_answer(&mut BufReader::new(stream))
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }
}

/// Reads an answer with a length, or until the connection ends.
pub fn read_answer(reader: &mut impl BufRead) -> Answer {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).unwrap() > 0, "the connection ended in the head: {head:?}");
    }
    let status = head[9..12].parse().unwrap();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<u64>().unwrap())
    });
    let mut body = Vec::new();
    reader.take(length.unwrap_or(u64::MAX)).read_to_end(&mut body).unwrap();
    Answer { status, head, body: String::from_utf8(body).unwrap() }
}
