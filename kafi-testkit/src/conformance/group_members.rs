//! How members of a group share its partitions.

use std::collections::BTreeSet;
use std::time::Instant;

use kafi_core::{Batch, Capabilities, CommittedOffset, Consumer, ErrorKind, Membership, Polled};

use super::check::{Verdict, check, equal, refused};
use super::context::{Context, SHORT, numbers, offset, poll, position, texts, values};
use super::groups::joined;
use super::{Case, GROUPED, Needs};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "one_live_member",
        needs: Needs::Without(GROUPED, Capabilities::CONSUME_REBALANCE),
        promise: "subscribe is Conflict where a group takes one live member and has it; after that has left it is not.",
        run: one_live_member,
    },
    Case::new(
        "members_share",
        GROUPED.union(Capabilities::CONSUME_REBALANCE),
        "The partitions of a group are shared among its members; those of one that leaves go to the others.",
        members_share,
    ),
    Case::new(
        "members_hand_over",
        GROUPED.union(Capabilities::CONSUME_REBALANCE),
        "While its membership is revoking a member can commit what it read, so that the next one neither loses nor doubles it.",
        members_hand_over,
    ),
    Case::new(
        "membership_is_stable",
        GROUPED,
        "A member that reads has its share of the partitions.",
        membership_is_stable,
    ),
];

fn one_live_member(c: &Context) -> Verdict {
    let (topic, group) = (c.topic(2)?, c.group());
    let mut first = joined(c, &group, &[&topic])?;
    let mut second = c.member(&group)?;
    let error = refused(
        second.subscribe(std::slice::from_ref(&topic), c.wait()),
        &[ErrorKind::Conflict],
        "to join beside a live member",
    )?;
    check(error.to_string().contains(&group), format_args!("the error names the group: {error}"))?;
    refused(
        second.commit(&[offset(&topic, 0, 0)], c.wait()),
        &[ErrorKind::Conflict, ErrorKind::Fenced],
        "to commit beside a live member",
    )?;
    first.close(c.wait())?;
    second.subscribe(std::slice::from_ref(&topic), c.wait())?;
    c.write(&numbers(&topic, 1, 0, 3))?;
    equal(&values(&c.read_some(second.as_mut(), 3)?), &texts(0, 3), "what the second member reads")?;
    // One that is only dropped leaves, too.
    drop(second);
    joined(c, &group, &[&topic])?.close(c.wait())?;
    Ok(())
}

/// The partitions of a member.
fn share(member: &dyn Consumer) -> BTreeSet<i32> {
    member.positions().iter().map(|position| position.partition).collect()
}

/// Polls members until their partitions are as they should be.
fn settle(c: &Context, members: &mut [Box<dyn Consumer>], is_settled: impl Fn(&[BTreeSet<i32>]) -> bool) -> Verdict {
    let until = Instant::now() + c.wait();
    loop {
        for member in members.iter_mut() {
            poll(member.as_mut(), &mut Batch::new(), SHORT / 5)?;
        }
        let shares: Vec<_> = members.iter().map(|member| share(member.as_ref())).collect();
        if is_settled(&shares) {
            return Ok(());
        }
        check(Instant::now() < until, format_args!("the members have the partitions {shares:?}"))?;
    }
}

fn members_share(c: &Context) -> Verdict {
    let (topic, group) = (c.topic(4)?, c.group());
    let mut members = vec![joined(c, &group, &[&topic])?];
    settle(c, &mut members, |shares| shares[0].len() == 4)?;
    members.push(joined(c, &group, &[&topic])?);
    settle(c, &mut members, |shares| {
        shares[0].len() == 2 && shares[1].len() == 2 && shares[0].is_disjoint(&shares[1])
    })?;
    (0..4).try_for_each(|number| {
        c.write(&numbers(&topic, number, i64::from(number) * 10, i64::from(number) * 10 + 10))
    })?;
    let mut read = c.read_some(members[0].as_mut(), 20)?;
    read.extend(c.read_some(members[1].as_mut(), 20)?);
    read.sort_by_key(|record| (record.partition, record.offset));
    equal(&values(&read), &texts(0, 40), "what both read together")?;
    let mut gone = members.remove(1);
    gone.commit(&CommittedOffset::all(&gone.positions()), c.wait())?;
    gone.close(c.wait())?;
    settle(c, &mut members, |shares| shares[0].len() == 4)?;
    members[0].close(c.wait())?;
    Ok(())
}

fn members_hand_over(c: &Context) -> Verdict {
    let (topic, group) = (c.topic(4)?, c.group());
    let write = |from: i64| (0..4).try_for_each(|number| c.write(&numbers(&topic, number, from, from + 10)));
    write(0)?;
    let mut members = [joined(c, &group, &[&topic])?, c.member(&group)?];
    let mut read = c.read_some(members[0].as_mut(), 40)?;
    members[1].subscribe(std::slice::from_ref(&topic), c.wait())?;
    let (mut batch, until, mut has_revoked) = (Batch::new(), Instant::now() + c.wait(), false);
    while members.iter().any(|member| share(member.as_ref()).len() != 2) {
        for member in &mut members {
            poll(member.as_mut(), &mut batch, SHORT / 5)?;
            read.extend(batch.iter().map(|record| record.to_owned()));
            if member.membership() == Membership::Revoking {
                has_revoked = true;
                member.commit(&CommittedOffset::all(&member.positions()), c.wait())?;
            }
        }
        check(Instant::now() < until, "the members do not get two partitions each")?;
    }
    check(has_revoked, "the first member was not told that partitions are taken back")?;
    write(10)?;
    for member in &mut members {
        read.extend(c.read_some(member.as_mut(), 20)?);
        equal(&poll(member.as_mut(), &mut batch, SHORT)?, &Polled::Timeout, "the answer when everything is read")?;
        equal(&member.membership(), &Membership::Stable, "where a member stands that has its share")?;
        member.close(c.wait())?;
    }
    read.sort_by_key(|record| (record.partition, record.offset));
    let expected: Vec<_> = (0..4).flat_map(|number| (0..20).map(move |offset| (number, offset))).collect();
    equal(
        &read.iter().map(|record| (record.partition, record.offset)).collect::<Vec<_>>(),
        &expected,
        "what both read together",
    )
}

fn membership_is_stable(c: &Context) -> Verdict {
    let (topic, group) = (c.topic(1)?, c.group());
    c.write(&numbers(&topic, 0, 0, 5))?;
    let mut member = joined(c, &group, &[&topic])?;
    c.read_some(member.as_mut(), 5)?;
    equal(&member.membership(), &Membership::Stable, "where a member stands that reads")?;
    equal(&member.positions(), &vec![position(&topic, 0, 5)], "its positions")?;
    member.close(c.wait())?;
    Ok(())
}
