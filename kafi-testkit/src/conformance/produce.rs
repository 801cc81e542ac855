//! What is written, where, in which order, and how it is reported.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use kafi_core::{
    ANY_PARTITION, Batch, Capabilities, HeadersBuf, NO_TIMESTAMP, OwnedRecord, Record, TimestampType, partition_of,
};

use super::check::{Failure, Verdict, check, equal};
use super::context::{Context, FIRST_MS, Receipt, batch_of, fetch, message, numbers, texts, values};
use super::{Case, PLACED, READ_WRITE};

const TIMED: Capabilities = PLACED.union(Capabilities::PRODUCE_TIMESTAMP);

pub(super) const CASES: &[Case] = &[
    Case::new("null_is_not_empty", PLACED, "Null is not empty, for keys and values.", null_is_not_empty),
    Case::new("bytes_are_kept", PLACED, "Keys and values are bytes, whatever they are.", bytes_are_kept),
    Case::new("large_messages", PLACED, "A message of 900 kB comes back as it was.", large_messages),
    Case::new(
        "headers",
        PLACED.union(Capabilities::PRODUCE_HEADERS),
        "Headers are an ordered list with duplicates, null is not empty, and names are bytes.",
        headers,
    ),
    Case::new("timestamps", TIMED, "A message keeps its timestamp, also 0, and in any order.", timestamps),
    Case::new(
        "no_timestamp_is_now",
        PLACED,
        "A message with the timestamp -1 gets the current time.",
        no_timestamp_is_now,
    ),
    Case::new(
        "timestamp_types",
        TIMED.union(Capabilities::PRODUCE_KEEP_TIMESTAMP_TYPE),
        "A message keeps the type of its timestamp.",
        timestamp_types,
    ),
    Case::new(
        "key_chooses_partition",
        READ_WRITE,
        "With partition -1 murmur2 of the key chooses, as in the Java clients.",
        key_chooses_partition,
    ),
    Case::new(
        "no_key_takes_any_partition",
        READ_WRITE,
        "With partition -1 a message without a key goes to one of the partitions.",
        no_key,
    ),
    Case::new(
        "order_is_kept",
        PLACED,
        "Messages to one partition are written in the order in which they were handed over.",
        order_is_kept,
    ),
    Case::new(
        "from_is_the_first",
        PLACED,
        "produce takes the messages from index `from` on, and says how many.",
        from_is_the_first,
    ),
    Case::new("batch_is_free_at_once", PLACED, "The batch is free for reuse when produce returns.", batch_is_free),
    Case::new(
        "reports_cover_every_message_once",
        PLACED,
        "Reports cover every message once, by token, topic, partition, and ordinal.",
        reports_cover,
    ),
    Case::new(
        "reports_say_offsets",
        PLACED,
        "A report names the offset of its first message, and the others follow without a gap.",
        reports_say_offsets,
    ),
    Case::new("reports_come_without_flush", PLACED, "reports waits for the first one.", reports_without_flush),
    Case::new(
        "reports_do_not_wait_for_nothing",
        READ_WRITE,
        "reports does not wait if nothing is under way.",
        reports_of_nothing,
    ),
    Case::new("reports_come_once", PLACED, "reports gives those that came in since the last call.", reports_come_once),
    Case::new(
        "flush_is_complete",
        PLACED,
        "flush waits until each message has its report and is written.",
        flush_is_complete,
    ),
    Case::new("close_flushes", PLACED, "close flushes; the reports are then to be fetched.", close_flushes),
    Case::new(
        "nothing_is_dropped",
        PLACED,
        "produce never drops a message, however short its time-out.",
        nothing_is_dropped,
    ),
    Case::new(
        "several_producers",
        PLACED,
        "Producers that write to one partition at once lose and double nothing, and each keeps its order.",
        several_producers,
    ),
];

