//! Stands before every API: who may ask, what is counted and logged, and what is asked about the server itself.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::http::header::{AUTHORIZATION, HOST, SERVER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, Method, Request};
use axum::response::Response;
use hyper::body::Incoming;
use tower_service::Service;

use crate::answer::{respond, respond_refusal};
use crate::app::App;
use crate::failure::Refusal;
use crate::kept::Question;
use crate::metrics::Gauge;

/// The target of the lines of the access log.
const ACCESS_LOG: &str = "kafi_serve::access";

/// What the server calls itself.
const SERVER_NAME: &str = concat!("kafi/", env!("CARGO_PKG_VERSION"));

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

/// What stands before an API.
pub struct Guard {
    pub app: Arc<App>,
    /// What the API is called in the log and among the counts.
    pub name: &'static str,
    pub router: Router,
}

impl Guard {
    /// Answers a request of `peer`.
    pub async fn answer(&self, peer: SocketAddr, request: Request<Incoming>) -> Result<Response, Infallible> {
        let started = Instant::now();
        let _counted = Gauge::of(&self.app.metrics.in_flight);
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let user = self.user(request.headers());
        let mut response = match self.refusal(&request, user.is_some()) {
            Some(refusal) => refused(&refusal),
            None => match self.about_itself(&method, uri.path()).await {
                Some(response) => response,
                None => self.ask(request).await?,
            },
        };
        let status = response.status().as_u16();
        self.app.metrics.answered(self.name, method.as_str(), status, started.elapsed());
        let milliseconds = started.elapsed().as_secs_f64() * 1000.0;
        let (name, user) = (self.name, user.unwrap_or("-"));
        log::info!(target: ACCESS_LOG, "{name} {peer} {user} {method} {uri} {status} {milliseconds:.1} ms");
        response.headers_mut().insert(SERVER, HeaderValue::from_static(SERVER_NAME));
        Ok(response)
    }

    /// Answers as a moment ago, or asks the API.
    async fn ask(&self, mut request: Request<Incoming>) -> Result<Response, Infallible> {
        let Some(question) = Question::of(self.name, &request) else {
            return self.router.clone().call(request.map(Body::new)).await;
        };
        if let Some(kept) = self.app.kept.find(&question) {
            return Ok(respond(200, kept.content_type, kept.body));
        }
        request.extensions_mut().insert(question);
        self.router.clone().call(request.map(Body::new)).await
    }

    fn user(&self, headers: &HeaderMap) -> Option<&str> {
        self.app.options.users.as_ref()?.known(headers.get(AUTHORIZATION).map(HeaderValue::as_bytes))
    }

    /// Why a request is not even looked at.
    fn refusal(&self, request: &Request<Incoming>, is_known: bool) -> Option<Refusal> {
        let options = &self.app.options;
        let is_about_health = matches!(request.uri().path(), "/livez" | "/readyz");
        if options.users.is_some() && !is_known && !is_about_health {
            return Some(Refusal::new(401, 40101, "user or password is missing or wrong"));
        }
        let host = request.headers().get(HOST).map(HeaderValue::as_bytes).unwrap_or_default();
        if !options.takes_any_host() && !is_local_host(host) {
            let why = "without users only requests to an IP address or to localhost are answered";
            return Some(Refusal::of_status(403, why));
        }
        None
    }

    async fn about_itself(&self, method: &Method, path: &str) -> Option<Response> {
        if *method != Method::GET {
            return None;
        }
        match path {
            "/livez" => Some(respond(200, TEXT, "ok\n")),
            "/readyz" => Some(self.readiness().await),
            "/metrics" => Some(respond(200, "text/plain; version=0.0.4", self.app.metrics.text())),
            _ => None,
        }
    }

    async fn readiness(&self) -> Response {
        let app = Arc::clone(&self.app);
        match tokio::task::spawn_blocking(move || app.is_ready()).await {
            Ok(Ok(())) => respond(200, TEXT, "ok\n"),
            Ok(Err(error)) => respond(503, TEXT, format!("{error}\n")),
            Err(_panic) => respond(500, TEXT, "the server made a mistake\n"),
        }
    }
}

fn refused(refusal: &Refusal) -> Response {
    let mut response = respond_refusal(refusal, JSON);
    if refusal.status == 401 {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"kafi\""));
    }
    response
}

/// Whether a host, with its port or without, is an address, or this machine. A page in a browser can make a name of its
/// own mean this machine, but not an address.
fn is_local_host(host: &[u8]) -> bool {
    let Ok(host) = std::str::from_utf8(host) else { return false };
    if host.parse::<SocketAddr>().is_ok() {
        return true;
    }
    let name = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    let name = name.map_or(host, |(name, _)| name);
    let plain = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || plain.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_not_trusted() {
        for host in ["localhost", "LocalHost:8081", "127.0.0.1:8081", "127.0.0.1", "[::1]:8081", "[::1]", "10.0.0.1:80"]
        {
            assert!(is_local_host(host.as_bytes()), "{host}");
        }
        for host in ["evil.example", "evil.example:8081", "localhost.evil.example", "127.0.0.1.evil.example:80", ""] {
            assert!(!is_local_host(host.as_bytes()), "{host}");
        }
    }
}
