//! `join`: the messages of two topics that have the same key.

mod account;
mod eager;
mod hash;
mod key;
mod keyed;
mod memory;
mod merge;
mod options;
mod outlet;
mod output;
mod table;

use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::sync::mpsc::{channel, sync_channel};
use std::thread;

use kafi_core::functional::{caught, plan};
use kafi_core::{Assignment, Error, ErrorKind, ReadOptions, Result};

use crate::compact::{CompactOptions, Survivors, finite};
use crate::spill::Spill;

pub use account::{Joined, JoinedSide};
pub use key::{JoinKey, MemberPath};
pub use merge::{ObjectMerger, merge_objects};
pub use options::{JoinEmit, JoinHow, JoinKeyOf, JoinOptions, JoinPair, JoinRows, JoinSide};
pub use output::{JoinEach, JoinProject};

use eager::Eager;
use hash::{HashJoin, Matches};
use keyed::{RowKey, read_keyed};
use outlet::{Outlet, Rows};
use output::{Output, Wanted};

/// Joins two topics: hands each row to `project`, which makes messages of it, and those to `each`, batch by batch, until
/// that breaks. What of the two is read is settled at the start, and told to `begun`. A key that is null matches nothing.
/// The rows are exact and complete: all pairs, and with an outer join each message without a partner once. Blocks until
/// both topics are read.
///
/// The side with fewer offsets is kept in memory, and, where it does not fit, in a file without a name in the folder for
/// temporary files, with what of the other side may match it.
///
/// # Errors
/// `Usage` for what cannot be had; what reading, making keys, `project`, or `each` fails with; `NoSpace` where what does not
/// fit into memory does not fit onto the disk either; `TooLarge` for an eager join that needs more memory.
pub fn join<'a>(
    sides: [JoinSide<'a>; 2],
    options: &'a JoinOptions,
    begun: impl FnOnce(&Joined) -> Result<()>,
    project: &'a mut JoinProject<'a>,
    each: &'a mut JoinEach<'a>,
) -> Result<Joined> {
    check(&sides, options)?;
    let [mut left, mut right] = sides;
    for side in [&mut left, &mut right] {
        let follow = side.read.follow;
        side.read = ReadOptions { follow, ..finite(&side.read) };
    }
    let plan_of = |side: &JoinSide<'_>| plan(side.storage, &[side.topic.to_string()], &side.read);
    let (left_offsets, right_offsets) = (plan_of(&left)?, plan_of(&right)?);
    let mut joined = Joined { left_offsets, right_offsets, ..Joined::default() };
    begun(&joined)?;
    let cancels = [left.read.cancel.clone(), right.read.cancel.clone()];
    let mut out = Output::new([left.topic, right.topic], project, each, &options.failures);
    let sides = [(left, joined.left_offsets.clone()), (right, joined.right_offsets.clone())];
    let ran = match options.emit {
        JoinEmit::Eager => {
            let [(mut left, left_offsets), (mut right, right_offsets)] = sides;
            let eager = Eager::open([(&mut left, left_offsets), (&mut right, right_offsets)], options, &mut out);
            eager.and_then(Eager::run).map(|counts| (counts, 0))
        }
        JoinEmit::Final => by_hash(sides, options, &mut out),
    };
    // What came before a failure is handed over.
    let flushed = out.flush();
    ([joined.left, joined.right], joined.spilled_bytes) = ran?;
    flushed?;
    joined.cancelled = cancels.iter().any(kafi_core::Cancel::is_cancelled);
    (joined.rows, joined.rows_skipped) = (out.rows, out.rows_skipped);
    if !joined.cancelled && !out.is_over {
        joined.left.check("left")?;
        joined.right.check("right")?;
    }
    Ok(joined)
}

fn check(sides: &[JoinSide<'_>; 2], options: &JoinOptions) -> Result<()> {
    let refused = |why: &str| Err(Error::new(ErrorKind::Usage, "join", why));
    if sides.iter().any(|side| side.read.joined().is_some()) {
        return refused("two topics are joined without a consumer group");
    }
    let follows = sides.iter().any(|side| side.read.follow);
    match options.emit {
        JoinEmit::Final if follows => {
            refused("what has no partner is known at the end only, and what is followed has none").map_err(|error| {
                error.hint("an eager join (--emit eager) puts it out at once, and again with its partner")
            })
        }
        JoinEmit::Eager if options.how == JoinHow::Anti => {
            refused("what has no partner yet may still find one, so that an eager join cannot be anti")
        }
        _ => Ok(()),
    }
}

/// Of so many messages what they meet is fetched before they are joined.
const AHEAD: usize = 64;

/// A side, and what of it is read.
type Planned<'a> = (JoinSide<'a>, Vec<Assignment>);

