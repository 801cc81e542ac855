//! Reading: assignments, polls, ends, and seeks.

use std::time::{Duration, Instant};

use kafi_core::{Batch, ConsumerOptions, ErrorKind, Polled};

use super::check::{Verdict, check, equal, refused};
use super::context::{Context, SHORT, assignment, batch_of, message, numbers, poll, position, texts, unique, values};
use super::{Case, PLACED};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "all_partitions_are_read",
        PLACED,
        "A consumer reads all partitions that are assigned, of several topics.",
        all_partitions,
    ),
    Case::new("poll_clears_the_batch", PLACED, "poll clears the batch, whatever it answers.", poll_clears),
    Case::new("poll_returns_at_once", PLACED, "poll returns as soon as there are some messages.", poll_returns_at_once),
    Case::new(
        "poll_keeps_its_timeout",
        PLACED,
        "poll returns within its time-out; then the batch is empty.",
        poll_keeps_its_timeout,
    ),
    Case::new(
        "poll_takes_what_is_there",
        PLACED,
        "Polls with a time-out of 0 go on until everything is read.",
        poll_takes_what_is_there,
    ),
    Case::new("end_stays_end", PLACED, "End stays End, also when more is written.", end_stays_end),
    Case::new(
        "ends_are_exact",
        PLACED,
        "Nothing at or after the end is delivered, and everything before it.",
        ends_are_exact,
    ),
    Case::new("starts_are_exact", PLACED, "The first message is the one at the start.", starts_are_exact),
    Case::new("empty_ranges_end_at_once", PLACED, "A partition whose start is its end has reached it.", empty_ranges),
    Case::new("ends_may_lie_ahead", PLACED, "An end that is not written yet is reached once it is.", ends_ahead),
    Case::new("without_end_goes_on", PLACED, "Without an end a consumer reads what is written later.", without_end),
    Case::new("assign_replaces", PLACED, "assign replaces any earlier assignment.", assign_replaces),
    Case::new(
        "assign_refuses_missing",
        PLACED,
        "assign is NotFound for a missing topic or partition.",
        assign_refuses_missing,
    ),
    Case::new(
        "seek_moves",
        PLACED,
        "seek moves to another offset, back and forth; what was read ahead is dropped.",
        seek_moves,
    ),
    Case::new("seek_leaves_the_end", PLACED, "seek moves also after the end was reached.", seek_leaves_the_end),
    Case::new("seek_refuses_unassigned", PLACED, "seek is NotFound where the partition is not assigned.", seek_refuses),
    Case::new(
        "positions_are_next",
        PLACED,
        "positions are the next offsets of the assigned partitions, past everything that was returned.",
        positions_are_next,
    ),
    Case::new(
        "limits_are_kept",
        PLACED,
        "A batch is filled up to its limits, but with at least one message, however large.",
        limits_are_kept,
    ),
    Case::new(
        "small_buffers_suffice",
        PLACED,
        "However few bytes are read ahead at most, everything comes.",
        small_buffers,
    ),
    Case::new(
        "consumers_are_independent",
        PLACED,
        "Consumers of the same partition do not disturb each other.",
        independent,
    ),
];

fn all_partitions(c: &Context) -> Verdict {
    let topics = [c.topic(3)?, c.topic(1)?, c.topic(2)?];
    let places = [(0, 0), (0, 1), (0, 2), (1, 0), (2, 0), (2, 1)];
    let mut assignments = Vec::new();
    for (topic, partition) in places {
        let from = i64::from(partition) * 1_000;
        c.write(&numbers(&topics[topic], partition, from, from + 200))?;
        assignments.push(assignment(&topics[topic], partition, 0, Some(200)));
    }
    let read = c.read_assigned(&ConsumerOptions::default(), &assignments)?;
    equal(&read.len(), &(places.len() * 200), "the number of messages")?;
    for (topic, partition) in places {
        let mine: Vec<_> = read
            .iter()
            .filter(|record| record.topic == topics[topic] && record.partition == partition)
            .cloned()
            .collect();
        let from = i64::from(partition) * 1_000;
        equal(&values(&mine), &texts(from, from + 200), format_args!("the messages of partition {partition}"))?;
    }
    Ok(())
}

/// A batch that holds something already.
fn used_batch() -> Batch {
    batch_of(&[message("of-another-topic", 7, "old"), message("of-another-topic", 8, "old")])
}

