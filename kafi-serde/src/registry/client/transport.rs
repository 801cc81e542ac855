//! Requests: over several addresses, again until the time is over, and with who we are.

use std::error::Error as StdError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use kafi_core::{Error, ErrorKind, Json, Result, Retry, Runtime, Secrets, retry_until};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Identity, Method, RequestBuilder, StatusCode, header};

use super::config::{Auth, Base, Options};
use super::failure::{self, Failure};
use super::http::{Answer, encode};
use super::token::Tokens;

/// How large an answer may be, in bytes.
const ANSWER_BYTES_MAX: usize = 64 << 20;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

const MEDIA_TYPE: &str = "application/vnd.schemaregistry.v1+json";
const ACCEPT: &str = "application/vnd.schemaregistry.v1+json, application/json";

/// One call of the API.
pub(super) struct Call<'a> {
    pub operation: &'static str,
    pub method: Method,
    /// The segments of the path, as they are before they are encoded.
    pub path: Vec<&'a str>,
    pub query: Vec<(&'static str, &'a str)>,
    pub body: Option<Json>,
    /// What errors say it is about.
    pub about: Vec<(&'static str, String)>,
}

impl<'a> Call<'a> {
    /// A call without a body.
    pub fn new(operation: &'static str, method: Method, path: &[&'a str]) -> Self {
        Self { operation, method, path: path.to_vec(), query: Vec::new(), body: None, about: Vec::new() }
    }

    pub fn get(operation: &'static str, path: &[&'a str]) -> Self {
        Self::new(operation, Method::GET, path)
    }

    /// Adds a part of the query where `is_wanted`.
    pub fn query(mut self, name: &'static str, value: &'a str, is_wanted: bool) -> Self {
        if is_wanted {
            self.query.push((name, value));
        }
        self
    }

    pub fn body(mut self, body: Json) -> Self {
        self.body = Some(body);
        self
    }

    pub fn about(mut self, key: &'static str, value: impl ToString) -> Self {
        self.about.push((key, value.to_string()));
        self
    }

    /// Path and query, encoded.
    fn target(&self) -> Result<String> {
        let mut target = String::new();
        for segment in &self.path {
            if matches!(*segment, "" | "." | "..") {
                // As a part of a path it would mean another call.
                return Err(Error::new(ErrorKind::Usage, self.operation, "a subject cannot be called that")
                    .with("name", format!("{segment:?}")));
            }
            target.push('/');
            encode(segment, &mut target);
        }
        for (index, (name, value)) in self.query.iter().enumerate() {
            target.push(if index == 0 { '?' } else { '&' });
            target.push_str(name);
            target.push('=');
            encode(value, &mut target);
        }
        Ok(target)
    }

    /// Whether doing it twice is the same as once.
    fn is_idempotent(&self) -> bool {
        self.method != Method::DELETE
    }
}

/// Sends requests to a registry.
pub(super) struct Transport {
    /// Made with the first call: many storages have a registry that nobody asks anything.
    connection: Mutex<Option<Arc<Connection>>>,
    ca: Option<Vec<Certificate>>,
    identity: Option<Identity>,
    bases: Vec<Base>,
    /// The address that answered last.
    at: AtomicUsize,
    auth: Auth,
    tokens: Tokens,
    headers: Vec<(&'static str, String)>,
    request_timeout: Duration,
    secrets: Secrets,
}

/// The client underneath, and the threads that it runs on.
struct Connection {
    http: reqwest::Client,
    runtime: Runtime,
}

impl Transport {
    pub fn new(options: Options) -> Self {
        Self {
            connection: Mutex::default(),
            ca: options.ca,
            identity: options.identity,
            bases: options.bases,
            at: AtomicUsize::new(0),
            auth: options.auth,
            tokens: Tokens::default(),
            headers: options.headers,
            request_timeout: options.request_timeout,
            secrets: options.secrets,
        }
    }

    /// # Errors
    /// `Config` for certificates that cannot be used, `Io` where there are no threads.
    fn connection(&self) -> Result<Arc<Connection>> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = &*connection {
            return Ok(Arc::clone(made));
        }
        let made = Arc::new(self.connect()?);
        *connection = Some(Arc::clone(&made));
        Ok(made)
    }

