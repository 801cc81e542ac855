//! Whether a log still is the beginning of its source: its last messages are compared, since somebody may have written
//! behind the copy.

use std::collections::BTreeMap;
use std::sync::Arc;

use kafi_core::functional::{Order, ReadOptions, readers_of};
use kafi_core::{Assignment, Batch, Error, ErrorKind, Field, OwnedRecord, Result, Storage, schema_id_header};

use crate::CopyOptions;
use crate::cp::ends::watermarks;

/// Compares the last message of each partition of the target `name` with the source's at the same offset, where both
/// still have it. `ends` are the target's partitions and the offsets after their last messages. Of a key or value that
/// changes on the way only whether it is null is compared: what it becomes may depend on what a registry says today.
///
/// # Errors
/// `Conflict` where they differ; what reading fails with.
pub(crate) fn check_last(
    source: (&dyn Storage, &str),
    target: (&dyn Storage, &str),
    ends: &[(i32, i64)],
    options: &CopyOptions,
) -> Result<()> {
    let ours = last_messages(target, ends, options)?;
    let with_messages: Vec<(i32, i64)> =
        ends.iter().filter(|(partition, _)| ours.contains_key(partition)).copied().collect();
    let theirs = last_messages(source, &with_messages, options)?;
    let changing = changing_fields(options)?;
    for (partition, theirs) in theirs {
        let ours = &ours[&partition];
        if !is_copy(ours, &theirs, &changing, options.ignore_timestamp) {
            let why = format!(
                "the message at offset {} is not the source's: somebody else has written to the target",
                ours.offset
            );
            let error =
                Error::new(ErrorKind::Conflict, "resume", why).with("topic", target.1).with("partition", partition);
            return Err(
                error.hint("copy into a new topic, or pass --append to write behind what it holds, at new offsets")
            );
        }
    }
    Ok(())
}

/// The fields that do not stay byte for byte.
fn changing_fields(options: &CopyOptions) -> Result<Vec<Field>> {
    let Some(recoding) = &options.conversion else { return Ok(Vec::new()) };
    let mut changing = Vec::new();
    for field in [Field::Key, Field::Value] {
        if recoding.recoder(field)?.is_some() {
            changing.push(field);
        }
    }
    Ok(changing)
}

/// Whether one message may be what a copy made of the other.
fn is_copy(ours: &OwnedRecord, theirs: &OwnedRecord, changing: &[Field], ignores_timestamp: bool) -> bool {
    let is_same = |field: Field, ours: &Option<Vec<u8>>, theirs: &Option<Vec<u8>>| {
        if changing.contains(&field) { ours.is_none() == theirs.is_none() } else { ours == theirs }
    };
    let headers = |record: &OwnedRecord| {
        let mut headers = record.headers.clone();
        for field in changing {
            headers.remove(schema_id_header(*field));
        }
        headers
    };
    is_same(Field::Key, &ours.key, &theirs.key)
        && is_same(Field::Value, &ours.value, &theirs.value)
        && (ours.timestamp == theirs.timestamp || ignores_timestamp)
        && headers(ours).as_headers() == headers(theirs).as_headers()
}

/// The messages right before these offsets, by partition, as far as there are some.
fn last_messages(
    (storage, topic): (&dyn Storage, &str),
    ends: &[(i32, i64)],
    options: &CopyOptions,
) -> Result<BTreeMap<i32, OwnedRecord>> {
    let last = |&(partition, end): &(i32, i64)| Assignment {
        topic: topic.to_string(),
        partition,
        start: end - 1,
        end: Some(end),
    };
    let mut parts: Vec<Assignment> = ends.iter().filter(|(_, end)| *end > 0).map(last).collect();
    let bounds = watermarks(storage.admin()?.as_mut(), &parts, options.read.consumer.isolation, options)?;
    let mut bounds = bounds.iter();
    parts.retain(|part| bounds.next().is_some_and(|bounds| bounds.low <= part.start && part.start < bounds.high));
    let mut found = BTreeMap::new();
    if parts.is_empty() {
        return Ok(found);
    }
    let read = ReadOptions {
        follow: false,
        group: None,
        max: None,
        order: Order::default(),
        progress: Arc::default(),
        ..options.read.clone()
    };
    for mut reader in readers_of(storage, parts, &read, 1)? {
        let mut batch = Batch::new();
        while reader.read(&mut batch)? {
            found.extend(batch.iter().map(|record| (record.partition, record.to_owned())));
        }
        reader.close()?;
    }
    Ok(found)
}