/// Rows that go round between the thread that joins and the one that makes messages of them: some are made, some wait,
/// some are used.
const ROUND: usize = 3;

/// Joins two sides that have ends, in a thread of its own, and makes messages of the rows in this one.
fn by_hash<'a>(
    sides: [Planned<'a>; 2],
    options: &'a JoinOptions,
    out: &mut Output<'a>,
) -> Result<([JoinedSide; 2], u64)> {
    let (full, filled) = sync_channel::<Rows>(1);
    let (free, empty) = channel();
    for _ in 0..ROUND {
        free.send(Rows::default()).expect("the receiver is held here");
    }
    thread::scope(|scope| {
        let joining = scope.spawn(move || {
            let mut outlet = Outlet::new(full, empty);
            let joined = caught("join", || join_by_hash(sides, options, &mut outlet));
            outlet.flush();
            joined
        });
        let mut put = Ok(());
        for rows in &filled {
            put = rows.put_into(out);
            if put.is_err() || out.is_over {
                break;
            }
            // Whoever joins may have ended.
            let _at_end = free.send(rows);
        }
        drop((filled, free));
        let joined = joining.join().unwrap_or_else(|panic| resume_unwind(panic));
        put.and(joined)
    })
}

fn join_by_hash<'a>(
    sides: [Planned<'a>; 2],
    options: &'a JoinOptions,
    out: &mut Outlet,
) -> Result<([JoinedSide; 2], u64)> {
    let memory = options.rows_memory();
    let mut spill = Spill::new(memory);
    let [left, right] = sides;
    let builds_left = offsets_in(&left.1) < offsets_in(&right.1);
    let (mut built, mut probed) = if builds_left { (left, right) } else { (right, left) };
    let tables = [table_of(&built, memory, &mut spill)?, table_of(&probed, memory, &mut spill)?];
    let cancel = built.0.read.cancel.clone();
    let wanted = Wanted::of(options.how, builds_left);
    let mut join = HashJoin::new((wanted, builds_left), memory, &mut spill, out, &cancel);
    let mut read_side = |(side, assignments): &mut Planned<'a>, table: Option<&Survivors>, builds: bool| {
        let mut counts = JoinedSide::default();
        read_keyed((side, assignments), table, &options.failures, |keyed| {
            for index in 0..keyed.len() {
                if index % AHEAD == 0 {
                    join.look_at(keyed.hashes(index..(index + AHEAD).min(keyed.len())), builds);
                }
                let (key, record) = keyed.row(index);
                counts.read += 1;
                match key {
                    RowKey::Superseded => counts.superseded += 1,
                    RowKey::Skipped => counts.skipped += 1,
                    RowKey::Null => {
                        counts.null_keys += 1;
                        join.null_key(&record, builds);
                    }
                    RowKey::Key(hash, key) if builds => join.build((hash, key), &record)?,
                    RowKey::Key(hash, key) => join.probe((hash, key), &record)?,
                }
            }
            Ok(if join.out.is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })
        .map(|()| counts)
    };
    let [built_table, probed_table] = &tables;
    let mut built_counts = read_side(&mut built, built_table.as_ref(), true)?;
    let mut probed_counts = read_side(&mut probed, probed_table.as_ref(), false)?;
    let Matches { built_matched, built_unmatched, probed_matched, probed_unmatched } = join.finish()?;
    (built_counts.matched, built_counts.unmatched) = (built_matched, built_unmatched);
    (probed_counts.matched, probed_counts.unmatched) = (probed_matched, probed_unmatched);
    let counts = if builds_left { [built_counts, probed_counts] } else { [probed_counts, built_counts] };
    Ok((counts, spill.written()))
}

fn offsets_in(assignments: &[Assignment]) -> i64 {
    assignments.iter().filter_map(|assignment| Some(assignment.end? - assignment.start)).sum()
}

/// Which messages are rows, where they are those of a table.
fn table_of((side, assignments): &Planned<'_>, memory: usize, spill: &mut Spill) -> Result<Option<Survivors>> {
    if side.rows == JoinRows::Log {
        return Ok(None);
    }
    let options = CompactOptions { read: side.read.clone(), ..CompactOptions::default() };
    Survivors::find(side.storage, assignments, &options, memory, spill).map(Some)
}
