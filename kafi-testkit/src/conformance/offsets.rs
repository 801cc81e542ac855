//! Offsets: watermarks, times, gaps, deleted records, and what lies outside of the log.

use kafi_core::{
    Batch, Capabilities, ConsumerOptions, ErrorKind, Isolation, OwnedRecord, Polled, Position, ProducerOptions,
};

use super::check::{Verdict, equal, refused};
use super::context::{
    Context, FIRST_MS, SHORT, assignment, message, numbers, partition, poll, position, texts, values,
};
use super::{Case, PLACED};

const TIMES: Capabilities = PLACED.union(Capabilities::ADMIN_TIMES).union(Capabilities::PRODUCE_TIMESTAMP);
const DELETES: Capabilities = PLACED.union(Capabilities::ADMIN_DELETE_RECORDS);
const GAPS: Capabilities = PLACED.union(Capabilities::PRODUCE_KEEP_OFFSETS);

pub(super) const CASES: &[Case] = &[
    Case::new(
        "watermarks_of_nothing",
        PLACED,
        "The watermarks of an empty partition are equal.",
        watermarks_of_nothing,
    ),
    Case::new(
        "watermarks_follow",
        PLACED,
        "watermarks are the first offset and the one after the last, in the order asked for.",
        watermarks_follow,
    ),
    Case::new(
        "times_find_the_first",
        TIMES,
        "offsets_for_times finds the first message at or after the time, also where times are not in order.",
        times_find,
    ),
    Case::new(
        "times_without_messages",
        TIMES,
        "offsets_for_times gives the end where there is no such message.",
        times_without,
    ),
    Case::new(
        "times_keep_their_order",
        TIMES,
        "offsets_for_times answers for each partition, in the order asked for.",
        times_order,
    ),
    Case::new(
        "times_after_deletion",
        TIMES.union(DELETES),
        "offsets_for_times does not find what was deleted.",
        times_after_deletion,
    ),
    Case::new(
        "delete_moves_the_start",
        DELETES,
        "delete_records deletes everything before the offsets, and returns the new log starts.",
        delete_moves,
    ),
    Case::new(
        "delete_up_to_the_end",
        DELETES,
        "An offset of -1 means the end; offsets go on from there.",
        delete_to_end,
    ),
    Case::new(
        "delete_refuses_beyond_the_end",
        DELETES,
        "delete_records is OutOfRange for an offset beyond the end, and deletes nothing.",
        delete_beyond,
    ),
    Case::new(
        "start_before_the_log",
        DELETES,
        "A start before the log is OutOfRange, and goes on at the log start where gaps are allowed.",
        start_before,
    ),
    Case::new(
        "start_beyond_the_log",
        PLACED,
        "A start beyond the end is OutOfRange; the end itself is none.",
        start_beyond,
    ),
    Case::new("start_is_an_offset", PLACED, "A negative start is an error.", start_negative),
    Case::new(
        "gaps_are_passed",
        GAPS,
        "Starts and ends may lie in a gap; positions end past what is never delivered.",
        gaps_are_passed,
    ),
    Case::new("seek_into_gaps", GAPS, "seek into a gap goes on after it.", seek_into_gaps),
];

fn watermarks_of_nothing(c: &Context) -> Verdict {
    let topic = c.topic(2)?;
    equal(&c.bounds(&topic, 2)?, &vec![(0, 0); 2], "the watermarks of a new topic")?;
    let none = c.admin()?.watermarks(&[], Isolation::ReadCommitted, c.wait())?;
    equal(&none, &Vec::new(), "the watermarks of no partitions")
}

