//! The layer over a service that does what a test tells it to.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use super::*;

/// What a service does with a request instead of answering it.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Fail(ErrorKind, Retry, Meaning),
    /// Sends so many bytes of a body.
    Cut(usize),
    /// The object is another one from now on, and this read goes wrong.
    Replace,
}

#[derive(Default)]
struct State {
    /// With the numbers of their versions.
    objects: BTreeMap<String, (Vec<u8>, u32)>,
    has_bucket: bool,
    faults: VecDeque<Fault>,
    requests: Vec<String>,
    /// The upload that was finished last.
    finished: Option<String>,
    /// How many names a page of a listing shows.
    page: usize,
}

/// A service that cannot begin listings at names.
struct Scripted(Arc<Mutex<State>>);

impl Scripted {
    /// Notes a request, and what goes wrong with it.
    fn request(&self, request: String) -> Attempt<Option<Fault>> {
        let mut state = self.0.lock().unwrap();
        state.requests.push(request);
        match state.faults.pop_front() {
            Some(Fault::Fail(kind, retry, meaning)) => {
                Err(Failure::new(kind, retry, "it failed with hunter2").meaning(meaning))
            }
            _ if !state.has_bucket => {
                Err(Failure::new(ErrorKind::NotFound, Retry::Never, "no bucket").meaning(Meaning::NoBucket))
            }
            fault => Ok(fault),
        }
    }

    fn missing() -> Failure {
        Failure::answered(&[], 404, "", None).meaning(Meaning::NoObject)
    }
}

impl Service for Scripted {
    type Settings = Arc<Mutex<State>>;
    type Body = VecDeque<Attempt<Bytes>>;

    const LISTS_FROM_NAMES: bool = false;
    const DELETE_MAX: usize = 2;

    async fn connect(settings: &Self::Settings) -> Attempt<Self> {
        Ok(Self(Arc::clone(settings)))
    }

    async fn read(
        &self,
        key: &str,
        range: Option<Range<u64>>,
        etag: Option<&str>,
    ) -> Attempt<(ObjectStat, Self::Body)> {
        let fault = self.request(format!("read {key} {range:?} {etag:?}"))?;
        let mut state = self.0.lock().unwrap();
        let (bytes, version) = state.objects.get_mut(key).ok_or_else(Self::missing)?;
        if etag.is_some_and(|etag| etag != version.to_string()) {
            return Err(Failure::answered(&[], 412, "", None).meaning(Meaning::Refused));
        }
        let stat = ObjectStat { len: bytes.len() as u64, etag: version.to_string(), metadata: Vec::new() };
        let (start, end) =
            range.map_or((0, bytes.len()), |range| (range.start as usize, (range.end as usize).min(bytes.len())));
        if start >= bytes.len() && start > 0 {
            return Err(Failure::answered(&[], 416, "", None).meaning(Meaning::BehindEnd));
        }
        let mut body = VecDeque::from([Ok(Bytes::copy_from_slice(&bytes[start..end]))]);
        match fault {
            Some(Fault::Cut(sent)) => {
                body = VecDeque::from([
                    Ok(Bytes::copy_from_slice(&bytes[start..start + sent])),
                    Err(Failure::cut("reset")),
                ])
            }
            Some(Fault::Replace) => {
                body = VecDeque::from([Ok(Bytes::copy_from_slice(&bytes[start..=start]))]);
                (*bytes, *version) = (b"another".to_vec(), *version + 1);
            }
            _ => {}
        }
        Ok((stat, body))
    }

    async fn next(body: &mut Self::Body) -> Option<Attempt<Bytes>> {
        body.pop_front()
    }

    async fn stat(&self, key: &str) -> Attempt<ObjectStat> {
        // As with HEAD, what is missing is not said.
        self.request(format!("stat {key}"))
            .map_err(|failure| if failure.meaning == Meaning::NoBucket { Self::missing() } else { failure })?;
        let state = self.0.lock().unwrap();
        let (bytes, version) = state.objects.get(key).ok_or_else(Self::missing)?;
        let metadata = state.finished.iter().map(|mark| (UPLOAD_MARK.to_string(), mark.clone())).collect();
        Ok(ObjectStat { len: bytes.len() as u64, etag: version.to_string(), metadata })
    }

    async fn put(&self, key: &str, request: &PutRequest<'_>) -> Attempt<String> {
        self.request(format!("put {key}"))?;
        self.0.lock().unwrap().objects.insert(key.to_string(), (request.bytes.to_vec(), 1));
        Ok("1".into())
    }

    async fn begin_upload(&self, key: &str, mark: &str) -> Attempt<String> {
        self.request(format!("begin {key}"))?;
        Ok(mark.to_string())
    }

    async fn put_part(&self, key: &str, part: &Part<'_>) -> Attempt<String> {
        self.request(format!("part {key} {}", part.number))?;
        Ok(part.number.to_string())
    }

