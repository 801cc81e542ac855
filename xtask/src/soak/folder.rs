//! Producers of a folder that are killed, that share a topic, and a reader beside them.

use std::fs;
use std::path::PathBuf;

use super::programs::{Programs, Written, wait_until};
use super::random::Random;
use super::verify;
use crate::Result;

/// More messages than a producer writes before it is killed.
const ENDLESS: u64 = 10_000_000;

/// After so many rounds in one topic another is begun, so that reading all does not take longer and longer.
const ROUNDS_PER_TOPIC: u64 = 10;

/// What was there, summed over the rounds.
#[derive(Default)]
struct Sums {
    told: u64,
    untold: u64,
}

/// Kills a producer at a random moment, lets another go on in the same partition, and checks the whole partition.
pub fn killed_producers(programs: &Programs, random: &mut Random, rounds: u64) -> Result<String> {
    let mut sums = Sums::default();
    let mut writers: Vec<Written> = Vec::new();
    let mut topic = String::new();
    for round in 0..rounds {
        if round % ROUNDS_PER_TOPIC == 0 {
            sums.told += writers.iter().map(Written::messages).sum::<u64>();
            writers.clear();
            topic = format!("killed-{round}");
            create(programs, &topic, random)?;
        }
        let whole = |error: String| format!("round {round}, topic {topic}: {error}");
        writers.push(programs.produce("./soak/", &topic, &format!("r{round}"), ENDLESS)?.kill(random, 60)?);
        // What the dead one left torn is ignored by whoever reads, and cut by the next who writes.
        let address = format!("./soak/{topic}");
        verify::check(&verify::read(programs, &address)?, &writers).map_err(whole)?;
        let next = programs.produce("./soak/", &topic, &format!("r{round}-next"), 5)?.finish()?;
        refuse_failure(&next)?;
        writers.push(next);
        let messages = verify::read(programs, &address)?;
        let untold = verify::check(&messages, &writers).map_err(whole)?;
        verify::dump(&partition(programs, &topic), messages.len()).map_err(whole)?;
        if round % ROUNDS_PER_TOPIC == ROUNDS_PER_TOPIC - 1 || round + 1 == rounds {
            sums.untold += untold;
        }
    }
    sums.told += writers.iter().map(Written::messages).sum::<u64>();
    Ok(format!(
        "{} messages reported written, each there once and in order; {} more were written before their producer could say so",
        sums.told, sums.untold
    ))
}

/// Two producers of one partition, one of them killed, and a reader beside them.
pub fn two_processes(programs: &Programs, random: &mut Random, rounds: u64) -> Result<String> {
    let mut sums = Sums::default();
    for round in 0..rounds {
        let topic = format!("shared-{round}");
        let address = format!("./soak/{topic}");
        create(programs, &topic, random)?;
        let output = format!("{topic}.out");
        let mut reader = programs.start_kafi(&["cat", &address, "-f", "-F", r"%o %k %v\n"], &output)?;
        let killed = programs.produce("./soak/", &topic, "killed", ENDLESS)?;
        let other = programs.produce("./soak/", &topic, "other", 500 + random.below(1_500))?;
        let writers = [killed.kill(random, 100)?, other.finish()?];
        refuse_failure(&writers[1])?;
        let messages = verify::read(programs, &address)?;
        let whole = |error: String| format!("round {round}: {error}");
        sums.untold += verify::check(&messages, &writers).map_err(whole)?;
        sums.told += writers.iter().map(Written::messages).sum::<u64>();
        let file = programs.folder.join(&output);
        let seen = || fs::read_to_string(&file).map_err(|error| format!("{output}: {error}"));
        wait_until("what the reader prints", || Ok(seen()?.lines().count() >= messages.len() || !reader.is_running()))?;
        reader.kill()?;
        if verify::parse(&seen()?)? != messages {
            return Err(whole("the reader beside the writers saw something else".into()));
        }
        // One more write cuts what was torn.
        let last = programs.produce("./soak/", &topic, "last", 1)?.finish()?;
        refuse_failure(&last)?;
        verify::dump(&partition(programs, &topic), messages.len() + 1).map_err(whole)?;
    }
    Ok(format!(
        "{} messages reported written by two producers, each there once and in order, and as a reader saw them meanwhile; {} more unreported",
        sums.told, sums.untold
    ))
}

/// Makes a topic of the folder with segments that are small, so that producers die while one is begun, too.
pub fn create(programs: &Programs, topic: &str, random: &mut Random) -> Result<()> {
    let bytes = format!("segment.bytes={}", 5_000 + random.below(60_000));
    programs.kafi(&["touch", &format!("./soak/{topic}"), "--config", &bytes]).map(drop)
}

/// The folder of partition 0 of a topic.
pub fn partition(programs: &Programs, topic: &str) -> PathBuf {
    programs.folder.join("soak/topics").join(topic).join("0")
}

/// Where nothing was to fail, a reported failure is one.
pub fn refuse_failure(written: &Written) -> Result<()> {
    written.failed.as_ref().map_or(Ok(()), |failed| Err(format!("{}: {failed}", written.name)))
}
