//! Dead letters: what they say, also those of others, and how they are put back.

use std::ops::Range;
use std::time::{Duration, Instant};

use kafi_core::{
    ANY_PARTITION, Assignment, Batch, Cancel, Consumer, ConsumerOptions, Error, ErrorKind, GroupOptions, Header,
    HeadersBuf, Isolation, Polled, Position, ProducerOptions, ReadOptions, Reader, Record, Result, Storage,
    TopicPartition, Writer,
};

/// How long one question may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What the headers of a dead letter say about it. The headers of Kafi's apps and verbs, of Kafka Connect, of Kafka
/// Streams, of Spring, and of Kafka's share groups are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Letter {
    /// Who wrote it: `kafi`, `connect`, `streams`, `spring`, or `share`.
    pub by: &'static str,
    /// The topic that it was read from.
    pub topic: Option<String>,
    /// The partition.
    pub partition: Option<i32>,
    /// The offset.
    pub offset: Option<i64>,
    /// Why it failed.
    pub error: Option<String>,
    /// How often it was tried.
    pub attempts: Option<u64>,
    /// When it failed, in milliseconds since 1970-01-01T00:00Z; else when the letter was written, or -1.
    pub time: i64,
}

/// The names of the headers of one writer of letters: topic, partition, offset, error, attempts, time.
struct Dialect {
    by: &'static str,
    prefix: &'static str,
    names: [&'static str; 6],
    /// Whether its letters hold the headers of the message. Those of Streams (KIP-1034) and of share groups (KIP-1191)
    /// have none but these, and those of share groups may have neither key nor value.
    is_whole: bool,
}

const DIALECTS: [Dialect; 5] = [
    Dialect {
        by: "kafi",
        prefix: "kafi.error.",
        names: ["topic", "partition", "offset", "message", "attempts", "time"],
        is_whole: true,
    },
    Dialect {
        by: "connect",
        prefix: "__connect.errors.",
        names: ["topic", "partition", "offset", "exception.message", "", ""],
        is_whole: true,
    },
    Dialect {
        by: "streams",
        prefix: "__streams.errors.",
        names: ["topic", "partition", "offset", "message", "", ""],
        is_whole: false,
    },
    Dialect {
        by: "spring",
        prefix: "kafka_dlt-",
        names: ["original-topic", "original-partition", "original-offset", "exception-message", "", ""],
        is_whole: true,
    },
    Dialect {
        by: "share",
        prefix: "__dlq.errors.",
        names: ["topic", "partition", "offset", "message", "delivery.count", ""],
        is_whole: false,
    },
];

impl Letter {
    /// What a message says of itself, if it is a dead letter.
    pub fn of(record: &Record<'_>) -> Option<Self> {
        let dialect = DIALECTS.iter().find(|dialect| dialect.value(record, 0).is_some())?;
        let text = |which| dialect.value(record, which).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let number = |which| dialect.value(record, which).and_then(number_of);
        Some(Self {
            by: dialect.by,
            topic: text(0),
            partition: number(1).and_then(|partition| i32::try_from(partition).ok()),
            offset: number(2),
            error: text(3),
            attempts: number(4).and_then(|attempts| u64::try_from(attempts).ok()),
            time: number(5).unwrap_or(record.timestamp),
        })
    }
}

impl Dialect {
    fn value<'a>(&self, record: &Record<'a>, which: usize) -> Option<&'a [u8]> {
        let name = self.names[which];
        if name.is_empty() {
            return None;
        }
        let is_named = |header: &Header<'_>| {
            header.name.strip_prefix(self.prefix.as_bytes()).is_some_and(|rest| rest == name.as_bytes())
        };
        record.headers.iter().filter(is_named).last()?.value
    }
}