    async fn finish_upload(&self, key: &str, upload: &str, _parts: &[String]) -> Attempt<()> {
        let fault = self.request(format!("finish {key}"))?;
        let mut state = self.0.lock().unwrap();
        if state.finished.as_deref() == Some(upload) {
            return Err(Failure::answered(&[], 404, "", None).meaning(Meaning::NoUpload));
        }
        state.finished = Some(upload.to_string());
        state.objects.insert(key.to_string(), (b"parts".to_vec(), 1));
        // It is done, and nobody hears of it.
        if fault.is_some() { Err(Failure::broken("reset")) } else { Ok(()) }
    }

    async fn abort_upload(&self, key: &str, _upload: &str) -> Attempt<()> {
        self.request(format!("abort {key}")).map(drop)
    }

    async fn page(&self, prefix: &str, _after: &str, _folders: bool, marker: Option<&str>) -> Attempt<Page> {
        self.request(format!("page {prefix} {marker:?}"))?;
        let state = self.0.lock().unwrap();
        let names: Vec<_> = state.objects.keys().filter(|name| name.starts_with(prefix)).cloned().collect();
        let from = marker.map_or(0, |marker| marker.parse().unwrap());
        let until = (from + state.page).min(names.len());
        let objects = names[from..until].iter().map(|name| Listed { key: name.clone(), len: 1 });
        let marker = (until < names.len()).then(|| until.to_string());
        Ok(Page { objects: objects.collect(), folders: Vec::new(), marker })
    }

    async fn delete(&self, keys: &mut Vec<String>) -> Attempt<()> {
        let fault = self.request(format!("delete {}", keys.join(" ")))?;
        let deleted = keys.remove(0);
        self.0.lock().unwrap().objects.remove(&deleted);
        match fault {
            Some(_) => Err(Failure::broken("reset")),
            None => {
                keys.clear();
                Ok(())
            }
        }
    }

    async fn check_bucket(&self) -> Attempt<()> {
        self.request("check bucket".into()).map(drop)
    }

    async fn create_bucket(&self) -> Attempt<()> {
        let mut state = self.0.lock().unwrap();
        state.requests.push("create bucket".into());
        state.has_bucket = true;
        Ok(())
    }
}

/// A bucket with these objects below `root/`, and what is tried with it.
fn store(create_bucket: bool, has_bucket: bool, names: &[&str]) -> (Arc<Mutex<State>>, Requester<Scripted>) {
    let objects = names.iter().map(|name| (format!("root/{name}"), (b"0123456789".to_vec(), 1)));
    let state = State { objects: objects.collect(), has_bucket, page: 2, ..State::default() };
    let state = Arc::new(Mutex::new(state));
    let place = Location {
        storage: "backup".into(),
        scheme: "test",
        bucket_word: "jar",
        bucket: "b".into(),
        prefix: "root/".into(),
        create_bucket,
        endpoint: Some("http://h:1".into()),
        service: "h:1".into(),
        secrets: Secrets::of([("key", "hunter2")]),
    };
    let requester = Requester::new(place, Arc::clone(&state)).unwrap();
    (state, requester)
}

