//! Groups: committed offsets, members, and their administration.

use std::time::Instant;

use kafi_core::{Batch, Capabilities, CommittedOffset, Consumer, ConsumerOptions, ErrorKind, Group, Polled};

use super::check::{Checked, Verdict, check, equal, refused};
use super::context::{Context, SHORT, assignment, numbers, offset, partition, poll, texts, unique, values};
use super::{Case, GROUPED};

const MANAGED: Capabilities = GROUPED.union(Capabilities::ADMIN_GROUPS);

pub(super) const CASES: &[Case] = &[
    Case::new(
        "commits_are_kept",
        GROUPED,
        "committed gives what the group committed; partitions without an offset are left out.",
        commits_are_kept,
    ),
    Case::new(
        "what_lies_beside_offsets_is_kept",
        MANAGED,
        "Metadata and leader epoch of a committed offset come back with it; the next commit replaces them.",
        beside_offsets,
    ),
    Case::new(
        "commits_outlive_their_consumer",
        GROUPED,
        "What was committed is there for other handles, after the consumer is closed.",
        commits_outlive,
    ),
    Case::new("groups_are_apart", GROUPED, "What one group commits is not another's.", groups_are_apart),
    Case::new(
        "without_group_is_usage",
        GROUPED,
        "subscribe, commit, and committed are Usage without a group.",
        without_group,
    ),
    Case::new(
        "subscribe_starts_at_committed",
        GROUPED,
        "A member reads from the committed offsets on.",
        starts_at_committed,
    ),
    Case::new(
        "subscribe_starts_at_earliest",
        GROUPED,
        "Without a committed offset a member starts at the log start.",
        starts_at_earliest,
    ),
    Case::new(
        "subscribe_starts_at_latest",
        GROUPED,
        "Without a committed offset a member starts at the end, if that is asked for.",
        starts_at_latest,
    ),
    Case::new(
        "members_go_on_one_after_the_other",
        GROUPED,
        "Members that commit what they read lose and double nothing.",
        one_after_the_other,
    ),
    Case::new("close_commits_nothing", GROUPED, "close leaves the group and commits nothing.", close_commits_nothing),
    Case::new(
        "assign_leaves_the_group",
        GROUPED,
        "assign replaces a subscription, and subscribe an assignment.",
        assign_leaves,
    ),
    Case::new(
        "subscribe_refuses_missing",
        GROUPED,
        "subscribe is NotFound for a missing topic.",
        subscribe_refuses_missing,
    ),
    Case::new("odd_names", MANAGED, "A group may have any name.", odd_names),
    Case::new(
        "groups_are_listed",
        MANAGED,
        "groups lists the groups, sorted by name, with their state.",
        groups_are_listed,
    ),
    Case::new(
        "groups_are_described",
        MANAGED,
        "group says what a group is doing, and names its live members.",
        groups_are_described,
    ),
    Case::new(
        "group_offsets_are_sorted",
        MANAGED,
        "group_offsets are the committed offsets of a group, sorted.",
        offsets_are_sorted,
    ),
    Case::new("missing_groups_are_not_found", MANAGED, "NotFound for a missing group.", missing_groups),
    Case::new(
        "offsets_can_be_altered",
        MANAGED,
        "alter_group_offsets makes the group if it is new, sets offsets, and leaves others.",
        altered,
    ),
    Case::new(
        "single_offsets_can_be_deleted",
        MANAGED.union(Capabilities::ADMIN_DELETE_GROUP_OFFSETS),
        "delete_group_offsets deletes the offsets of single partitions and leaves the others.",
        single_deleted,
    ),
    Case::new("groups_can_be_deleted", MANAGED, "delete_group deletes a group and what it committed.", deleted),
    Case::new(
        "live_groups_stay",
        MANAGED,
        "To alter or delete a group with live members is Conflict.",
        live_groups_stay,
    ),
];