/// Writes messages to one topic, reads it, and compares every field but the offset, which counts from 0 in each
/// partition.
fn round_trip(c: &Context, topic: &str, written: &[OwnedRecord]) -> Verdict {
    c.write(written)?;
    let mut next = BTreeMap::new();
    let mut expected = written.to_vec();
    for record in &mut expected {
        let next: &mut i64 = next.entry(record.partition).or_default();
        record.offset = *next;
        *next += 1;
    }
    expected.sort_by_key(|record| (record.partition, record.offset));
    let read = c.read(topic)?;
    equal(&read.len(), &expected.len(), "the number of messages")?;
    let has_time = c.has(Capabilities::PRODUCE_TIMESTAMP);
    for (mut read, expected) in read.into_iter().zip(expected) {
        if !has_time {
            (read.timestamp, read.timestamp_type) = (expected.timestamp, expected.timestamp_type);
        }
        equal(&read, &expected, "a message that was written and read")?;
    }
    Ok(())
}

fn null_is_not_empty(c: &Context) -> Verdict {
    let topic = c.topic(1)?;
    let some: [Option<&[u8]>; 3] = [None, Some(b""), Some(b"x")];
    let pairs = some.into_iter().flat_map(|key| some.into_iter().map(move |value| (key, value)));
    let record =
        |(key, value)| OwnedRecord { partition: 0, timestamp: FIRST_MS, ..Record::new(&topic, key, value).to_owned() };
    round_trip(c, &topic, &pairs.map(record).collect::<Vec<_>>())
}

fn bytes_are_kept(c: &Context) -> Verdict {
    let topic = c.topic(1)?;
    let all: Vec<u8> = (0..=255).collect();
    let samples: [&[u8]; 5] = [&all, b"\0", b"\xff\xfe", "ä€😀".as_bytes(), b"\r\n\t\"\\"];
    let record = |bytes: &[u8]| OwnedRecord { key: Some(bytes.into()), ..message(&topic, 0, bytes) };
    round_trip(c, &topic, &samples.map(record))
}

fn large_messages(c: &Context) -> Verdict {
    let topic = c.topic(1)?;
    let value: Vec<u8> = (0..900_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    round_trip(
        c,
        &topic,
        &[
            message(&topic, 0, "small"),
            message(&topic, 0, &value),
            message(&topic, 0, vec![b'x'; 900_000]),
            message(&topic, 0, "small"),
        ],
    )
}

fn headers(c: &Context) -> Verdict {
    let topic = c.topic(1)?;
    let mut headers = HeadersBuf::new();
    headers.push("b", "1");
    headers.push("a", "2");
    headers.push("b", "1");
    headers.push("b", "");
    headers.push_null("b");
    headers.push(b"\xff\xfe\x80 not UTF-8", b"\0\xff");
    headers.push("", "empty name");
    headers.push("ä", vec![b'x'; 10_000]);
    let with = OwnedRecord { headers, ..message(&topic, 0, "with headers") };
    round_trip(c, &topic, &[message(&topic, 0, "without"), with.clone(), message(&topic, 0, "without"), with])
}

fn timestamps(c: &Context) -> Verdict {
    let topic = c.topic(1)?;
    let times = [FIRST_MS, 0, 1, FIRST_MS + 5, FIRST_MS - 1_000_000, FIRST_MS, FIRST_MS + 86_400_000, 0];
    round_trip(c, &topic, &times.map(|timestamp| OwnedRecord { timestamp, ..message(&topic, 0, "v") }))
}

fn no_timestamp_is_now(c: &Context) -> Verdict {
    /// Clocks of servers may differ.
    const APART_MAX_MS: i64 = 5 * 60_000;
    let topic = c.topic(1)?;
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_millis() as i64);
    let before = now();
    c.write(&[OwnedRecord { timestamp: NO_TIMESTAMP, ..message(&topic, 0, "v") }])?;
    let read = c.read(&topic)?;
    let expected = before - APART_MAX_MS..=now() + APART_MAX_MS;
    check(read.len() == 1 && expected.contains(&read[0].timestamp), format_args!("the time is now, {before}: {read:?}"))
}

