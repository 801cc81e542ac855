//! Where partitions end, and where parts of them begin.

use kafi_core::{Admin, Assignment, Batch, Error, ErrorKind, Isolation, Position, Result, TopicPartition, Watermarks};

use crate::CopyOptions;

/// Lets a part begin at `offset`, where the copy stopped, if the source still has what comes there.
///
/// # Errors
/// `Conflict` for a source that ends before it, `OutOfRange` for one that starts behind it, unless gaps are allowed.
pub(crate) fn go_on(part: &mut Assignment, offset: i64, source: &Watermarks, options: &CopyOptions) -> Result<()> {
    let Watermarks { low, high, .. } = *source;
    let with_place = |error: Error| error.with("topic", &part.topic).with("partition", part.partition);
    if high < offset {
        let why = format!(
            "the source ends at offset {high}, but the copy has come to {offset} already: it is not the same any more"
        );
        return Err(with_place(Error::new(ErrorKind::Conflict, "resume", why)).hint("copy into a new topic"));
    }
    if low > offset {
        let why = format!("the offsets {offset} to {} are no longer there", low - 1);
        if !options.read.consumer.allow_gap {
            return Err(
                with_place(Error::new(ErrorKind::OutOfRange, "resume", why)).hint("--allow-gap goes on behind them")
            );
        }
        log::warn!("topic {}, partition {}: {why}: going on at {low}", part.topic, part.partition);
    }
    part.start = offset.max(low);
    part.end = part.end.map(|end| end.max(part.start));
    Ok(())
}

/// The ends of the partitions of these parts, in their order.
pub(crate) fn watermarks(
    admin: &mut dyn Admin,
    parts: &[Assignment],
    isolation: Isolation,
    options: &CopyOptions,
) -> Result<Vec<Watermarks>> {
    let partitions: Vec<_> =
        parts.iter().map(|part| TopicPartition { topic: part.topic.clone(), partition: part.partition }).collect();
    if partitions.is_empty() {
        return Ok(Vec::new());
    }
    admin.watermarks(&partitions, isolation, options.read.timeout)
}

/// The offset after the last message of each partition of a batch, by the names of the source.
pub(crate) fn positions_after(batch: &Batch) -> Vec<Position> {
    let mut positions: Vec<Position> = Vec::new();
    for run in batch.metas().chunk_by(|a, b| (a.topic, a.partition) == (b.topic, b.partition)) {
        let last = run.last().expect("a run holds at least one message");
        positions.push(Position {
            topic: batch.topics()[last.topic as usize].clone(),
            partition: last.partition,
            offset: last.offset + 1,
        });
    }
    positions
}
