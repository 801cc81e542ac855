//! Writing in transactions.

use std::thread;
use std::time::{Duration, Instant};

use kafi_core::{
    Capabilities, CommittedOffset, Consumer, ConsumerOptions, ErrorKind, GroupMetadata, Isolation, OwnedRecord,
    Producer, ProducerOptions, TopicPartition,
};

use super::check::{Checked, Verdict, check, equal, refused};
use super::context::{Context, assignment, batch_of, message, numbers, offset, partition, texts, unique, values};
use super::{Case, GROUPED, Needs, PLACED};

const WRITES: Capabilities = PLACED.union(Capabilities::PRODUCE_TRANSACTIONS).union(Capabilities::CONSUME_TRANSACTIONS);
const COMMITS: Capabilities = WRITES.union(GROUPED);

pub(super) const CASES: &[Case] = &[
    Case {
        name: "transactions_are_unsupported",
        needs: Needs::Without(PLACED, Capabilities::PRODUCE_TRANSACTIONS),
        promise: "A storage without transactions refuses a producer that asks for them, as Unsupported.",
        run: unsupported,
    },
    Case::new(
        "transactions_appear_whole",
        WRITES,
        "Who reads committed messages sees those of a transaction once it is committed, in all partitions, and not before.",
        appear_whole,
    ),
    Case::new(
        "aborted_transactions_are_not_read",
        WRITES,
        "Who reads committed messages never sees those of an aborted transaction; the next transaction is one like any other.",
        aborted,
    ),
    Case::new(
        "offsets_are_committed_with_the_transaction",
        COMMITS,
        "Offsets that were sent to a transaction are committed with it, with what is kept beside them, or not at all.",
        offsets,
    ),
    Case::new(
        "offsets_are_those_of_a_member",
        COMMITS,
        "Offsets of a member that the group no longer knows are Cancelled: the transaction is aborted, and the next one may begin.",
        lost_member,
    ),
    Case::new(
        "later_producers_fence_earlier_ones",
        WRITES,
        "A producer is Fenced by a later one with its transactional id, and what it left open is aborted.",
        fencing,
    ),
    Case::new(
        "open_transactions_do_not_outlive_their_producer",
        WRITES,
        "What a producer left open that is gone is aborted when the next one with its transactional id begins.",
        left_open,
    ),
    Case::new(
        "failed_messages_spoil_the_transaction",
        WRITES,
        "After a message that failed the transaction is not committed (Cancelled), but aborted, and the next one may begin.",
        spoiled,
    ),
    Case::new(
        "too_large_messages_spoil_the_transaction",
        WRITES.union(Capabilities::ADMIN_CONFIG),
        "A message that is too large is reported as such, those behind it are reported as well, and its transaction is aborted as a whole.",
        too_large,
    ),
    Case::new(
        "transactions_have_an_order",
        WRITES,
        "Nothing is written outside of a transaction, and a call that does not fit is Usage.",
        order,
    ),
];

/// A producer that is ready for transactions.
fn ready(c: &Context, id: &str) -> Checked<Box<dyn Producer>> {
    let mut producer = made(c, id)?;
    producer.init_transactions(c.wait())?;
    Ok(producer)
}

fn made(c: &Context, id: &str) -> Checked<Box<dyn Producer>> {
    let options = ProducerOptions { transactional_id: Some(id.to_string()), ..ProducerOptions::default() };
    Ok(c.storage.producer(&options)?)
}

/// Writes messages into the transaction that is open, and waits for their reports.
fn write(c: &Context, producer: &mut dyn Producer, records: &[OwnedRecord], token: u64) -> Verdict {
    c.hand_over(producer, &batch_of(records), token)?;
    let receipts = c.receipts(producer)?;
    check(receipts.iter().all(|receipt| receipt.offset.is_ok()), format_args!("messages failed: {receipts:?}"))
}

