//! What becomes of messages that cannot be written, and of kept offsets.

use std::collections::BTreeMap;
use std::time::Instant;

use kafi_core::{Capabilities, ErrorKind, OwnedRecord, ProducerOptions};

use super::check::{Checked, Verdict, check, equal, refused};
use super::context::{Context, Receipt, batch_of, message, numbers, texts, unique, values};
use super::produce::check_coverage;
use super::{Case, Needs, PLACED, READ_WRITE};

const KEEP: Capabilities = PLACED.union(Capabilities::PRODUCE_KEEP_OFFSETS);
const LIMITED: Capabilities = PLACED.union(Capabilities::ADMIN_CONFIG);
const KEPT: ProducerOptions = ProducerOptions {
    keep_offsets: true,
    keep_timestamps: false,
    compression: None,
    properties: Vec::new(),
    buffer_bytes_max: ProducerOptions::BUFFER_BYTES_MAX,
    transactional_id: None,
};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "missing_topic_is_reported",
        PLACED,
        "A message to a missing topic is reported as NotFound, and makes no topic.",
        missing_topic,
    ),
    Case::new(
        "missing_partition_is_reported",
        PLACED,
        "A message to a missing partition is reported as NotFound.",
        missing_partition,
    ),
    Case::new(
        "failures_are_for_single_messages",
        PLACED,
        "What is wrong with messages of one topic does not keep those of others from being written.",
        single,
    ),
    Case::new(
        "too_large_is_reported",
        LIMITED,
        "A message that is larger than the storage accepts is reported as TooLarge.",
        too_large,
    ),
    Case::new(
        "nothing_follows_a_failure",
        LIMITED,
        "After the first message that fails, no later one of its partition is written that was handed over before the failure was reported.",
        nothing_follows,
    ),
    Case::new(
        "nothing_follows_a_missing_topic",
        PLACED,
        "After a message to a missing topic none is written, though the topic is made meanwhile, before the failure was reported.",
        nothing_follows_missing,
    ),
    Case::new(
        "writing_goes_on_after_a_failure",
        LIMITED,
        "Once a failure was reported, later messages are written.",
        goes_on,
    ),
    Case::new(
        "missing_topic_can_be_made",
        PLACED,
        "Once it was reported, a missing topic can be made and written to.",
        made_later,
    ),
    Case::new(
        "deleted_topic_is_reported",
        PLACED,
        "Each message has exactly one report, also when its topic is deleted while it is written; the ordinals of a token go on.",
        deleted_under,
    ),
    Case::new(
        "topic_made_again_is_reported",
        PLACED,
        "The same when the topic is deleted and made again; once a failure was reported, messages are written to the new topic.",
        made_again_under,
    ),
    Case::new(
        "kept_offsets",
        KEEP,
        "With kept offsets messages are written at their own offsets, with gaps where they have gaps.",
        kept_offsets,
    ),
    Case::new(
        "kept_offsets_only_rise",
        KEEP,
        "Kept offsets must rise within each partition; what does not is refused.",
        only_rise,
    ),
    Case {
        name: "kept_offsets_are_unsupported",
        needs: Needs::Without(READ_WRITE, Capabilities::PRODUCE_KEEP_OFFSETS),
        promise: "A producer that keeps offsets is Unsupported where that is lacking, and the error names storage and operation.",
        run: unsupported,
    },
];

/// Hands over messages and takes their reports, which have to cover each of them once.
fn offer(
    c: &Context,
    producer: &mut dyn kafi_core::Producer,
    records: &[OwnedRecord],
    token: u64,
) -> Checked<Vec<Receipt>> {
    let mut counts = BTreeMap::new();
    for record in records {
        *counts.entry((token, record.topic.clone(), record.partition)).or_default() += 1;
    }
    c.hand_over(producer, &batch_of(records), token)?;
    let receipts = c.receipts(producer)?;
    check_coverage(&receipts, &counts)?;
    Ok(receipts)
}

fn all_failed(receipts: &[Receipt], kind: ErrorKind) -> Verdict {
    check(
        !receipts.is_empty() && receipts.iter().all(|receipt| receipt.offset.is_err()),
        format_args!("all messages failed: {receipts:?}"),
    )?;
    check(
        receipts[0].failed_with(kind),
        format_args!("the first one failed with {kind:?}, which is number {}: {receipts:?}", kind as u32),
    )
}