/// A number as text, or as Spring writes it, in four or eight bytes.
fn number_of(bytes: &[u8]) -> Option<i64> {
    if let Ok(number) = std::str::from_utf8(bytes).unwrap_or_default().parse() {
        return Some(number);
    }
    match bytes.len() {
        4 => Some(i32::from_be_bytes(bytes.try_into().ok()?).into()),
        8 => Some(i64::from_be_bytes(bytes.try_into().ok()?)),
        _ => None,
    }
}

/// Whether a letter is wanted.
pub type LetterWish<'a> = &'a dyn Fn(&Record<'_>, &Letter) -> Result<bool>;

/// Which letters are put back, and where to.
pub struct Replay<'a> {
    /// The storage of the dead letters.
    pub letters: &'a dyn Storage,
    /// Their topic.
    pub topic: &'a str,
    /// The storage that they are written to.
    pub target: &'a dyn Storage,
    /// The topic, where that is not the one that each came from.
    pub target_topic: Option<&'a str>,
    /// Which of them.
    pub wanted: LetterWish<'a>,
    /// How many a second at most.
    pub rate: Option<f64>,
    /// Writes nothing, and marks nothing.
    pub is_dry: bool,
    /// Stops after the letter in hand.
    pub cancel: Cancel,
}

/// What became of dead letters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Those that were read, and not put back before.
    pub read: u64,
    /// Those that were put back, or would be.
    pub replayed: u64,
    /// What is no dead letter, or does not say where it came from.
    pub unknown: u64,
    /// Those of `replayed` that lack the headers of their messages, since these are gone.
    pub bare: u64,
}

/// Puts dead letters back where they came from, or elsewhere: each once. Which ones were is marked by the committed
/// offsets of the group `kafi-dlq.TOPIC` and the metadata beside them; those that are not wanted stay. The message of a
/// letter that does not hold all of it (of a share group, and of Kafka Streams) is fetched from where it was; where it is
/// gone, the key and the value of the letter stand for it.
///
/// # Errors
/// What reading, writing, and committing fail with; of `wanted`; `NotFound` for a message that is gone and of which the
/// letter holds neither key nor value.
pub fn replay(replay: &Replay<'_>) -> Result<Replayed> {
    let options = ReadOptions {
        group: Some(GroupOptions::new(format!("kafi-dlq.{}", replay.topic))),
        track_done: true,
        cancel: replay.cancel.clone(),
        ..ReadOptions::default()
    };
    let mut reader = Reader::open(replay.letters, &[replay.topic.to_string()], &options)?;
    let mut writer = Writer::open(replay.target, &ProducerOptions::default(), Default::default())?;
    let replayed = read_all(replay, &mut reader, &mut writer);
    if replay.is_dry || replayed.is_err() {
        reader.abandon_all();
        return replayed;
    }
    writer.close(None)?;
    reader.commit_done()?;
    reader.close()?;
    replayed
}

fn read_all(replay: &Replay<'_>, reader: &mut Reader, writer: &mut Writer) -> Result<Replayed> {
    let (mut batch, mut out, mut counts) = (Batch::new(), Batch::new(), Replayed::default());
    let mut originals =
        Originals { storage: replay.letters, consumer: None, batch: Batch::with_limits(1, Batch::BYTES_MAX) };
    while reader.read(&mut batch)? {
        let mut done: Vec<(i32, Range<i64>)> = Vec::new();
        for record in batch.iter() {
            counts.read += 1;
            let Some(letter) = Letter::of(&record).filter(|letter| letter.topic.is_some()) else {
                counts.unknown += 1;
                continue;
            };
            if !(replay.wanted)(&record, &letter)? {
                continue;
            }
            counts.replayed += 1;
            if replay.is_dry {
                continue;
            }
            counts.bare += u64::from(!push_original(replay, &record, &letter, &mut originals, &mut out)?);
            done.push((record.partition, record.offset..record.offset + 1));
            if let Some(rate) = replay.rate {
                std::thread::sleep(Duration::try_from_secs_f64(1.0 / rate).unwrap_or_default());
            }
            if replay.cancel.is_cancelled() {
                break;
            }
        }
        writer.write(&out)?;
        writer.flush(None)?;
        out.clear();
        done.into_iter().for_each(|(partition, offsets)| reader.done(replay.topic, partition, offsets));
        if !replay.is_dry {
            reader.commit_done()?;
        }
    }
    Ok(counts)
}

