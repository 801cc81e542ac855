//! What every store of objects over a network must do when the network or the server fails.

use std::net::{TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use kafi_core::{
    Assignment, Batch, Consumer, ConsumerOptions, Delivery, Error, ErrorKind, NewTopic, Polled, ProducerOptions,
    Record, Result, Retry, Storage,
};
use kafi_objects::{ObjectIo, ObjectOptions, Part, Precondition, Put, PutRequest};

use crate::servers::scripted::{Scripted, answer, endless};
use crate::servers::toxiproxy::Proxy;

type Case = (&'static str, fn(&Remote));

const CASES: &[Case] = &[
    ("nobody is there", Remote::nobody_there),
    ("no answer", Remote::no_answer),
    ("a server that is silent once is asked again", Remote::one_silence),
    ("cut reads go on", Remote::cut_reads_go_on),
    ("cut writes leave nothing", Remote::cut_writes_leave_nothing),
    ("lost answers are refusals", Remote::lost_answers_are_refusals),
    ("throttling", Remote::throttling),
    ("cut listings are made again", Remote::cut_listings_are_made_again),
    ("odd listings are errors", Remote::odd_listings_are_errors),
    ("endless answers are bounded", Remote::endless_answers_are_bounded),
    ("outages are ridden out", Remote::outages_are_ridden_out),
    ("cut uploads leave nothing", Remote::cut_uploads_leave_nothing),
];

/// The header lines of an answer in XML, with those that one of the services always sends.
const XML: &str = "Content-Type: application/xml\r\nDate: Thu, 01 Jul 2021 10:44:59 GMT\r\nx-ms-request-id: 00000000-0000-0000-0000-000000000001\r\n";

/// A store that can be reached in several ways: at its server, through a proxy, and where something else than its
/// server answers.
pub struct Remote {
    /// Opens it at host:port.
    pub open: fn(&str) -> Arc<dyn ObjectIo>,
    /// Where its server is, as host:port.
    pub server: String,
    /// Where toxiproxy is.
    pub toxiproxy: String,
    /// What must never be shown.
    pub secrets: Vec<String>,
    /// How its service answers.
    pub answers: Answers,
}

/// How a service answers. Those of requests are whole HTTP answers, listings are XML.
pub struct Answers {
    /// To a write, when it is busy.
    pub busy: String,
    /// To a write that is done.
    pub written: String,
    /// A listing with the objects a and b below the root, and no more.
    pub listing: String,
    /// Listings that say something which cannot be.
    pub odd_listings: Vec<String>,
}

impl Remote {
    /// Runs all cases, at the same time, because most of them wait.
    ///
    /// # Panics
    /// If some fail, with their names; what each says was printed before.
    pub fn run(&self) {
        let failed: Vec<&str> = thread::scope(|scope| {
            let run = |&(name, case): &Case| {
                let thread = thread::Builder::new().name(name.to_string());
                let done = thread
                    .spawn_scoped(scope, move || catch_unwind(AssertUnwindSafe(|| case(self))).is_ok())
                    .expect("the system gives threads");
                (name, done)
            };
            let cases: Vec<_> = CASES.iter().map(run).collect();
            cases
                .into_iter()
                .filter_map(|(name, done)| (!done.join().expect("a case is caught")).then_some(name))
                .collect()
        });
        assert!(failed.is_empty(), "these cases failed: {}", failed.join(", "));
    }

    fn key(&self, name: &str) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        format!("faults-{:x}/{name}", now.as_nanos())
    }

    fn direct(&self) -> Arc<dyn ObjectIo> {
        (self.open)(&self.server)
    }

    fn proxied(&self) -> (Proxy, Arc<dyn ObjectIo>) {
        let proxy = Proxy::new(&self.toxiproxy, &self.server);
        let io = (self.open)(&proxy.address);
        (proxy, io)
    }

    /// Checks that a call fails with this kind, in one line that contains `part`, shows no secret, and comes in time.
    ///
    /// # Panics
    /// If it does not.
    pub fn check<T>(
        &self,
        io: &dyn ObjectIo,
        kind: ErrorKind,
        part: &str,
        call: impl Fn(&dyn ObjectIo, Instant) -> Result<T>,
    ) -> Error {
        self.check_any(io, &[kind], part, call)
    }

    /// The same for a call that is cut off again and again: on a busy machine its last attempt may take too long.
    fn check_cut<T>(&self, io: &dyn ObjectIo, call: impl Fn(&dyn ObjectIo, Instant) -> Result<T>) {
        self.check_any(io, &[ErrorKind::Unavailable, ErrorKind::Timeout], "given up after", call);
    }

    fn check_any<T>(
        &self,
        io: &dyn ObjectIo,
        kinds: &[ErrorKind],
        part: &str,
        call: impl Fn(&dyn ObjectIo, Instant) -> Result<T>,
    ) -> Error {
        const TIME: Duration = Duration::from_secs(4);
        let start = Instant::now();
        let Err(error) = call(io, start + TIME) else { panic!("it succeeded, where {kinds:?} was expected") };
        // The slack is for a machine that is busy with other tests.
        assert!(start.elapsed() < TIME * 3, "{error:?} after {:?}", start.elapsed());
        let line = error.to_string();
        assert!(kinds.contains(&error.kind()) && line.contains(part) && !line.contains('\n'), "{error:?}");
        for secret in &self.secrets {
            assert!(!format!("{error:?}").contains(secret.as_str()), "{error:?}");
        }
        println!("{line}");
        error
    }

    /// A server that is not there is given up, with the time and the attempts said.
    fn nobody_there(&self) {
        let io = (self.open)("127.0.0.1:1");
        let error = self.check(&*io, ErrorKind::Unavailable, "connection refused (given up after", |io, deadline| {
            io.stat("a", deadline)
        });
        assert_eq!(error.retryable(), Retry::Exhausted);
        assert!(error.to_string().contains("endpoint http://127.0.0.1:1"), "{error}");
    }

    /// A server that takes requests and never answers costs no more than the deadline.
    fn no_answer(&self) {
        // Connections are taken by the system, and nobody reads from them.
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let io = (self.open)(&silent.local_addr().unwrap().to_string());
        self.check(&*io, ErrorKind::Timeout, "no answer within", |io, deadline| io.stat("a", deadline));
        self.check(&*io, ErrorKind::Timeout, "no answer within", |io, deadline| io.list("", "", true, deadline));
        self.check(&*io, ErrorKind::Timeout, "no answer within", |io, deadline| {
            io.get("a", None, &mut Vec::new(), deadline)
        });
        self.check(&*io, ErrorKind::Timeout, "no answer within", |io, deadline| {
            put(io, "a", b"1", Precondition::Absent, deadline)
        });
    }

    /// A connection over which nothing is answered is given up while there is time for another one.
    fn one_silence(&self) {
        let (direct, key) = (self.direct(), self.key("there"));
        put(&*direct, &key, b"1", Precondition::None, long()).unwrap();
        let within = || Instant::now() + Duration::from_secs(8);
        let mut bytes = Vec::new();
        assert!(self.silent_once().stat(&key, within()).unwrap().is_some());
        assert!(self.silent_once().get(&key, None, &mut bytes, within()).unwrap().is_some() && bytes == b"1");
        assert_eq!(self.silent_once().list(&key, "", false, within()).unwrap().objects.len(), 1);
        self.silent_once().delete(std::slice::from_ref(&key), within()).unwrap();
        assert!(matches!(put(&*self.silent_once(), &key, b"2", Precondition::Absent, within()), Ok(Put::Written(_))));
    }

    /// Opens it at an address where the first connection is never answered, and others reach the server.
    fn silent_once(&self) -> Arc<dyn ObjectIo> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, server) = (listener.local_addr().unwrap().to_string(), self.server.clone());
        // The thread lives as long as the process of the test.
        thread::spawn(move || {
            let _silent = listener.accept();
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(&server) else { continue };
                let (from_client, from_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                for (mut from, mut to) in [(from_client, server), (from_server, client)] {
                    thread::spawn(move || std::io::copy(&mut from, &mut to));
                }
            }
        });
        (self.open)(&address)
    }

    /// A read whose connection breaks again and again goes on where it broke.
    fn cut_reads_go_on(&self) {
        let content: Vec<u8> = (0..6_000_000_u32).map(|number| (number ^ (number >> 9)) as u8).collect();
        let (direct, key) = (self.direct(), self.key("large"));
        put(&*direct, &key, &content, Precondition::None, long()).unwrap();
        let (proxy, io) = self.proxied();
        proxy.poison("limit_data", "downstream", r#"{"bytes":1000000}"#);
        let mut bytes = Vec::new();
        let stat = io.get(&key, None, &mut bytes, long()).unwrap().unwrap();
        assert!(bytes == content && stat.len == content.len() as u64, "{} bytes", bytes.len());
        io.get(&key, Some(500_000..5_500_000), &mut bytes, long()).unwrap().unwrap();
        assert!(bytes == content[500_000..5_500_000], "{} bytes", bytes.len());
        // With no byte of the body there is nothing to go on with.
        proxy.cure();
        proxy.poison("limit_data", "downstream", r#"{"bytes":20}"#);
        self.check_cut(&*io, |io, deadline| io.get(&key, None, &mut Vec::new(), deadline));
    }

    /// A write that never arrives whole leaves nothing behind, and says that it failed.
    fn cut_writes_leave_nothing(&self) {
        let (direct, key) = (self.direct(), self.key("cut"));
        let (proxy, io) = self.proxied();
        proxy.poison("limit_data", "upstream", r#"{"bytes":100000}"#);
        let content = vec![7; 3_000_000];
        self.check_cut(&*io, |io, deadline| put(io, &key, &content, Precondition::Absent, deadline));
        assert!(direct.stat(&key, long()).unwrap().is_none());
        proxy.cure();
        assert!(matches!(put(&*io, &key, &content, Precondition::Absent, long()).unwrap(), Put::Written(_)));
        assert_eq!(direct.stat(&key, long()).unwrap().unwrap().len, 3_000_000);
    }

    /// An upload in parts that breaks off goes on when the network is back; until it is finished there is nothing.
    fn cut_uploads_leave_nothing(&self) {
        let (direct, key) = (self.direct(), self.key("parts"));
        let (proxy, io) = self.proxied();
        let upload = io.begin_upload(&key, long()).unwrap();
        let put = |io: &dyn ObjectIo, number, deadline| {
            let bytes = vec![7; 5 << 20].into();
            io.put_part(&Part { key: &key, upload: &upload, number, bytes }, deadline)
        };
        let first = put(&*io, 1, long()).unwrap();
        proxy.poison("limit_data", "upstream", r#"{"bytes":100000}"#);
        self.check_cut(&*io, |io, deadline| put(io, 2, deadline));
        assert!(direct.stat(&key, long()).unwrap().is_none());
        proxy.cure();
        let parts = [first, put(&*io, 2, long()).unwrap()];
        assert!(direct.stat(&key, long()).unwrap().is_none());
        io.finish_upload(&key, &upload, &parts, long()).unwrap();
        assert_eq!(direct.stat(&key, long()).unwrap().unwrap().len, 10 << 20);
    }

    /// A write whose answer is lost is made again, and refused: that it was this very write is for the caller to find
    /// out.
    fn lost_answers_are_refusals(&self) {
        let (direct, key) = (self.direct(), self.key("lost"));
        let (proxy, io) = self.proxied();
        proxy.poison("limit_data", "downstream", r#"{"bytes":1}"#);
        thread::scope(|scope| {
            let written = scope.spawn(|| put(&*io, &key, b"mine", Precondition::Absent, long()).unwrap());
            while direct.stat(&key, long()).unwrap().is_none() {
                thread::yield_now();
            }
            proxy.cure();
            assert_eq!(written.join().unwrap(), Put::Refused);
        });
        let mut bytes = Vec::new();
        direct.get(&key, None, &mut bytes, long()).unwrap().unwrap();
        assert_eq!(bytes, b"mine");
    }

    /// Throttling is waited out, as long as there is time.
    fn throttling(&self) {
        let Answers { busy, written, .. } = &self.answers;
        let server = Scripted::new(&[busy.clone(), busy.clone(), written.clone()]);
        let io = (self.open)(&server.address);
        assert!(matches!(put(&*io, "a", b"1", Precondition::Absent, long()).unwrap(), Put::Written(_)));
        assert_eq!(server.requests(), 3);
        let server = Scripted::new(std::slice::from_ref(busy));
        let io = (self.open)(&server.address);
        let error = self.check(&*io, ErrorKind::Unavailable, "given up after", |io, deadline| {
            put(io, "a", b"1", Precondition::Absent, deadline)
        });
        assert!(
            server.requests() > 2 && error.retryable() == Retry::Exhausted,
            "{} requests: {error}",
            server.requests()
        );
    }

    /// A follower and a writer that were at work go on after an outage that is longer than a single request waits for a
    /// server that is not there.
    fn outages_are_ridden_out(&self) {
        const OUTAGE: Duration = Duration::from_secs(12);
        const WAIT: Duration = Duration::from_secs(60);
        let over = |io: Arc<dyn ObjectIo>| kafi_objects::open("outage", "test", io, ObjectOptions::default());
        let (direct, (proxy, proxied)) = (over(self.direct()), self.proxied());
        let name = self.key("t").replace('/', "-");
        direct.admin().unwrap().create_topic(&NewTopic::new(&name), WAIT).unwrap();
        let storage = over(proxied);
        let mut follower = storage.consumer(&ConsumerOptions::default()).unwrap();
        follower.assign(&[Assignment { topic: name.clone(), partition: 0, start: 0, end: None }], WAIT).unwrap();
        let mut writer = storage.producer(&ProducerOptions::default()).unwrap();
        let batch_of = |text: &str| {
            let mut batch = Batch::new();
            batch.push(Record::new(&name, None, Some(text.as_bytes())));
            batch
        };
        let (mut batch, mut seen) = (Batch::new(), Vec::new());
        let mut follow = |follower: &mut dyn Consumer, count: usize| {
            let until = Instant::now() + WAIT;
            while seen.len() < count {
                assert!(Instant::now() < until, "{seen:?}");
                follower.poll(&mut batch, Duration::from_secs(1)).unwrap();
                seen.extend(batch.iter().map(|record| String::from_utf8(record.value.unwrap().to_vec()).unwrap()));
            }
            seen.clone()
        };
        assert_eq!(writer.produce(&batch_of("before"), 0, 1, WAIT).unwrap(), 1);
        writer.flush(WAIT).unwrap();
        follow(&mut *follower, 1);
        proxy.enable(false);
        assert_eq!(writer.produce(&batch_of("meanwhile"), 0, 2, WAIT).unwrap(), 1);
        let error = writer.flush(OUTAGE).unwrap_err();
        assert!(error.kind() == ErrorKind::Timeout || error.retryable() == Retry::Later, "{error:?}");
        let begun = Instant::now();
        while begun.elapsed() < OUTAGE {
            assert_eq!(follower.poll(&mut Batch::new(), Duration::from_secs(1)).unwrap(), Polled::Timeout);
        }
        proxy.enable(true);
        writer.flush(WAIT).unwrap();
        let delivered: Vec<_> = writer
            .reports(Duration::ZERO)
            .unwrap()
            .iter()
            .map(|report| (report.token, matches!(report.delivery, Delivery::At(_))))
            .collect();
        assert_eq!(delivered, [(1, true), (2, true)]);
        assert_eq!(follow(&mut *follower, 2), ["before", "meanwhile"]);
        writer.close(WAIT).unwrap();
        direct.admin().unwrap().delete_topic(&name, WAIT).unwrap();
    }

    /// A listing that is cut off anywhere is never taken for the whole, and made again.
    fn cut_listings_are_made_again(&self) {
        let listing = &self.answers.listing;
        let whole = answer("200 OK", XML, listing);
        for cut in (0..listing.len())
            .filter(|cut| listing.is_char_boundary(*cut) && (cut % 11 == 0 || listing[*cut..].starts_with('<')))
        {
            let server = Scripted::new(&[answer("200 OK", XML, &listing[..cut]), whole.clone()]);
            let io = (self.open)(&server.address);
            let listed = io.list("", "", false, long()).unwrap_or_else(|error| panic!("cut at {cut}: {error}"));
            let keys: Vec<_> = listed.objects.iter().map(|object| object.key.as_str()).collect();
            assert!(
                keys == ["a", "b"] && !listed.more && server.requests() == 2,
                "cut at {cut}: {keys:?} after {} requests",
                server.requests()
            );
        }
    }

    /// A listing that says something which cannot be is an error, in time.
    fn odd_listings_are_errors(&self) {
        for listing in &self.answers.odd_listings {
            let server = Scripted::new(&[answer("200 OK", XML, listing)]);
            let io = (self.open)(&server.address);
            self.check(&*io, ErrorKind::Unavailable, "listing", |io, deadline| io.list("", "", false, deadline));
        }
    }

    /// Whatever a server sends, it takes no more than a bounded amount of memory, and an error that is one short line.
    fn endless_answers_are_bounded(&self) {
        let listing = &self.answers.listing;
        const SENT_MAX: u64 = 600 << 20;
        let part = "ETag: \"1\"\r\nLast-Modified: Tue, 26 Nov 2024 10:00:00 GMT\r\nDate: Thu, 01 Jul 2021 10:44:59 GMT\r\nx-ms-creation-time: Tue, 26 Nov 2024 10:00:00 GMT\r\n\
            x-ms-blob-type: BlockBlob\r\nContent-Range: bytes 0-9/10\r\n";
        let server = Scripted::new(&[endless("200 OK", XML, &listing[..listing.len() / 2])]);
        let error =
            (self.open)(&server.address).list("", "", false, Instant::now() + Duration::from_secs(20)).unwrap_err();
        assert!(server.sent() < SENT_MAX && error.to_string().len() < 1_000, "{} bytes: {error}", server.sent());
        let server = Scripted::new(&[endless("206 Partial Content", part, "0123456789")]);
        let read = (self.open)(&server.address).get(
            "a",
            Some(0..10),
            &mut Vec::new(),
            Instant::now() + Duration::from_secs(3),
        );
        assert!(read.is_err() && server.sent() < SENT_MAX, "{} bytes: {read:?}", server.sent());
        for status in ["400 Bad Request", "404 Not Found", "418 Teapot"] {
            let server =
                Scripted::new(&[endless(status, XML, "<?xml version=\"1.0\"?><Error><Code>Odd</Code><Message>")]);
            let error = (self.open)(&server.address).stat("a", Instant::now() + Duration::from_secs(3)).map(drop);
            assert!(server.sent() < SENT_MAX, "{} bytes: {error:?}", server.sent());
            let error = put(
                &*(self.open)(&server.address),
                "a",
                b"1",
                Precondition::None,
                Instant::now() + Duration::from_secs(3),
            )
            .unwrap_err();
            assert!(server.sent() < SENT_MAX && error.to_string().len() < 1_000, "{} bytes: {error}", server.sent());
        }
        let long = format!(
            "<?xml version=\"1.0\"?><Error><Code>Odd</Code><Message>It is {}\u{202e} wrong</Message></Error>",
            "very ".repeat(100_000)
        );
        let server = Scripted::new(&[answer("400 Bad Request", XML, &long)]);
        let io = (self.open)(&server.address);
        let error = put(&*io, "a", b"1", Precondition::None, Instant::now() + Duration::from_secs(3)).unwrap_err();
        let line = error.to_string();
        assert!(line.len() < 1_000 && !line.contains('\u{202e}') && line.contains("very very"), "{line}");
    }
}

/// Writes an object.
///
/// # Errors
/// Those of the store.
pub fn put(
    io: &dyn ObjectIo,
    key: &str,
    bytes: &[u8],
    precondition: Precondition<'_>,
    deadline: Instant,
) -> Result<Put> {
    io.put(&PutRequest { key, bytes: Bytes::copy_from_slice(bytes), precondition, metadata: &[] }, deadline)
}

fn long() -> Instant {
    Instant::now() + Duration::from_secs(60)
}
