//! Reading a topic that was there before: for storages that cannot write one themselves.

use kafi_core::{
    Assignment, Batch, Capabilities, Consumer, ConsumerOptions, ErrorKind, Isolation, Polled, ProducerOptions,
};

use super::Case;
use super::check::{Verdict, check, equal, refused};
use super::context::{Context, SHORT, assignment, partition, poll, position, unique};

pub(super) const CASES: &[Case] = &[
    Case::of_sample(
        "is_listed",
        "topics lists the topic, alone and among all, and a missing one is NotFound.",
        is_listed,
    ),
    Case::of_sample("is_read_whole", "Everything between the watermarks is read, the same each time.", is_read_whole),
    Case::of_sample(
        "ends_are_exact",
        "Nothing at or after the end is delivered, and everything before it.",
        ends_are_exact,
    ),
    Case::of_sample(
        "starts_are_exact",
        "The first message is the one at the start; a start outside of the log is OutOfRange.",
        starts_are_exact,
    ),
    Case::of_sample(
        "limits_are_kept",
        "A batch is filled up to its limits, but with at least one message.",
        limits_are_kept,
    ),
    Case::of_sample(
        "seek_moves",
        "seek moves to another offset, and is NotFound where the partition is not assigned.",
        seek_moves,
    ),
    Case::of_sample(
        "positions_are_next",
        "positions are the next offsets, past everything that was returned.",
        positions_are_next,
    ),
    Case::of_sample(
        "without_end_waits",
        "Without an end a poll at the end of the log waits for its time-out.",
        without_end_waits,
    ),
    Case::of_sample("missing_is_not_found", "A missing topic or partition is NotFound.", missing_is_not_found),
    Case::of_sample(
        "what_lacks_is_unsupported",
        "An operation whose capability is missing is Unsupported.",
        what_lacks_is_unsupported,
    ),
    Case::of_sample(
        "closed_consumers_refuse",
        "A closed consumer reads nothing more, and can be closed twice.",
        closed_consumers_refuse,
    ),
];

fn assigned(c: &Context, assignments: &[Assignment]) -> super::check::Checked<Box<dyn Consumer>> {
    let mut consumer = c.consumer()?;
    consumer.assign(assignments, c.wait())?;
    Ok(consumer)
}

fn is_listed(c: &Context) -> Verdict {
    let mut admin = c.admin()?;
    let topics = admin.topics(&[c.sample().to_string()], c.wait())?;
    equal(&topics.len(), &1, "the number of topics of this name")?;
    let all = admin.topics(&[], c.wait())?;
    check(all.contains(&topics[0]), format_args!("all topics have it: {all:?}"))?;
    check(all.is_sorted_by_key(|topic| &topic.name), "topics are sorted by name")?;
    refused(admin.topics(&[unique("missing")], c.wait()), &[ErrorKind::NotFound], "topics of a missing topic").map(drop)
}

fn is_read_whole(c: &Context) -> Verdict {
    let whole = c.whole(c.sample())?;
    let read = c.read(c.sample())?;
    check(read.len() >= 3, format_args!("the sample has {} messages, at least 3 are needed", read.len()))?;
    for record in &read {
        let within = whole.iter().any(|part| {
            part.partition == record.partition && (part.start..part.end.unwrap_or(i64::MAX)).contains(&record.offset)
        });
        check(
            record.topic == c.sample() && within,
            format_args!("a message lies outside of what was asked for: {record:?}"),
        )?;
    }
    equal(&c.read(c.sample())?, &read, "the messages, read a second time")
}

/// Each partition cut in the middle.
fn halves(whole: &[Assignment]) -> (Vec<Assignment>, Vec<Assignment>) {
    let cut = |part: &Assignment| {
        let end = part.end.unwrap_or(part.start);
        let middle = part.start + (end - part.start) / 2;
        (Assignment { end: Some(middle), ..part.clone() }, Assignment { start: middle, ..part.clone() })
    };
    whole.iter().map(cut).unzip()
}

fn ends_are_exact(c: &Context) -> Verdict {
    let (first, second) = halves(&c.whole(c.sample())?);
    let mut read = c.read_assigned(&ConsumerOptions::default(), &first)?;
    read.extend(c.read_assigned(&ConsumerOptions::default(), &second)?);
    read.sort_by_key(|record| (record.partition, record.offset));
    equal(&read, &c.read(c.sample())?, "both halves together")
}

fn starts_are_exact(c: &Context) -> Verdict {
    for record in c.read(c.sample())?.iter().take(10) {
        let one = [assignment(c.sample(), record.partition, record.offset, Some(record.offset + 1))];
        equal(
            &c.read_assigned(&ConsumerOptions::default(), &one)?,
            &vec![record.clone()],
            "one message by its offset",
        )?;
    }
    let part = &c.whole(c.sample())?[0];
    let behind = assignment(c.sample(), part.partition, part.end.unwrap_or(0) + 1, None);
    refused(c.consumer()?.assign(&[behind], c.wait()), &[ErrorKind::OutOfRange], "a start behind the end").map(drop)
}

