//! Reading an object whose connection may break in the middle.

use std::ops::Range;
use std::time::Duration;

use kafi_core::{ErrorKind, Retry};
use tokio::time::timeout;

use super::{Attempt, Failure, Meaning, Requester, Service};
use crate::io::ObjectStat;

/// No more memory than this is taken for a body before it comes.
const RESERVE_MAX: u64 = 64 << 20;

/// A read, and what is known of its object since the first answer, so that a read which breaks off goes on with the
/// same object.
pub(super) struct Reading {
    range: Option<Range<u64>>,
    known: Option<Known>,
}

struct Known {
    stat: ObjectStat,
    /// The bytes that are wanted, from the start of the object.
    wanted: Range<u64>,
}

impl Reading {
    /// A read of an object, or of this part of it.
    pub(super) fn of(range: Option<Range<u64>>) -> Self {
        Self { range, known: None }
    }
}

impl<S: Service> Requester<S> {
    /// Reads on from where `into` ends, with so much time for an answer and for each piece of the body. `None`: there is
    /// no such object.
    pub(super) async fn read_on(
        &self,
        full: &str,
        reading: &mut Reading,
        into: &mut Vec<u8>,
        answer_time: Duration,
    ) -> Attempt<Option<ObjectStat>> {
        let (part, etag) = match &reading.known {
            Some(known) => {
                (Some(known.wanted.start + into.len() as u64..known.wanted.end), Some(known.stat.etag.as_str()))
            }
            None => (reading.range.clone(), None),
        };
        let service = self.service().await?;
        let answer = timeout(answer_time, service.read(full, part, etag))
            .await
            .unwrap_or_else(|_| Err(Failure::timeout(answer_time)));
        let (stat, mut body) = match answer {
            Ok(answer) => answer,
            Err(failure) if failure.meaning == Meaning::NoObject => return Ok(None),
            Err(failure) if failure.meaning == Meaning::BehindEnd && reading.known.is_none() => {
                return self.stat_once(full).await;
            }
            Err(failure)
                if reading.known.is_some() && matches!(failure.meaning, Meaning::Refused | Meaning::BehindEnd) =>
            {
                reading.known = None;
                into.clear();
                return Err(Failure::new(
                    ErrorKind::Conflict,
                    Retry::Later,
                    "the object was replaced while it was read",
                ));
            }
            Err(failure) => return Err(failure),
        };
        let range = &reading.range;
        let Known { stat, wanted } = reading.known.get_or_insert_with(|| {
            let wanted =
                range.as_ref().map_or(0..stat.len, |range| range.start..range.end.min(stat.len).max(range.start));
            Known { stat, wanted }
        });
        let expected = wanted.end - wanted.start;
        into.reserve((expected - into.len() as u64).min(RESERVE_MAX) as usize);
        receive::<S>(&mut body, into, expected, answer_time).await?;
        if into.len() as u64 == expected {
            return Ok(Some(stat.clone()));
        }
        let cut =
            Failure::new(ErrorKind::Unavailable, Retry::Later, format!("{} of {expected} bytes came", into.len()));
        if into.len() as u64 > expected {
            into.clear();
        }
        Err(cut)
    }
}

/// Appends a body to `into`, as far as it comes, but nothing once there is more than `expected`: whatever a server
/// sends, it takes no more memory than was asked for.
async fn receive<S: Service>(
    body: &mut S::Body,
    into: &mut Vec<u8>,
    expected: u64,
    piece_time: Duration,
) -> Attempt<()> {
    while into.len() as u64 <= expected
        && let Some(bytes) = timeout(piece_time, S::next(body)).await.map_err(|_| Failure::timeout(piece_time))?
    {
        into.extend_from_slice(&bytes?);
    }
    Ok(())
}
