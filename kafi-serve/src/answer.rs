//! From a request to a call that blocks, and from what that gives to an answer.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::body::HttpBody;
use axum::extract::{FromRequestParts, RawPathParams, Request, State};
use axum::handler::Handler;
use axum::http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use kafi_core::{Error, Json, JsonKind};

use crate::app::{App, Room};
use crate::failure::{Failure, Refusal};
use crate::kept::{KeptAnswer, Question};

/// What an API is as a whole.
pub trait Api: Send + Sync + 'static {
    /// The type of what it answers.
    const CONTENT_TYPE: &'static str;

    /// Other names of that type, which are answered to who asks for them.
    const OTHER_TYPES: &'static [&'static str] = &[];

    /// What all requests share.
    fn app(&self) -> &App;

    /// What the failure of a storage or a registry is in this API.
    fn explain(error: &Error) -> Refusal;

    /// The API over what is known already, of what was asked for later than `since`: its calls do not block, and fail
    /// where that is not enough. `None` where nothing is.
    fn remembered(&self, since: Instant) -> Option<Self>
    where
        Self: Sized,
    {
        let _ = since;
        None
    }
}

/// What answers a request; it may block.
pub type Call<A> = fn(&A, &Asked) -> Answered;

/// What a request is answered with.
pub type Answered = Result<Reply, Failure>;

/// An answer that is no refusal.
pub struct Reply {
    pub status: u16,
    pub body: Bytes,
    /// The type of the body; without one that of the API.
    pub content_type: Option<&'static str>,
    /// Where what was made is.
    pub location: Option<String>,
}

impl Reply {
    /// This JSON with another status than 200.
    pub fn with_status(status: u16, json: &Json) -> Self {
        Self { status, body: json.to_string().into(), content_type: None, location: None }
    }

    /// That it was done.
    pub fn nothing() -> Self {
        Self { status: 204, body: Bytes::new(), content_type: None, location: None }
    }
}

impl From<Json> for Reply {
    fn from(json: Json) -> Self {
        Self::with_status(200, &json)
    }
}

impl From<String> for Reply {
    /// A text as it is, without quotes.
    fn from(text: String) -> Self {
        Self { status: 200, body: text.into(), content_type: None, location: None }
    }
}