    fn connect(&self) -> Result<Connection> {
        let mut builder = reqwest::Client::builder().redirect(Policy::none()).connect_timeout(CONNECT_TIMEOUT);
        let is_plain = self.bases.iter().all(|base| base.url.starts_with("http:"));
        let asks_issuer = matches!(self.auth, Auth::OAuth(_));
        if let Some(ca) = &self.ca {
            builder = builder.tls_built_in_root_certs(false);
            builder = ca.iter().fold(builder, |builder, certificate| builder.add_root_certificate(certificate.clone()));
        } else if is_plain && !asks_issuer {
            // Reading what the system trusts takes time, and nobody would look at it.
            builder = builder.tls_built_in_root_certs(false);
        }
        if let Some(identity) = &self.identity {
            builder = builder.identity(identity.clone());
        }
        let http = builder.build().map_err(|error| {
            Error::new(ErrorKind::Config, "open schema registry", "its certificates or keys cannot be used")
                .with("registry", self.name())
                .source(error)
        })?;
        Ok(Connection { http, runtime: Runtime::new("schema-registry")? })
    }

    /// The addresses, as they may be shown.
    pub fn name(&self) -> String {
        self.bases.iter().map(|base| base.url.as_str()).collect::<Vec<_>>().join(",")
    }

    /// Makes a call until it has an answer, and gives that back as JSON; what is no JSON is its text.
    pub fn call(&self, call: &Call<'_>, timeout: Duration) -> Result<Json> {
        let target = call.target()?;
        let connection = self.connection()?;
        let answer = retry_until(Instant::now() + timeout, |attempts| {
            let failure = match self.each_address(&connection, call, &target, attempts.deadline) {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            if failure.was_sent && !call.is_idempotent() {
                return Err(failure.error.retry(Retry::Never));
            }
            if let Some(limit) = failure.end_after {
                attempts.end_after(limit);
            }
            Err(failure.error)
        })?;
        Ok(Json::parse(answer.body.as_str()).unwrap_or_else(|_| Json::from(answer.body.trim())))
    }

    /// Asks the address that answered last, and the others where it does not.
    fn each_address(
        &self,
        connection: &Connection,
        call: &Call<'_>,
        target: &str,
        deadline: Instant,
    ) -> std::result::Result<Answer, Failure> {
        let first = self.at.load(Ordering::Relaxed);
        let mut step = 0;
        loop {
            let at = (first + step) % self.bases.len();
            let failure = match self.attempt(connection, (call, target), &self.bases[at], deadline) {
                Ok(answer) => {
                    self.at.store(at, Ordering::Relaxed);
                    return Ok(answer);
                }
                Err(failure) => failure,
            };
            step += 1;
            let may_go_on = failure.is_of_address && (call.is_idempotent() || !failure.was_sent);
            if !may_go_on || step == self.bases.len() || Instant::now() >= deadline {
                return Err(Failure { error: self.located(failure.error, call, &self.bases[at]), ..failure });
            }
            log::warn!("{}", self.located(failure.error, call, &self.bases[at]));
        }
    }

    fn attempt(
        &self,
        connection: &Connection,
        (call, target): (&Call<'_>, &str),
        base: &Base,
        deadline: Instant,
    ) -> std::result::Result<Answer, Failure> {
        let mut is_fresh = false;
        loop {
            let token = self.token(connection, deadline, &mut is_fresh)?;
            let mut request = connection.http.request(call.method.clone(), format!("{}{target}", base.url));
            request = request.header(header::ACCEPT, ACCEPT);
            if let Some(body) = &call.body {
                request = request.header(header::CONTENT_TYPE, MEDIA_TYPE).body(body.text().into_owned());
            }
            request = self.headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
            request = match (&base.user, &self.auth, token) {
                (Some((user, password)), ..) | (None, Auth::Basic(user, password), _) => {
                    request.basic_auth(user, Some(password))
                }
                (None, _, Some(token)) => request.bearer_auth(token),
                (None, ..) => request,
            };
            let answer = self.send(connection, call.operation, request, deadline)?;
            if answer.status == StatusCode::UNAUTHORIZED && matches!(self.auth, Auth::OAuth(_)) && !is_fresh {
                // It may have been withdrawn before its time.
                self.tokens.forget();
                continue;
            }
            return match failure::of_answer(call.operation, &answer) {
                Some(failure) => Err(failure),
                None => Ok(answer),
            };
        }
    }

    /// The token that goes with a request, if one does; says whether it was just issued.
    fn token(
        &self,
        connection: &Connection,
        deadline: Instant,
        is_fresh: &mut bool,
    ) -> std::result::Result<Option<String>, Failure> {
        let oauth = match &self.auth {
            Auth::OAuth(oauth) => oauth,
            Auth::Token(token) => return Ok(Some(token.clone())),
            Auth::None | Auth::Basic(..) => return Ok(None),
        };
        if let Some(token) = self.tokens.known() {
            return Ok(Some(token));
        }
        *is_fresh = true;
        let request = connection.http.post(oauth.issuer.clone()).basic_auth(&oauth.id, Some(&oauth.secret));
        let answer = self.send(connection, "get token", Tokens::form(request, oauth), deadline);
        let issued = answer.and_then(|answer| self.tokens.take(&answer));
        issued.map(Some).map_err(|failure| Failure {
            error: failure.error.with("issuer", &oauth.issuer),
            // The registry has not seen anything yet, and its other addresses change nothing.
            is_of_address: false,
            was_sent: false,
            ..failure
        })
    }

    /// Sends one request and reads its answer.
    fn send(
        &self,
        connection: &Connection,
        operation: &'static str,
        request: RequestBuilder,
        deadline: Instant,
    ) -> std::result::Result<Answer, Failure> {
        let left = deadline.saturating_duration_since(Instant::now()).min(self.request_timeout);
        let request = request.timeout(left.max(Duration::from_millis(1)));
        let read = connection.runtime.block_on(read(request));
        match read.map_err(|error| failure::of_client(operation, error))? {
            Some(answer) if answer.status.is_success() => Ok(answer),
            // What is refused may be told with the password that was sent.
            Some(answer) => Ok(Answer {
                body: self.secrets.blank(&answer.body),
                location: answer.location.map(|location| self.secrets.blank(&location)),
                ..answer
            }),
            None => Err(Failure {
                error: Error::new(ErrorKind::TooLarge, operation, "its answer is larger than 64 MiB"),
                is_of_address: false,
                was_sent: true,
                end_after: None,
            }),
        }
    }

    /// An error with the registry, and what the call is about.
    fn located(&self, error: Error, call: &Call<'_>, base: &Base) -> Error {
        let mut told = Error::new(error.kind(), call.operation, error.message()).retry(error.retryable());
        told = told.with("registry", &base.url);
        for (key, value) in &call.about {
            told = told.with(*key, value);
        }
        for (key, value) in error.context() {
            told = told.with(key.to_string(), value);
        }
        if let Some(hint) = error.hint_text() {
            told = told.hint(hint);
        }
        if StdError::source(&error).is_some() { told.source(error) } else { told }
    }
}

/// Sends a request and reads the answer; `None` for one that is too large.
async fn read(request: RequestBuilder) -> reqwest::Result<Option<Answer>> {
    let mut response = request.send().await?;
    let status = response.status();
    let location = response.headers().get(header::LOCATION);
    let location = location.and_then(|location| location.to_str().ok()).map(str::to_string);
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > ANSWER_BYTES_MAX {
            return Ok(None);
        }
    }
    Ok(Some(Answer { status, location, body: String::from_utf8_lossy(&body).into_owned() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_parts_of_the_path() {
        let target = |subject| Call::get("a", &["subjects", subject]).query("a", "b c", true).query("d", "e", false);
        assert_eq!(target(":.ctx:a/b?c%").target().unwrap(), "/subjects/%3A.ctx%3Aa%2Fb%3Fc%25?a=b%20c");
        for bad in ["", ".", ".."] {
            assert_eq!(target(bad).target().unwrap_err().kind(), ErrorKind::Usage, "{bad}");
        }
    }
}
