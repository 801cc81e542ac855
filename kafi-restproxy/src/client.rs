//! Requests: again until the time is over, and with who we are; and which server it is.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use kafi_core::{Error, ErrorKind, Json, Result, Retry, Runtime, retry_until};
use reqwest::header::{ACCEPT, CONTENT_TYPE, LOCATION, RETRY_AFTER, SERVER};
use reqwest::redirect::Policy;
use reqwest::{Method, RequestBuilder};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::answer::Answer;
use crate::config::{Auth, Config};
use crate::error;

/// How large an answer may be, in bytes.
const ANSWER_BYTES_MAX: usize = 64 << 20;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest pause that a server may ask for.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// The content type of version 2 without messages.
pub(crate) const V2: &str = "application/vnd.kafka.v2+json";
/// That of messages as bytes.
pub(crate) const BINARY: &str = "application/vnd.kafka.binary.v2+json";
/// That of version 3.
pub(crate) const JSON: &str = "application/json";

/// One call of the API.
pub(crate) struct Call<'a> {
    pub operation: &'static str,
    pub method: Method,
    /// The segments of the path, as they are before they are encoded.
    path: Vec<&'a str>,
    query: String,
    content_type: &'static str,
    body: Option<Bytes>,
    /// What errors say it is about.
    about: Vec<(&'static str, String)>,
    /// Whether doing it twice is the same as once.
    is_repeatable: bool,
}

impl<'a> Call<'a> {
    pub fn new(operation: &'static str, method: Method, path: &[&'a str]) -> Self {
        let is_repeatable = method != Method::POST;
        let (query, content_type, body, about) = (String::new(), V2, None, Vec::new());
        Self { operation, method, path: path.to_vec(), query, content_type, body, about, is_repeatable }
    }

    pub fn get(operation: &'static str, path: &[&'a str]) -> Self {
        Self::new(operation, Method::GET, path)
    }

    pub fn post(operation: &'static str, path: &[&'a str]) -> Self {
        Self::new(operation, Method::POST, path)
    }

    /// Text behind the path, with the question mark.
    pub fn query(self, query: String) -> Self {
        Self { query, ..self }
    }

    pub fn of_type(self, content_type: &'static str) -> Self {
        Self { content_type, ..self }
    }

    pub fn json(self, body: &Json) -> Self {
        self.bytes(body.to_string().into_bytes())
    }

    pub fn bytes(self, body: impl Into<Bytes>) -> Self {
        Self { body: Some(body.into()), ..self }
    }

    pub fn about(mut self, key: &'static str, value: impl ToString) -> Self {
        self.about.push((key, value.to_string()));
        self
    }

    /// It may be made again where nobody knows whether it was done.
    pub fn repeatable(self) -> Self {
        Self { is_repeatable: true, ..self }
    }

    /// It is not made again where nobody knows whether it was done.
    pub fn once(self) -> Self {
        Self { is_repeatable: false, ..self }
    }

    fn target(&self) -> Result<String> {
        let mut target = String::new();
        for segment in &self.path {
            if matches!(*segment, "" | "." | "..") {
                // As a part of a path it would mean another call.
                let error = Error::new(ErrorKind::Usage, self.operation, "nothing can be called that");
                return Err(error.with("name", format!("{segment:?}")));
            }
            target.push('/');
            encode(segment, &mut target);
        }
        target.push_str(&self.query);
        Ok(target)
    }
}

/// What is known of the server.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    /// The cluster, where the server has version 3.
    pub cluster: Option<String>,
    /// What it calls itself.
    pub name: Option<String>,
}

/// Speaks to one REST Proxy.
pub(crate) struct Client {
    pub name: String,
    pub config: Config,
    /// Made with the first call.
    connection: Mutex<Option<Arc<Connection>>>,
    server: Mutex<Option<Server>>,
}

/// The client underneath, and the threads that it runs on.
struct Connection {
    http: reqwest::Client,
    runtime: Runtime,
}

/// A call that is under way. When it is dropped nobody waits for its answer any more.
pub(crate) struct Ahead {
    connection: Arc<Connection>,
    task: JoinHandle<reqwest::Result<Option<Answer>>>,
    /// What the head of its answer says of the bytes of its body, until that was asked for.
    length: Option<oneshot::Receiver<Option<u64>>>,
}