/// A line in the table of an API.
pub type Route<A> = (MethodFilter, &'static str, Call<A>);

/// What was asked.
pub struct Asked {
    params: Vec<(String, String)>,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
    _room: Room,
}

impl Asked {
    /// A part of the path, by its name in the route.
    pub fn param(&self, name: &str) -> &str {
        self.find_param(name).expect("the route has it")
    }

    /// The same, where only some routes have it.
    pub fn find_param(&self, name: &str) -> Option<&str> {
        find(&self.params, name)
    }

    /// A member of the query.
    pub fn query(&self, name: &str) -> Option<&str> {
        find(&self.query, name)
    }

    /// All members of the query with this name.
    pub fn queries(&self, name: &str) -> impl Iterator<Item = &str> {
        self.query.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Whether a member of the query says so; one that is missing does not.
    pub fn flag(&self, name: &str) -> bool {
        self.query(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// A number of the query.
    pub fn number(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let read = |text: &str| text.parse().map_err(|_| Refusal::of_status(400, format!("{name} is no number")));
        self.query(name).map(read).transpose()
    }

    /// A header, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body, which must be an object of JSON, or nothing at all, which is an empty one.
    pub fn object_or_nothing(&self) -> Result<Json, Refusal> {
        if self.body.is_empty() { Ok(Json::object::<&str>([])) } else { self.object() }
    }

    /// The body, which must be an object of JSON.
    pub fn object(&self) -> Result<Json, Refusal> {
        let bad = |why: String| Refusal::of_status(400, format!("the body is no object of JSON: {why}"));
        let said = self.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
        if !is_json(said) {
            return Err(Refusal::of_status(415, "HTTP 415 Unsupported Media Type"));
        }
        let text = std::str::from_utf8(&self.body).map_err(|error| bad(error.to_string()))?;
        let json = Json::parse(text).map_err(|error| bad(error.to_string()))?;
        if json.kind() == JsonKind::Object { Ok(json) } else { Err(bad("it is something else".into())) }
    }
}

/// What becomes of what is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keeping {
    /// It can be answered the same way for a moment.
    Keep,
    /// The same, and perhaps of what is known already.
    Remember,
    /// It changes what others are answered.
    Change,
    /// Neither.
    Fresh,
}

/// The routes of an API, below `prefix`. What their GETs answer may be given again for a moment, and the others change
/// that.
pub fn routes<A: Api>(router: Router<Arc<A>>, prefix: &str, table: &[Route<A>]) -> Router<Arc<A>> {
    let keeping = |method| if method == MethodFilter::GET { Keeping::Keep } else { Keeping::Change };
    with_routes(router, prefix, table, keeping)
}

/// The same, where GETs ask for little, of what the API may know already: that is answered on the thread that reads
/// requests.
pub fn remembered_routes<A: Api>(router: Router<Arc<A>>, prefix: &str, table: &[Route<A>]) -> Router<Arc<A>> {
    let keeping = |method| if method == MethodFilter::GET { Keeping::Remember } else { Keeping::Change };
    with_routes(router, prefix, table, keeping)
}

/// The same where an answer is never given again.
pub fn fresh_routes<A: Api>(router: Router<Arc<A>>, prefix: &str, table: &[Route<A>]) -> Router<Arc<A>> {
    with_routes(router, prefix, table, |_| Keeping::Fresh)
}

fn with_routes<A: Api>(
    mut router: Router<Arc<A>>,
    prefix: &str,
    table: &[Route<A>],
    keeping: impl Fn(MethodFilter) -> Keeping,
) -> Router<Arc<A>> {
    for (method, path, call) in table {
        let endpoint = Endpoint { call: *call, keeping: keeping(*method) };
        router = router.route(&format!("{prefix}{path}"), on(*method, endpoint));
    }
    router
}

/// What is answered where no route fits.
pub fn with_fallbacks<A: Api>(router: Router<Arc<A>>) -> Router<Arc<A>> {
    router
        .fallback(|| async { refused::<A>(&Refusal::of_status(404, "HTTP 404 Not Found")) })
        .method_not_allowed_fallback(|| async { refused::<A>(&Refusal::of_status(405, "HTTP 405 Method Not Allowed")) })
}

/// A call as what axum routes to.
struct Endpoint<A> {
    call: Call<A>,
    keeping: Keeping,
}

impl<A> Clone for Endpoint<A> {
    fn clone(&self) -> Self {
        Self { ..*self }
    }
}

impl<A: Api> Handler<(State<Arc<A>>, Request), Arc<A>> for Endpoint<A> {
    type Future = std::pin::Pin<Box<dyn Future<Output = Response> + Send>>;

    fn call(self, request: Request, api: Arc<A>) -> Self::Future {
        Box::pin(async move {
            let content_type = wanted::<A>(request.headers());
            match self.answer(api, request, content_type).await {
                Ok(reply) => replied(reply, content_type),
                Err(Failure::Refused(refusal)) => respond_refusal(&refusal, content_type),
                Err(Failure::Failed(error)) => respond_refusal(&A::explain(&error), content_type),
            }
        })
    }
}

impl<A: Api> Endpoint<A> {
    async fn answer(self, api: Arc<A>, mut request: Request, content_type: &'static str) -> Answered {
        let Self { call, keeping } = self;
        let is_kept = matches!(keeping, Keeping::Keep | Keeping::Remember);
        let question = request.extensions_mut().remove::<Question>().filter(|_| is_kept);
        let asked = read(api.app(), request).await?;
        if keeping == Keeping::Remember
            && let Some(since) = api.app().kept.since()
            && let Some(known) = api.remembered(since)
            && let Ok(reply) = call(&known, &asked)
        {
            return Ok(reply);
        }
        let (worker, moment) = (Arc::clone(&api), api.app().kept.now());
        let work = move || {
            let answered = call(&worker, &asked);
            if keeping == Keeping::Change {
                // Also where nobody waits for the answer any more.
                worker.app().kept.changed();
            }
            answered
        };
        let reply = in_turn(api.app(), work).await??;
        match question {
            Some(question) if reply.status == 200 => {
                let content_type = reply.content_type.unwrap_or(content_type);
                let kept = KeptAnswer { content_type, body: reply.body.clone() };
                api.app().kept.keep(question, moment, kept);
            }
            _ => {}
        }
        Ok(reply)
    }
}

/// Runs what blocks when it is its turn.
///
/// # Errors
/// Where that does not come, or it panics.
pub async fn in_turn<T: Send + 'static>(app: &App, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
    let turn = tokio::time::timeout(app.options.limits.wait, Arc::clone(&app.working).acquire_owned()).await;
    let turn = turn.map_err(|_| Refusal::of_status(503, "the server is busy"))?.expect("it is never closed");
    let work = move || {
        // It goes on working when nobody waits for it any more.
        let _turn = turn;
        work()
    };
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_panic| Refusal::of_status(500, "the server made a mistake, which it has logged"))
}

async fn read(app: &App, request: Request) -> Result<Asked, Refusal> {
    let (mut parts, body) = request.into_parts();
    let params = RawPathParams::from_request_parts(&mut parts, &()).await;
    let params = params.map_err(|_| Refusal::of_status(400, "the path is not UTF-8"))?;
    let params = params.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let query = parts.uri.query().unwrap_or_default();
    let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    // Some calls have one with GET, too.
    let mut room = Room::default();
    let is_empty = body.is_end_stream();
    let body = if is_empty { Bytes::new() } else { read_body(app, &parts.headers, body, &mut room).await? };
    Ok(Asked { params, query, headers: parts.headers, body, _room: room })
}

async fn read_body(app: &App, headers: &HeaderMap, body: Body, room: &mut Room) -> Result<Bytes, Refusal> {
    let limits = &app.options.limits;
    let too_large = || Refusal::of_status(413, format!("the body has more than {} bytes", limits.body_bytes_max));
    if headers.contains_key(CONTENT_ENCODING) {
        return Err(Refusal::of_status(415, "bodies are taken as they are, and not encoded"));
    }
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > limits.body_bytes_max as u64) {
        return Err(too_large());
    }
    let collect = async {
        let (mut stream, mut all) = (body.into_data_stream(), BytesMut::new());
        while let Some(part) = stream.next().await {
            let part = part.map_err(|error| Refusal::of_status(400, format!("the body cannot be read: {error}")))?;
            if all.len() + part.len() > limits.body_bytes_max {
                return Err(too_large());
            }
            app.make_room(room, all.len() + part.len())?;
            all.extend_from_slice(&part);
        }
        Ok(all.freeze())
    };
    match tokio::time::timeout(limits.wait, collect).await {
        Ok(read) => read,
        Err(_) => Err(Refusal::of_status(408, "the body did not come in time")),
    }
}

