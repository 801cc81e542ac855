//! `kafi serve` among clients that mean no good: consumers without number, bodies and heads without end, connections that
//! say nothing, names with tricks, JSON as deep as it fits. What is wrong is refused, the server goes on, and takes no
//! more memory than its limits allow.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use super::programs::{Programs, Running, wait_until};
use super::random::Random;
use crate::{Result, command};

/// The consumers that a round asks for; a million in a hundred rounds.
const CONSUMERS: usize = 10_000;

/// How many requests for consumers are on their way at once.
const PIPELINED: usize = 100;

/// The connections of a round that begin something and never end it.
const LINGERING: u64 = 300;

/// The most memory that the server may have taken at once, in kB: its bodies may take 256 MiB.
const MEMORY_MAX: u64 = 500_000;

const PATIENCE: Duration = Duration::from_secs(60);

/// What names are made of, as they stand in paths.
const PARTS: &[&str] = &[
    "..",
    ".",
    "%2e%2e",
    "%2F",
    "/",
    "\\",
    "%5C",
    "%00",
    "%0d%0a",
    "%ff",
    "a",
    "t",
    "_schemas",
    "%20",
    "~",
    ":.a:",
    ":*:",
    "%25",
    "$(x)",
    "%C3%A4",
    "-",
    "topics",
    "etc%2Fpasswd",
    "CON",
    "NaN",
    "18446744073709551616",
];

/// Paths in which a star is a name.
const PATHS: &[(&str, &str)] = &[
    ("GET", "/topics/*"),
    ("POST", "/topics/*"),
    ("POST", "/topics/*/partitions/*"),
    ("POST", "/consumers/*"),
    ("DELETE", "/consumers/*/instances/*"),
    ("GET", "/consumers/*/instances/*/records"),
    ("POST", "/v3/clusters/*/topics/*/records"),
    ("DELETE", "/v3/clusters/*/topics/*"),
    ("GET", "/subjects/*/versions"),
    ("POST", "/subjects/*/versions"),
    ("DELETE", "/subjects/*"),
    ("GET", "/contexts/*/subjects/*/versions/*"),
    ("PUT", "/config/*"),
    ("PUT", "/mode/*"),
    ("GET", "/*"),
];

/// A server of the soak's own, over a folder with one topic.
struct Serving {
    process: Running,
    /// Of both APIs: HOST:PORT.
    addresses: [String; 2],
}

/// Serves a folder to all of them at once.
pub fn hostile_requests(programs: &Programs, random: &mut Random, rounds: u64) -> Result<String> {
    programs.kafi(&["touch", "./served/t"])?;
    programs.kafi(&["produce", "./served/t", "message"])?;
    let before = entries(programs)?;
    let serving = Serving::start(programs)?;
    let (mut made, mut refused, mut memory) = (0, 0, 0);
    for round in 0..rounds {
        let in_round = |error: String| format!("round {round}: {error}");
        let lingering = (0..LINGERING).map(|_| serving.linger(random)).collect::<Result<Vec<_>>>().map_err(in_round)?;
        let consumers = serving.consumers(round).map_err(in_round)?;
        made += consumers.0;
        refused += consumers.1;
        serving.names(random).map_err(in_round)?;
        serving.without_end(random).map_err(in_round)?;
        serving.deep(random).map_err(in_round)?;
        memory = serving.memory().map_err(in_round)?;
        if memory > MEMORY_MAX {
            return Err(in_round(format!("the server took {memory} kB at once")));
        }
        drop(lingering);
    }
    serving.stop()?;
    if programs.kafi(&["cat", "./served/t"])? != "message\n" || entries(programs)? != before {
        return Err("there is something else in the folder than before".into());
    }
    Ok(format!(
        "{made} consumers made and {refused} refused, nothing answered with a fault of the server's, {} MB at once at most",
        memory / 1000
    ))
}

/// What lies beside the folder that is served, and its topics, but for that of schemas.
fn entries(programs: &Programs) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for folder in [programs.folder.clone(), programs.folder.join("served"), programs.folder.join("served/topics")] {
        for entry in fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))? {
            let name = entry.map_err(|error| format!("{}: {error}", folder.display()))?.file_name();
            let name = name.to_string_lossy().to_string();
            if !matches!(&*name, "_schemas" | "groups" | "hostile" | "hostile.err") {
                all.push(name);
            }
        }
    }
    all.sort();
    Ok(all)
}