fn commits_are_kept(c: &Context) -> Verdict {
    let (topic, group) = (c.topic(3)?, c.group());
    c.write(&numbers(&topic, 0, 0, 10))?;
    c.write(&numbers(&topic, 2, 0, 10))?;
    let mut consumer = c.member(&group)?;
    let all: Vec<_> = (0..3).map(|number| partition(&topic, number)).collect();
    equal(&consumer.committed(&all, c.wait())?, &Vec::new(), "the committed offsets of a new group")?;
    consumer.assign(&[assignment(&topic, 0, 0, None)], c.wait())?;
    consumer.commit(&[offset(&topic, 0, 3), offset(&topic, 2, 10)], c.wait())?;
    let committed = |consumer: &mut dyn Consumer| {
        let mut committed = consumer.committed(&all, c.wait())?;
        committed.sort();
        Checked::Ok(committed)
    };
    equal(&committed(consumer.as_mut())?, &vec![offset(&topic, 0, 3), offset(&topic, 2, 10)], "what was committed")?;
    // Later, and also back.
    consumer.commit(&[offset(&topic, 0, 7), offset(&topic, 2, 0)], c.wait())?;
    equal(
        &committed(consumer.as_mut())?,
        &vec![offset(&topic, 0, 7), offset(&topic, 2, 0)],
        "what was committed later",
    )?;
    equal(&consumer.committed(&all[1..2], c.wait())?, &Vec::new(), "a partition without a committed offset")?;
    consumer.close(c.wait())?;
    Ok(())
}

fn beside_offsets(c: &Context) -> Verdict {
    let (topic, group) = (c.topic(2)?, c.group());
    c.write(&numbers(&topic, 0, 0, 10))?;
    let with = |partition, at, metadata: &str, leader_epoch| CommittedOffset {
        metadata: metadata.into(),
        leader_epoch,
        ..offset(&topic, partition, at)
    };
    let mut consumer = c.member(&group)?;
    let all = [partition(&topic, 0), partition(&topic, 1)];
    let mut committed = vec![with(0, 3, "AQ==\u{e4}\"\n", Some(0)), with(1, 0, "", None)];
    consumer.commit(&committed, c.wait())?;
    let sorted = |mut offsets: Vec<CommittedOffset>| {
        offsets.sort();
        offsets
    };
    equal(&sorted(consumer.committed(&all, c.wait())?), &committed, "what a consumer finds")?;
    let mut admin = c.admin()?;
    equal(&admin.group_offsets(&group, c.wait())?, &committed, "what the administration finds")?;
    consumer.commit(&[offset(&topic, 0, 4)], c.wait())?;
    consumer.close(c.wait())?;
    committed[0] = offset(&topic, 0, 4);
    equal(&admin.group_offsets(&group, c.wait())?, &committed, "what is found after a commit with nothing beside")?;
    committed[1] = with(1, 0, "set from outside", Some(0));
    admin.alter_group_offsets(&group, &committed[1..], c.wait())?;
    let asked = [group.clone(), c.group()];
    let mut offsets = admin.offsets_of_groups(&asked, c.wait())?.into_iter();
    equal(&offsets.next().transpose()?, &Some(committed), "what is found after it was set from outside")?;
    equal(&offsets.next().transpose()?, &Some(Vec::new()), "the offsets of a group that is not there")?;
    let mut described = admin.describe_groups(&asked, c.wait())?.into_iter();
    equal(&described.next().transpose()?.map(|description| description.name), &Some(group), "the group that is there")?;
    let missing = described.next().map(|described| described.map_err(|error| error.kind()));
    equal(&missing, &Some(Err(ErrorKind::NotFound)), "the description of a group that is not there")
}

fn commits_outlive(c: &Context) -> Verdict {
    let (topic, group) = (c.topic(1)?, c.group());
    c.write(&numbers(&topic, 0, 0, 10))?;
    let mut consumer = c.member(&group)?;
    consumer.assign(&[assignment(&topic, 0, 0, Some(10))], c.wait())?;
    c.read_to_end(consumer.as_mut())?;
    consumer.commit(&CommittedOffset::all(&consumer.positions()), c.wait())?;
    consumer.close(c.wait())?;
    let mut other = c.reopen()?.consumer(&ConsumerOptions { group: Some(group), ..ConsumerOptions::default() })?;
    equal(
        &other.committed(&[partition(&topic, 0)], c.wait())?,
        &vec![offset(&topic, 0, 10)],
        "what another handle sees",
    )?;
    other.close(c.wait())?;
    Ok(())
}