/// The values that can be read of a partition now.
fn readable(c: &Context, topic: &str, number: i32, isolation: Isolation) -> Checked<Vec<String>> {
    let marks = c.admin()?.watermarks(&[partition(topic, number)], isolation, c.wait())?;
    let options = ConsumerOptions { isolation, ..ConsumerOptions::default() };
    Ok(values(&c.read_assigned(&options, &[assignment(topic, number, 0, Some(marks[0].high))])?))
}

/// Waits until these are the values of a partition that are committed, which follows the commit by a moment.
fn are_committed(c: &Context, topic: &str, number: i32, expected: &[String]) -> Verdict {
    let until = Instant::now() + c.wait();
    loop {
        let found = readable(c, topic, number, Isolation::ReadCommitted)?;
        if found == expected || Instant::now() >= until {
            return equal(&found, expected, "what is committed");
        }
        thread::sleep(Duration::from_millis(20));
    }
}

fn unsupported(c: &Context) -> Verdict {
    let error = refused(
        c.storage.producer(&ProducerOptions { transactional_id: Some("id".into()), ..ProducerOptions::default() }),
        &[ErrorKind::Unsupported],
        "to make a producer with a transactional id",
    )?;
    check(error.to_string().contains(c.storage.name()), format_args!("the error names the storage: {error}"))?;
    refused(
        c.producer()?.init_transactions(c.wait()),
        &[ErrorKind::Unsupported],
        "transactions of a producer that has none",
    )?;
    refused(c.consumer()?.group_metadata(), &[ErrorKind::Unsupported], "to ask for the member of a group").map(drop)
}

fn appear_whole(c: &Context) -> Verdict {
    let (topic, id) = (c.topic(2)?, unique("id"));
    let mut producer = ready(c, &id)?;
    for round in 0..3 {
        let (from, to) = (round * 5, round * 5 + 5);
        producer.begin_transaction()?;
        for number in 0..2 {
            write(c, producer.as_mut(), &numbers(&topic, number, from, to), (round * 2) as u64 + number as u64 + 1)?;
        }
        for number in 0..2 {
            are_committed(c, &topic, number, &texts(0, from))?;
            let all = readable(c, &topic, number, Isolation::ReadUncommitted)?;
            equal(&all, &texts(0, to), "what is there before the transaction is committed")?;
        }
        producer.commit_transaction(c.wait())?;
        for number in 0..2 {
            are_committed(c, &topic, number, &texts(0, to))?;
        }
    }
    producer.close(c.wait())?;
    Ok(())
}

fn aborted(c: &Context) -> Verdict {
    let (topic, id) = (c.topic(1)?, unique("id"));
    let mut producer = ready(c, &id)?;
    for (round, commits) in [true, false, false, true].into_iter().enumerate() {
        let from = round as i64 * 3;
        producer.begin_transaction()?;
        write(c, producer.as_mut(), &numbers(&topic, 0, from, from + 3), round as u64 + 1)?;
        if commits { producer.commit_transaction(c.wait())? } else { producer.abort_transaction(c.wait())? }
    }
    // One that is empty, and one of which nothing may have been sent.
    producer.begin_transaction()?;
    producer.abort_transaction(c.wait())?;
    producer.begin_transaction()?;
    c.hand_over(producer.as_mut(), &batch_of(&numbers(&topic, 0, 100, 150)), 9)?;
    producer.abort_transaction(c.wait())?;
    let count: u64 = c.receipts(producer.as_mut())?.iter().map(|receipt| receipt.count).sum();
    equal(&count, &50, "the messages of an aborted transaction that are reported")?;
    let expected: Vec<String> = texts(0, 3).into_iter().chain(texts(9, 12)).collect();
    are_committed(c, &topic, 0, &expected)?;
    let all = readable(c, &topic, 0, Isolation::ReadUncommitted)?;
    check(all.starts_with(&texts(0, 12)), "who reads uncommitted messages sees the aborted ones, too")?;
    producer.close(c.wait())?;
    Ok(())
}