fn timestamp_types(c: &Context) -> Verdict {
    let topic = c.topic(1)?;
    let (create, append) = (TimestampType::Create, TimestampType::Append);
    let types = [create, append, append, create, append, create, create];
    let times = [5, 9, 7, 8, 6, 6, 6];
    let record = |(timestamp_type, time): (&TimestampType, i64)| OwnedRecord {
        timestamp_type: *timestamp_type,
        timestamp: FIRST_MS + time,
        ..message(&topic, 0, "v")
    };
    round_trip(c, &topic, &types.iter().zip(times).map(record).collect::<Vec<_>>())
}

fn key_chooses_partition(c: &Context) -> Verdict {
    const PARTITIONS: i32 = 7;
    let topic = c.topic(PARTITIONS)?;
    let keys: Vec<String> =
        std::iter::once(String::new()).chain((0..200).map(|number| format!("key {number}"))).collect();
    let records: Vec<_> =
        keys.iter().map(|key| Record::new(&topic, Some(key.as_bytes()), Some(b"v")).to_owned()).collect();
    let mut producer = c.producer()?;
    c.hand_over(producer.as_mut(), &batch_of(&records), 1)?;
    let receipts = c.receipts(producer.as_mut())?;
    producer.close(c.wait())?;
    let read = c.read(&topic)?;
    equal(&read.len(), &keys.len(), "the number of messages")?;
    for record in &read {
        let key = record.key.as_deref().unwrap_or_default();
        equal(
            &record.partition,
            &partition_of(key, PARTITIONS),
            format_args!("the partition of the key {:?}", String::from_utf8_lossy(key)),
        )?;
    }
    let in_partition =
        |partition: i32| keys.iter().filter(|key| partition_of(key.as_bytes(), PARTITIONS) == partition).count() as u64;
    (0..PARTITIONS).try_for_each(|partition| {
        let reported: u64 = receipts
            .iter()
            .filter(|receipt| receipt.partition == partition && receipt.offset.is_ok())
            .map(|receipt| receipt.count)
            .sum();
        equal(
            &reported,
            &in_partition(partition),
            format_args!("the messages that were reported for partition {partition}"),
        )
    })
}

fn no_key(c: &Context) -> Verdict {
    let topic = c.topic(3)?;
    let records: Vec<_> =
        (0..50).map(|number: i32| Record::new(&topic, None, Some(number.to_string().as_bytes())).to_owned()).collect();
    c.write(&records)?;
    let mut read: Vec<i64> = values(&c.read(&topic)?).iter().filter_map(|value| value.parse().ok()).collect();
    read.sort_unstable();
    equal(&read, &(0..50).collect::<Vec<_>>(), "the messages of all partitions together")
}

fn order_is_kept(c: &Context) -> Verdict {
    let topic = c.topic(3)?;
    let records: Vec<_> =
        (0..3_000).map(|number| numbers(&topic, number % 3, number.into(), i64::from(number) + 1).remove(0)).collect();
    let mut producer = c.producer()?;
    // In many batches, as a copy does.
    for (token, chunk) in records.chunks(17).enumerate() {
        c.hand_over(producer.as_mut(), &batch_of(chunk), token as u64)?;
    }
    producer.close(c.wait())?;
    let read = c.read(&topic)?;
    for partition in 0..3 {
        let mine: Vec<_> = read.iter().filter(|record| record.partition == partition).cloned().collect();
        let expected: Vec<_> = (0..1_000).map(|number| (number * 3 + partition).to_string()).collect();
        equal(&values(&mine), &expected, format_args!("the messages of partition {partition}"))?;
        equal(
            &mine.iter().map(|record| record.offset).collect::<Vec<_>>(),
            &(0..1_000).collect::<Vec<_>>(),
            "their offsets",
        )?;
    }
    Ok(())
}

