//! Version 3: administration, and producing in streams.

mod acls;
mod clusters;
mod configs;
mod groups;
mod listing;
mod plain;
mod record;
mod records;
mod replicas;
mod topics;

use std::sync::Arc;

use axum::Router;
use axum::routing::{MethodFilter, post};
use kafi_core::Error;

use crate::answer::{Api, Route, fresh_routes, routes};
use crate::app::App;
use crate::failure::Refusal;
use crate::rest::{Rest, codes};

const GET: MethodFilter = MethodFilter::GET;
const POST: MethodFilter = MethodFilter::POST;
const PUT: MethodFilter = MethodFilter::PUT;
const PATCH: MethodFilter = MethodFilter::PATCH;
const DELETE: MethodFilter = MethodFilter::DELETE;

/// Version 3 of the API.
pub struct V3(Arc<Rest>);

const CLUSTERS: &str = "/v3/clusters";

/// What stands behind [`CLUSTERS`], but for groups and rules of access.
const OF_TOPICS: &[Route<V3>] = &[
    (GET, "", clusters::list),
    (GET, "/{cluster}", clusters::describe),
    (GET, "/{cluster}/brokers", clusters::brokers),
    (GET, "/{cluster}/brokers/{broker}", clusters::broker),
    (GET, "/{cluster}/brokers/{broker}/partition-replicas", replicas::of_broker),
    (GET, "/{cluster}/brokers/-/configs", configs::of_all_brokers),
    (GET, "/{cluster}/brokers/{broker}/configs", configs::of_broker),
    (GET, "/{cluster}/brokers/{broker}/configs/{name}", configs::one_of_broker),
    (PUT, "/{cluster}/brokers/{broker}/configs/{name}", configs::set_of_broker),
    (DELETE, "/{cluster}/brokers/{broker}/configs/{name}", configs::reset_of_broker),
    (POST, "/{cluster}/brokers/{broker}/configs:alter", configs::alter_broker),
    (GET, "/{cluster}/broker-configs", configs::of_cluster),
    (POST, "/{cluster}/broker-configs:alter", configs::of_cluster),
    (GET, "/{cluster}/broker-configs/{name}", configs::of_cluster),
    (PUT, "/{cluster}/broker-configs/{name}", configs::of_cluster),
    (DELETE, "/{cluster}/broker-configs/{name}", configs::of_cluster),
    (GET, "/{cluster}/topics", topics::list),
    (POST, "/{cluster}/topics", topics::create),
    (GET, "/{cluster}/topics/{topic}", topics::describe),
    (PATCH, "/{cluster}/topics/{topic}", topics::grow),
    (DELETE, "/{cluster}/topics/{topic}", topics::delete),
    (GET, "/{cluster}/topics/-/configs", configs::of_all_topics),
    (GET, "/{cluster}/topics/-/partitions/-/reassignment", replicas::reassignments),
    (GET, "/{cluster}/topics/{topic}/configs", configs::of_topic),
    (GET, "/{cluster}/topics/{topic}/configs/{name}", configs::one_of_topic),
    (PUT, "/{cluster}/topics/{topic}/configs/{name}", configs::set_of_topic),
    (DELETE, "/{cluster}/topics/{topic}/configs/{name}", configs::reset_of_topic),
    (POST, "/{cluster}/topics/{topic}/configs:alter", configs::alter_topic),
    (GET, "/{cluster}/topics/{topic}/partitions", topics::partitions),
    (GET, "/{cluster}/topics/{topic}/partitions/{partition}", topics::partition),
    (GET, "/{cluster}/topics/{topic}/partitions/-/reassignment", replicas::reassignments_of_topic),
    (GET, "/{cluster}/topics/{topic}/partitions/{partition}/reassignment", replicas::reassignment),
    (GET, "/{cluster}/topics/{topic}/partitions/{partition}/replicas", replicas::list),
    (GET, "/{cluster}/topics/{topic}/partitions/{partition}/replicas/{broker}", replicas::describe),
    (POST, "/{cluster}/topics/{topic}/records:batch", records::batch),
];

const OF_GROUPS: &[Route<V3>] = &[
    (GET, "/{cluster}/consumer-groups", groups::list),
    (GET, "/{cluster}/consumer-groups/{group}", groups::describe),
    (GET, "/{cluster}/consumer-groups/{group}/consumers", groups::consumers),
    (GET, "/{cluster}/consumer-groups/{group}/consumers/{consumer}", groups::consumer),
    (GET, "/{cluster}/consumer-groups/{group}/consumers/{consumer}/assignments", groups::assignments),
    (
        GET,
        "/{cluster}/consumer-groups/{group}/consumers/{consumer}/assignments/{topic}/partitions/{partition}",
        groups::assignment,
    ),
    (GET, "/{cluster}/consumer-groups/{group}/lags", groups::lags),
    (GET, "/{cluster}/consumer-groups/{group}/lags/{topic}/partitions/{partition}", groups::lag),
    (GET, "/{cluster}/consumer-groups/{group}/lag-summary", groups::lag_summary),
    (GET, "/{cluster}/acls", acls::list),
    (POST, "/{cluster}/acls", acls::create),
    (POST, "/{cluster}/acls:batch", acls::create_several),
    (DELETE, "/{cluster}/acls", acls::delete),
];

/// What answers the requests of version 3.
pub fn router(rest: Arc<Rest>) -> Router {
    let router = fresh_routes(routes(Router::new(), CLUSTERS, OF_TOPICS), CLUSTERS, OF_GROUPS);
    let stream = format!("{CLUSTERS}/{{cluster}}/topics/{{topic}}/records");
    router.route(&stream, post(records::stream)).with_state(Arc::new(V3(rest)))
}

impl Api for V3 {
    const CONTENT_TYPE: &'static str = "application/json";

    fn app(&self) -> &App {
        &self.0.app
    }

    fn explain(error: &Error) -> Refusal {
        codes::explain(error, codes::UNKNOWN_TOPIC_OR_PARTITION)
    }
}