/// The committed offsets of the first two partitions of a topic.
fn offsets_of(c: &Context, group: &str, topic: &str) -> Checked<Vec<CommittedOffset>> {
    let mut member = c.member(group)?;
    let asked: Vec<TopicPartition> = (0..2).map(|number| partition(topic, number)).collect();
    let committed = member.committed(&asked, c.wait())?;
    member.close(c.wait())?;
    Ok(committed)
}

/// A member of a group, once it has its share, and how it is known.
fn joined(c: &Context, group: &str, topic: &str) -> Checked<(Box<dyn Consumer>, GroupMetadata)> {
    let mut member = super::groups::joined(c, group, &[topic])?;
    c.read_some(member.as_mut(), 1)?;
    let metadata = member.group_metadata()?;
    equal(&metadata.group, group, "the group of a member")?;
    Ok((member, metadata))
}

fn offsets(c: &Context) -> Verdict {
    let (topic, output, group) = (c.topic(2)?, c.topic(1)?, c.group());
    c.write(&numbers(&topic, 0, 0, 10))?;
    let (mut member, metadata) = joined(c, &group, &topic)?;
    let mut producer = ready(c, &unique("id"))?;
    let first = [offset(&topic, 0, 3), CommittedOffset { metadata: "beside".into(), ..offset(&topic, 1, 7) }];
    for (token, (sent, commits)) in
        [(first.to_vec(), true), (vec![offset(&topic, 0, 9)], false), (vec![offset(&topic, 0, 5)], true)]
            .into_iter()
            .enumerate()
    {
        producer.begin_transaction()?;
        write(c, producer.as_mut(), &numbers(&output, 0, token as i64, token as i64 + 1), token as u64 + 1)?;
        producer.send_offsets_to_transaction(&sent, &metadata, c.wait())?;
        if commits {
            producer.commit_transaction(c.wait())?
        } else {
            producer.abort_transaction(c.wait())?
        }
        let mut expected = first.to_vec();
        expected[0].offset = if token == 2 { 5 } else { 3 };
        let found: Vec<_> = offsets_of(c, &group, &topic)?
            .into_iter()
            .map(|found| CommittedOffset { leader_epoch: None, ..found })
            .collect();
        equal(&found, &expected, "the committed offsets")?;
    }
    are_committed(c, &output, 0, &["0".into(), "2".into()])?;
    member.close(c.wait())?;
    // A group without members takes the offsets of whoever names it.
    let nobody = c.member(&group)?.group_metadata()?;
    check(nobody.member.is_empty() && nobody.generation < 0, format_args!("{nobody:?} is no member"))?;
    producer.begin_transaction()?;
    producer.send_offsets_to_transaction(&[offset(&topic, 0, 8)], &nobody, c.wait())?;
    producer.commit_transaction(c.wait())?;
    equal(&offsets_of(c, &group, &topic)?[0].offset, &8, "the offset that nobody's transaction has committed")?;
    producer.close(c.wait())?;
    Ok(())
}

fn lost_member(c: &Context) -> Verdict {
    let (topic, output, group) = (c.topic(2)?, c.topic(1)?, c.group());
    c.write(&numbers(&topic, 0, 0, 3))?;
    let (mut member, metadata) = joined(c, &group, &topic)?;
    let mut producer = ready(c, &unique("id"))?;
    member.close(c.wait())?;
    // Only now is the member one that the group does not know.
    let (mut next, now) = joined(c, &group, &topic)?;
    producer.begin_transaction()?;
    write(c, producer.as_mut(), &numbers(&output, 0, 0, 3), 1)?;
    refused(
        producer.send_offsets_to_transaction(&[offset(&topic, 0, 3)], &metadata, c.wait()),
        &[ErrorKind::Cancelled],
        "offsets of a member that has left",
    )?;
    refused(producer.commit_transaction(c.wait()), &[ErrorKind::Cancelled], "to commit after that")?;
    producer.abort_transaction(c.wait())?;
    producer.begin_transaction()?;
    write(c, producer.as_mut(), &numbers(&output, 0, 3, 5), 2)?;
    producer.send_offsets_to_transaction(&[offset(&topic, 0, 2)], &now, c.wait())?;
    producer.commit_transaction(c.wait())?;
    are_committed(c, &output, 0, &texts(3, 5))?;
    equal(&offsets_of(c, &group, &topic)?[0].offset, &2, "the committed offset")?;
    next.close(c.wait())?;
    producer.close(c.wait())?;
    Ok(())
}