fn from_is_the_first(c: &Context) -> Verdict {
    let topic = c.topic(1)?;
    let batch = batch_of(&numbers(&topic, 0, 0, 10));
    let mut producer = c.producer()?;
    equal(&producer.produce(&batch, 7, 1, c.wait())?, &3, "the messages that were taken from the eighth of ten on")?;
    equal(&producer.produce(&batch, 10, 2, c.wait())?, &0, "the messages that were taken from the end on")?;
    equal(&producer.produce(&Batch::new(), 0, 3, c.wait())?, &0, "the messages that were taken of an empty batch")?;
    let receipts = c.receipts(producer.as_mut())?;
    equal(
        &receipts.iter().map(|receipt| (receipt.token, receipt.count)).collect::<Vec<_>>(),
        &vec![(1, 3)],
        "the token and the count of the reports",
    )?;
    producer.close(c.wait())?;
    equal(&values(&c.read(&topic)?), &texts(7, 10), "what was written")
}

fn batch_is_free(c: &Context) -> Verdict {
    let topic = c.topic(1)?;
    let mut producer = c.producer()?;
    let mut batch = Batch::new();
    for number in 0..100 {
        batch.clear();
        numbers(&topic, 0, number, number + 1).iter().for_each(|record| batch.push(record.as_record()));
        c.hand_over(producer.as_mut(), &batch, 1)?;
        batch.arena().fill(b'!');
    }
    producer.close(c.wait())?;
    equal(&values(&c.read(&topic)?), &texts(0, 100), "what was written")
}

/// Fails unless the reports cover the ordinals 0 to `count - 1` of each token, topic, and partition once.
pub(super) fn check_coverage(receipts: &[Receipt], counts: &BTreeMap<(u64, String, i32), u64>) -> Verdict {
    let mut runs: BTreeMap<(u64, String, i32), Vec<(u64, u64)>> = BTreeMap::new();
    for receipt in receipts {
        check(receipt.count > 0, format_args!("a report covers at least one message: {receipt:?}"))?;
        runs.entry((receipt.token, receipt.topic.clone(), receipt.partition))
            .or_default()
            .push((receipt.first, receipt.count));
    }
    equal(
        &runs.keys().collect::<Vec<_>>(),
        &counts.keys().collect::<Vec<_>>(),
        "tokens, topics, and partitions of the reports",
    )?;
    for (key, runs) in &mut runs {
        runs.sort_unstable();
        let end = runs.iter().try_fold(0, |next, (first, count)| (*first == next).then_some(next + count));
        equal(
            &end,
            &counts.get(key).copied(),
            format_args!("the messages of {key:?} that the reports cover without gap or overlap: {runs:?}"),
        )?;
    }
    Ok(())
}

fn reports_cover(c: &Context) -> Verdict {
    let topics = [c.topic(2)?, c.topic(1)?];
    let mut producer = c.producer()?;
    let (mut counts, mut receipts) = (BTreeMap::new(), Vec::new());
    for token in [7, u64::MAX, 0, 8] {
        let records: Vec<_> = (0..300)
            .map(|number| match number % 5 {
                0 | 3 => message(&topics[0], 0, "a"),
                1 => message(&topics[0], 1, "b"),
                _ => message(&topics[1], 0, "c"),
            })
            .collect();
        for record in &records {
            *counts.entry((token, record.topic.clone(), record.partition)).or_default() += 1;
        }
        // In two parts, which count on.
        let batch = batch_of(&records);
        let taken = producer.produce(&batch, 0, token, c.wait())?;
        check(taken == records.len(), format_args!("{taken} of {} messages were taken", records.len()))?;
        receipts.append(&mut fetch(producer.as_mut(), Duration::ZERO)?);
    }
    receipts.append(&mut c.receipts(producer.as_mut())?);
    producer.close(c.wait())?;
    check_coverage(&receipts, &counts)
}

