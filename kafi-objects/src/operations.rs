//! What only stores of objects can do, with JSON as argument and answer.

use std::time::{Duration, Instant};

use kafi_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::log::PartitionLog;
use crate::merge::{MergePlan, Merged, clean, merge};
use crate::shared::Shared;

/// How long objects that were merged into others stay, in milliseconds: longer than any reader or writer trusts what it
/// knows.
const GRACE_MS: u64 = 60_000;

/// The argument of all operations.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Argument {
    topic: String,
    partition: Option<i32>,
    bytes_max: Option<u64>,
    grace_ms: Option<u64>,
}

/// What a partition takes.
#[derive(Serialize)]
struct Size {
    partition: i32,
    objects: u64,
    bytes: u64,
}

/// Does what `operation` names: `merge` or `size`.
pub(crate) fn run(shared: &Shared, operation: &str, argument: &str, deadline: Instant) -> Result<String> {
    if !matches!(operation, "merge" | "size") {
        let error = Error::new(
            ErrorKind::Unsupported,
            operation.to_string(),
            "this kind of storage has no such operation, only merge and size",
        );
        return Err(error.with("storage", &shared.name));
    }
    let argument: Argument = serde_json::from_str(argument).map_err(|error| {
        let message = format!("the argument is not as it has to be: {error}");
        Error::new(ErrorKind::Usage, operation.to_string(), message).with("storage", &shared.name)
    })?;
    let loaded = shared.topics.load(&argument.topic, deadline)?;
    let partitions =
        argument.partition.map_or(0..loaded.file.partitions, |partition| partition..partition.saturating_add(1));
    let logs = partitions
        .map(|partition| shared.topics.partition_of(&argument.topic, &loaded.file, partition))
        .collect::<Result<Vec<_>>>()?;
    if operation == "size" {
        let sizes = logs.iter().map(|log| size(log, deadline)).collect::<Result<Vec<_>>>()?;
        return Ok(json!({ "topic": argument.topic, "partitions": sizes }).to_string());
    }
    let plan = MergePlan {
        bytes_max: argument.bytes_max.unwrap_or_else(|| shared.object_bytes(&loaded.file.config)),
        grace: Duration::from_millis(argument.grace_ms.unwrap_or(GRACE_MS)),
        requests_max: shared.options.requests_max,
        deadline,
    };
    merge_all(&logs, &argument.topic, &plan)
}

/// Merges in all partitions first, so that the grace time passes only once.
fn merge_all(logs: &[PartitionLog], topic: &str, plan: &MergePlan) -> Result<String> {
    let merged: Vec<Merged> = logs.iter().map(|log| merge(log, plan)).collect::<Result<_>>()?;
    let mut partitions = Vec::with_capacity(logs.len());
    for (log, merged) in logs.iter().zip(&merged) {
        let (deleted, left) = clean(log, merged, plan)?;
        partitions.push(json!({
            "partition": log.partition, "objects": merged.objects, "merged": merged.merged, "deleted": deleted, "left": left,
        }));
    }
    Ok(json!({ "topic": topic, "partitions": partitions }).to_string())
}

fn size(log: &PartitionLog, deadline: Instant) -> Result<Size> {
    let mut size = Size { partition: log.partition, objects: 0, bytes: 0 };
    let mut after = log.before(0);
    loop {
        let page = log.page(&after, deadline)?;
        size.objects += page.names.len() as u64;
        size.bytes += page.names.iter().map(|name| name.len).sum::<u64>();
        match page.more {
            Some(more) => after = more,
            None => return Ok(size),
        }
    }
}
