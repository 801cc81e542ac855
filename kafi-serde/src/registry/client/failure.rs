//! What a registry refuses, and what becomes of a request that it never answers, as errors.

use std::error::Error as StdError;
use std::time::Duration;

use kafi_core::{Error, ErrorKind, Json, Retry};
use reqwest::StatusCode;

use super::http::Answer;
use crate::registry::code::kind_of;

/// How much of a server's words is shown, in characters.
const WORDS_MAX: usize = 500;

const HINT_ADDRESS: &str =
    "is this the address of a Schema Registry? Some have a path, as in http://host:8080/apis/ccompat/v7";
const HINT_USER: &str =
    "basic.auth.user.info, or the keys that begin with bearer.auth, of the section schema_registry say who we are";
const HINT_DOWN: &str = "is the registry running, and is this its address?";
const HINT_CA: &str = "ssl.ca.location in the section schema_registry names the certificates to trust";

/// An attempt that brought no answer that can be used.
pub(super) struct Failure {
    pub error: Error,
    /// Whether another address may do better.
    pub is_of_address: bool,
    /// Whether the server has seen the request, perhaps, and may have done what it asks for.
    pub was_sent: bool,
    /// After how long trying again stops, where waiting seldom helps.
    pub end_after: Option<Duration>,
}

/// What a client says that got no answer.
pub(super) fn of_client(operation: &'static str, error: reqwest::Error) -> Failure {
    let error = error.without_url();
    let chain = causes(&error);
    let later = |kind, message: String| Error::new(kind, operation, message).retry(Retry::Later);
    let is_tls = chain.contains("certificate") || chain.contains("tls") || chain.contains("TLS");
    if error.is_timeout() {
        let told = later(ErrorKind::Timeout, "it does not answer".into());
        let was_sent = !error.is_connect();
        return Failure { error: told.hint(HINT_DOWN).source(error), is_of_address: true, was_sent, end_after: None };
    }
    if error.is_connect() && is_tls {
        let told = Error::new(ErrorKind::Unavailable, operation, format!("no secure connection: {chain}"));
        let told = if chain.contains("certificate") { told.hint(HINT_CA) } else { told };
        return Failure { error: told.source(error), is_of_address: true, was_sent: false, end_after: None };
    }
    let (message, was_sent) = match error.is_connect() {
        true => (format!("it cannot be reached: {chain}"), false),
        false => (format!("the connection broke: {chain}"), true),
    };
    let told = later(ErrorKind::Unavailable, message).hint(HINT_DOWN).source(error);
    Failure { error: told, is_of_address: true, was_sent, end_after: Some(Duration::from_secs(2)) }
}

/// What is wrong with an answer, if anything is.
pub(super) fn of_answer(operation: &'static str, answer: &Answer) -> Option<Failure> {
    let status = answer.status;
    let failed = |error: Error| Failure { error, is_of_address: false, was_sent: true, end_after: None };
    if status.is_redirection() {
        let to = answer.location.as_deref().unwrap_or("another address");
        let why = format!("it answers with a redirect to {to}, which is not followed");
        return Some(failed(Error::new(ErrorKind::Config, operation, why).hint("write the address that it leads to")));
    }
    if status.is_success() {
        let is_page = answer.body.trim_start().starts_with('<');
        let why = "it answers with an HTML page instead of JSON";
        return is_page.then(|| failed(Error::new(ErrorKind::Config, operation, why).hint(HINT_ADDRESS)));
    }
    let told = Told::read(answer);
    let is_bare = told.code.is_none_or(|code| code < 1000);
    let mut error = match status {
        StatusCode::NOT_FOUND if is_bare => {
            let why = format!("it does not know this call{}", told.after(": "));
            Error::new(ErrorKind::Unsupported, operation, why).hint(HINT_ADDRESS)
        }
        StatusCode::UNAUTHORIZED => {
            let why = format!("it does not accept who we are{}", told.after(": "));
            Error::new(ErrorKind::Authentication, operation, why).hint(HINT_USER)
        }
        _ => {
            let kind = told.code.and_then(kind_of).or_else(|| kind_of(status.as_u16().into()));
            let why = if told.words.is_empty() { format!("it answers with {status}") } else { told.words.clone() };
            Error::new(kind.unwrap_or(ErrorKind::Unexpected), operation, why)
        }
    };
    error = error.with("code", told.code.unwrap_or(status.as_u16().into()));
    if !(status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS) || status == StatusCode::NOT_IMPLEMENTED {
        return Some(failed(error));
    }
    // What the server refused before it did anything may be asked of another one.
    let was_sent = !matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
    let end_after = was_sent.then_some(Duration::from_secs(2));
    Some(Failure { error: error.retry(Retry::Later), is_of_address: true, was_sent, end_after })
}

/// What stands in an answer that refuses something.
struct Told {
    code: Option<u32>,
    words: String,
}

impl Told {
    fn read(answer: &Answer) -> Self {
        let json = Json::parse(answer.body.as_str()).unwrap_or_default();
        let code = json.get("error_code").and_then(|code| code.int().ok()).and_then(|code| u32::try_from(code).ok());
        let words = ["message", "error_description", "error", "detail"];
        let words = words.iter().find_map(|name| json.get(*name)?.str().ok());
        // A page, or another text, says less than the status.
        let words = words.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
        Self { code, words: words.chars().take(WORDS_MAX).collect() }
    }

    /// The words after `separator`, where there are any.
    fn after(&self, separator: &str) -> String {
        if self.words.is_empty() { String::new() } else { format!("{separator}{}", self.words) }
    }
}

/// The innermost cause, which is what the system or TLS said.
fn causes(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = inner.to_string();
        cause = inner.source();
    }
    let text = text.split(" (os error").next().unwrap_or(&text);
    text.replace('\n', " ").trim().trim_end_matches('.').to_string()
}
