//! Faults between a client and a server: proxies of toxiproxy, each of one test.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A proxy before a server; gone when it is dropped. What toxiproxy refuses is a panic.
pub struct Proxy {
    api: String,
    name: String,
    /// Where it listens, as host:port.
    pub address: String,
}

impl Proxy {
    /// Makes a proxy before `upstream`, through the interface of toxiproxy at `api`; both are host:port.
    pub fn new(api: &str, upstream: &str) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let body = format!(r#"{{"name":"{name}","listen":"127.0.0.1:0","upstream":"{upstream}"}}"#);
        let answer = request(api, "POST", "/proxies", &body);
        let listen = answer.split(r#""listen":""#).nth(1).and_then(|rest| rest.split('"').next());
        let address = listen.unwrap_or_else(|| panic!("toxiproxy says where it listens: {answer}")).to_string();
        Self { api: api.to_string(), name, address }
    }

    /// Adds a fault: `kind` as toxiproxy calls it, `stream` upstream or downstream, `attributes` as JSON.
    pub fn poison(&self, kind: &str, stream: &str, attributes: &str) {
        let body = format!(r#"{{"name":"fault","type":"{kind}","stream":"{stream}","attributes":{attributes}}}"#);
        request(&self.api, "POST", &format!("/proxies/{}/toxics", self.name), &body);
    }

    /// Takes the fault away.
    pub fn cure(&self) {
        request(&self.api, "DELETE", &format!("/proxies/{}/toxics/fault", self.name), "");
    }

    /// Refuses all connections, or takes them again.
    pub fn enable(&self, enabled: bool) {
        request(&self.api, "POST", &format!("/proxies/{}", self.name), &format!(r#"{{"enabled":{enabled}}}"#));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        request(&self.api, "DELETE", &format!("/proxies/{}", self.name), "");
    }
}

/// What toxiproxy answers; a refusal is a panic.
fn request(api: &str, method: &str, path: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(api).expect("toxiproxy runs");
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {api}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).expect("toxiproxy takes a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("toxiproxy answers");
    assert!(answer.starts_with("HTTP/1.1 2"), "{method} {path} {body}: {answer}");
    answer
}