/// Adds the message that a letter stands for, as it was; false where its headers are lost.
fn push_original(
    replay: &Replay<'_>,
    record: &Record<'_>,
    letter: &Letter,
    originals: &mut Originals<'_>,
    out: &mut Batch,
) -> Result<bool> {
    let is_whole = DIALECTS.iter().any(|dialect| dialect.by == letter.by && dialect.is_whole);
    let fetched = if is_whole { None } else { originals.fetch_or_copy(record, letter)? };
    let (original, is_copy) = fetched.map_or((*record, true), |fetched| (fetched, false));
    let mut headers = HeadersBuf::new();
    let is_added =
        |header: &Header<'_>| DIALECTS.iter().any(|dialect| header.name.starts_with(dialect.prefix.as_bytes()));
    original
        .headers
        .iter()
        .filter(|header| !is_copy || !is_added(header))
        .for_each(|header| headers.push_header(header));
    let (topic, partition) = match (replay.target_topic, &letter.topic) {
        (Some(topic), _) => (topic, ANY_PARTITION),
        (None, Some(topic)) => (topic.as_str(), letter.partition.unwrap_or(ANY_PARTITION)),
        (None, None) => return Ok(true),
    };
    out.push(Record { topic, partition, headers: headers.as_headers(), ..original });
    Ok(is_whole || !is_copy)
}

/// Where the messages of letters that do not hold them are fetched.
struct Originals<'a> {
    storage: &'a dyn Storage,
    /// Made for the first of them, and anew after a failure.
    consumer: Option<Box<dyn Consumer>>,
    batch: Batch,
}

impl Originals<'_> {
    /// The message that a letter is about; none where it is gone, and the letter has to stand for it.
    fn fetch_or_copy(&mut self, record: &Record<'_>, letter: &Letter) -> Result<Option<Record<'_>>> {
        let has_copy = record.key.is_some() || record.value.is_some();
        match self.fetch(letter) {
            Err(error) if has_copy && matches!(error.kind(), ErrorKind::NotFound | ErrorKind::OutOfRange) => Ok(None),
            Err(error) if has_copy && error.kind() == ErrorKind::Corrupt && letter.offset.is_none() => Ok(None),
            fetched => fetched.map(|()| Some(self.batch.get(0))),
        }
    }

    /// Fetches the message that a letter is about.
    fn fetch(&mut self, letter: &Letter) -> Result<()> {
        let (Some(topic), Some(partition), Some(offset)) = (&letter.topic, letter.partition, letter.offset) else {
            return Err(Error::new(ErrorKind::Corrupt, "read dead letter", "it does not say where the message was"));
        };
        let at = Position { topic: topic.clone(), partition, offset };
        let fetched = self.fetch_at(&at);
        if fetched.is_err() {
            self.consumer = None;
        }
        fetched.map_err(|error| error.with("topic", topic).with("partition", partition).with("offset", offset))
    }

    fn fetch_at(&mut self, at: &Position) -> Result<()> {
        let consumer = match &mut self.consumer {
            Some(consumer) => consumer,
            none => none.insert(self.storage.consumer(&ConsumerOptions::default())?),
        };
        move_to(self.storage, consumer.as_mut(), at)?;
        let begun = Instant::now();
        self.batch.clear();
        while begun.elapsed() < TIMEOUT {
            match consumer.poll(&mut self.batch, Duration::from_secs(1))? {
                Polled::Records | Polled::End => break,
                Polled::Timeout => {}
            }
        }
        if self.batch.is_empty() || self.batch.get(0).offset != at.offset {
            let why = "the message is not there any more";
            return Err(Error::new(ErrorKind::NotFound, "read dead letter", why));
        }
        Ok(())
    }
}