fn missing_topic(c: &Context) -> Verdict {
    let missing = unique("missing");
    let mut producer = c.producer()?;
    let records: Vec<_> = [-1, 0, 1, 0].iter().map(|partition| message(&missing, *partition, "v")).collect();
    let receipts = offer(c, producer.as_mut(), &records, 9)?;
    check(receipts.iter().all(|receipt| receipt.offset.is_err()), format_args!("all messages failed: {receipts:?}"))?;
    check(
        receipts.iter().any(|receipt| receipt.failed_with(ErrorKind::NotFound)),
        format_args!("one failed with NotFound, which is number 3: {receipts:?}"),
    )?;
    producer.close(c.wait())?;
    refused(
        c.admin()?.topics(&[missing], c.wait()),
        &[ErrorKind::NotFound],
        "to describe a topic that was only written to",
    )?;
    Ok(())
}

fn missing_partition(c: &Context) -> Verdict {
    let topic = c.topic(2)?;
    for partition in [2, 1_000] {
        let mut producer = c.producer()?;
        let receipts = offer(c, producer.as_mut(), &[message(&topic, partition, "v")], 1)?;
        all_failed(&receipts, ErrorKind::NotFound)?;
        let receipts = offer(c, producer.as_mut(), &[message(&topic, 1, "good")], 2)?;
        check(receipts[0].offset.is_ok(), format_args!("a good message after the failure: {receipts:?}"))?;
        producer.close(c.wait())?;
    }
    equal(&values(&c.read(&topic)?), &vec!["good", "good"], "what was written")
}

fn single(c: &Context) -> Verdict {
    let (topic, missing) = (c.topic(1)?, unique("missing"));
    let mut records = numbers(&topic, 0, 0, 20);
    (0..5).for_each(|index| records.insert(index * 4, message(&missing, 0, "v")));
    let mut producer = c.producer()?;
    let receipts = offer(c, producer.as_mut(), &records, 1)?;
    producer.close(c.wait())?;
    check(
        receipts.iter().all(|receipt| receipt.offset.is_err() == (receipt.topic == missing)),
        format_args!("only those failed: {receipts:?}"),
    )?;
    equal(&values(&c.read(&topic)?), &texts(0, 20), "what was written")
}

/// A topic that takes only small messages.
fn small_topic(c: &Context) -> Checked<String> {
    let name = c.topic_name();
    c.admin()?.create_topic(&c.new_topic(&name, 1).config("max.message.bytes", "5000"), c.wait())?;
    Ok(name)
}