fn requests(state: &Mutex<State>) -> Vec<String> {
    std::mem::take(&mut state.lock().unwrap().requests)
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

#[test]
fn a_read_goes_on_where_it_broke() {
    let (state, io) = store(false, true, &["a"]);
    state.lock().unwrap().faults =
        [Fault::Cut(3), Fault::Fail(ErrorKind::Unavailable, Retry::Later, Meaning::Other), Fault::Cut(2)].into();
    let mut bytes = b"left over".to_vec();
    assert_eq!(io.get("a", Some(1..9), &mut bytes, soon()).unwrap().unwrap().len, 10);
    assert_eq!(bytes, b"12345678");
    let asked = [r#"Some(1..9) None"#, r#"Some(4..9) Some("1")"#, r#"Some(4..9) Some("1")"#, r#"Some(6..9) Some("1")"#];
    assert_eq!(requests(&state), asked.map(|asked| format!("read root/a {asked}")));
}

#[test]
fn a_read_of_what_was_replaced_begins_anew() {
    let (state, io) = store(false, true, &["a"]);
    state.lock().unwrap().faults = [Fault::Replace].into();
    let mut bytes = Vec::new();
    assert_eq!(io.get("a", None, &mut bytes, soon()).unwrap().unwrap().etag, "2");
    assert_eq!(bytes, b"another");
}

#[test]
fn a_range_behind_the_end_has_no_bytes() {
    let (_, io) = store(false, true, &["a"]);
    let mut bytes = b"left over".to_vec();
    assert_eq!(io.get("a", Some(10..12), &mut bytes, soon()).unwrap().unwrap().len, 10);
    assert!(bytes.is_empty());
    assert_eq!(io.get("b", Some(10..12), &mut bytes, soon()).unwrap(), None);
}

#[test]
fn a_missing_bucket_is_created_or_said() {
    let put = |io: &Requester<Scripted>| {
        io.put(&PutRequest { key: "a", bytes: Bytes::new(), precondition: Precondition::None, metadata: &[] }, soon())
    };
    let (state, io) = store(true, false, &[]);
    assert_eq!(put(&io).unwrap(), Put::Written("1".into()));
    assert_eq!(requests(&state), ["put root/a", "create bucket", "put root/a"]);
    let (_, io) = store(false, false, &[]);
    let error = put(&io).unwrap_err();
    assert_eq!(error.to_string(), "write object: storage backup, object test://b/root/a: there is no such jar");
    assert_eq!(error.hint_text(), Some("create the jar b, correct jar.name, or set jar.create to true"));
}

#[test]
fn where_an_object_is_missing_the_bucket_is_asked_for_until_it_was_seen() {
    let (state, io) = store(false, false, &[]);
    assert_eq!(io.stat("a", soon()).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(requests(&state), ["stat root/a", "check bucket"]);
    state.lock().unwrap().has_bucket = true;
    assert_eq!(io.stat("a", soon()).unwrap(), None);
    assert_eq!(io.stat("a", soon()).unwrap(), None);
    assert_eq!(requests(&state), ["stat root/a", "check bucket", "stat root/a"]);
}

#[test]
fn a_listing_goes_on_where_it_stopped() {
    let (state, io) = store(false, true, &["a", "b", "c", "d", "e"]);
    state.lock().unwrap().objects.insert("roof/x".into(), (Vec::new(), 1));
    let (mut after, mut names) = (String::new(), Vec::new());
    loop {
        let listing = io.list("", &after, false, soon()).unwrap();
        names.extend(listing.objects.into_iter().map(|object| object.key));
        if !listing.more {
            break;
        }
        after = names.last().unwrap().clone();
    }
    assert_eq!(names, ["a", "b", "c", "d", "e"]);
    assert_eq!(requests(&state), ["None", r#"Some("2")"#, r#"Some("4")"#].map(|marker| format!("page root/ {marker}")));
    // From where no listing stopped, what lies before is read and not told.
    assert_eq!(io.list("", "c", false, soon()).unwrap().objects.len(), 1);
    assert_eq!(requests(&state).len(), 2);
}

#[test]
fn a_listing_that_gets_nowhere_is_an_error() {
    let (state, io) = store(false, true, &["a", "b"]);
    state.lock().unwrap().page = 0;
    let error = io.list("", "", false, Instant::now() + Duration::from_millis(100)).unwrap_err();
    assert!(error.kind() == ErrorKind::Unavailable && error.to_string().contains("goes on where it began"), "{error}");
}

#[test]
fn what_could_not_be_deleted_is_left_to_the_next_attempt() {
    let (state, io) = store(false, true, &["a", "b", "c"]);
    state.lock().unwrap().faults = [Fault::Cut(0)].into();
    io.delete(&["c", "a", "b", "a"].map(String::from), soon()).unwrap();
    assert_eq!(requests(&state), ["delete root/a root/b", "delete root/b", "delete root/c"]);
}

#[test]
fn an_upload_whose_end_nobody_heard_of_is_known_again() {
    let (state, io) = store(false, true, &[]);
    let upload = io.begin_upload("a", soon()).unwrap();
    let part = Part { key: "a", upload: &upload, number: 1, bytes: Bytes::from_static(b"x") };
    let parts = [io.put_part(&part, soon()).unwrap()];
    state.lock().unwrap().faults = [Fault::Cut(0)].into();
    io.finish_upload("a", &upload, &parts, soon()).unwrap();
    let expected = ["begin root/a", "part root/a 1", "finish root/a", "finish root/a", "stat root/a"];
    assert_eq!(requests(&state), expected);
    // Somebody else's object under the same key is none of ours.
    let (state, io) = store(false, true, &["a"]);
    state.lock().unwrap().finished = Some("another".into());
    assert!(io.finish_upload("a", "mark another", &[], soon()).is_err());
    io.abort_upload("a", &upload, soon()).unwrap();
}

#[test]
fn a_failure_is_one_line_without_secrets() {
    let (state, io) = store(false, true, &["a"]);
    state.lock().unwrap().faults = [Fault::Fail(ErrorKind::Authentication, Retry::Never, Meaning::Other)].into();
    let error = io.stat("a", soon()).unwrap_err();
    assert_eq!(error.to_string(), "look at object: storage backup, object test://b/root/a: it failed with ***");
    assert_eq!((io.display("a").as_str(), io.identity().as_str()), ("test://b/root/a", "test://h:1/b/root/"));
}

#[test]
fn what_is_not_listed_follows_from_the_status() {
    let kinds: &Kinds = &[("Busy", ErrorKind::Unavailable, Retry::Later)];
    for (status, code, message, said) in [
        (503, "Busy", Some("Please wait."), "please wait (Busy)"),
        (418, "Teapot", None, "the server answered Teapot (HTTP status 418)"),
        (500, "", Some(""), "the server answered with the HTTP status 500"),
        (400, "", Some("HTTP is not spoken here."), "HTTP is not spoken here"),
    ] {
        let failure = Failure::answered(kinds, status, code, message);
        assert_eq!(failure.into_error("x", &store(false, true, &[]).1.place, "o".into()).message(), said);
    }
    assert_eq!(Failure::answered(kinds, 200, "Busy", None).retry, Retry::Later);
    assert_eq!(Failure::answered(kinds, 409, "", None).kind, ErrorKind::Conflict);
}