/// Lets a consumer read on at an offset. Letters that lie together are mostly about messages that do, too, so that it
/// stays at a partition.
fn move_to(storage: &dyn Storage, consumer: &mut dyn Consumer, at: &Position) -> Result<()> {
    let assigned = consumer.positions();
    if assigned.contains(at) {
        return Ok(());
    }
    let place = TopicPartition { topic: at.topic.clone(), partition: at.partition };
    if assigned.iter().any(|own| (&own.topic, own.partition) == (&place.topic, place.partition)) {
        return consumer.seek(at, TIMEOUT);
    }
    // Whatever a letter is about was there before it.
    let ends = storage.admin()?.watermarks(std::slice::from_ref(&place), Isolation::ReadUncommitted, TIMEOUT)?;
    let end = ends.first().map(|ends| ends.high);
    let TopicPartition { topic, partition } = place;
    consumer.assign(&[Assignment { topic, partition, start: at.offset, end }], TIMEOUT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(headers: &[(&str, &[u8])]) -> Option<Letter> {
        let headers: HeadersBuf = headers.iter().copied().collect();
        Letter::of(&Record { headers: headers.as_headers(), timestamp: 7, ..Record::new("dlq", None, None) })
    }

    #[test]
    fn letters_of_others_are_read() {
        let ours: [(&str, &[u8]); 6] = [
            ("kafi.error.topic", b"t"),
            ("kafi.error.partition", b"3"),
            ("kafi.error.offset", b"17"),
            ("kafi.error.message", b"no"),
            ("kafi.error.attempts", b"5"),
            ("kafi.error.time", b"99"),
        ];
        let wanted = Letter {
            by: "kafi",
            topic: Some("t".into()),
            partition: Some(3),
            offset: Some(17),
            error: Some("no".into()),
            attempts: Some(5),
            time: 99,
        };
        assert_eq!(letter(&ours), Some(wanted.clone()));
        let spring: [(&str, &[u8]); 4] = [
            ("kafka_dlt-original-topic", b"t"),
            ("kafka_dlt-original-partition", &3i32.to_be_bytes()),
            ("kafka_dlt-original-offset", &17i64.to_be_bytes()),
            ("kafka_dlt-exception-message", b"no"),
        ];
        assert_eq!(letter(&spring), Some(Letter { by: "spring", attempts: None, time: 7, ..wanted.clone() }));
        let connect: [(&str, &[u8]); 4] = [
            ("__connect.errors.topic", b"t"),
            ("__connect.errors.partition", b"3"),
            ("__connect.errors.offset", b"17"),
            ("__connect.errors.exception.message", b"no"),
        ];
        assert_eq!(letter(&connect), Some(Letter { by: "connect", attempts: None, time: 7, ..wanted.clone() }));
        let streams: [(&str, &[u8]); 5] = [
            ("__streams.errors.exception", b"java.lang.RuntimeException: no"),
            ("__streams.errors.topic", b"t"),
            ("__streams.errors.partition", b"3"),
            ("__streams.errors.offset", b"17"),
            ("__streams.errors.message", b"no"),
        ];
        assert_eq!(letter(&streams), Some(Letter { by: "streams", attempts: None, time: 7, ..wanted.clone() }));
        let share: [(&str, &[u8]); 5] = [
            ("__dlq.errors.topic", b"t"),
            ("__dlq.errors.partition", b"3"),
            ("__dlq.errors.offset", b"17"),
            ("__dlq.errors.message", b"no"),
            ("__dlq.errors.delivery.count", b"5"),
        ];
        assert_eq!(letter(&share), Some(Letter { by: "share", time: 7, ..wanted }));
        assert_eq!(letter(&[("other", b"t")]), None);
    }
}
