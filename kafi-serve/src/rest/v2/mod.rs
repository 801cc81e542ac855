//! Version 2: topics, producing in requests, and consumers that live between requests.

mod consumers;
mod instance;
mod produce;
mod topics;

use std::sync::Arc;

use axum::Router;
use axum::routing::MethodFilter;
use kafi_core::Error;

use crate::answer::{Api, Route, fresh_routes, routes, with_fallbacks};
use crate::app::App;
use crate::failure::Refusal;
use crate::rest::{Rest, codes};

pub use consumers::{Consumers, close_expired};

const GET: MethodFilter = MethodFilter::GET;
const POST: MethodFilter = MethodFilter::POST;
const DELETE: MethodFilter = MethodFilter::DELETE;

/// Version 2 of the API.
pub struct V2(Arc<Rest>);

const OF_TOPICS: &[Route<V2>] = &[
    (GET, "/", |_, _| Ok(kafi_core::Json::object::<&str>([]).into())),
    (GET, "/brokers", topics::brokers),
    (GET, "/topics", topics::list),
    (GET, "/topics/{topic}", topics::describe),
    (POST, "/topics/{topic}", produce::produce),
    (GET, "/topics/{topic}/partitions", topics::partitions),
    (GET, "/topics/{topic}/partitions/{partition}", topics::partition),
    (POST, "/topics/{topic}/partitions/{partition}", produce::produce),
    (GET, "/topics/{topic}/partitions/{partition}/offsets", topics::offsets),
];

const OF_CONSUMERS: &[Route<V2>] = &[
    (POST, "/consumers/{group}", consumers::create),
    (DELETE, "/consumers/{group}/instances/{instance}", consumers::delete),
    (GET, "/consumers/{group}/instances/{instance}/subscription", instance::subscription),
    (POST, "/consumers/{group}/instances/{instance}/subscription", instance::subscribe),
    (DELETE, "/consumers/{group}/instances/{instance}/subscription", instance::unsubscribe),
    (GET, "/consumers/{group}/instances/{instance}/assignments", instance::assignments),
    (POST, "/consumers/{group}/instances/{instance}/assignments", instance::assign),
    (GET, "/consumers/{group}/instances/{instance}/positions", instance::positions),
    (POST, "/consumers/{group}/instances/{instance}/positions", instance::seek),
    (POST, "/consumers/{group}/instances/{instance}/positions/beginning", instance::seek_to_beginning),
    (POST, "/consumers/{group}/instances/{instance}/positions/end", instance::seek_to_end),
    (GET, "/consumers/{group}/instances/{instance}/offsets", instance::committed),
    (POST, "/consumers/{group}/instances/{instance}/offsets", instance::commit),
    (GET, "/consumers/{group}/instances/{instance}/records", instance::records),
];

/// What answers the requests of version 2, and those of neither.
pub fn router(rest: Arc<Rest>) -> Router {
    let router = fresh_routes(routes(Router::new(), "", OF_TOPICS), "", OF_CONSUMERS);
    with_fallbacks(router).with_state(Arc::new(V2(rest)))
}

impl Api for V2 {
    const CONTENT_TYPE: &'static str = "application/vnd.kafka.v2+json";
    const OTHER_TYPES: &'static [&'static str] = &[
        "application/vnd.kafka+json",
        "application/json",
        "application/vnd.kafka.binary.v2+json",
        "application/vnd.kafka.json.v2+json",
        "application/vnd.kafka.avro.v2+json",
        "application/vnd.kafka.protobuf.v2+json",
        "application/vnd.kafka.jsonschema.v2+json",
    ];

    fn app(&self) -> &App {
        &self.0.app
    }

    fn explain(error: &Error) -> Refusal {
        let is_partition = error.context().any(|(key, _)| key == "partition");
        codes::explain(error, if is_partition { codes::PARTITION_NOT_FOUND } else { codes::TOPIC_NOT_FOUND })
    }
}