/// Whether a content type is JSON. What forms of pages in browsers can send is not.
pub fn is_json(content_type: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(content_type) else { return false };
    let text = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    text == "application/json" || text == "application/octet-stream" || text.ends_with("+json")
}

fn find<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

fn refused<A: Api>(refusal: &Refusal) -> Response {
    respond_refusal(refusal, A::CONTENT_TYPE)
}

fn replied(reply: Reply, content_type: &'static str) -> Response {
    let mut response = respond(reply.status, reply.content_type.unwrap_or(content_type), reply.body);
    // A link has nothing that a header cannot have.
    if let Some(location) = reply.location.and_then(|location| HeaderValue::from_str(&location).ok()) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// The type of an API's answer, by the name that a request wants most; its own name where that is as good.
fn wanted<A: Api>(headers: &HeaderMap) -> &'static str {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let (mut best, mut weight) = (A::CONTENT_TYPE, weight_of(accept, A::CONTENT_TYPE));
    for other in A::OTHER_TYPES {
        let found = weight_of(accept, other);
        if found > weight {
            (best, weight) = (other, found);
        }
    }
    best
}

/// How much a header `Accept` wants a type, from 0 to 1.
fn weight_of(accept: &str, content_type: &str) -> f32 {
    let weight = |range: &str| {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let is_meant = matches!(name, "*/*" | "application/*") || name.eq_ignore_ascii_case(content_type);
        let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok()).unwrap_or(1.0);
        if is_meant { weight } else { 0.0 }
    };
    accept.split(',').map(weight).fold(0.0, f32::max)
}

/// A refusal as all APIs write it.
pub fn respond_refusal(refusal: &Refusal, content_type: &'static str) -> Response {
    let json = Json::object([
        ("error_code", Json::from(refusal.code)),
        ("message", Json::from(kafi_core::without_secrets(&refusal.message).as_ref())),
    ]);
    respond(refusal.status, content_type, json.to_string())
}

/// An answer.
pub fn respond(status: u16, content_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_wanted_more_or_less() {
        let weight = |accept: &str| weight_of(accept, "application/json");
        for (accept, expected) in [
            ("", 0.0),
            ("text/html", 0.0),
            ("application/json", 1.0),
            ("text/html, Application/JSON;charset=utf-8;q=0.5", 0.5),
            ("*/*;q=0.1, application/json; q=0.25", 0.25),
            ("application/*", 1.0),
            ("application/json;q=x", 1.0),
        ] {
            assert!((weight(accept) - expected).abs() < f32::EPSILON, "{accept}");
        }
    }

    #[test]
    fn forms_are_no_json() {
        for json in ["application/json", "application/vnd.kafka.json.v2+json; charset=utf-8", "Application/JSON"] {
            assert!(is_json(json.as_bytes()), "{json}");
        }
        for other in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; a=+json", ""] {
            assert!(!is_json(other.as_bytes()), "{other}");
        }
    }
}