fn fencing(c: &Context) -> Verdict {
    let (topic, id) = (c.topic(1)?, unique("id"));
    let mut first = ready(c, &id)?;
    first.begin_transaction()?;
    write(c, first.as_mut(), &numbers(&topic, 0, 0, 3), 1)?;
    let mut second = ready(c, &id)?;
    refused(first.commit_transaction(c.wait()), &[ErrorKind::Fenced], "to commit after a later producer came")?;
    refused(first.abort_transaction(c.wait()), &[ErrorKind::Fenced], "to abort after that")?;
    second.begin_transaction()?;
    write(c, second.as_mut(), &numbers(&topic, 0, 3, 5), 1)?;
    second.commit_transaction(c.wait())?;
    are_committed(c, &topic, 0, &texts(3, 5))?;
    drop(first);
    second.close(c.wait())?;
    Ok(())
}

fn left_open(c: &Context) -> Verdict {
    let (topic, id) = (c.topic(1)?, unique("id"));
    let mut first = ready(c, &id)?;
    first.begin_transaction()?;
    write(c, first.as_mut(), &numbers(&topic, 0, 0, 3), 1)?;
    drop(first);
    let mut second = ready(c, &id)?;
    second.begin_transaction()?;
    write(c, second.as_mut(), &numbers(&topic, 0, 3, 5), 1)?;
    second.commit_transaction(c.wait())?;
    are_committed(c, &topic, 0, &texts(3, 5))?;
    second.close(c.wait())?;
    Ok(())
}

fn spoiled(c: &Context) -> Verdict {
    let topic = &c.topic(1)?;
    let mut producer = ready(c, &unique("id"))?;
    producer.begin_transaction()?;
    write(c, producer.as_mut(), &numbers(topic, 0, 0, 3), 1)?;
    c.hand_over(producer.as_mut(), &batch_of(&[message(&unique("missing"), 0, "x")]), 2)?;
    let receipts = c.receipts(producer.as_mut())?;
    check(receipts.iter().any(|receipt| receipt.failed_with(ErrorKind::NotFound)), format_args!("{receipts:?}"))?;
    // What comes behind it is not written either.
    c.hand_over(producer.as_mut(), &batch_of(&numbers(topic, 0, 3, 5)), 3)?;
    let receipts = c.receipts(producer.as_mut())?;
    check(receipts.iter().all(|receipt| receipt.offset.is_err()), format_args!("{receipts:?}: some were written"))?;
    refused(producer.commit_transaction(c.wait()), &[ErrorKind::Cancelled], "to commit after a failure")?;
    producer.abort_transaction(c.wait())?;
    producer.begin_transaction()?;
    write(c, producer.as_mut(), &numbers(topic, 0, 5, 8), 4)?;
    producer.commit_transaction(c.wait())?;
    are_committed(c, topic, 0, &texts(5, 8))?;
    producer.close(c.wait())?;
    Ok(())
}