fn groups_are_apart(c: &Context) -> Verdict {
    let (topic, groups) = (c.topic(1)?, [c.group(), c.group()]);
    c.write(&numbers(&topic, 0, 0, 10))?;
    let mut consumers = [c.member(&groups[0])?, c.member(&groups[1])?];
    consumers[0].commit(&[offset(&topic, 0, 3)], c.wait())?;
    equal(
        &consumers[1].committed(&[partition(&topic, 0)], c.wait())?,
        &Vec::new(),
        "the committed offsets of the other group",
    )?;
    consumers[1].commit(&[offset(&topic, 0, 5)], c.wait())?;
    equal(
        &consumers[0].committed(&[partition(&topic, 0)], c.wait())?,
        &vec![offset(&topic, 0, 3)],
        "the committed offsets of the first group",
    )?;
    consumers.iter_mut().try_for_each(|consumer| consumer.close(c.wait()))?;
    Ok(())
}

fn without_group(c: &Context) -> Verdict {
    let topic = c.topic(1)?;
    let mut consumer = c.consumer()?;
    let usage = &[ErrorKind::Usage];
    refused(consumer.subscribe(std::slice::from_ref(&topic), c.wait()), usage, "to subscribe without a group")?;
    refused(consumer.commit(&[offset(&topic, 0, 0)], c.wait()), usage, "to commit without a group")?;
    refused(
        consumer.committed(&[partition(&topic, 0)], c.wait()),
        usage,
        "to ask for committed offsets without a group",
    )?;
    consumer.close(c.wait())?;
    Ok(())
}

/// A live member that reads these topics.
pub(super) fn joined(c: &Context, group: &str, topics: &[&str]) -> Checked<Box<dyn Consumer>> {
    let mut consumer = c.member(group)?;
    consumer.subscribe(&topics.iter().map(|topic| topic.to_string()).collect::<Vec<_>>(), c.wait())?;
    Ok(consumer)
}

fn starts_at_committed(c: &Context) -> Verdict {
    let (topic, group) = (c.topic(2)?, c.group());
    c.write(&numbers(&topic, 0, 0, 10))?;
    c.write(&numbers(&topic, 1, 10, 20))?;
    let mut consumer = c.member(&group)?;
    consumer.commit(&[offset(&topic, 0, 7)], c.wait())?;
    consumer.close(c.wait())?;
    let mut member = joined(c, &group, &[&topic])?;
    let mut read = c.read_some(member.as_mut(), 13)?;
    member.close(c.wait())?;
    read.sort_by_key(|record| (record.partition, record.offset));
    equal(
        &values(&read),
        &[texts(7, 10), texts(10, 20)].concat(),
        "the one partition from its committed offset on, the other one from its start",
    )
}

fn starts_at_earliest(c: &Context) -> Verdict {
    let (topic, group) = (c.topic(1)?, c.group());
    c.write(&numbers(&topic, 0, 0, 10))?;
    let mut member = joined(c, &group, &[&topic])?;
    equal(&values(&c.read_some(member.as_mut(), 10)?), &texts(0, 10), "what a new group reads")?;
    let polled = poll(member.as_mut(), &mut Batch::new(), SHORT)?;
    member.close(c.wait())?;
    equal(&polled, &Polled::Timeout, "a member never reaches an end")
}

fn starts_at_latest(c: &Context) -> Verdict {
    let (topic, group) = (c.topic(1)?, c.group());
    c.write(&numbers(&topic, 0, 0, 10))?;
    let options = ConsumerOptions { group: Some(group), start_at_earliest: false, ..ConsumerOptions::default() };
    let mut member = c.storage.consumer(&options)?;
    member.subscribe(std::slice::from_ref(&topic), c.wait())?;
    // Joining goes on in poll, so that it is not known which of the new messages is the first that comes.
    let (mut batch, mut next, until) = (Batch::new(), 10, Instant::now() + c.wait());
    while poll(member.as_mut(), &mut batch, SHORT)? != Polled::Records {
        check(Instant::now() < until, "no new message came")?;
        c.write(&numbers(&topic, 0, next, next + 1))?;
        next += 1;
    }
    member.close(c.wait())?;
    check(batch.get(0).offset >= 10, format_args!("an old message came: {:?}", batch.get(0)))
}