fn watermarks_follow(c: &Context) -> Verdict {
    let (first, second) = (c.topic(3)?, c.topic(1)?);
    c.write(&numbers(&first, 2, 0, 7))?;
    c.write(&numbers(&second, 0, 0, 4))?;
    let asked = [partition(&first, 2), partition(&second, 0), partition(&first, 0), partition(&first, 1)];
    for isolation in [Isolation::ReadCommitted, Isolation::ReadUncommitted] {
        let found = c.admin()?.watermarks(&asked, isolation, c.wait())?;
        let found: Vec<_> =
            found.iter().map(|marks| (marks.topic.as_str(), marks.partition, marks.low, marks.high)).collect();
        let expected = vec![
            (first.as_str(), 2, 0, 7),
            (second.as_str(), 0, 0, 4),
            (first.as_str(), 0, 0, 0),
            (first.as_str(), 1, 0, 0),
        ];
        equal(&found, &expected, format_args!("the watermarks under {isolation:?}"))?;
    }
    let asked = [partition(&first, 3), partition(&first, 2), partition(&first, -1)];
    let each = c.admin()?.watermarks_of_each(&asked, Isolation::ReadUncommitted, c.wait())?;
    let each: Vec<_> = each
        .into_iter()
        .map(|marks| marks.map(|marks| (marks.partition, marks.high)).map_err(|error| error.kind()))
        .collect();
    let expected = vec![Err(ErrorKind::NotFound), Ok((2, 7)), Err(ErrorKind::NotFound)];
    equal(&each, &expected, "the watermarks of each of three partitions, of which two are missing")
}

/// Writes messages with these times after [`FIRST_MS`].
fn write_times(c: &Context, topic: &str, number: i32, times: &[i64]) -> Verdict {
    c.write(
        &times
            .iter()
            .map(|time| OwnedRecord { timestamp: FIRST_MS + time, ..message(topic, number, "v") })
            .collect::<Vec<_>>(),
    )
}

fn times_find(c: &Context) -> Verdict {
    let topic = c.topic(1)?;
    write_times(c, &topic, 0, &[1_000, 5_000, 2_000])?;
    write_times(c, &topic, 0, &[6_000, 6_000, 9_000, 3_000])?;
    for (time, offset) in [
        (-FIRST_MS, 0),
        (0, 0),
        (1_000, 0),
        (1_001, 1),
        (2_000, 1),
        (5_000, 1),
        (5_001, 3),
        (6_000, 3),
        (6_001, 5),
        (9_000, 5),
    ] {
        let found = c.admin()?.offsets_for_times(&[position(&topic, 0, FIRST_MS + time)], c.wait())?;
        equal(&found, &vec![position(&topic, 0, offset)], format_args!("the first message at or after {time} ms"))?;
    }
    Ok(())
}

fn times_without(c: &Context) -> Verdict {
    let topic = c.topic(2)?;
    write_times(c, &topic, 0, &[1_000, 5_000, 2_000])?;
    let found =
        c.admin()?.offsets_for_times(&[position(&topic, 0, FIRST_MS + 5_001), position(&topic, 1, 0)], c.wait())?;
    equal(&found, &vec![position(&topic, 0, 3), position(&topic, 1, 0)], "the ends")?;
    equal(&c.admin()?.offsets_for_times(&[], c.wait())?, &Vec::new(), "the offsets of no partitions")
}

fn times_order(c: &Context) -> Verdict {
    let (first, second) = (c.topic(2)?, c.topic(1)?);
    write_times(c, &first, 0, &[1_000, 2_000, 3_000])?;
    write_times(c, &first, 1, &[3_000, 4_000])?;
    write_times(c, &second, 0, &[0, 0, 0, 2_000])?;
    let at = |topic: &str, number: i32, time: i64| position(topic, number, FIRST_MS + time);
    let found =
        c.admin()?.offsets_for_times(&[at(&second, 0, 2_000), at(&first, 1, 3_500), at(&first, 0, 2_000)], c.wait())?;
    equal(&found, &vec![position(&second, 0, 3), position(&first, 1, 1), position(&first, 0, 1)], "the offsets")?;
    let asked = [at(&first, 0, 3_000), at(&first, 2, 0), at(&first, 0, 2_000)];
    let each = c.admin()?.offsets_for_times_of_each(&asked, c.wait())?;
    let each: Vec<_> =
        each.into_iter().map(|found| found.map(|found| found.offset).map_err(|error| error.kind())).collect();
    equal(&each, &vec![Ok(2), Err(ErrorKind::NotFound), Ok(1)], "the offsets of each, of which one is missing")
}