fn poll_clears(c: &Context) -> Verdict {
    let topic = c.topic(1)?;
    c.write(&numbers(&topic, 0, 0, 1))?;
    let mut consumer = c.consumer()?;
    consumer.assign(&[assignment(&topic, 0, 0, Some(2))], c.wait())?;
    let mut batch = used_batch();
    equal(&c.poll(consumer.as_mut(), &mut batch)?, &Polled::Records, "the answer to the first poll")?;
    equal(
        &batch.iter().map(|record| record.value).collect::<Vec<_>>(),
        &vec![Some(&b"0"[..])],
        "what the batch holds",
    )?;
    equal(&batch.get(0).topic, &topic, "the topic of the message")?;
    let mut batch = used_batch();
    equal(&poll(consumer.as_mut(), &mut batch, SHORT)?, &Polled::Timeout, "the answer when there is nothing")?;
    c.write(&numbers(&topic, 0, 1, 2))?;
    equal(&c.poll(consumer.as_mut(), &mut batch)?, &Polled::Records, "the answer when there is something again")?;
    let mut batch = used_batch();
    equal(&c.poll(consumer.as_mut(), &mut batch)?, &Polled::End, "the answer at the end")?;
    consumer.close(c.wait())?;
    Ok(())
}

fn poll_returns_at_once(c: &Context) -> Verdict {
    let topic = c.topic(1)?;
    let mut consumer = c.consumer()?;
    consumer.assign(&[assignment(&topic, 0, 0, None)], c.wait())?;
    equal(&poll(consumer.as_mut(), &mut Batch::new(), SHORT)?, &Polled::Timeout, "the answer when there is nothing")?;
    c.write(&[message(&topic, 0, "v")])?;
    let mut batch = Batch::new();
    let polled =
        c.within(Duration::ZERO, "poll beside a message", || poll(consumer.as_mut(), &mut batch, c.wait()))??;
    equal(&polled, &Polled::Records, "the answer when there is a message")?;
    consumer.close(c.wait())?;
    Ok(())
}

fn poll_keeps_its_timeout(c: &Context) -> Verdict {
    let topic = c.topic(1)?;
    let mut consumer = c.consumer()?;
    consumer.assign(&[assignment(&topic, 0, 0, None)], c.wait())?;
    for timeout in [Duration::ZERO, Duration::from_millis(1), SHORT] {
        let started = Instant::now();
        let polled = c.within(timeout, "poll of nothing", || poll(consumer.as_mut(), &mut Batch::new(), timeout))??;
        equal(&polled, &Polled::Timeout, "the answer when there is nothing")?;
        check(
            started.elapsed() >= timeout / 2,
            format_args!("the time ran out after {} ms", started.elapsed().as_millis()),
        )?;
    }
    consumer.close(c.wait())?;
    Ok(())
}

fn poll_takes_what_is_there(c: &Context) -> Verdict {
    let topic = c.topic(1)?;
    c.write(&numbers(&topic, 0, 0, 50))?;
    let mut consumer = c.consumer()?;
    consumer.assign(&[assignment(&topic, 0, 0, Some(50))], c.wait())?;
    let (mut batch, mut read, until) = (Batch::with_limits(10, usize::MAX), Vec::new(), Instant::now() + c.wait());
    loop {
        match poll(consumer.as_mut(), &mut batch, Duration::ZERO)? {
            Polled::Records => read.extend(batch.iter().map(|record| record.to_owned())),
            Polled::End => break,
            Polled::Timeout => std::thread::yield_now(),
        }
        check(Instant::now() < until, format_args!("only {} of 50 messages came", read.len()))?;
    }
    consumer.close(c.wait())?;
    equal(&values(&read), &texts(0, 50), "what was read")
}

fn end_stays_end(c: &Context) -> Verdict {
    let topic = c.topic(2)?;
    c.write(&numbers(&topic, 0, 0, 5))?;
    c.write(&numbers(&topic, 1, 0, 5))?;
    let mut consumer = c.consumer()?;
    consumer.assign(&[assignment(&topic, 0, 0, Some(5)), assignment(&topic, 1, 0, Some(5))], c.wait())?;
    equal(&c.read_to_end(consumer.as_mut())?.len(), &10, "the messages up to the end")?;
    c.write(&numbers(&topic, 0, 5, 10))?;
    for timeout in [Duration::ZERO, SHORT, c.wait()] {
        let polled =
            c.within(Duration::ZERO, "poll at the end", || poll(consumer.as_mut(), &mut Batch::new(), timeout))??;
        equal(&polled, &Polled::End, "the answer after the end")?;
    }
    consumer.close(c.wait())?;
    Ok(())
}

