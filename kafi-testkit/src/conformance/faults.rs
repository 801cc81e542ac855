//! What can be seen of faults through the traits alone: servers that do not answer, closed handles, bad options, and
//! time-outs of every length.

use std::time::Duration;

use kafi_core::{
    Batch, Capabilities, ConsumerOptions, Error, ErrorKind, Isolation, NewTopic, Polled, ProducerOptions, Result,
};

use super::check::{Verdict, check, equal, refused};
use super::context::{
    Context, assignment, batch_of, fetch, message, numbers, offset, partition, position, texts, unique, values,
};
use super::{Case, Needs, PLACED, READ_WRITE};

const GROUPS: Capabilities = super::GROUPED.union(Capabilities::ADMIN_GROUPS);

pub(super) const CASES: &[Case] = &[
    unreachable(
        "opening_does_not_wait",
        "Opening a storage, and making a consumer, a producer, and an admin client, does not wait for a server.",
        opening,
    ),
    unreachable("identity_keeps_its_timeout", "identity keeps its time-out, and is Unavailable or Timeout.", identity),
    unreachable(
        "admin_keeps_its_timeouts",
        "Every admin call keeps its time-out, and is Unavailable or Timeout.",
        admin,
    ),
    unreachable(
        "consumers_keep_their_timeouts",
        "Every call of a consumer keeps its time-out, and is Unavailable or Timeout.",
        consumers,
    ),
    unreachable(
        "producers_keep_their_timeouts",
        "Every call of a producer keeps its time-out, and none says that a message was written.",
        producers,
    ),
    unreachable("drop_does_not_wait", "Dropping a consumer or a producer never blocks.", drop_unreachable),
    Case::new(
        "drop_returns",
        PLACED,
        "Dropping a consumer or a producer without closing it never blocks.",
        drop_returns,
    ),
    Case::new("closed_consumers_refuse", PLACED, "A closed consumer reads nothing more.", closed_consumers),
    Case::new("closed_producers_refuse", PLACED, "A closed producer takes nothing more.", closed_producers),
    Case::new("closing_twice_is_fine", PLACED, "close can be called again.", closing_twice),
    Case::new(
        "unassigned_consumers_refuse",
        PLACED,
        "A consumer without an assignment has no positions, and poll is an error.",
        unassigned,
    ),
    Case::new(
        "unknown_properties_are_refused",
        READ_WRITE,
        "A bad property is Config, or Unsupported where there are none.",
        unknown_properties,
    ),
    Case::new(
        "zero_timeouts",
        GROUPS,
        "With a time-out of 0 a call succeeds at once, or is Timeout or Unavailable.",
        zero_timeouts,
    ),
    Case::new("endless_timeouts", PLACED, "The longest time-out is a time-out like any other.", endless_timeouts),
    Case::new("threads_share_a_storage", PLACED, "A storage is shared freely between threads.", threads_share),
    Case::new(
        "errors_are_one_line",
        PLACED,
        "An error is one line that names the operation and what it was about.",
        errors_are_one_line,
    ),
];

/// How long calls to a server that does not answer may take.
const TIMEOUT: Duration = Duration::from_secs(1);

/// What a call to such a server fails with.
const GONE: &[ErrorKind] = &[ErrorKind::Unavailable, ErrorKind::Timeout];

const fn unreachable(name: &'static str, promise: &'static str, run: fn(&Context) -> Verdict) -> Case {
    Case { name, needs: Needs::Unreachable, promise, run }
}

/// Makes a call that cannot succeed, and checks that it comes back in time with the right kind.
fn gone<T>(c: &Context, what: &str, call: impl FnOnce() -> Result<T>) -> Verdict {
    let error: Error = refused(c.within(TIMEOUT, what, call)?, GONE, what)?;
    check(!error.to_string().is_empty(), format_args!("{what} says why"))
}