fn reports_say_offsets(c: &Context) -> Verdict {
    let topic = c.topic(2)?;
    c.write(&numbers(&topic, 1, 0, 5))?;
    let records: Vec<_> =
        (0..1_000).map(|number| message(&topic, i32::from(number % 3 == 0), format!("{number}"))).collect();
    let mut producer = c.producer()?;
    c.hand_over(producer.as_mut(), &batch_of(&records), 1)?;
    let receipts = c.receipts(producer.as_mut())?;
    producer.close(c.wait())?;
    let read = c.read(&topic)?;
    for partition in 0..2 {
        let handed: Vec<_> = records.iter().filter(|record| record.partition == partition).collect();
        for receipt in receipts.iter().filter(|receipt| receipt.partition == partition) {
            let Ok(offset) = receipt.offset else {
                return Err(Failure::new(format_args!("a message failed: {receipt:?}")));
            };
            // Where offsets are not known there is nothing to compare.
            for step in (0..receipt.count).filter(|_| offset >= 0) {
                let stored =
                    read.iter().find(|record| record.partition == partition && record.offset == offset + step as i64);
                let expected = handed.get((receipt.first + step) as usize).map(|record| record.value.as_deref());
                equal(
                    &stored.map(|record| record.value.as_deref()),
                    &expected,
                    format_args!("the message {step} of {receipt:?}"),
                )?;
            }
        }
    }
    Ok(())
}

fn reports_without_flush(c: &Context) -> Verdict {
    let topic = c.topic(1)?;
    let mut producer = c.producer()?;
    c.hand_over(producer.as_mut(), &batch_of(&numbers(&topic, 0, 0, 10)), 1)?;
    let (mut covered, until) = (0, Instant::now() + c.wait());
    while covered < 10 {
        let receipts = fetch(producer.as_mut(), c.wait())?;
        covered += receipts.iter().filter(|receipt| receipt.offset.is_ok()).map(|receipt| receipt.count).sum::<u64>();
        check(
            !receipts.is_empty() && Instant::now() < until,
            format_args!("only {covered} of 10 messages were reported"),
        )?;
    }
    equal(&values(&c.read(&topic)?), &texts(0, 10), "what can be read once it is reported, before flush and close")?;
    producer.close(c.wait())?;
    Ok(())
}

fn reports_of_nothing(c: &Context) -> Verdict {
    let topic = c.topic(1)?;
    let mut producer = c.producer()?;
    let receipts = c.within(Duration::ZERO, "reports of nothing", || fetch(producer.as_mut(), c.wait()))??;
    equal(&receipts, &Vec::new(), "the reports of nothing")?;
    c.hand_over(producer.as_mut(), &batch_of(&[message(&topic, ANY_PARTITION, "v")]), 1)?;
    equal(&c.receipts(producer.as_mut())?.len(), &1, "the reports of one message")?;
    let receipts = c.within(Duration::ZERO, "reports after the last one", || fetch(producer.as_mut(), c.wait()))??;
    equal(&receipts, &Vec::new(), "the reports after the last one")?;
    producer.close(c.wait())?;
    Ok(())
}

fn reports_come_once(c: &Context) -> Verdict {
    let topic = c.topic(1)?;
    let mut producer = c.producer()?;
    for token in 1..4 {
        c.hand_over(producer.as_mut(), &batch_of(&numbers(&topic, 0, 0, 5)), token)?;
        let receipts = c.receipts(producer.as_mut())?;
        check_coverage(&receipts, &BTreeMap::from([((token, topic.clone(), 0), 5)]))?;
        equal(&fetch(producer.as_mut(), Duration::ZERO)?, &Vec::new(), "reports that were fetched before")?;
    }
    producer.close(c.wait())?;
    Ok(())
}