fn ends_are_exact(c: &Context) -> Verdict {
    let topic = c.topic(1)?;
    c.write(&numbers(&topic, 0, 0, 100))?;
    for (start, end) in [(0, 1), (0, 37), (36, 37), (37, 99), (99, 100)] {
        let read = c.read_assigned(&ConsumerOptions::default(), &[assignment(&topic, 0, start, Some(end))])?;
        equal(&values(&read), &texts(start, end), format_args!("what lies from {start} up to {end}"))?;
    }
    // A small batch must not step over the end.
    let mut consumer = c.consumer()?;
    consumer.assign(&[assignment(&topic, 0, 0, Some(7))], c.wait())?;
    let (mut batch, mut count) = (Batch::with_limits(5, usize::MAX), 0);
    while c.poll(consumer.as_mut(), &mut batch)? == Polled::Records {
        count += batch.len();
    }
    consumer.close(c.wait())?;
    equal(&count, &7, "the messages before the end, five at a time")
}

fn starts_are_exact(c: &Context) -> Verdict {
    let topic = c.topic(1)?;
    c.write(&numbers(&topic, 0, 0, 50))?;
    c.write(&numbers(&topic, 0, 50, 100))?;
    for start in [0, 1, 49, 50, 51, 99] {
        let read = c.read_assigned(&ConsumerOptions::default(), &[assignment(&topic, 0, start, Some(100))])?;
        equal(&values(&read), &texts(start, 100), format_args!("what lies from {start} on"))?;
        equal(&read[0].offset, &start, "the first offset")?;
    }
    Ok(())
}

fn empty_ranges(c: &Context) -> Verdict {
    let topic = c.topic(2)?;
    c.write(&numbers(&topic, 0, 0, 10))?;
    for at in [0, 4, 10] {
        let mut consumer = c.consumer()?;
        consumer.assign(&[assignment(&topic, 0, at, Some(at)), assignment(&topic, 1, 0, Some(0))], c.wait())?;
        equal(
            &c.poll(consumer.as_mut(), &mut Batch::new())?,
            &Polled::End,
            format_args!("the answer from {at} to {at}"),
        )?;
        consumer.close(c.wait())?;
    }
    Ok(())
}

fn ends_ahead(c: &Context) -> Verdict {
    let topic = c.topic(1)?;
    c.write(&numbers(&topic, 0, 0, 5))?;
    let mut consumer = c.consumer()?;
    consumer.assign(&[assignment(&topic, 0, 0, Some(8))], c.wait())?;
    equal(&values(&c.read_some(consumer.as_mut(), 5)?), &texts(0, 5), "what is there")?;
    equal(
        &poll(consumer.as_mut(), &mut Batch::new(), SHORT)?,
        &Polled::Timeout,
        "the answer before the end is written",
    )?;
    c.write(&numbers(&topic, 0, 5, 10))?;
    equal(&values(&c.read_to_end(consumer.as_mut())?), &texts(5, 8), "the rest up to the end")?;
    consumer.close(c.wait())?;
    Ok(())
}

fn without_end(c: &Context) -> Verdict {
    let topic = c.topic(2)?;
    c.write(&numbers(&topic, 0, 0, 5))?;
    let mut consumer = c.consumer()?;
    // One from its start, one from its end.
    consumer.assign(&[assignment(&topic, 0, 5, None), assignment(&topic, 1, 0, None)], c.wait())?;
    for round in 1..4 {
        c.write(&numbers(&topic, 0, round * 5, round * 5 + 5))?;
        c.write(&numbers(&topic, 1, round * 5, round * 5 + 5))?;
        let read = c.read_some(consumer.as_mut(), 10)?;
        for partition in 0..2 {
            let mine: Vec<_> = read.iter().filter(|record| record.partition == partition).cloned().collect();
            equal(
                &values(&mine),
                &texts(round * 5, round * 5 + 5),
                format_args!("what was written later to partition {partition}"),
            )?;
        }
    }
    consumer.close(c.wait())?;
    Ok(())
}

fn assign_replaces(c: &Context) -> Verdict {
    let (first, second) = (c.topic(1)?, c.topic(1)?);
    c.write(&numbers(&first, 0, 0, 1_000))?;
    c.write(&numbers(&second, 0, 5_000, 5_010))?;
    let mut consumer = c.consumer()?;
    consumer.assign(&[assignment(&first, 0, 0, None)], c.wait())?;
    equal(
        &c.poll(consumer.as_mut(), &mut Batch::with_limits(5, usize::MAX))?,
        &Polled::Records,
        "the answer of the first assignment",
    )?;
    consumer.assign(&[assignment(&second, 0, 2, Some(10))], c.wait())?;
    equal(&consumer.positions(), &vec![position(&second, 0, 2)], "the positions of the second assignment")?;
    equal(&values(&c.read_to_end(consumer.as_mut())?), &texts(5_002, 5_010), "the messages of the second assignment")?;
    // And back again, to another place.
    consumer.assign(&[assignment(&first, 0, 990, Some(1_000))], c.wait())?;
    equal(&values(&c.read_to_end(consumer.as_mut())?), &texts(990, 1_000), "the messages of the third assignment")?;
    consumer.close(c.wait())?;
    Ok(())
}