fn opening(c: &Context) -> Verdict {
    let storage = c.within(Duration::ZERO, "open", || c.unreachable())??;
    c.within(Duration::ZERO, "consumer", || storage.consumer(&ConsumerOptions::default()))??;
    c.within(Duration::ZERO, "producer", || storage.producer(&ProducerOptions::default()))??;
    c.within(Duration::ZERO, "admin", || storage.admin())??;
    equal(&storage.capabilities(), &c.storage.capabilities(), "the capabilities, which need no server")
}

fn identity(c: &Context) -> Verdict {
    let storage = c.unreachable()?;
    gone(c, "identity", || storage.identity(TIMEOUT))
}

fn admin(c: &Context) -> Verdict {
    let mut admin = c.unreachable()?.admin()?;
    gone(c, "topics of all names", || admin.topics(&[], TIMEOUT))?;
    gone(c, "topics", || admin.topics(&["t".into()], TIMEOUT))?;
    gone(c, "create_topic", || admin.create_topic(&NewTopic::new("t"), TIMEOUT))?;
    gone(c, "delete_topic", || admin.delete_topic("t", TIMEOUT))?;
    gone(c, "watermarks", || admin.watermarks(&[partition("t", 0)], Isolation::ReadCommitted, TIMEOUT))?;
    if c.has(Capabilities::ADMIN_PARTITIONS) {
        gone(c, "create_partitions", || admin.create_partitions("t", 3, TIMEOUT))?;
    }
    if c.has(Capabilities::ADMIN_TIMES) {
        gone(c, "offsets_for_times", || admin.offsets_for_times(&[position("t", 0, 0)], TIMEOUT))?;
    }
    if c.has(Capabilities::ADMIN_DELETE_RECORDS) {
        gone(c, "delete_records", || admin.delete_records(&[position("t", 0, 0)], TIMEOUT))?;
    }
    if c.has(Capabilities::ADMIN_CONFIG) {
        let change = kafi_core::ConfigChange { name: "retention.ms".into(), value: None };
        gone(c, "topic_config", || admin.topic_config("t", TIMEOUT))?;
        gone(c, "alter_topic_config", || admin.alter_topic_config("t", &[change], TIMEOUT))?;
    }
    if c.has(Capabilities::ADMIN_BROKERS) {
        gone(c, "cluster", || admin.cluster(TIMEOUT))?;
        gone(c, "broker_config", || admin.broker_config(0, TIMEOUT))?;
    }
    if c.has(Capabilities::ADMIN_GROUPS) {
        gone(c, "groups", || admin.groups(TIMEOUT))?;
        gone(c, "group", || admin.group("g", TIMEOUT))?;
        gone(c, "group_offsets", || admin.group_offsets("g", TIMEOUT))?;
        gone(c, "alter_group_offsets", || admin.alter_group_offsets("g", &[offset("t", 0, 0)], TIMEOUT))?;
        gone(c, "delete_group", || admin.delete_group("g", TIMEOUT))?;
    }
    Ok(())
}

fn consumers(c: &Context) -> Verdict {
    let storage = c.unreachable()?;
    let mut consumer = storage.consumer(&ConsumerOptions::default())?;
    gone(c, "assign", || consumer.assign(&[assignment("t", 0, 0, None)], TIMEOUT))?;
    c.within(TIMEOUT, "close", || consumer.close(TIMEOUT))??;
    if !c.has(Capabilities::CONSUME_GROUP) {
        return Ok(());
    }
    let mut member = storage.consumer(&ConsumerOptions { group: Some("g".into()), ..ConsumerOptions::default() })?;
    gone(c, "subscribe", || member.subscribe(&["t".into()], TIMEOUT))?;
    gone(c, "committed", || member.committed(&[partition("t", 0)], TIMEOUT))?;
    gone(c, "commit", || member.commit(&[offset("t", 0, 0)], TIMEOUT))?;
    c.within(TIMEOUT, "close", || member.close(TIMEOUT))??;
    Ok(())
}

