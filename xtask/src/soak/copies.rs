//! Copies into a folder that are killed and resumed.

use std::path::Path;
use std::thread;
use std::time::Duration;

use super::folder::refuse_failure;
use super::programs::{Programs, wait_until};
use super::random::Random;
use super::verify;
use crate::Result;

/// The messages of a source.
const MESSAGES: u64 = 5_000;

/// How often a copy is killed.
const KILLS: u64 = 4;

/// Kills a copy several times, resumes it, and compares.
pub fn killed_copies(programs: &Programs, random: &mut Random, rounds: u64) -> Result<String> {
    programs.kafi(&["touch", "./soak/source", "--config", "segment.bytes=100000"])?;
    refuse_failure(&programs.produce("./soak/", "source", "source", MESSAGES)?.finish()?)?;
    let mut met = 0;
    for round in 0..rounds {
        let target = format!("./copies/copy-{round}");
        let partition = programs.folder.join(format!("copies/topics/copy-{round}/0"));
        let whole = |error: String| format!("round {round}: {error}");
        for _ in 0..KILLS {
            let before = bytes(&partition)?;
            let mut copy =
                programs.start_kafi(&["cp", "./soak/source", &target, "--resume", "--rate", "10000"], "copy.out")?;
            wait_until("something to be copied", || Ok(bytes(&partition)? > before || !copy.is_running()))?;
            thread::sleep(Duration::from_micros(random.below(100_000)));
            met += u64::from(copy.is_running());
            copy.kill()?;
        }
        programs.kafi(&["cp", "./soak/source", &target, "--resume", "-q"]).map_err(whole)?;
        compare(programs, "./soak/source", &target).map_err(whole)?;
        verify::dump(&partition, MESSAGES as usize).map_err(whole)?;
        // A second run has nothing to do.
        let size = bytes(&partition)?;
        programs.kafi(&["cp", "./soak/source", &target, "--resume", "-q"]).map_err(whole)?;
        if bytes(&partition)? != size {
            return Err(whole("a copy that was complete was written to".into()));
        }
    }
    Ok(format!(
        "each copy of {MESSAGES} messages was killed up to {KILLS} times ({met} kills met one at work) and resumed, and is equal to its source"
    ))
}

/// Compares two topics in everything that a copy keeps.
pub fn compare(programs: &Programs, source: &str, target: &str) -> Result<()> {
    let lines = |address: &str| programs.kafi(&["cat", address, "-F", r"%o %T %k %v\n"]);
    let (source, target) = (lines(source)?, lines(target)?);
    if source == target {
        return Ok(());
    }
    let equal = source.lines().zip(target.lines()).take_while(|(source, target)| source == target).count();
    Err(format!(
        "the copy has {} messages of {}, and differs from message {equal} on",
        target.lines().count(),
        source.lines().count()
    ))
}

/// The bytes in the segments of a partition, which need not be there yet.
pub fn bytes(partition: &Path) -> Result<u64> {
    if !partition.is_dir() {
        return Ok(0);
    }
    Ok(verify::segments(partition)?
        .iter()
        .filter_map(|segment| segment.metadata().ok())
        .map(|metadata| metadata.len())
        .sum())
}