fn assign_refuses_missing(c: &Context) -> Verdict {
    let (topic, missing) = (c.topic(2)?, unique("missing"));
    for wrong in
        [assignment(&missing, 0, 0, Some(1)), assignment(&topic, 2, 0, Some(1)), assignment(&topic, 2, 0, None)]
    {
        let mut consumer = c.consumer()?;
        let assignments = [assignment(&topic, 0, 0, Some(0)), wrong];
        let error = refused(
            consumer.assign(&assignments, c.wait()),
            &[ErrorKind::NotFound],
            format_args!("to assign {:?}", assignments[1]),
        )?;
        check(error.to_string().contains(&assignments[1].topic), format_args!("the error names the topic: {error}"))?;
        consumer.close(c.wait())?;
    }
    refused(c.admin()?.topics(&[missing], c.wait()), &[ErrorKind::NotFound], "to describe a topic that was only read")?;
    Ok(())
}

fn seek_moves(c: &Context) -> Verdict {
    let topic = c.topic(2)?;
    for partition in 0..2 {
        c.write(&numbers(&topic, partition, 0, 1_000))?;
    }
    let mut consumer = c.consumer()?;
    consumer.assign(&[assignment(&topic, 0, 0, Some(1_000))], c.wait())?;
    let mut batch = Batch::with_limits(10, usize::MAX);
    for offset in [500, 3, 999, 0, 700, 700] {
        consumer.seek(&position(&topic, 0, offset), c.wait())?;
        equal(&consumer.positions(), &vec![position(&topic, 0, offset)], "the position after a seek")?;
        equal(&c.poll(consumer.as_mut(), &mut batch)?, &Polled::Records, "the answer after a seek")?;
        equal(&batch.get(0).offset, &offset, "the first offset after a seek")?;
    }
    // The other partitions go on where they were.
    consumer.assign(&[assignment(&topic, 0, 990, Some(1_000)), assignment(&topic, 1, 0, Some(1_000))], c.wait())?;
    equal(&c.poll(consumer.as_mut(), &mut batch)?, &Polled::Records, "the answer of two partitions")?;
    let before = batch.iter().filter(|record| record.partition == 1).count();
    consumer.seek(&position(&topic, 0, 995), c.wait())?;
    let rest = c.read_to_end(consumer.as_mut())?;
    let (sought, other): (Vec<_>, Vec<_>) = rest.into_iter().partition(|record| record.partition == 0);
    equal(&values(&sought), &texts(995, 1_000), "the partition that was sought")?;
    equal(&values(&other), &texts(before as i64, 1_000), "the partition beside it")?;
    consumer.close(c.wait())?;
    Ok(())
}

fn seek_leaves_the_end(c: &Context) -> Verdict {
    let topic = c.topic(1)?;
    c.write(&numbers(&topic, 0, 0, 10))?;
    let mut consumer = c.consumer()?;
    consumer.assign(&[assignment(&topic, 0, 0, Some(10))], c.wait())?;
    for from in [0, 7, 2] {
        consumer.seek(&position(&topic, 0, from), c.wait())?;
        equal(
            &values(&c.read_to_end(consumer.as_mut())?),
            &texts(from, 10),
            format_args!("what lies from {from} up to the end"),
        )?;
    }
    consumer.close(c.wait())?;
    Ok(())
}

fn seek_refuses(c: &Context) -> Verdict {
    let topic = c.topic(2)?;
    let mut consumer = c.consumer()?;
    refused(
        consumer.seek(&position(&topic, 0, 0), c.wait()),
        &[ErrorKind::NotFound],
        "to seek before anything is assigned",
    )?;
    consumer.assign(&[assignment(&topic, 0, 0, None)], c.wait())?;
    refused(
        consumer.seek(&position(&topic, 1, 0), c.wait()),
        &[ErrorKind::NotFound],
        "to seek in a partition that is not assigned",
    )?;
    refused(
        consumer.seek(&position(&unique("missing"), 0, 0), c.wait()),
        &[ErrorKind::NotFound],
        "to seek in a topic that is not assigned",
    )?;
    consumer.close(c.wait())?;
    Ok(())
}