fn producers(c: &Context) -> Verdict {
    let mut producer = c.unreachable()?.producer(&ProducerOptions::default())?;
    let batch = batch_of(&numbers("t", 0, 0, 10));
    let taken = match c.within(TIMEOUT, "produce", || producer.produce(&batch, 0, 1, TIMEOUT))? {
        Ok(taken) => taken,
        Err(error) => refused(Err::<(), _>(error), GONE, "produce").map(|_| 0)?,
    };
    let receipts = c.within(TIMEOUT, "reports", || fetch(producer.as_mut(), TIMEOUT))?.unwrap_or_default();
    check(receipts.iter().all(|receipt| receipt.offset.is_err()), format_args!("nothing was written: {receipts:?}"))?;
    let reported: u64 = receipts.iter().map(|receipt| receipt.count).sum();
    if taken as u64 > reported {
        gone(c, "flush", || producer.flush(TIMEOUT))?;
    }
    // It may say that messages are still under way.
    let _ = c.within(TIMEOUT, "close", || producer.close(TIMEOUT))?;
    if c.has(Capabilities::PRODUCE_TRANSACTIONS) {
        let options = ProducerOptions { transactional_id: Some("id".into()), ..ProducerOptions::default() };
        let mut producer = c.unreachable()?.producer(&options)?;
        gone(c, "init_transactions", || producer.init_transactions(TIMEOUT))?;
        let _ = c.within(TIMEOUT, "close", || producer.close(TIMEOUT))?;
    }
    Ok(())
}

fn drop_unreachable(c: &Context) -> Verdict {
    let storage = c.unreachable()?;
    let mut consumer = storage.consumer(&ConsumerOptions { group: Some("g".into()), ..ConsumerOptions::default() })?;
    // What it says was looked at elsewhere.
    let _ = consumer.assign(&[assignment("t", 0, 0, None)], TIMEOUT);
    c.within(Duration::ZERO, "dropping a consumer", || drop(consumer))?;
    let mut producer = storage.producer(&ProducerOptions::default())?;
    let _ = producer.produce(&batch_of(&numbers("t", 0, 0, 10)), 0, 1, TIMEOUT);
    c.within(Duration::ZERO, "dropping a producer", || drop(producer))?;
    c.within(Duration::ZERO, "dropping a storage", || drop(storage))
}

fn drop_returns(c: &Context) -> Verdict {
    let topic = c.topic(1)?;
    c.write(&numbers(&topic, 0, 0, 1_000))?;
    let mut consumer = c.consumer()?;
    consumer.assign(&[assignment(&topic, 0, 0, None)], c.wait())?;
    c.poll(consumer.as_mut(), &mut Batch::with_limits(1, usize::MAX))?;
    c.within(Duration::ZERO, "dropping a consumer", || drop(consumer))?;
    let mut producer = c.producer()?;
    c.hand_over(producer.as_mut(), &batch_of(&numbers(&topic, 0, 1_000, 2_000)), 1)?;
    c.within(Duration::ZERO, "dropping a producer", || drop(producer))?;
    let read = values(&c.read(&topic)?);
    check(
        read.len() >= 1_000 && read == texts(0, read.len() as i64),
        format_args!("what was under way is there in part, in order: {} messages", read.len()),
    )
}

fn closed_consumers(c: &Context) -> Verdict {
    let topic = c.topic(1)?;
    c.write(&numbers(&topic, 0, 0, 10))?;
    let mut consumer = c.consumer()?;
    consumer.assign(&[assignment(&topic, 0, 0, Some(10))], c.wait())?;
    consumer.close(c.wait())?;
    equal(&consumer.positions(), &Vec::new(), "the positions of a closed consumer")?;
    let polled = c.within(Duration::ZERO, "poll", || consumer.poll(&mut Batch::new(), c.wait()))?;
    check(polled.is_err(), format_args!("poll of a closed consumer gave {polled:?}"))?;
    refused(
        consumer.seek(&position(&topic, 0, 0), c.wait()),
        &[ErrorKind::NotFound, ErrorKind::Usage],
        "to seek with a closed consumer",
    )?;
    Ok(())
}