fn times_after_deletion(c: &Context) -> Verdict {
    let topic = c.topic(1)?;
    write_times(c, &topic, 0, &[1_000, 2_000, 3_000, 4_000])?;
    c.admin()?.delete_records(&[position(&topic, 0, 2)], c.wait())?;
    let found = c.admin()?.offsets_for_times(&[position(&topic, 0, FIRST_MS)], c.wait())?;
    equal(&found, &vec![position(&topic, 0, 2)], "the first message that is still there")
}

fn delete_moves(c: &Context) -> Verdict {
    let topic = c.topic(2)?;
    for number in 0..2 {
        c.write(&numbers(&topic, number, 0, 10))?;
    }
    let mut admin = c.admin()?;
    equal(
        &admin.delete_records(&[position(&topic, 1, 4)], c.wait())?,
        &vec![position(&topic, 1, 4)],
        "the new log start",
    )?;
    equal(&c.bounds(&topic, 2)?, &vec![(0, 10), (4, 10)], "the watermarks")?;
    let starts: Vec<Position> = admin.delete_records(&[position(&topic, 1, 2), position(&topic, 0, 1)], c.wait())?;
    equal(
        &starts,
        &vec![position(&topic, 1, 4), position(&topic, 0, 1)],
        "the log starts, in the order asked for; none goes back",
    )?;
    let read = c.read(&topic)?;
    let expected: Vec<_> = (1..10).map(|number| (0, number)).chain((4..10).map(|number| (1, number))).collect();
    equal(&read.iter().map(|record| (record.partition, record.offset)).collect::<Vec<_>>(), &expected, "what is left")
}

fn delete_to_end(c: &Context) -> Verdict {
    let topic = c.topic(1)?;
    c.write(&numbers(&topic, 0, 0, 10))?;
    let starts = c.admin()?.delete_records(&[position(&topic, 0, -1)], c.wait())?;
    equal(&starts, &vec![position(&topic, 0, 10)], "the new log start")?;
    equal(&c.bounds(&topic, 1)?, &vec![(10, 10)], "the watermarks")?;
    c.write(&numbers(&topic, 0, 10, 13))?;
    let read = c.read(&topic)?;
    equal(
        &read.iter().map(|record| record.offset).collect::<Vec<_>>(),
        &vec![10, 11, 12],
        "the offsets of what was written later",
    )
}

fn delete_beyond(c: &Context) -> Verdict {
    let topic = c.topic(1)?;
    c.write(&numbers(&topic, 0, 0, 10))?;
    refused(
        c.admin()?.delete_records(&[position(&topic, 0, 11)], c.wait()),
        &[ErrorKind::OutOfRange],
        "to delete beyond the end",
    )?;
    equal(&c.bounds(&topic, 1)?, &vec![(0, 10)], "the watermarks")
}

fn start_before(c: &Context) -> Verdict {
    let topic = c.topic(1)?;
    c.write(&numbers(&topic, 0, 0, 10))?;
    c.admin()?.delete_records(&[position(&topic, 0, 4)], c.wait())?;
    let mut consumer = c.consumer()?;
    let assigned = consumer.assign(&[assignment(&topic, 0, 2, Some(10))], c.wait());
    refused(assigned, &[ErrorKind::OutOfRange], "to start before the log")?;
    consumer.assign(&[assignment(&topic, 0, 4, Some(10))], c.wait())?;
    equal(&values(&c.read_to_end(consumer.as_mut())?), &texts(4, 10), "what lies from the log start on")?;
    consumer.close(c.wait())?;
    let options = ConsumerOptions { allow_gap: true, ..ConsumerOptions::default() };
    let read = c.read_assigned(&options, &[assignment(&topic, 0, 2, Some(10))])?;
    equal(&values(&read), &texts(4, 10), "what is read where gaps are allowed")
}