impl Serving {
    fn start(programs: &Programs) -> Result<Self> {
        let args = ["serve", "./served/", "--rest", "127.0.0.1:0", "--registry", "127.0.0.1:0"];
        let process = programs.start_kafi(&args, "hostile")?;
        let said = programs.folder.join("hostile.err");
        let mut addresses = Vec::new();
        wait_until("the server", || {
            let said = fs::read_to_string(&said).unwrap_or_default();
            let lines = said.lines().filter_map(|line| line.split_once("http://"));
            addresses = lines.map(|(_, address)| address.to_string()).collect();
            Ok(addresses.len() == 2 && said.ends_with('\n'))
        })?;
        let [rest, registry] = [addresses[0].clone(), addresses[1].clone()];
        Ok(Self { process, addresses: [rest, registry] })
    }

    /// Ends it as a system does, and sees that it ends well.
    fn stop(mut self) -> Result<()> {
        command::run("kill", Command::new("kill").args(["-TERM", &self.process.id().to_string()]))?;
        let status = self.process.wait("the server")?;
        if status.success() { Ok(()) } else { Err(format!("the server ended with {status}")) }
    }

    fn connect(&self, api: usize) -> Result<TcpStream> {
        let connect = || {
            let stream = TcpStream::connect(&self.addresses[api])?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            Ok(stream)
        };
        connect().map_err(|error: std::io::Error| format!("connect: {error}"))
    }

    /// The most memory that it had, in kB.
    fn memory(&self) -> Result<u64> {
        let path = format!("/proc/{}/status", self.process.id());
        let status = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
        line.trim().trim_end_matches(" kB").parse().map_err(|_| format!("{path}: it says no VmHWM"))
    }

    /// Begins a request, a body, or nothing at all, and does not go on.
    fn linger(&self, random: &mut Random) -> Result<TcpStream> {
        let mut stream = self.connect(random.below(2) as usize)?;
        let begun = match random.below(4) {
            0 => String::new(),
            1 => format!("GET /{} HTTP/1.1\r\nHost: ", "a".repeat(random.below(2_000) as usize)),
            2 => format!(
                "POST /topics/t HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9999999\r\n\r\n{}",
                " ".repeat(random.below(500_000) as usize)
            ),
            _ => "GET /livez HTTP/1.1\r\nHost: localhost\r\nX-A: a".to_string(),
        };
        stream.write_all(begun.as_bytes()).map_err(|error| format!("begin a request: {error}"))?;
        Ok(stream)
    }

