//! The producer that `cargo xtask soak` kills: writes numbered messages to partition 0 of a topic, and prints each
//! delivery report as it comes.
//!
//! Arguments: STORAGE TOPIC NAME COUNT. The key of a message is NAME, its value the message's number and a filler.
//! Printed are `delivered FIRST COUNT OFFSET` and `failed FIRST COUNT WHY`; the exit code is 2 after a failure.

use std::env;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use kafi::{Batch, Delivery, Error, ErrorKind, Producer, ProducerOptions, Record, Result};

/// A broker may be away for a while.
const PATIENCE: Duration = Duration::from_secs(120);

/// The messages of one call of `produce` are at most so many.
const CHUNK_MAX: u64 = 16;

/// So many calls later the reports are waited for, so that a slow disk is not run away from.
const CALLS_AHEAD: u64 = 4;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(2),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether everything was delivered.
fn run() -> Result<bool> {
    let args: Vec<String> = env::args().skip(1).collect();
    let [storage, topic, name, count] = args.as_slice() else {
        return Err(Error::new(ErrorKind::Usage, "soak_child", "the arguments are STORAGE TOPIC NAME COUNT"));
    };
    let count: u64 = count.parse().map_err(|_| Error::new(ErrorKind::Usage, "soak_child", "COUNT is not a number"))?;
    let storage = kafi::open(storage)?;
    let mut producer = storage.storage().producer(&ProducerOptions::default())?;
    let mut batch = Batch::new();
    let mut value = String::new();
    let (mut next, mut calls) = (0, 0);
    while next < count {
        batch.clear();
        let end = count.min(next + 1 + calls % CHUNK_MAX);
        for number in next..end {
            fill(&mut value, number);
            batch.push(Record { partition: 0, ..Record::new(topic, Some(name.as_bytes()), Some(value.as_bytes())) });
        }
        let mut from = 0;
        while from < batch.len() {
            from += producer.produce(&batch, from, 1, PATIENCE)?;
        }
        next = end;
        calls += 1;
        if calls % CALLS_AHEAD == 0 {
            producer.flush(PATIENCE)?;
        }
        if !print_reports(&mut *producer)? {
            return Ok(false);
        }
    }
    producer.flush(PATIENCE)?;
    let delivered = print_reports(&mut *producer)?;
    producer.close(PATIENCE)?;
    Ok(delivered)
}

/// The value of a message: messages have different lengths, and each says which it is.
fn fill(value: &mut String, number: u64) {
    value.clear();
    value.push_str(&number.to_string());
    value.push(' ');
    let filler = usize::try_from(number * 37 % 211).expect("a remainder is small");
    value.extend(std::iter::repeat_n('x', filler));
}

/// Prints the reports that are there; false when one is a failure.
fn print_reports(producer: &mut dyn Producer) -> Result<bool> {
    let mut delivered = true;
    let mut stdout = io::stdout().lock();
    for report in producer.reports(Duration::ZERO)? {
        let (first, count) = (report.first, report.count);
        let written = match &report.delivery {
            Delivery::At(offset) => writeln!(stdout, "delivered {first} {count} {offset}"),
            Delivery::Unknown => writeln!(stdout, "failed {first} {count} the offset is not known"),
            Delivery::Failed(error) => writeln!(stdout, "failed {first} {count} {error}"),
        };
        delivered &= matches!(report.delivery, Delivery::At(_));
        written.map_err(|error| Error::io("print", error))?;
    }
    Ok(delivered)
}