fn start_beyond(c: &Context) -> Verdict {
    let topic = c.topic(2)?;
    c.write(&numbers(&topic, 0, 0, 10))?;
    let mut consumer = c.consumer()?;
    for (number, start, end) in [(0, 11, None), (0, 1_000_000, Some(2_000_000)), (1, 1, None)] {
        let assigned = consumer.assign(&[assignment(&topic, number, start, end)], c.wait());
        refused(assigned, &[ErrorKind::OutOfRange], format_args!("to start partition {number} at {start}"))?;
    }
    consumer.assign(&[assignment(&topic, 0, 10, None), assignment(&topic, 1, 0, None)], c.wait())?;
    equal(&poll(consumer.as_mut(), &mut Batch::new(), SHORT)?, &Polled::Timeout, "the answer at the end")?;
    consumer.close(c.wait())?;
    Ok(())
}

fn start_negative(c: &Context) -> Verdict {
    let topic = c.topic(1)?;
    c.write(&numbers(&topic, 0, 0, 10))?;
    let mut consumer = c.consumer()?;
    for start in [-1, -2, -10, i64::MIN] {
        let assigned = consumer.assign(&[assignment(&topic, 0, start, Some(10))], c.wait());
        refused(assigned, &[ErrorKind::OutOfRange, ErrorKind::Usage], format_args!("to start at {start}"))?;
    }
    consumer.close(c.wait())?;
    Ok(())
}

/// A topic that holds the offsets 0, 5, 6, and 100.
fn gappy(c: &Context) -> super::check::Checked<String> {
    let topic = c.topic(1)?;
    let records = [0, 5, 6, 100].map(|offset: i64| OwnedRecord { offset, ..message(&topic, 0, offset.to_string()) });
    c.write_with(&ProducerOptions { keep_offsets: true, ..ProducerOptions::default() }, &records)?;
    Ok(topic)
}

fn gaps_are_passed(c: &Context) -> Verdict {
    let topic = gappy(c)?;
    equal(&c.bounds(&topic, 1)?[0].1, &101, "the end")?;
    let cases: [(i64, i64, &[&str]); 7] = [
        (0, 101, &["0", "5", "6", "100"]),
        (0, 50, &["0", "5", "6"]),
        (3, 101, &["5", "6", "100"]),
        (7, 100, &[]),
        (7, 101, &["100"]),
        (1, 5, &[]),
        (5, 6, &["5"]),
    ];
    for (start, end, expected) in cases {
        let mut consumer = c.consumer()?;
        consumer.assign(&[assignment(&topic, 0, start, Some(end))], c.wait())?;
        equal(
            &values(&c.read_to_end(consumer.as_mut())?),
            &expected.to_vec(),
            format_args!("what lies from {start} up to {end}"),
        )?;
        equal(
            &consumer.positions(),
            &vec![position(&topic, 0, end)],
            format_args!("the position at the end, from {start}"),
        )?;
        consumer.close(c.wait())?;
    }
    Ok(())
}

fn seek_into_gaps(c: &Context) -> Verdict {
    let topic = gappy(c)?;
    let mut consumer = c.consumer()?;
    consumer.assign(&[assignment(&topic, 0, 0, Some(101))], c.wait())?;
    for (offset, expected) in [(50, &["100"][..]), (2, &["5", "6", "100"]), (101, &[])] {
        consumer.seek(&position(&topic, 0, offset), c.wait())?;
        equal(
            &values(&c.read_to_end(consumer.as_mut())?),
            &expected.to_vec(),
            format_args!("what lies from {offset} on"),
        )?;
    }
    consumer.close(c.wait())?;
    Ok(())
}
