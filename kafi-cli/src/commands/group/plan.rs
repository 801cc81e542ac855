//! Plans for committed offsets: shown, and carried out where that is asked for.

use kafi::{Admin, CommittedOffset, OffsetChange, Result, StorageAddress, shell};

use crate::args::ExecuteArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::limits::TIMEOUT;
use crate::output::{Cell, Table};

/// Prints what is to become of the committed offsets of a group, and with `execute` does it, which is refused while
/// somebody reads as it.
pub fn settle(
    admin: &mut dyn Admin,
    (storage, group): (&StorageAddress, &str),
    plan: &[OffsetChange],
    execute: &ExecuteArgs,
    context: &Context,
) -> Result<Exit> {
    let members = shell::check_no_members(admin, group, TIMEOUT);
    if execute.execute {
        members?;
    } else if let Err(error) = members {
        context.say(&format!("warning: {error}"));
    }
    let mut table = Table::of_storages(false, &["group", "topic", "partition", "from", "to"]);
    for change in plan {
        let cells = vec![
            Cell::Text(group.to_string()),
            Cell::Text(change.to.topic.clone()),
            Cell::Number(i64::from(change.to.partition)),
            change.from.as_ref().map_or(Cell::Unknown, |from| Cell::Number(from.offset)),
            Cell::Number(change.to.offset),
        ];
        if change.is_one() { table.row_on(storage, cells) } else { table.dimmed_row_on(storage, cells) }
    }
    table.print(&context.output)?;
    let changed: Vec<CommittedOffset> =
        plan.iter().filter(|change| change.is_one()).map(|change| change.to.clone()).collect();
    if execute.goes_on(!changed.is_empty(), context) {
        admin.alter_group_offsets(group, &changed, TIMEOUT)?;
    }
    Ok(Exit::Done)
}