    /// Asks for consumers, and says how many were made and how many refused.
    fn consumers(&self, round: u64) -> Result<(usize, usize)> {
        let body = r#"{"format":"binary","consumer.instance.timeout.ms":"1000"}"#;
        let (mut made, mut refused) = (0, 0);
        let mut reader = BufReader::new(self.connect(0)?);
        for from in (0..CONSUMERS).step_by(PIPELINED) {
            let mut requests = String::new();
            for number in from..from + PIPELINED {
                write!(
                    requests,
                    "POST /consumers/g{round}-{number} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                )
                .expect("a text takes everything");
            }
            reader.get_mut().write_all(requests.as_bytes()).map_err(|error| format!("ask for consumers: {error}"))?;
            for _ in 0..PIPELINED {
                match read(&mut reader)?.0 {
                    200 => made += 1,
                    429 => refused += 1,
                    status => return Err(format!("a consumer was answered with {status}")),
                }
            }
        }
        Ok((made, refused))
    }

    /// Names with tricks, and bodies that belong to something else.
    fn names(&self, random: &mut Random) -> Result<()> {
        let bodies = [
            "",
            "{}",
            "[]",
            "{\"schema\":\"\\\"int\\\"\"}",
            "{\"records\":[{\"value\":\"eA==\"}]}",
            "{\"mode\":\"IMPORT\"}",
        ];
        for _ in 0..300 {
            let (method, path) = PATHS[random.below(PATHS.len() as u64) as usize];
            let mut target = String::new();
            for part in path.split_inclusive('*') {
                target.push_str(part.trim_end_matches('*'));
                for _ in 0..u64::from(part.ends_with('*')) * (1 + random.below(4)) {
                    target.push_str(PARTS[random.below(PARTS.len() as u64) as usize]);
                }
            }
            // What is there stays.
            if method != "GET" && (target.ends_with("/topics/t") || target.contains("_schemas")) {
                continue;
            }
            let body = bodies[random.below(bodies.len() as u64) as usize];
            self.ask(random.below(2) as usize, method, &target, body)?;
        }
        Ok(())
    }

    /// A head and bodies that go on and on.
    fn without_end(&self, random: &mut Random) -> Result<()> {
        let head = "POST /topics/t HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
        let chunk = format!("100000\r\n{}\r\n", " ".repeat(0x10_0000));
        for (begin, more, count, statuses) in [
            (format!("{head}Transfer-Encoding: chunked\r\n\r\n"), chunk, 40, [413, 503]),
            (format!("{head}Content-Length: 99999999999\r\n\r\n"), " ".repeat(1 << 20), 40, [413, 503]),
            (head.to_string(), format!("X-{}: a\r\n", random.below(1 << 20)), 100_000, [431, 400]),
            (head.to_string(), "a".repeat(1 << 10), 1_000, [431, 400]),
        ] {
            let mut stream = self.connect(0)?;
            let mut is_open = stream.write_all(begin.as_bytes()).is_ok();
            for _ in 0..count {
                is_open = is_open && stream.write_all(more.as_bytes()).is_ok();
            }
            // Where the server has ended it, its answer may be lost with the connection.
            match read(&mut BufReader::new(stream)) {
                Ok((status, _)) if statuses.contains(&status) => {}
                Ok((status, _)) => return Err(format!("what has no end was answered with {status}")),
                Err(_) if !is_open => {}
                Err(error) => return Err(format!("what has no end was not answered: {error}")),
            }
            self.ask(0, "GET", "/livez", "")?;
        }
        Ok(())
    }

    /// JSON that is deep, and cut anywhere.
    fn deep(&self, random: &mut Random) -> Result<()> {
        for open in ["[", "{\"a\":", "{\"schema\":", "{\"records\":[", "{\"value\":{\"type\":\"JSON\",\"data\":"] {
            let body = open.repeat(1 + random.below(100_000) as usize);
            for (api, method, path) in [
                (0, "POST", "/topics/t"),
                (0, "POST", "/consumers/g"),
                (1, "POST", "/subjects/s/versions"),
                (1, "POST", "/compatibility/subjects/s/versions"),
                (1, "PUT", "/config"),
            ] {
                let status = self.ask(api, method, path, &body)?;
                if !(400..500).contains(&status) {
                    return Err(format!("{method} {path} with {open:?} again and again was answered with {status}"));
                }
            }
        }
        Ok(())
    }

    /// The status of an answer, which is no fault of the server's.
    fn ask(&self, api: usize, method: &str, target: &str, body: &str) -> Result<u16> {
        let mut stream = self.connect(api)?;
        let head = format!(
            "{method} {target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        // A server that refuses what is too much does not read it all.
        let _sent = stream.write_all(format!("{head}{body}").as_bytes());
        let (status, text) =
            read(&mut BufReader::new(stream)).map_err(|error| format!("{method} {target}: {error}"))?;
        if status >= 500 && status != 501 && status != 503 {
            return Err(format!("{method} {target} was answered with {status}: {text}"));
        }
        Ok(status)
    }
}

/// Reads an answer: its status, and its body where that has a length.
fn read(reader: &mut impl BufRead) -> Result<(u16, String)> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).map_err(|error| format!("read an answer: {error}"))? == 0 {
            return Err("the connection ended without an answer".into());
        }
    }
    let status = head.get(9..12).and_then(|status| status.parse().ok()).ok_or_else(|| format!("no HTTP: {head}"))?;
    let length =
        head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = Vec::new();
    reader.take(length.unwrap_or(0)).read_to_end(&mut body).map_err(|error| format!("read an answer: {error}"))?;
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}
