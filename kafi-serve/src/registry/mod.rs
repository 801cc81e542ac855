//! The API of Confluent's Schema Registry.

mod body;
mod schemas;
mod settings;
mod subjects;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::MethodFilter;
use kafi_core::{Error, ErrorKind, Json};
use kafi_serde::registry::{Code, Registry};

use crate::answer::{Api, Asked, Route, fresh_routes, remembered_routes, routes, with_fallbacks};
use crate::app::App;
use crate::failure::{Failure, Refusal};
use crate::options::Served;

/// What it is called.
pub const NAME: &str = "registry";

/// What stands in front of the paths of one context.
const OF_CONTEXT: &str = "/contexts/{context}";

const GET: MethodFilter = MethodFilter::GET;
const POST: MethodFilter = MethodFilter::POST;
const PUT: MethodFilter = MethodFilter::PUT;
const DELETE: MethodFilter = MethodFilter::DELETE;

/// What can be asked of all contexts.
const OF_ALL: &[Route<RegistryApi>] = &[
    (GET, "/", |_, _| Ok(Json::object::<&str>([]).into())),
    (POST, "/", |_, _| Ok(Json::object::<&str>([]).into())),
    (GET, "/contexts", schemas::contexts),
    (DELETE, "/contexts/{context}", schemas::delete_context),
    (GET, "/v1/metadata/id", schemas::metadata_id),
    (GET, "/v1/metadata/version", schemas::metadata_version),
];

/// What can be asked of the default context, and of each other one with that in front of the path, and takes a look at
/// much.
const OF_MANY: &[Route<RegistryApi>] = &[
    (GET, "/schemas", schemas::list),
    (GET, "/schemas/ids/{id}/subjects", schemas::subjects_of_id),
    (GET, "/schemas/ids/{id}/versions", schemas::versions_of_id),
    (GET, "/subjects", subjects::list),
    (GET, "/subjects/{subject}/metadata", subjects::latest_with_metadata),
    (GET, "/subjects/{subject}/versions/{version}/referencedby", subjects::referenced_by),
];

/// The same about one thing.
const OF_ONE: &[Route<RegistryApi>] = &[
    (GET, "/schemas/types", schemas::types),
    (GET, "/schemas/ids/{id}", schemas::by_id),
    (GET, "/schemas/ids/{id}/schema", schemas::text_by_id),
    (GET, "/schemas/guids/{guid}", schemas::by_guid),
    (GET, "/schemas/guids/{guid}/ids", schemas::ids_of_guid),
    (DELETE, "/subjects/{subject}", subjects::delete),
    (GET, "/subjects/{subject}/versions", subjects::versions),
    (POST, "/subjects/{subject}/versions", subjects::register),
    (GET, "/subjects/{subject}/versions/{version}", subjects::version),
    (DELETE, "/subjects/{subject}/versions/{version}", subjects::delete_version),
    (GET, "/subjects/{subject}/versions/{version}/schema", subjects::text),
    (GET, "/config", settings::config),
    (PUT, "/config", settings::set_config),
    (DELETE, "/config", settings::delete_config),
    (GET, "/config/{subject}", settings::config),
    (PUT, "/config/{subject}", settings::set_config),
    (DELETE, "/config/{subject}", settings::delete_config),
    (GET, "/mode", settings::mode),
    (PUT, "/mode", settings::set_mode),
    (DELETE, "/mode", settings::delete_mode),
    (GET, "/mode/{subject}", settings::mode),
    (PUT, "/mode/{subject}", settings::set_mode),
    (DELETE, "/mode/{subject}", settings::delete_mode),
];

/// What is asked with a body, and changes nothing.
const WITH_SCHEMA: &[Route<RegistryApi>] = &[
    (POST, "/subjects/{subject}", subjects::look_up),
    (POST, "/compatibility/subjects/{subject}/versions", subjects::check_all),
    (POST, "/compatibility/subjects/{subject}/versions/{version}", subjects::check),
];

/// The API over a registry.
pub struct RegistryApi {
    app: Arc<App>,
    registry: Arc<dyn Registry>,
    /// The storage, which says who it is.
    served: Served,
}

/// What answers its requests.
pub fn router(app: Arc<App>, served: &Served) -> Router {
    let mut router = routes(Router::new(), "", OF_ALL);
    for prefix in ["", OF_CONTEXT] {
        router = remembered_routes(routes(router, prefix, OF_MANY), prefix, OF_ONE);
        router = fresh_routes(router, prefix, WITH_SCHEMA);
    }
    let api = RegistryApi { app, registry: Arc::clone(&served.registry), served: served.clone() };
    with_fallbacks(router).with_state(Arc::new(api))
}

impl Api for RegistryApi {
    const CONTENT_TYPE: &'static str = "application/vnd.schemaregistry.v1+json";
    const OTHER_TYPES: &'static [&'static str] = &["application/vnd.schemaregistry+json", "application/json"];

    fn app(&self) -> &App {
        &self.app
    }

    fn explain(error: &Error) -> Refusal {
        let code = Code::of(error).unwrap_or_else(|| match error.kind() {
            ErrorKind::Usage | ErrorKind::Corrupt | ErrorKind::Function => Code::InvalidSchema.number(),
            ErrorKind::Timeout => Code::TimedOut.number(),
            ErrorKind::Unsupported => 501,
            _ => Code::Store.number(),
        });
        let status = if code >= 1000 { code / 100 } else { code };
        // Where it failed in the storage, the whole line says what to do; else the registry's words are those that
        // clients know.
        let message = if status >= 500 { error.to_string() } else { error.message().to_string() };
        Refusal::new(u16::try_from(status).unwrap_or(500), code, message)
    }

    fn remembered(&self, since: Instant) -> Option<Self> {
        let registry = self.registry.remembered(since)?;
        Some(Self { app: Arc::clone(&self.app), registry, served: self.served.clone() })
    }
}

impl RegistryApi {
    fn timeout(&self) -> Duration {
        self.app.options.limits.call
    }

    /// What a request is about: the subject that its path names, or the context of its path, or neither.
    fn subject(&self, asked: &Asked) -> Option<String> {
        let subject = in_context(asked, asked.find_param("subject").unwrap_or_default());
        Some(subject).filter(|subject| !subject.is_empty())
    }
}

/// A subject in the context of the path, unless it names one itself.
fn in_context(asked: &Asked, subject: &str) -> String {
    match asked.find_param("context") {
        Some(context) if !subject.starts_with(":.") && context != "." => {
            format!(":{}:{subject}", context.trim_matches(':'))
        }
        _ => subject.to_string(),
    }
}

/// The part of a list that a request wants.
fn page<T>(asked: &Asked, all: Vec<T>) -> Result<Vec<T>, Failure> {
    let offset = asked.number("offset")?.unwrap_or(0).max(0);
    let limit = asked.number("limit")?.filter(|limit| *limit >= 0).unwrap_or(i64::MAX);
    let at_most = |number: i64| usize::try_from(number).unwrap_or(usize::MAX);
    Ok(all.into_iter().skip(at_most(offset)).take(at_most(limit)).collect())
}
