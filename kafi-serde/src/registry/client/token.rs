//! Tokens of OAuth 2, issued for client credentials, and kept for as long as they are good.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use kafi_core::{Error, ErrorKind, Json};
use reqwest::{RequestBuilder, header};

use super::config::OAuth;
use super::failure::{self, Failure};
use super::http::Answer;

const OPERATION: &str = "get token";

/// How long a token is good where its issuer does not say so.
const LIFE_DEFAULT_S: i64 = 300;

/// The token that is good, if there is one.
#[derive(Default)]
pub(super) struct Tokens(Mutex<Option<(String, Instant)>>);

impl Tokens {
    /// The token, unless it is about to end.
    pub fn known(&self) -> Option<String> {
        let token = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        token.as_ref().filter(|(_, until)| Instant::now() < *until).map(|(token, _)| token.clone())
    }

    /// Takes the token no longer for good.
    pub fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The form that asks for one.
    pub fn form(request: RequestBuilder, oauth: &OAuth) -> RequestBuilder {
        let mut form = "grant_type=client_credentials".to_string();
        if let Some(scope) = &oauth.scope {
            form.push_str("&scope=");
            super::http::encode(scope, &mut form);
        }
        request
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form)
    }

    /// Takes the token out of the issuer's answer.
    pub fn take(&self, answer: &Answer) -> Result<String, Failure> {
        if let Some(failure) = failure::of_answer(OPERATION, answer) {
            return Err(refused(failure));
        }
        let json = Json::parse(answer.body.as_str()).unwrap_or_default();
        let Some(token) = json.get("access_token").and_then(|token| token.str().ok()) else {
            let why = "the issuer's answer has no access_token";
            let error = Error::new(ErrorKind::Authentication, OPERATION, why);
            return Err(Failure { error, is_of_address: false, was_sent: false, end_after: None });
        };
        let life = json.get("expires_in").and_then(|life| life.int().ok()).unwrap_or(LIFE_DEFAULT_S);
        // Not to the last second: the request takes its time, too.
        let life = Duration::from_secs(u64::try_from(life).unwrap_or_default().min(86_400)).mul_f32(0.8);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((token.to_string(), Instant::now() + life));
        Ok(token.to_string())
    }
}

/// A refusal by the issuer is one of who we are, whatever its status is.
fn refused(failure: Failure) -> Failure {
    if !matches!(failure.error.kind(), ErrorKind::Usage | ErrorKind::Authentication) {
        return failure;
    }
    let error = Error::new(ErrorKind::Authentication, OPERATION, failure.error.message())
        .hint("bearer.auth.client.id and bearer.auth.client.secret say who we are to the issuer");
    Failure { error, ..failure }
}
