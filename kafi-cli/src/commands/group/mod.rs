//! `group`: consumer groups. A group is addressed as a topic is: STORAGE:GROUP.

mod cp;
mod lag;
mod ls;
mod offsets_file;
mod plan;
mod reset;
mod rm;
mod show;

use kafi::{Address, Admin, Error, ErrorKind, Glob, Group, GroupDescription, Kafi, Result, StorageAddress};

use crate::address::{Named, open_named};
use crate::context::Context;
use crate::limits::TIMEOUT;
use crate::verb::{Entry, entry};

/// What can be done with groups.
pub const GROUP: Entry = Entry::Verbs {
    name: "group",
    about: "List consumer groups, and show, set, copy, and delete their offsets",
    verbs: &[
        entry::<ls::LsArgs>("ls"),
        entry::<show::ShowArgs>("show"),
        entry::<lag::LagArgs>("lag"),
        entry::<reset::ResetArgs>("reset"),
        entry::<rm::RmArgs>("rm"),
        entry::<cp::CpArgs>("cp"),
    ],
};

/// Opens what these addresses name, with the groups of one storage together. Globs are replaced by the groups that they
/// match; plain names are taken as they are.
fn open_groups(context: &Context, addresses: &[String]) -> Result<Vec<Named>> {
    open_named(context, addresses, |kafi, address| {
        let Some(group) = &address.topic else { return Err(no_group(&address.to_string())) };
        let groups = if address.is_glob() {
            matching(kafi.admin()?.as_mut(), group)?
        } else {
            address.name().into_iter().collect()
        };
        if groups.is_empty() {
            return Err(Error::new(ErrorKind::NotFound, "find groups", "no group matches").with("address", address));
        }
        Ok(groups)
    })
}

/// Opens the one group that an address names.
fn open_group(context: &Context, text: &str) -> Result<(Kafi, StorageAddress, String)> {
    let address = Address::parse(text)?;
    if address.is_glob() {
        let error = Error::new(ErrorKind::Usage, "read address", "a glob means several groups, where one is wanted")
            .with("address", format!("{text:?}"));
        return Err(error.hint(r"a backslash takes a sign as it is: a\*b"));
    }
    let group = address.name().ok_or_else(|| no_group(text))?;
    Ok((context.registry.open_address(&address.storage)?, address.storage, group))
}

/// The names of the groups that a glob matches, sorted.
fn matching(admin: &mut dyn Admin, glob: &str) -> Result<Vec<String>> {
    Glob::parse(glob)?.groups(admin, TIMEOUT)
}

/// Whether a name is meant, by itself or by a glob.
fn topic_matches(named: &str) -> Result<impl Fn(&str) -> bool + use<>> {
    let (glob, named) = (Glob::is_glob(named).then(|| Glob::parse(named)).transpose()?, Glob::unquoted(named));
    Ok(move |topic: &str| glob.as_ref().map_or(topic == named, |glob| glob.matches(topic)))
}

/// Names the group that was probably meant where one is missing, or says that it is there but of another kind.
fn explain(admin: &mut dyn Admin, group: &str, error: Error) -> Error {
    if error.kind() != ErrorKind::NotFound
        || !error.context().any(|(key, value)| key == "group" && value == group)
        || error.hint_text().is_some()
    {
        return error;
    }
    // What cannot be listed gives no hint; the error itself matters more.
    let (groups, _) = admin.list_groups(TIMEOUT).unwrap_or_default();
    if groups.iter().any(|known| known.name == group && known.state.is_empty()) {
        let why = "the group is of a kind that librdkafka does not know (share or streams), and can only be listed and deleted";
        return Error::new(ErrorKind::Unsupported, "describe group", why).with("group", group);
    }
    match kafi::nearest(group, groups.iter().map(|group| group.name.as_str())) {
        Some(near) if near != group => error.hint(format!("did you mean {near}?")),
        _ => error,
    }
}

/// The topics that names and globs mean.
fn topics_of(kafi: &Kafi, named: &[String]) -> Result<Vec<String>> {
    let mut topics = Vec::new();
    for name in named {
        if name.contains([':', '/']) {
            let why = "the topics are those of the group's storage, and named without it";
            return Err(Error::new(ErrorKind::Usage, "find topics", why).with("topic", format!("{name:?}")));
        }
        if !Glob::is_glob(name) {
            topics.push(Glob::unquoted(name));
            continue;
        }
        let matching = crate::address::matching(kafi, name, false)?;
        if matching.is_empty() {
            return Err(Error::new(ErrorKind::NotFound, "find topics", "no topic matches").with("glob", name));
        }
        topics.extend(matching);
    }
    Ok(topics)
}

/// A group of a kind that librdkafka does not know, among those that are listed.
fn of_unknown_kind(admin: &mut dyn Admin, group: &str) -> Option<Group> {
    let (groups, _) = admin.list_groups(TIMEOUT).unwrap_or_default();
    groups.into_iter().find(|known| known.name == group && known.state.is_empty())
}

/// A group of which nobody knows who reads.
fn without_members(group: Group) -> GroupDescription {
    GroupDescription { name: group.name, state: group.state, members: Vec::new() }
}

fn no_group(text: &str) -> Error {
    let error = Error::new(ErrorKind::Usage, "read address", "this names a storage, where a group is wanted")
        .with("address", format!("{text:?}"));
    error.hint(format!("kafi group ls {text} lists its groups"))
}