fn one_after_the_other(c: &Context) -> Verdict {
    let (topic, group) = (c.topic(2)?, c.group());
    c.write(&numbers(&topic, 0, 0, 50))?;
    c.write(&numbers(&topic, 1, 50, 100))?;
    let mut read = Vec::new();
    while read.len() < 100 {
        let mut member = joined(c, &group, &[&topic])?;
        let mut batch = Batch::with_limits(23, usize::MAX);
        equal(&c.poll(member.as_mut(), &mut batch)?, &Polled::Records, "the answer to a member")?;
        read.extend(batch.iter().map(|record| record.to_owned()));
        member.commit(&CommittedOffset::all(&member.positions()), c.wait())?;
        member.close(c.wait())?;
    }
    read.sort_by_key(|record| (record.partition, record.offset));
    equal(&values(&read), &texts(0, 100), "what all members read together")
}

fn close_commits_nothing(c: &Context) -> Verdict {
    let (topic, group) = (c.topic(1)?, c.group());
    c.write(&numbers(&topic, 0, 0, 10))?;
    for _ in 0..2 {
        let mut member = joined(c, &group, &[&topic])?;
        equal(
            &values(&c.read_some(member.as_mut(), 10)?),
            &texts(0, 10),
            "what a member reads that committed nothing before",
        )?;
        member.close(c.wait())?;
    }
    let mut consumer = c.member(&group)?;
    equal(&consumer.committed(&[partition(&topic, 0)], c.wait())?, &Vec::new(), "the committed offsets")?;
    consumer.close(c.wait())?;
    Ok(())
}

fn assign_leaves(c: &Context) -> Verdict {
    let (first, second, group) = (c.topic(1)?, c.topic(1)?, c.group());
    c.write(&numbers(&first, 0, 0, 10))?;
    c.write(&numbers(&second, 0, 10, 20))?;
    let mut member = joined(c, &group, &[&first])?;
    equal(&values(&c.read_some(member.as_mut(), 10)?), &texts(0, 10), "what was subscribed")?;
    member.assign(&[assignment(&second, 0, 5, Some(10))], c.wait())?;
    equal(&values(&c.read_to_end(member.as_mut())?), &texts(15, 20), "what was assigned instead")?;
    // The place in the group is free.
    let mut other = joined(c, &group, &[&first])?;
    equal(&values(&c.read_some(other.as_mut(), 10)?), &texts(0, 10), "what another member reads")?;
    other.close(c.wait())?;
    member.subscribe(std::slice::from_ref(&second), c.wait())?;
    equal(
        &values(&c.read_some(member.as_mut(), 10)?),
        &texts(10, 20),
        "what was subscribed instead of the assignment",
    )?;
    member.close(c.wait())?;
    Ok(())
}

fn subscribe_refuses_missing(c: &Context) -> Verdict {
    let (topic, group) = (c.topic(1)?, c.group());
    let mut consumer = c.member(&group)?;
    refused(
        consumer.subscribe(&[topic, unique("missing")], c.wait()),
        &[ErrorKind::NotFound],
        "to subscribe to a missing topic",
    )?;
    consumer.close(c.wait())?;
    Ok(())
}

fn odd_names(c: &Context) -> Verdict {
    let topic = c.topic(1)?;
    for odd in ["../x", "a b", "ä/ö %41", ".", "x.json", "x.lock"] {
        let group = format!("{odd}{}", unique("group"));
        c.own_group(group.clone());
        let mut consumer = c.member(&group)?;
        consumer.commit(&[offset(&topic, 0, 0)], c.wait())?;
        consumer.close(c.wait())?;
        let mut admin = c.admin()?;
        equal(
            &admin.group_offsets(&group, c.wait())?,
            &vec![offset(&topic, 0, 0)],
            format_args!("the offsets of the group {group:?}"),
        )?;
        check(
            admin.groups(c.wait())?.iter().any(|listed| listed.name == group),
            format_args!("the group {group:?} is listed"),
        )?;
    }
    Ok(())
}