fn positions_are_next(c: &Context) -> Verdict {
    let topic = c.topic(2)?;
    c.write(&numbers(&topic, 0, 0, 100))?;
    c.write(&numbers(&topic, 1, 0, 50))?;
    let mut consumer = c.consumer()?;
    equal(&consumer.positions(), &Vec::new(), "the positions before anything is assigned")?;
    consumer.assign(&[assignment(&topic, 1, 10, Some(50)), assignment(&topic, 0, 0, Some(90))], c.wait())?;
    let mut expected = [0, 10];
    let mut batch = Batch::with_limits(7, usize::MAX);
    loop {
        let mut positions = consumer.positions();
        positions.sort();
        equal(&positions, &vec![position(&topic, 0, expected[0]), position(&topic, 1, expected[1])], "the positions")?;
        if c.poll(consumer.as_mut(), &mut batch)? == Polled::End {
            break;
        }
        batch.iter().for_each(|record| expected[record.partition as usize] = record.offset + 1);
    }
    equal(&expected, &[90, 50], "the positions at the end")?;
    consumer.close(c.wait())?;
    Ok(())
}

fn limits_are_kept(c: &Context) -> Verdict {
    let topic = c.topic(1)?;
    let sizes = [10, 2_000, 300_000, 1, 500, 900_000, 10, 10, 10, 400];
    c.write(&sizes.map(|size| message(&topic, 0, vec![b'x'; size])))?;
    for (records_max, bytes_max) in
        [(1, usize::MAX), (3, usize::MAX), (usize::MAX, 1), (usize::MAX, 1_000), (4, 350_000)]
    {
        let mut consumer = c.consumer()?;
        consumer.assign(&[assignment(&topic, 0, 0, Some(sizes.len() as i64))], c.wait())?;
        let (mut batch, mut read) = (Batch::with_limits(records_max, bytes_max), Vec::new());
        while c.poll(consumer.as_mut(), &mut batch)? == Polled::Records {
            check(
                batch.len() <= records_max,
                format_args!("a batch of {} messages where {records_max} are allowed", batch.len()),
            )?;
            let before_last: usize = batch.iter().take(batch.len() - 1).map(|record| record.payload_bytes()).sum();
            check(
                before_last < bytes_max,
                format_args!("a message was added to a batch of {before_last} bytes where {bytes_max} are allowed"),
            )?;
            read.extend(batch.iter().map(|record| record.value.map_or(0, <[u8]>::len)));
        }
        consumer.close(c.wait())?;
        equal(&read, &sizes.to_vec(), "the sizes of all messages")?;
    }
    Ok(())
}

fn small_buffers(c: &Context) -> Verdict {
    let topic = c.topic(3)?;
    for partition in 0..3 {
        c.write(&(0..10).map(|number| message(&topic, partition, vec![b'0' + number; 300_000])).collect::<Vec<_>>())?;
    }
    let options = ConsumerOptions { buffer_bytes_max: 1 << 20, ..ConsumerOptions::default() };
    let read = c.read_assigned(&options, &c.whole(&topic)?)?;
    let found: Vec<_> = read
        .iter()
        .map(|record| {
            (record.partition, record.offset, record.value.as_ref().map_or(0, |value| i64::from(value[0] - b'0')))
        })
        .collect();
    let expected: Vec<_> =
        (0..3).flat_map(|partition| (0..10).map(move |offset| (partition, offset, offset))).collect();
    equal(&found, &expected, "partitions, offsets, and values")
}

fn independent(c: &Context) -> Verdict {
    let topic = c.topic(1)?;
    c.write(&numbers(&topic, 0, 0, 100))?;
    let mut consumers = [c.consumer()?, c.consumer()?, c.consumer()?];
    let mut read = [const { Vec::new() }; 3];
    for consumer in &mut consumers {
        consumer.assign(&[assignment(&topic, 0, 0, Some(100))], c.wait())?;
    }
    let mut batch = Batch::with_limits(9, usize::MAX);
    while read.iter().any(|read| read.len() < 100) {
        for (consumer, read) in consumers.iter_mut().zip(&mut read) {
            if c.poll(consumer.as_mut(), &mut batch)? == Polled::Records {
                read.extend(batch.iter().map(|record| record.to_owned()));
            }
        }
    }
    consumers[1].close(c.wait())?;
    read.iter().try_for_each(|read| equal(&values(read), &texts(0, 100), "what one of them read"))
}