fn closed_producers(c: &Context) -> Verdict {
    let topic = c.topic(1)?;
    let mut producer = c.producer()?;
    producer.close(c.wait())?;
    let batch = batch_of(&[message(&topic, 0, "v")]);
    let taken = c.within(Duration::ZERO, "produce", || producer.produce(&batch, 0, 1, c.wait()))?;
    check(taken.is_err(), format_args!("produce of a closed producer gave {taken:?}"))?;
    equal(&c.bounds(&topic, 1)?, &vec![(0, 0)], "the topic is still empty")
}

fn closing_twice(c: &Context) -> Verdict {
    let (mut consumer, mut producer) = (c.consumer()?, c.producer()?);
    for _ in 0..2 {
        c.within(Duration::ZERO, "close of a consumer", || consumer.close(c.wait()))??;
        c.within(Duration::ZERO, "close of a producer", || producer.close(c.wait()))??;
    }
    Ok(())
}

fn unassigned(c: &Context) -> Verdict {
    let mut consumer = c.consumer()?;
    equal(&consumer.positions(), &Vec::new(), "the positions")?;
    let mut batch = batch_of(&[message("t", 0, "old")]);
    let polled = c.within(Duration::ZERO, "poll", || consumer.poll(&mut batch, c.wait()))?;
    refused(polled, &[ErrorKind::Usage], "poll")?;
    check(batch.is_empty(), "poll clears the batch also when it fails")?;
    consumer.close(c.wait())?;
    Ok(())
}

fn unknown_properties(c: &Context) -> Verdict {
    let properties = vec![("no.such.property".to_string(), "1".to_string())];
    let kinds = &[ErrorKind::Config, ErrorKind::Unsupported];
    let consumer =
        c.storage.consumer(&ConsumerOptions { properties: properties.clone(), ..ConsumerOptions::default() });
    let error = refused(consumer, kinds, "a consumer with a bad property")?;
    check(error.to_string().contains("no.such.property"), format_args!("the error names the property: {error}"))?;
    refused(
        c.storage.producer(&ProducerOptions { properties, ..ProducerOptions::default() }),
        kinds,
        "a producer with a bad property",
    )?;
    Ok(())
}

fn zero_timeouts(c: &Context) -> Verdict {
    let (topic, group, mut admin) = (c.topic(1)?, c.group(), c.admin()?);
    c.write(&numbers(&topic, 0, 0, 10))?;
    let quick = |what: &str, call: &mut dyn FnMut() -> Result<()>| match c.within(Duration::ZERO, what, call)? {
        Err(error) if !GONE.contains(&error.kind()) => Err(error.into()),
        _ => Verdict::Ok(()),
    };
    let zero = Duration::ZERO;
    quick("identity", &mut || c.storage.identity(zero).map(drop))?;
    quick("topics", &mut || admin.topics(&[], zero).map(drop))?;
    quick("watermarks", &mut || admin.watermarks(&[partition(&topic, 0)], Isolation::ReadCommitted, zero).map(drop))?;
    quick("groups", &mut || admin.groups(zero).map(drop))?;
    let mut consumer = c.member(&group)?;
    quick("assign", &mut || consumer.assign(&[assignment(&topic, 0, 0, Some(10))], zero))?;
    quick("committed", &mut || consumer.committed(&[partition(&topic, 0)], zero).map(drop))?;
    quick("commit", &mut || consumer.commit(&[offset(&topic, 0, 0)], zero))?;
    quick("close of a consumer", &mut || consumer.close(zero))?;
    let mut producer = c.producer()?;
    quick("produce", &mut || producer.produce(&batch_of(&numbers(&topic, 0, 10, 20)), 0, 1, zero).map(drop))?;
    quick("reports", &mut || producer.reports(zero).map(drop))?;
    quick("flush", &mut || producer.flush(zero))?;
    // And with time they all succeed.
    producer.flush(c.wait())?;
    producer.close(c.wait())?;
    let mut consumer = c.member(&group)?;
    consumer.assign(&[assignment(&topic, 0, 0, Some(10))], c.wait())?;
    equal(&values(&c.read_to_end(consumer.as_mut())?), &texts(0, 10), "what was there all the time")?;
    consumer.close(c.wait())?;
    Ok(())
}