impl Ahead {
    /// How many bytes its answer will have, once the head of that is there; nothing where it does not say so, or does not
    /// come in time.
    pub fn length(&mut self, deadline: Instant) -> Option<u64> {
        let mut length = self.length.take()?;
        let told = async { tokio::time::timeout_at(deadline.into(), &mut length).await };
        self.connection.runtime.block_on(told).ok()?.ok()?
    }

    /// Waits until it is answered, whatever the answer is.
    pub fn wait(mut self) {
        let (connection, task) = (Arc::clone(&self.connection), &mut self.task);
        let _answer = connection.runtime.block_on(async move { task.await.is_ok() });
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Client {
    pub fn new(name: &str, config: Config) -> Self {
        Self { name: name.into(), config, connection: Mutex::default(), server: Mutex::default() }
    }

    fn connection(&self) -> Result<Arc<Connection>> {
        let mut connection = lock(&self.connection);
        if let Some(made) = &*connection {
            return Ok(Arc::clone(made));
        }
        let made = Arc::new(self.connect()?);
        *connection = Some(Arc::clone(&made));
        Ok(made)
    }

    fn connect(&self) -> Result<Connection> {
        let mut builder = reqwest::Client::builder().redirect(Policy::none()).connect_timeout(CONNECT_TIMEOUT);
        if let Some(ca) = &self.config.ca {
            builder = builder.tls_built_in_root_certs(false);
            builder = ca.iter().fold(builder, |builder, certificate| builder.add_root_certificate(certificate.clone()));
        } else if self.config.base.starts_with("http:") {
            // Reading what the system trusts takes time, and nobody would look at it.
            builder = builder.tls_built_in_root_certs(false);
        }
        if let Some(identity) = &self.config.identity {
            builder = builder.identity(identity.clone());
        }
        let http = builder.build().map_err(|error| {
            let why = "its certificates or keys cannot be used";
            Error::new(ErrorKind::Config, "open storage", why).with("storage", &self.name).source(error)
        })?;
        Ok(Connection { http, runtime: Runtime::new("rest-proxy")? })
    }

    /// Which server it is; asked once.
    pub fn server(&self, deadline: Instant) -> Result<Server> {
        if let Some(known) = &*lock(&self.server) {
            return Ok(known.clone());
        }
        let found = match self.call(&Call::get("find server", &["v3", "clusters"]).of_type(JSON), deadline) {
            Ok(answer) => {
                let json = parse("find server", &answer)?;
                let mut ids = json["data"].iter().filter_map(|cluster| cluster["cluster_id"].str().ok());
                let cluster = match &self.config.cluster {
                    Some(wanted) => Some(wanted.clone()),
                    None => ids.next().map(str::to_string),
                };
                Server { cluster, name: answer.server }
            }
            Err(error) if error.kind() == ErrorKind::Unsupported || error.kind() == ErrorKind::NotFound => {
                let answer = self.call(&Call::get("find server", &["topics"]), deadline)?;
                Server { cluster: None, name: answer.server }
            }
            Err(error) => return Err(error),
        };
        *lock(&self.server) = Some(found.clone());
        Ok(found)
    }

    /// The cluster, for what only version 3 has.
    pub fn cluster(&self, operation: &'static str, deadline: Instant) -> Result<String> {
        let server = self.server(deadline)?;
        server.cluster.ok_or_else(|| {
            let name = server.name.as_deref().unwrap_or("this server");
            let why = format!("{name} has version 2 of the API only, which lacks this call");
            Error::new(ErrorKind::Unsupported, operation, why).with("storage", &self.name)
        })
    }

    /// Makes a call, and gives its answer as JSON; null for none.
    pub fn ask(&self, call: &Call<'_>, deadline: Instant) -> Result<Json> {
        let answer = self.call(call, deadline)?;
        if answer.body.is_empty() {
            return Ok(Json::null());
        }
        parse(call.operation, &answer).map_err(|error| self.located(error, call))
    }

    /// What `read` takes out of each part of an answer. One that does not say what the API promises is an error about
    /// this server.
    pub fn each<'a, T>(
        &self,
        operation: &'static str,
        parts: impl IntoIterator<Item = &'a Json>,
        read: impl FnMut(&'a Json) -> Result<T>,
    ) -> Result<Vec<T>> {
        let all: Result<Vec<T>> = parts.into_iter().map(read).collect();
        all.map_err(|error| self.unexpected(operation, error))
    }

    /// An error about an answer that is JSON, but not what the API promises; one about a call is as it was.
    pub fn unexpected(&self, operation: &'static str, error: Error) -> Error {
        if error.context().any(|(key, _)| key == "storage") {
            return error;
        }
        let mut context = String::new();
        error.context().for_each(|(key, value)| context.push_str(&format!(" {key} {value}:")));
        let why = format!("its answer is not what the REST Proxy API promises:{context} {}", error.message());
        Error::new(ErrorKind::Corrupt, operation, why).with("storage", &self.name)
    }

    /// Makes a call until it has an answer, as often as it may.
    pub fn call(&self, call: &Call<'_>, deadline: Instant) -> Result<Answer> {
        let target = call.target()?;
        let connection = self.connection()?;
        retry_until(deadline, |attempts| {
            let (error, was_sent) = match self.attempt(&connection, call, &target, attempts.deadline) {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            let error = self.located(error, call);
            let is_last = attempts.number > self.config.retries || was_sent && !call.is_repeatable;
            Err(if is_last { error.retry(Retry::Exhausted) } else { error })
        })
    }

    fn attempt(
        &self,
        connection: &Connection,
        call: &Call<'_>,
        target: &str,
        deadline: Instant,
    ) -> std::result::Result<Answer, (Error, bool)> {
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        let request = self.request(connection, call, target).timeout(left);
        let (answer, refused) = judged(call, connection.runtime.block_on(read(request, drop)))?;
        let Some(refused) = refused else { return Ok(answer) };
        // What was refused before anything was done may be asked again.
        let was_sent = !matches!(answer.status, 429 | 503);
        if let Some(pause) = answer.retry_after.filter(|_| !was_sent) {
            std::thread::sleep(pause.min(PAUSE_MAX).min(deadline.saturating_duration_since(Instant::now())));
        }
        Err((refused, was_sent))
    }

    /// Makes a call, once, and waits for its answer when [`finish`](Self::finish) asks for that.
    #[allow(clippy::async_yields_async, reason = "the task goes on while nobody waits for it")]
    pub fn start(&self, call: &Call<'_>, timeout: Duration) -> Result<Ahead> {
        let target = call.target()?;
        let connection = self.connection()?;
        let request = self.request(&connection, call, &target).timeout(timeout);
        let (tell, length) = oneshot::channel();
        // Nobody may want to know.
        let at_head = move |length| tell.send(length).unwrap_or_default();
        let task = connection.runtime.block_on(async move { tokio::spawn(read(request, at_head)) });
        Ok(Ahead { connection, task, length: Some(length) })
    }

    /// Waits for the answer to a call that was started, which is this one; nothing where it takes longer, and then it can
    /// be waited for again.
    pub fn finish(&self, ahead: &mut Ahead, call: &Call<'_>, deadline: Instant) -> Option<Result<Answer>> {
        let (connection, task) = (Arc::clone(&ahead.connection), &mut ahead.task);
        let answer = connection.runtime.block_on(async move { tokio::time::timeout_at(deadline.into(), task).await });
        let answer = answer.ok()?.expect("nobody ends it before its answer is there");
        Some(match judged(call, answer) {
            Ok((answer, None)) => Ok(answer),
            Ok((_, Some(error))) | Err((error, _)) => Err(self.located(error, call)),
        })
    }

    fn request(&self, connection: &Connection, call: &Call<'_>, target: &str) -> RequestBuilder {
        let mut request = connection.http.request(call.method.clone(), format!("{}{target}", self.config.base));
        request = request.header(ACCEPT, if call.content_type == JSON { JSON } else { call.content_type });
        if let Some(body) = &call.body {
            request = request.header(CONTENT_TYPE, call.content_type).body(body.clone());
        }
        match &self.config.auth {
            Auth::None => request,
            Auth::Basic(user, password) => request.basic_auth(user, Some(password)),
            Auth::Token(token) => request.bearer_auth(token),
        }
    }

    /// Makes a call once, and gives back as much of its answer as came, with what broke it off.
    pub fn stream(&self, call: &Call<'_>, deadline: Instant) -> Result<(Answer, Option<Error>)> {
        let target = call.target()?;
        let connection = self.connection()?;
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        let request = self.request(&connection, call, &target).timeout(left);
        let mut answer = Answer::default();
        let end = connection.runtime.block_on(read_into(request, &mut answer, drop));
        let broken = match end {
            Ok(true) => None,
            Ok(false) => Some(Error::new(ErrorKind::TooLarge, call.operation, "its answer is larger than 64 MiB")),
            Err(error) => Some(error::of_client(call.operation, error).0),
        };
        if answer.status == 0 {
            let none = || Error::new(ErrorKind::Unexpected, call.operation, "it has no answer");
            return Err(self.located(broken.unwrap_or_else(none), call));
        }
        match error::of_answer(call.operation, &answer) {
            Some(refused) => {
                if let Some(pause) = answer.retry_after {
                    std::thread::sleep(pause.min(PAUSE_MAX).min(deadline.saturating_duration_since(Instant::now())));
                }
                Err(self.located(refused, call))
            }
            None => Ok((answer, broken.map(|error| self.located(error, call)))),
        }
    }

    /// Makes a call, and does not wait for its answer.
    pub fn call_and_forget(&self, call: &Call<'_>) {
        let Some(connection) = lock(&self.connection).clone() else { return };
        let Ok(target) = call.target() else { return };
        let request = self.request(&connection, call, &target).timeout(CONNECT_TIMEOUT);
        let keep = Arc::clone(&connection);
        connection.runtime.block_on(async move {
            tokio::spawn(async move {
                let _nobody_waits = read(request, drop).await;
                // The runtime lives until then; it must not end on one of its own threads.
                std::thread::spawn(move || drop(keep));
            });
        });
    }

    /// An error with the storage, and what the call is about, and without secrets.
    fn located(&self, error: Error, call: &Call<'_>) -> Error {
        let message = self.config.secrets.blank(error.message());
        let mut told = Error::new(error.kind(), call.operation, message).retry(error.retryable());
        told = told.with("storage", &self.name);
        for (key, value) in &call.about {
            told = told.with(*key, value);
        }
        for (key, value) in error.context() {
            told = told.with(key.to_string(), value);
        }
        if let Some(hint) = error.hint_text() {
            told = told.hint(hint);
        }
        told.source(error)
    }
}

/// An answer, with what is wrong with it; or why there is none, and whether the server may have seen the request.
fn judged(
    call: &Call<'_>,
    answer: reqwest::Result<Option<Answer>>,
) -> std::result::Result<(Answer, Option<Error>), (Error, bool)> {
    let answer = answer.map_err(|error| error::of_client(call.operation, error))?;
    let Some(answer) = answer else {
        let why = "its answer is larger than 64 MiB";
        return Err((Error::new(ErrorKind::TooLarge, call.operation, why), true));
    };
    let refused = error::of_answer(call.operation, &answer);
    Ok((answer, refused))
}

/// Sends a request and reads the answer; `None` for one that is too large. What its head says of the bytes of its body
/// goes to `at_head`.
async fn read(request: RequestBuilder, at_head: impl FnOnce(Option<u64>)) -> reqwest::Result<Option<Answer>> {
    let mut answer = Answer::default();
    Ok(read_into(request, &mut answer, at_head).await?.then_some(answer))
}

/// Sends a request and reads what comes of the answer; false for one that is too large.
async fn read_into(
    request: RequestBuilder,
    answer: &mut Answer,
    at_head: impl FnOnce(Option<u64>),
) -> reqwest::Result<bool> {
    let mut response = request.send().await?;
    at_head(response.content_length());
    let text = |name| response.headers().get(name)?.to_str().ok().map(str::to_string);
    (answer.location, answer.server) = (text(LOCATION), text(SERVER));
    answer.retry_after = text(RETRY_AFTER).and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
    answer.status = response.status().as_u16();
    while let Some(chunk) = response.chunk().await? {
        answer.body.extend_from_slice(&chunk);
        if answer.body.len() > ANSWER_BYTES_MAX {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The JSON of an answer.
pub(crate) fn parse(operation: &'static str, answer: &Answer) -> Result<Json> {
    let bad = |why: String| Error::new(ErrorKind::Corrupt, operation, format!("its answer is no JSON: {why}"));
    let text = std::str::from_utf8(&answer.body).map_err(|error| bad(error.to_string()))?;
    Json::parse(text).map_err(|error| bad(error.to_string()))
}

/// A text as it is, and anything else as it is written in JSON: clients write numbers and flags in either way.
pub(crate) fn plain(json: &Json) -> String {
    json.str().map_or_else(|_| json.to_string(), str::to_string)
}

/// When a time is over.
pub(crate) fn end_of(timeout: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(timeout).unwrap_or(now + Duration::from_secs(365 * 24 * 3600))
}

/// Appends a part of a path, percent-encoded.
pub(crate) fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b':') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