/// More than such a topic takes, also when it is compressed.
fn large(topic: &str) -> OwnedRecord {
    let value: Vec<u8> = (0..50_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    message(topic, 0, value)
}

fn too_large(c: &Context) -> Verdict {
    let topic = small_topic(c)?;
    let mut producer = c.producer()?;
    let receipts = offer(c, producer.as_mut(), &[large(&topic)], 1)?;
    producer.close(c.wait())?;
    all_failed(&receipts, ErrorKind::TooLarge)?;
    equal(&c.bounds(&topic, 1)?, &vec![(0, 0)], "the topic is still empty")
}

/// Writes 0 to 4, fails with a large message, and hands over 5 to 99 before the failure is fetched: after it is known,
/// or at once.
fn fail(c: &Context, producer: &mut dyn kafi_core::Producer, topic: &str, at_once: bool) -> Verdict {
    let receipts = offer(c, producer, &numbers(topic, 0, 0, 5), 1)?;
    check(
        receipts.iter().all(|receipt| receipt.offset.is_ok()),
        format_args!("good messages are written: {receipts:?}"),
    )?;
    c.hand_over(producer, &batch_of(&[large(topic)]), 2)?;
    if !at_once {
        producer.flush(c.wait())?;
    }
    c.hand_over(producer, &batch_of(&numbers(topic, 0, 5, 100)), 3)?;
    let receipts = c.receipts(producer)?;
    check_coverage(&receipts, &BTreeMap::from([((2, topic.to_string(), 0), 1), ((3, topic.to_string(), 0), 95)]))?;
    all_failed(&receipts, ErrorKind::TooLarge)
}

fn nothing_follows(c: &Context) -> Verdict {
    for at_once in [false, true] {
        let topic = small_topic(c)?;
        let mut producer = c.producer()?;
        fail(c, producer.as_mut(), &topic, at_once)?;
        producer.close(c.wait())?;
        equal(&values(&c.read(&topic)?), &texts(0, 5), "what was written: nothing after the failure")?;
    }
    Ok(())
}

fn goes_on(c: &Context) -> Verdict {
    let topic = small_topic(c)?;
    let mut producer = c.producer()?;
    fail(c, producer.as_mut(), &topic, false)?;
    let receipts = offer(c, producer.as_mut(), &numbers(&topic, 0, 5, 10), 4)?;
    check(
        receipts.iter().all(|receipt| receipt.offset.is_ok()),
        format_args!("good messages after the failure was reported: {receipts:?}"),
    )?;
    producer.close(c.wait())?;
    equal(&values(&c.read(&topic)?), &texts(0, 10), "what was written before and after")
}

fn nothing_follows_missing(c: &Context) -> Verdict {
    let topic = c.topic_name();
    let mut producer = c.producer()?;
    c.hand_over(producer.as_mut(), &batch_of(&numbers(&topic, 0, 0, 5)), 1)?;
    producer.flush(c.wait())?;
    c.admin()?.create_topic(&c.new_topic(&topic, 1), c.wait())?;
    c.hand_over(producer.as_mut(), &batch_of(&numbers(&topic, 0, 5, 10)), 1)?;
    let receipts = c.receipts(producer.as_mut())?;
    check_coverage(&receipts, &BTreeMap::from([((1, topic.clone(), 0), 10)]))?;
    all_failed(&receipts, ErrorKind::NotFound)?;
    producer.close(c.wait())?;
    equal(&c.bounds(&topic, 1)?, &vec![(0, 0)], "the topic is still empty")
}

fn made_later(c: &Context) -> Verdict {
    let topic = c.topic_name();
    let mut producer = c.producer()?;
    all_failed(&offer(c, producer.as_mut(), &numbers(&topic, 0, 0, 5), 1)?, ErrorKind::NotFound)?;
    c.admin()?.create_topic(&c.new_topic(&topic, 1), c.wait())?;
    let receipts = offer(c, producer.as_mut(), &numbers(&topic, 0, 0, 5), 2)?;
    check(
        receipts.iter().all(|receipt| receipt.offset.is_ok()),
        format_args!("messages after the topic was made: {receipts:?}"),
    )?;
    producer.close(c.wait())?;
    equal(&values(&c.read(&topic)?), &texts(0, 5), "what was written once the topic was there")
}

fn deleted_under(c: &Context) -> Verdict {
    let (topic, mut producer) = go_under(c, false)?;
    producer.close(c.wait())?;
    refused(
        c.admin()?.topics(&[topic], c.wait()),
        &[ErrorKind::NotFound],
        "to describe a topic that was deleted under a producer",
    )?;
    Ok(())
}

fn made_again_under(c: &Context) -> Verdict {
    let (topic, mut producer) = go_under(c, true)?;
    let before = c.bounds(&topic, 1)?[0].1;
    // A server may need a moment until it knows the new topic everywhere.
    let until = Instant::now() + c.wait();
    let mut token = 100;
    loop {
        let receipts = offer(c, producer.as_mut(), &[message(&topic, 0, "later")], token)?;
        if receipts[0].offset.is_ok() {
            break;
        }
        check(Instant::now() < until, format_args!("a message to the new topic: {receipts:?}"))?;
        token += 1;
    }
    producer.close(c.wait())?;
    let after: Vec<_> = c.read(&topic)?.into_iter().filter(|record| record.partition == 0).collect();
    equal(
        &after.last().map(|record| (record.offset, record.value.clone())),
        &Some((before, Some(b"later".to_vec()))),
        "what was written last",
    )
}

/// Deletes a topic under a producer, perhaps makes it again, and checks that each message is reported once.
fn go_under(c: &Context, again: bool) -> Checked<(String, Box<dyn kafi_core::Producer>)> {
    let topic = c.topic(2)?;
    let mut producer = c.producer()?;
    let receipts = offer(c, producer.as_mut(), &numbers(&topic, 0, 0, 5), 1)?;
    check(
        receipts.iter().all(|receipt| receipt.offset.is_ok()),
        format_args!("good messages are written: {receipts:?}"),
    )?;
    let both = |from, to| [numbers(&topic, 0, from, to), numbers(&topic, 1, from, to)].concat();
    c.hand_over(producer.as_mut(), &batch_of(&both(0, 100)), 2)?;
    c.admin()?.delete_topic(&topic, c.wait())?;
    if again {
        c.admin()?.create_topic(&c.new_topic(&topic, 2), c.wait())?;
    }
    c.hand_over(producer.as_mut(), &batch_of(&both(100, 110)), 2)?;
    let receipts = c.receipts(producer.as_mut())?;
    check_coverage(&receipts, &BTreeMap::from([((2, topic.clone(), 0), 110), ((2, topic.clone(), 1), 110)]))?;
    // Of the same token, so that the ordinals go on.
    c.hand_over(producer.as_mut(), &batch_of(&numbers(&topic, 0, 110, 115)), 2)?;
    let receipts = c.receipts(producer.as_mut())?;
    let covered: Vec<u64> = receipts.iter().flat_map(|receipt| receipt.first..receipt.first + receipt.count).collect();
    equal(&covered, &(110..115).collect::<Vec<_>>(), "the ordinals of what came under the same token later")?;
    Ok((topic, producer))
}

fn at_offsets(topic: &str, offsets: &[i64]) -> Vec<OwnedRecord> {
    offsets.iter().map(|offset| OwnedRecord { offset: *offset, ..message(topic, 0, offset.to_string()) }).collect()
}

fn kept_offsets(c: &Context) -> Verdict {
    let topic = c.topic(1)?;
    let offsets = [3, 4, 5, 9, 1_000_000, 1_000_001, 5_000_000_000];
    c.write_with(&KEPT, &at_offsets(&topic, &offsets[..4]))?;
    let mut producer = c.storage.producer(&KEPT)?;
    let receipts = offer(c, producer.as_mut(), &at_offsets(&topic, &offsets[4..]), 1)?;
    producer.close(c.wait())?;
    equal(&receipts[0].offset, &Ok(1_000_000), "the first offset that was reported")?;
    let read = c.read(&topic)?;
    equal(
        &read.iter().map(|record| record.offset).collect::<Vec<_>>(),
        &offsets.to_vec(),
        "the offsets that were read",
    )?;
    equal(&values(&read), &offsets.map(|offset| offset.to_string()).to_vec(), "the messages at these offsets")?;
    equal(&c.bounds(&topic, 1)?[0].1, &5_000_000_001, "the end")?;
    c.write(&[message(&topic, 0, "next")])?;
    equal(
        &c.read(&topic)?.last().map(|record| record.offset),
        &Some(5_000_000_001),
        "the offset of a message that is written without keeping",
    )
}

fn only_rise(c: &Context) -> Verdict {
    for back in [[9, 9], [9, 8], [9, 0], [3, 4]] {
        let topic = c.topic(1)?;
        c.write_with(&KEPT, &at_offsets(&topic, &[0, 5]))?;
        let mut producer = c.storage.producer(&KEPT)?;
        c.hand_over(producer.as_mut(), &batch_of(&at_offsets(&topic, &back)), 1)?;
        let mut receipts = c.receipts(producer.as_mut())?;
        receipts.sort();
        producer.close(c.wait())?;
        check(
            receipts.last().is_some_and(|receipt| receipt.failed_with(ErrorKind::OutOfRange)),
            format_args!("{back:?} after 5 is refused: {receipts:?}"),
        )?;
        let written: Vec<i64> = c.read(&topic)?.iter().map(|record| record.offset).collect();
        let reported = receipts
            .iter()
            .filter(|receipt| receipt.offset.is_ok())
            .flat_map(|receipt| (0..receipt.count).map(|step| back[step as usize]));
        equal(
            &written,
            &[0, 5].into_iter().chain(reported).collect::<Vec<_>>(),
            "what was written is what was reported",
        )?;
    }
    Ok(())
}

fn unsupported(c: &Context) -> Verdict {
    let error = refused(c.storage.producer(&KEPT), &[ErrorKind::Unsupported], "to keep offsets")?;
    check(error.to_string().contains(c.storage.name()), format_args!("the error names the storage: {error}"))
}
