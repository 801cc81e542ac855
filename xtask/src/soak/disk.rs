//! A disk that runs full: a small file system in memory, which only root can mount.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::folder::refuse_failure;
use super::programs::{Programs, Written};
use super::random::Random;
use super::verify;
use crate::{Result, command};

/// More messages than the disk holds.
const ENDLESS: u64 = 10_000_000;

/// Where the disk is mounted.
const NAME: &str = "disk";

/// A file system that is unmounted at last.
struct Disk(PathBuf);

impl Drop for Disk {
    fn drop(&mut self) {
        if let Err(error) = command::run("umount", Command::new("umount").arg(&self.0)) {
            eprintln!("{error}");
        }
    }
}

/// Unmounts what an interrupted run left in `folder`.
pub fn release(folder: &Path) -> Result<()> {
    let path = folder.join(NAME);
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    if mounts.lines().any(|line| line.split(' ').nth(1) == path.to_str()) {
        command::run("umount", Command::new("umount").arg(&path))?;
    }
    Ok(())
}

/// Produces until the disk is full; afterwards what was reported is there, and once there is room again, producing goes
/// on.
pub fn full_disk(programs: &Programs, random: &mut Random, rounds: u64) -> Result<String> {
    if !is_root()? {
        return Ok("skipped: only root can mount a small disk".into());
    }
    let mut told = 0;
    for round in 0..rounds {
        told += round_on(programs, random).map_err(|error| format!("round {round}: {error}"))?;
    }
    Ok(format!(
        "{told} messages reported written on disks of 8 MB until they were full and after there was room again, each there once and in order"
    ))
}

fn round_on(programs: &Programs, random: &mut Random) -> Result<u64> {
    let path = programs.folder.join(NAME);
    fs::create_dir_all(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    command::run("mount", Command::new("mount").args(["-t", "tmpfs", "-o", "size=8m", "soak"]).arg(&path))?;
    let disk = Disk(path);
    // What takes up room makes each disk full at another byte.
    let ballast = disk.0.join("ballast");
    fs::write(&ballast, vec![0; 4_000_000 + random.below(3_900_000) as usize])
        .map_err(|error| format!("{}: {error}", ballast.display()))?;
    programs.kafi(&[
        "touch",
        "./disk/full",
        "--config",
        &format!("segment.bytes={}", 20_000 + random.below(2_000_000)),
    ])?;
    let full = programs.produce("./disk/", "full", "full", ENDLESS)?.finish()?;
    let failed = full.failed.clone().unwrap_or_default();
    if !failed.contains("space") {
        return Err(format!("the disk is full, and the producer said {failed:?}"));
    }
    let partition = disk.0.join("topics/full/0");
    let mut writers = vec![full];
    check(programs, &partition, &writers)?;
    fs::remove_file(&ballast).map_err(|error| format!("{}: {error}", ballast.display()))?;
    let after = programs.produce("./disk/", "full", "after", 100)?.finish()?;
    refuse_failure(&after)?;
    writers.push(after);
    check(programs, &partition, &writers)
}

/// Checks what is there, and returns how many messages were reported.
fn check(programs: &Programs, partition: &Path, writers: &[Written]) -> Result<u64> {
    let messages = verify::read(programs, "./disk/full")?;
    verify::check(&messages, writers)?;
    verify::dump(partition, messages.len())?;
    Ok(writers.iter().map(Written::messages).sum())
}

fn is_root() -> Result<bool> {
    let output = Command::new("id").arg("-u").output().map_err(|error| format!("id: {error}"))?;
    Ok(output.stdout == b"0\n")
}