fn find(c: &Context, group: &str) -> Checked<Option<Group>> {
    let groups = c.admin()?.groups(c.wait())?;
    let is_sorted = groups.windows(2).all(|pair| pair[0].name < pair[1].name);
    check(is_sorted, format_args!("the groups are sorted by name, and none is listed twice: {groups:?}"))?;
    Ok(groups.into_iter().find(|listed| listed.name == group))
}

fn groups_are_listed(c: &Context) -> Verdict {
    let (topic, group) = (c.topic(1)?, c.group());
    equal(&find(c, &group)?, &None, "a group that nobody has used")?;
    let mut member = joined(c, &group, &[&topic])?;
    c.write(&numbers(&topic, 0, 0, 1))?;
    c.read_some(member.as_mut(), 1)?;
    equal(
        &find(c, &group)?.map(|listed| listed.state),
        &Some("Stable".to_string()),
        "a group with a member that reads",
    )?;
    member.commit(&CommittedOffset::all(&member.positions()), c.wait())?;
    member.close(c.wait())?;
    equal(&find(c, &group)?.map(|listed| listed.state), &Some("Empty".to_string()), "a group whose member has left")
}

fn groups_are_described(c: &Context) -> Verdict {
    let (topic, group, mut admin) = (c.topic(2)?, c.group(), c.admin()?);
    c.write(&numbers(&topic, 0, 0, 1))?;
    let mut member = joined(c, &group, &[&topic])?;
    c.read_some(member.as_mut(), 1)?;
    let live = admin.group(&group, c.wait())?;
    equal(
        &(live.name.as_str(), live.state.as_str(), live.members.len()),
        &(group.as_str(), "Stable", 1),
        "a group with a member that reads",
    )?;
    let reads = &live.members[0].partitions;
    let all = [partition(&topic, 0), partition(&topic, 1)];
    check(
        reads.is_empty() || *reads == all,
        format_args!("the partitions of the member, where they are known: {reads:?}"),
    )?;
    member.commit(&CommittedOffset::all(&member.positions()), c.wait())?;
    member.close(c.wait())?;
    let empty = admin.group(&group, c.wait())?;
    equal(&(empty.state.as_str(), empty.members.len()), &("Empty", 0), "a group whose member has left")
}

fn offsets_are_sorted(c: &Context) -> Verdict {
    let (mut topics, group) = ([c.topic(12)?, c.topic(1)?], c.group());
    topics.sort();
    let mut offsets: Vec<_> = topics.iter().map(|topic| offset(topic, 0, 0)).collect();
    let largest = c.admin()?.topics(&topics, c.wait())?.into_iter().max_by_key(|topic| topic.partitions.len());
    let largest = largest.map(|topic| topic.name).unwrap_or_default();
    offsets.extend([offset(&largest, 11, 0), offset(&largest, 2, 0)]);
    let mut consumer = c.member(&group)?;
    consumer.commit(&offsets, c.wait())?;
    consumer.close(c.wait())?;
    offsets.sort();
    equal(&c.admin()?.group_offsets(&group, c.wait())?, &offsets, "the offsets of the group")
}

fn missing_groups(c: &Context) -> Verdict {
    let (missing, mut admin) = (unique("missing"), c.admin()?);
    let error = refused(admin.group_offsets(&missing, c.wait()), &[ErrorKind::NotFound], "group_offsets")?;
    check(error.to_string().contains(&missing), format_args!("the error names the group: {error}"))?;
    refused(admin.group(&missing, c.wait()), &[ErrorKind::NotFound], "group")?;
    refused(admin.delete_group(&missing, c.wait()), &[ErrorKind::NotFound], "delete_group")?;
    equal(&find(c, &missing)?, &None, "asking for a group does not make it")
}