fn limits_are_kept(c: &Context) -> Verdict {
    let whole = c.read(c.sample())?;
    for mut batch in [Batch::with_limits(1, 1 << 20), Batch::with_limits(1_000, 1)] {
        let mut consumer = assigned(c, &c.whole(c.sample())?)?;
        let mut count = 0;
        while c.poll(consumer.as_mut(), &mut batch)? == Polled::Records {
            equal(&batch.len(), &1, "the messages of a batch that takes one")?;
            count += 1;
        }
        equal(&count, &whole.len(), "the number of batches")?;
    }
    Ok(())
}

fn seek_moves(c: &Context) -> Verdict {
    let whole = c.read(c.sample())?;
    let mut consumer = assigned(c, &c.whole(c.sample())?)?;
    c.read_to_end(consumer.as_mut())?;
    let (last, first) = (&whole[whole.len() - 1], &whole[0]);
    for record in [last, first, last] {
        consumer.seek(&position(c.sample(), record.partition, record.offset), c.wait())?;
        let again = c.read_to_end(consumer.as_mut())?;
        equal(&again.first(), &Some(record), "the message after a seek to it")?;
    }
    let elsewhere = position(&unique("missing"), 0, 0);
    refused(consumer.seek(&elsewhere, c.wait()), &[ErrorKind::NotFound], "a seek where nothing is assigned").map(drop)
}

fn positions_are_next(c: &Context) -> Verdict {
    let whole = c.whole(c.sample())?;
    let mut consumer = assigned(c, &whole)?;
    let of = |consumer: &dyn Consumer| {
        let mut positions = consumer.positions();
        positions.sort();
        positions
    };
    equal(
        &of(consumer.as_ref()),
        &whole.iter().map(|part| position(c.sample(), part.partition, part.start)).collect::<Vec<_>>(),
        "the positions at the start",
    )?;
    c.read_to_end(consumer.as_mut())?;
    let ends: Vec<_> = whole.iter().map(|part| position(c.sample(), part.partition, part.end.unwrap_or(0))).collect();
    equal(&of(consumer.as_ref()), &ends, "the positions at the end")
}

fn without_end_waits(c: &Context) -> Verdict {
    let ends: Vec<_> = c
        .whole(c.sample())?
        .into_iter()
        .map(|part| Assignment { start: part.end.unwrap_or(0), end: None, ..part })
        .collect();
    let mut consumer = assigned(c, &ends)?;
    let mut batch = Batch::new();
    let polled = c.within(SHORT, "a poll at the end", || poll(consumer.as_mut(), &mut batch, SHORT))??;
    equal(&polled, &Polled::Timeout, "a poll at the end of the log")
}

fn missing_is_not_found(c: &Context) -> Verdict {
    let missing = unique("missing");
    let (mut consumer, mut admin) = (c.consumer()?, c.admin()?);
    for (topic, number) in [(missing.as_str(), 0), (c.sample(), 1_000_000)] {
        refused(consumer.assign(&[assignment(topic, number, 0, None)], c.wait()), &[ErrorKind::NotFound], "assign")?;
        refused(
            admin.watermarks(&[partition(topic, number)], Isolation::ReadCommitted, c.wait()),
            &[ErrorKind::NotFound],
            "watermarks",
        )?;
    }
    Ok(())
}

fn what_lacks_is_unsupported(c: &Context) -> Verdict {
    let only = &[ErrorKind::Unsupported];
    if !c.has(Capabilities::PRODUCE) {
        refused(c.storage.producer(&ProducerOptions::default()).map(drop), only, "a producer")?;
    }
    let mut admin = c.admin()?;
    if !c.has(Capabilities::ADMIN_TOPICS) {
        refused(admin.create_topic(&c.new_topic(&unique("topic"), 1), c.wait()), only, "create_topic")?;
        refused(admin.delete_topic(&unique("topic"), c.wait()), only, "delete_topic")?;
    }
    if !c.has(Capabilities::ADMIN_GROUPS) {
        refused(admin.groups(c.wait()), only, "groups")?;
    }
    if !c.has(Capabilities::ADMIN_DELETE_RECORDS) {
        refused(admin.delete_records(&[position(c.sample(), 0, 1)], c.wait()), only, "delete_records")?;
    }
    if c.has(Capabilities::CONSUME_GROUP) {
        return Ok(());
    }
    let options = ConsumerOptions { group: Some(unique("group")), ..ConsumerOptions::default() };
    match c.storage.consumer(&options) {
        Ok(mut consumer) => {
            refused(consumer.subscribe(&[c.sample().to_string()], c.wait()), only, "subscribe").map(drop)
        }
        Err(error) => refused(Err::<(), _>(error), only, "a consumer with a group").map(drop),
    }
}

fn closed_consumers_refuse(c: &Context) -> Verdict {
    let mut consumer = assigned(c, &c.whole(c.sample())?)?;
    let mut batch = Batch::new();
    c.poll(consumer.as_mut(), &mut batch)?;
    consumer.close(c.wait())?;
    check(consumer.poll(&mut batch, SHORT).is_err(), "a closed consumer reads")?;
    consumer.close(c.wait())?;
    Ok(())
}
