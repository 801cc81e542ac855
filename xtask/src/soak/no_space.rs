//! System calls that fail for lack of space, at a random one and once or from there on: writes, and the calls that make
//! them durable.

use std::process::{Command, Stdio};

use super::folder::{create, partition, refuse_failure};
use super::programs::Programs;
use super::random::Random;
use super::verify;
use crate::Result;

/// A producer makes about so many calls of each kind while it writes `MESSAGES`.
const CALLS: u64 = 60;

const MESSAGES: u64 = 2_000;

/// Lets calls of a producer fail; what it reported written is there, and the next producer goes on.
pub fn failing_calls(programs: &Programs, random: &mut Random, rounds: u64) -> Result<String> {
    if Command::new("strace").arg("-V").stdout(Stdio::null()).status().is_err() {
        return Ok("skipped: there is no strace here".into());
    }
    let (mut told, mut failures) = (0, 0);
    for round in 0..rounds {
        let topic = format!("no-space-{round}");
        create(programs, &topic, random)?;
        let call = ["pwrite64", "fdatasync"][random.below(2) as usize];
        let for_good = ["", "+"][random.below(2) as usize];
        // A producer on a fast machine makes fewer calls than others; the first one it always makes.
        let calls = if round == 0 { 1 } else { CALLS };
        let inject = format!("inject={call}:error=ENOSPC:when={}{for_good}", 1 + random.below(calls));
        let whole = |error: String| format!("round {round}, {inject}: {error}");
        let args = ["-e", "trace=pwrite64,fdatasync", "-e", &inject];
        let first = programs.produce_under_strace(&args, &topic, "failing", MESSAGES)?.finish().map_err(whole)?;
        failures += u64::from(first.failed.is_some());
        let mut writers = vec![first];
        let address = format!("./soak/{topic}");
        verify::check(&verify::read(programs, &address).map_err(whole)?, &writers).map_err(whole)?;
        let next = programs.produce("./soak/", &topic, "next", 100)?.finish()?;
        refuse_failure(&next).map_err(whole)?;
        writers.push(next);
        let messages = verify::read(programs, &address).map_err(whole)?;
        verify::check(&messages, &writers).map_err(whole)?;
        verify::dump(&partition(programs, &topic), messages.len()).map_err(whole)?;
        told += writers.iter().map(|writer| writer.messages()).sum::<u64>();
    }
    if failures == 0 {
        return Err("no producer was told of a failure".into());
    }
    Ok(format!(
        "{told} messages reported written, each there once and in order; {failures} of {rounds} producers were told that messages were not written"
    ))
}