fn endless_timeouts(c: &Context) -> Verdict {
    const ENDLESS: Duration = Duration::MAX;
    let (topic, mut admin) = (c.topic_name(), c.admin()?);
    c.storage.identity(ENDLESS)?;
    admin.create_topic(&c.new_topic(&topic, 1), ENDLESS)?;
    let mut producer = c.producer()?;
    equal(
        &producer.produce(&batch_of(&numbers(&topic, 0, 0, 10)), 0, 1, ENDLESS)?,
        &10,
        "the messages that were taken",
    )?;
    equal(&fetch(producer.as_mut(), ENDLESS)?.is_empty(), &false, "whether there are no reports")?;
    producer.flush(ENDLESS)?;
    producer.close(ENDLESS)?;
    let mut consumer = c.consumer()?;
    consumer.assign(&[assignment(&topic, 0, 0, Some(10))], ENDLESS)?;
    let (mut batch, mut count) = (Batch::new(), 0);
    while consumer.poll(&mut batch, ENDLESS)? == Polled::Records {
        count += batch.len();
    }
    equal(&count, &10, "the messages that were read")?;
    consumer.close(ENDLESS)?;
    equal(&admin.topics(std::slice::from_ref(&topic), ENDLESS)?.len(), &1, "the topics of this name")?;
    admin.delete_topic(&topic, ENDLESS)?;
    Ok(())
}

fn threads_share(c: &Context) -> Verdict {
    let topics = [c.topic(1)?, c.topic(1)?, c.topic(1)?, c.topic(1)?];
    let (storage, wait) = (&c.storage, c.wait());
    let work = |topic: &str| -> Result<usize> {
        let mut producer = storage.producer(&ProducerOptions::default())?;
        let (batch, mut from) = (batch_of(&numbers(topic, 0, 0, 200)), 0);
        while from < batch.len() {
            from += producer.produce(&batch, from, 1, wait)?;
        }
        producer.close(wait)?;
        storage.admin()?.topics(&[topic.to_string()], wait)?;
        let mut consumer = storage.consumer(&ConsumerOptions::default())?;
        consumer.assign(&[assignment(topic, 0, 0, Some(200))], wait)?;
        let (mut batch, mut count) = (Batch::new(), 0);
        while consumer.poll(&mut batch, wait)? == Polled::Records {
            count += batch.len();
        }
        consumer.close(wait)?;
        Ok(count)
    };
    let results = std::thread::scope(|scope| {
        let threads: Vec<_> = topics.iter().map(|topic| scope.spawn(|| work(topic))).collect();
        threads.into_iter().map(|thread| thread.join()).collect::<Vec<_>>()
    });
    for result in results {
        let count = result.map_err(|_| super::check::Failure::new("a thread panicked"))??;
        equal(&count, &200, "the messages that a thread wrote and read")?;
    }
    Ok(())
}

fn errors_are_one_line(c: &Context) -> Verdict {
    let (missing, bad) = (unique("missing"), "a\nb");
    let mut admin = c.admin()?;
    let errors = [
        refused(admin.delete_topic(&missing, c.wait()), &[ErrorKind::NotFound], "to delete a missing topic")?,
        refused(
            admin.create_topic(&NewTopic::new(bad), c.wait()),
            &[ErrorKind::Usage],
            "to make a topic with a bad name",
        )?,
        refused(
            c.consumer()?.assign(&[assignment(&missing, 0, 0, None)], c.wait()),
            &[ErrorKind::NotFound],
            "to read a missing topic",
        )?,
    ];
    for error in errors {
        let line = error.to_string();
        check(
            !line.contains(['\n', '\r']) && line.starts_with(error.operation()),
            format_args!("one line that begins with the operation: {line:?}"),
        )?;
        check(error.context().next().is_some(), format_args!("it says where: {line:?}"))?;
    }
    Ok(())
}