fn altered(c: &Context) -> Verdict {
    let (topic, group, mut admin) = (c.topic(2)?, c.group(), c.admin()?);
    c.write(&numbers(&topic, 0, 0, 10))?;
    c.write(&numbers(&topic, 1, 10, 20))?;
    admin.alter_group_offsets(&group, &[offset(&topic, 0, 4), offset(&topic, 1, 2)], c.wait())?;
    equal(
        &admin.group_offsets(&group, c.wait())?,
        &vec![offset(&topic, 0, 4), offset(&topic, 1, 2)],
        "the offsets of the new group",
    )?;
    admin.alter_group_offsets(&group, &[offset(&topic, 1, 9)], c.wait())?;
    equal(
        &admin.group_offsets(&group, c.wait())?,
        &vec![offset(&topic, 0, 4), offset(&topic, 1, 9)],
        "the offsets, of which one was set",
    )?;
    let mut member = joined(c, &group, &[&topic])?;
    let mut read = c.read_some(member.as_mut(), 7)?;
    member.close(c.wait())?;
    read.sort_by_key(|record| (record.partition, record.offset));
    equal(&values(&read), &[texts(4, 10), texts(19, 20)].concat(), "what a member reads")?;
    let refusal = admin.alter_group_offsets(&group, &[offset(&unique("missing"), 0, 0)], c.wait());
    refused(refusal, &[ErrorKind::NotFound], "to set an offset of a missing topic")?;
    Ok(())
}

fn single_deleted(c: &Context) -> Verdict {
    let (topic, group, mut admin) = (c.topic(3)?, c.group(), c.admin()?);
    admin.alter_group_offsets(&group, &[0, 1, 2].map(|number| offset(&topic, number, 0)), c.wait())?;
    for deleted in admin.delete_group_offsets(&group, &[partition(&topic, 2), partition(&topic, 0)], c.wait())? {
        deleted?;
    }
    equal(&admin.group_offsets(&group, c.wait())?, &vec![offset(&topic, 1, 0)], "the offsets that are left")?;
    for deleted in admin.delete_group_offsets(&group, &[partition(&topic, 2)], c.wait())? {
        deleted?;
    }
    equal(&admin.group_offsets(&group, c.wait())?, &vec![offset(&topic, 1, 0)], "the offsets after one went twice")?;
    let missing = admin.delete_group_offsets(&unique("missing"), &[partition(&topic, 0)], c.wait());
    refused(missing, &[ErrorKind::NotFound], "to delete offsets of a missing group")?;
    Ok(())
}

fn deleted(c: &Context) -> Verdict {
    let (topic, group, mut admin) = (c.topic(1)?, c.group(), c.admin()?);
    admin.alter_group_offsets(&group, &[offset(&topic, 0, 0)], c.wait())?;
    admin.delete_group(&group, c.wait())?;
    equal(&find(c, &group)?, &None, "a deleted group")?;
    refused(admin.group_offsets(&group, c.wait()), &[ErrorKind::NotFound], "the offsets of a deleted group")?;
    refused(admin.delete_group(&group, c.wait()), &[ErrorKind::NotFound], "to delete a group twice")?;
    let mut consumer = c.member(&group)?;
    equal(&consumer.committed(&[partition(&topic, 0)], c.wait())?, &Vec::new(), "what a deleted group has committed")?;
    consumer.close(c.wait())?;
    Ok(())
}

fn live_groups_stay(c: &Context) -> Verdict {
    let (topic, group, mut admin) = (c.topic(1)?, c.group(), c.admin()?);
    c.write(&numbers(&topic, 0, 0, 10))?;
    let mut member = joined(c, &group, &[&topic])?;
    c.read_some(member.as_mut(), 10)?;
    member.commit(&[offset(&topic, 0, 10)], c.wait())?;
    let changed = admin.alter_group_offsets(&group, &[offset(&topic, 0, 0)], c.wait());
    refused(changed, &[ErrorKind::Conflict], "to alter the offsets of a live group")?;
    refused(admin.delete_group(&group, c.wait()), &[ErrorKind::Conflict], "to delete a live group")?;
    equal(&admin.group_offsets(&group, c.wait())?, &vec![offset(&topic, 0, 10)], "the offsets of the live group")?;
    member.close(c.wait())?;
    admin.alter_group_offsets(&group, &[offset(&topic, 0, 0)], c.wait())?;
    equal(&admin.group_offsets(&group, c.wait())?, &vec![offset(&topic, 0, 0)], "the offsets after the member has left")
}