fn flush_is_complete(c: &Context) -> Verdict {
    let topic = c.topic(1)?;
    let mut producer = c.producer()?;
    producer.flush(c.wait())?;
    c.hand_over(producer.as_mut(), &batch_of(&numbers(&topic, 0, 0, 1_000)), 1)?;
    producer.flush(c.wait())?;
    equal(&values(&c.read(&topic)?), &texts(0, 1_000), "what can be read after flush, before close")?;
    check_coverage(&fetch(producer.as_mut(), Duration::ZERO)?, &BTreeMap::from([((1, topic, 0), 1_000)]))?;
    producer.close(c.wait())?;
    Ok(())
}

fn close_flushes(c: &Context) -> Verdict {
    let topic = c.topic(1)?;
    let mut producer = c.producer()?;
    c.hand_over(producer.as_mut(), &batch_of(&numbers(&topic, 0, 0, 100)), 1)?;
    producer.close(c.wait())?;
    check_coverage(&fetch(producer.as_mut(), Duration::ZERO)?, &BTreeMap::from([((1, topic.clone(), 0), 100)]))?;
    equal(&values(&c.read(&topic)?), &texts(0, 100), "what can be read after close")
}

fn nothing_is_dropped(c: &Context) -> Verdict {
    const COUNT: usize = 200;
    let topic = c.topic(1)?;
    let record = |number: usize| message(&topic, 0, format!("{number} {}", "x".repeat(100_000)));
    let batch = batch_of(&(0..COUNT).map(record).collect::<Vec<_>>());
    let mut producer = c.producer()?;
    let (mut from, mut failed, until) = (0, Vec::new(), Instant::now() + c.wait());
    while from < COUNT {
        from += producer.produce(&batch, from, 1, Duration::ZERO)?;
        failed.extend(fetch(producer.as_mut(), Duration::ZERO)?.into_iter().filter(|receipt| receipt.offset.is_err()));
        check(from <= COUNT && Instant::now() < until, format_args!("{from} messages were taken of {COUNT}"))?;
    }
    failed.extend(c.receipts(producer.as_mut())?.into_iter().filter(|receipt| receipt.offset.is_err()));
    equal(&failed, &Vec::new(), "messages that failed")?;
    producer.close(c.wait())?;
    let read: Vec<_> =
        values(&c.read(&topic)?).iter().map(|value| value.split(' ').next().unwrap_or_default().to_string()).collect();
    equal(&read, &texts(0, COUNT as i64), "the messages, in order")
}

fn several_producers(c: &Context) -> Verdict {
    const COUNT: i64 = 300;
    let topic = c.topic(1)?;
    let producers = (0..3).map(|_| c.producer()).collect::<super::check::Checked<Vec<_>>>()?;
    let wait = c.wait();
    let write = |(who, mut producer): (usize, Box<dyn kafi_core::Producer>)| -> kafi_core::Result<()> {
        for number in 0..COUNT {
            let batch = batch_of(&[message(&topic, 0, format!("{who} {number}"))]);
            while producer.produce(&batch, 0, 1, wait)? == 0 {}
            if number % 50 == 0 {
                producer.flush(wait)?;
            }
        }
        producer.close(wait)
    };
    let results = std::thread::scope(|scope| {
        let threads: Vec<_> =
            producers.into_iter().enumerate().map(|producer| scope.spawn(|| write(producer))).collect();
        threads.into_iter().map(|thread| thread.join()).collect::<Vec<_>>()
    });
    for result in results {
        result.map_err(|_| Failure::new("a producer panicked"))??;
    }
    let read = values(&c.read(&topic)?);
    equal(&read.len(), &(3 * COUNT as usize), "the number of messages")?;
    (0..3).try_for_each(|who| {
        let mine: Vec<_> =
            read.iter().filter_map(|value| value.strip_prefix(&format!("{who} "))).map(String::from).collect();
        equal(&mine, &texts(0, COUNT), format_args!("the messages of producer {who}"))
    })
}