fn too_large(c: &Context) -> Verdict {
    let small = || -> Checked<String> {
        let topic = c.topic_name();
        c.admin()?.create_topic(&c.new_topic(&topic, 1).config("max.message.bytes", "2000"), c.wait())?;
        Ok(topic)
    };
    takes_small_batches(c, &small()?)?;
    let topic = small()?;
    let mut producer = ready(c, &unique("id"))?;
    producer.begin_transaction()?;
    let mut batch = numbers(&topic, 0, 0, 10);
    batch.insert(5, message(&topic, 0, noise(5_000)));
    let batch = batch_of(&batch);
    // The first answer may be that the topic takes smaller batches than the producer makes.
    if let Err(error) = producer.produce(&batch, 0, 1, c.wait()) {
        equal(&error.kind(), &ErrorKind::Cancelled, "why it is not taken")?;
        producer.abort_transaction(c.wait())?;
        producer.begin_transaction()?;
        c.hand_over(producer.as_mut(), &batch, 2)?;
    }
    // Those behind it, too, are reported while the transaction is open.
    let receipts = c.receipts(producer.as_mut())?;
    check(receipts.iter().any(|receipt| receipt.failed_with(ErrorKind::TooLarge)), format_args!("{receipts:?}"))?;
    refused(producer.commit_transaction(c.wait()), &[ErrorKind::Cancelled], "to commit after a failure")?;
    producer.abort_transaction(c.wait())?;
    producer.begin_transaction()?;
    write(c, producer.as_mut(), &numbers(&topic, 0, 5, 8), 4)?;
    producer.commit_transaction(c.wait())?;
    are_committed(c, &topic, 0, &texts(5, 8))?;
    producer.close(c.wait())?;
    Ok(())
}

/// Bytes that do not compress.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 88_172_645_463_325_252u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}

/// A producer may ask for the transaction to be done again where a topic takes smaller batches than it makes.
fn takes_small_batches(c: &Context, topic: &str) -> Verdict {
    let mut producer = ready(c, &unique("id"))?;
    let batch = batch_of(
        &numbers(topic, 0, 0, 50)
            .into_iter()
            .map(|record| OwnedRecord { key: Some(noise(200)), ..record })
            .collect::<Vec<_>>(),
    );
    for _ in 0..3 {
        producer.begin_transaction()?;
        match producer.produce(&batch, 0, 1, c.wait()) {
            Ok(taken) => {
                equal(&taken, &50, "the messages that were taken")?;
                producer.commit_transaction(c.wait())?;
                are_committed(c, topic, 0, &texts(0, 50))?;
                producer.close(c.wait())?;
                return Ok(());
            }
            Err(error) => {
                equal(&error.kind(), &ErrorKind::Cancelled, "why it is not taken")?;
                producer.abort_transaction(c.wait())?;
            }
        }
    }
    check(false, "small batches are never taken")
}

fn order(c: &Context) -> Verdict {
    let topic = c.topic(1)?;
    let batch = batch_of(&numbers(&topic, 0, 0, 3));
    let mut plain = c.producer()?;
    refused(plain.init_transactions(c.wait()), &[ErrorKind::Usage], "transactions without an id")?;
    let mut producer = made(c, &unique("id"))?;
    refused(producer.begin_transaction(), &[ErrorKind::Usage], "to begin before init")?;
    refused(producer.produce(&batch, 0, 1, c.wait()), &[ErrorKind::Usage], "to produce before init")?;
    producer.init_transactions(c.wait())?;
    refused(producer.init_transactions(c.wait()), &[ErrorKind::Usage], "to initialise twice")?;
    refused(producer.produce(&batch, 0, 1, c.wait()), &[ErrorKind::Usage], "to produce outside of a transaction")?;
    refused(producer.commit_transaction(c.wait()), &[ErrorKind::Usage], "to commit what is not open")?;
    refused(producer.abort_transaction(c.wait()), &[ErrorKind::Usage], "to abort what is not open")?;
    producer.begin_transaction()?;
    refused(producer.begin_transaction(), &[ErrorKind::Usage], "to begin twice")?;
    write(c, producer.as_mut(), &numbers(&topic, 0, 0, 3), 2)?;
    // A time-out that is over may be too short, and the same call goes on.
    while let Err(error) = producer.commit_transaction(Duration::from_millis(1)) {
        check(matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Unavailable), format_args!("{error:?}"))?;
    }
    are_committed(c, &topic, 0, &texts(0, 3))?;
    producer.close(c.wait())?;
    Ok(())
}
