//! What a server refuses, and what becomes of a request that it never answers, as errors.

use std::error::Error as StdError;

use kafi_core::{Error, ErrorKind, Json, Retry};

use crate::answer::Answer;

/// How much of a server's words is shown, in characters.
const WORDS_MAX: usize = 500;

const HINT_DOWN: &str = "is the REST Proxy running, and is this its address?";
const HINT_USER: &str = "basic.auth.user.info or bearer.auth.token of the section rest_proxy say who we are";
const HINT_CA: &str = "ssl.ca.location of the section rest_proxy names who signed its certificate";
const HINT_CERTIFICATE: &str =
    "ssl.certificate.location and ssl.key.location of the section rest_proxy name a certificate that it takes";
const HINT_HTTPS: &str = "where it serves HTTPS, its address begins with https://";
const HINT_ADDRESS: &str = "is this the address of a REST Proxy?";

/// The code of a consumer's instance that is not there.
pub(crate) const NO_INSTANCE: i64 = 40403;

/// What a client says that got no answer, and whether the server may have seen the request.
pub(crate) fn of_client(operation: &'static str, error: reqwest::Error) -> (Error, bool) {
    let error = error.without_url();
    let was_sent = !error.is_connect();
    let chain = causes(&error);
    // These stay as they are, however often it is tried.
    let never = |why: String, hint| (Error::new(ErrorKind::Config, operation, why).hint(hint), was_sent);
    if chain.contains("invalid peer certificate") {
        return never(format!("its certificate is not trusted: {chain}"), HINT_CA);
    }
    if chain.contains("fatal alert") && ["ertificate", "UnknownCA"].iter().any(|word| chain.contains(word)) {
        return never(format!("it refuses our certificate, or wants one: {chain}"), HINT_CERTIFICATE);
    }
    if chain.contains("invalid HTTP version") {
        return never("what it answers is no HTTP".into(), HINT_HTTPS);
    }
    let (kind, message) = match (error.is_timeout(), error.is_connect()) {
        (true, _) => (ErrorKind::Timeout, "it does not answer".to_string()),
        (false, true) => (ErrorKind::Unavailable, format!("it cannot be reached: {chain}")),
        (false, false) => (ErrorKind::Unavailable, format!("the connection broke: {chain}")),
    };
    (Error::new(kind, operation, message).retry(Retry::Later).hint(HINT_DOWN).source(error), was_sent)
}

/// What is wrong with an answer, if anything is.
pub(crate) fn of_answer(operation: &'static str, answer: &Answer) -> Option<Error> {
    let text = String::from_utf8_lossy(&answer.body[..answer.body.len().min(64 << 10)]);
    let status = answer.status;
    if (300..400).contains(&status) {
        let to = answer.location.as_deref().unwrap_or("another address");
        let why = format!("it answers with a redirect to {}, which is not followed", shortened(to));
        return Some(Error::new(ErrorKind::Config, operation, why).hint("write the address that it leads to"));
    }
    let is_page = text.trim_start().starts_with('<');
    if (200..300).contains(&status) {
        let why = "it answers with an HTML page instead of JSON";
        return is_page.then(|| Error::new(ErrorKind::Config, operation, why).hint(HINT_ADDRESS));
    }
    let json = Json::parse(&*text).ok();
    let code = json.as_ref().and_then(|json| json.get("error_code")?.int().ok());
    let words = json.as_ref().and_then(|json| json.get("message")?.str().ok()).map(shortened);
    Some(refused(operation, status, code, words))
}

/// What a refusal is: by its code where that says more than its status.
pub(crate) fn refused(operation: &'static str, status: u16, code: Option<i64>, words: Option<String>) -> Error {
    // What no server of this API knows at all is answered so, or with no JSON.
    let is_unknown_call = status == 404 && words.as_deref().is_none_or(|words| words.contains("HTTP 404"));
    let words = words.unwrap_or_else(|| format!("it answers with status {status}"));
    let exists = words.contains("already exists") || words.contains("exists already");
    let kind = match (status, code) {
        _ if is_unknown_call => ErrorKind::Unsupported,
        (401, _) => ErrorKind::Authentication,
        (403, _) => ErrorKind::PermissionDenied,
        (404, _) => ErrorKind::NotFound,
        (405 | 406 | 415 | 501, _) => ErrorKind::Unsupported,
        (408 | 504, _) => ErrorKind::Timeout,
        (409, _) => ErrorKind::Conflict,
        (413, _) => ErrorKind::TooLarge,
        (400, Some(40004)) => ErrorKind::OutOfRange,
        (400, _) if exists => ErrorKind::AlreadyExists,
        (429 | 500..=599, _) => ErrorKind::Unavailable,
        _ => ErrorKind::Usage,
    };
    let words = if is_unknown_call { format!("this server does not know the call ({words})") } else { words };
    let mut error = Error::new(kind, operation, words);
    if let Some(code) = code {
        error = error.with("code", code);
    }
    match kind {
        ErrorKind::Authentication => error.hint(HINT_USER),
        ErrorKind::Unavailable | ErrorKind::Timeout => error.retry(Retry::Later),
        _ => error,
    }
}

/// Whether an error has this code of a server's.
pub(crate) fn has_code(error: &Error, code: i64) -> bool {
    error.context().any(|(key, value)| key == "code" && value.parse() == Ok(code))
}

fn shortened(words: &str) -> String {
    let line: String = words.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(WORDS_MAX) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// The causes of an error, the last of which says most.
fn causes(error: &dyn StdError) -> String {
    let mut last = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        last = error.to_string();
        cause = error.source();
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_have_kinds() {
        for (status, code, words, kind) in [
            (404, Some(40401), Some("Topic not found."), ErrorKind::NotFound),
            (404, Some(404), Some("HTTP 404 Not Found"), ErrorKind::Unsupported),
            (404, None, None, ErrorKind::Unsupported),
            (405, Some(405), Some("HTTP 405 Method Not Allowed"), ErrorKind::Unsupported),
            (400, Some(40002), Some("Topic 'a' already exists."), ErrorKind::AlreadyExists),
            (400, Some(40002), Some("bad"), ErrorKind::Usage),
            (401, None, None, ErrorKind::Authentication),
            (503, Some(50003), Some("later"), ErrorKind::Unavailable),
            (429, None, None, ErrorKind::Unavailable),
        ] {
            let error = refused("a", status, code, words.map(str::to_string));
            assert_eq!(error.kind(), kind, "{status} {code:?}: {error}");
            assert_eq!(error.retryable() == Retry::Later, kind == ErrorKind::Unavailable);
        }
    }

    #[test]
    fn pages_and_redirects_are_no_answers() {
        let answer = |status, body: &str, location: Option<&str>| Answer {
            status,
            body: body.as_bytes().to_vec(),
            location: location.map(str::to_string),
            server: None,
            retry_after: None,
        };
        let page = of_answer("a", &answer(200, "<html>", None)).unwrap();
        assert_eq!((page.kind(), page.hint_text()), (ErrorKind::Config, Some(HINT_ADDRESS)));
        let moved = of_answer("a", &answer(302, "", Some("http://b"))).unwrap().to_string();
        assert!(moved.contains("redirect to http://b"), "{moved}");
        assert!(of_answer("a", &answer(204, "", None)).is_none());
    }
}
