//! Access: rules, users, elections; and what storages without them say.

use kafi_core::{
    Acl, AclFilter, AclOperation, AclPattern, AclPermission, AclResource, Capabilities, Election, ErrorKind,
    NewScramUser, ScramMechanism, ScramUser,
};

use super::check::{Verdict, check, equal, refused};
use super::context::{Context, partition, unique};
use super::{Case, Needs};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "acls_are_made_and_deleted",
        Capabilities::ADMIN_ACLS,
        "create_acls makes rules, acls lists those of a filter, sorted, and delete_acls says what it deleted.",
        acls_are_made_and_deleted,
    ),
    Case::new(
        "acls_are_there_once",
        Capabilities::ADMIN_ACLS,
        "A rule that is made twice is there once; a filter that matches nothing deletes nothing.",
        acls_are_there_once,
    ),
    Case::new(
        "acls_refuse_nonsense",
        Capabilities::ADMIN_ACLS,
        "A rule that makes no sense is Usage, and keeps no other from being made.",
        acls_refuse_nonsense,
    ),
    Case::new(
        "users_are_made_and_deleted",
        Capabilities::ADMIN_USERS,
        "create_user makes a user for a mechanism, users lists it, delete_user deletes it; deleting it twice is NotFound.",
        users_are_made_and_deleted,
    ),
    Case::new(
        "leaders_are_elected",
        Capabilities::ADMIN_TOPICS.union(Capabilities::ADMIN_ELECTIONS),
        "elect_leaders is false where the right replica leads, and NotFound for a missing partition.",
        leaders_are_elected,
    ),
    Case {
        name: "access_is_unsupported",
        needs: Needs::Without(Capabilities::from_bits(0), Capabilities::ADMIN_ACLS),
        promise: "Calls about access, users, and leaders are Unsupported where there are none, and name the storage.",
        run: access_is_unsupported,
    },
];

/// The filter for everything about this principal.
fn of(principal: &str) -> AclFilter {
    AclFilter { principal: Some(principal.into()), ..AclFilter::default() }
}

fn acls_are_made_and_deleted(c: &Context) -> Verdict {
    let (principal, mut admin) = (format!("User:{}", unique("user")), c.admin()?);
    let read = Acl::allow(&principal, AclOperation::Read, AclResource::Topic, "orders");
    let group =
        Acl { pattern: AclPattern::Prefixed, ..Acl::allow(&principal, AclOperation::All, AclResource::Group, "g-") };
    let denied = Acl { permission: AclPermission::Deny, host: "10.1.2.3".into(), ..read.clone() };
    let cluster = Acl::allow(&principal, AclOperation::Create, AclResource::Cluster, "kafka-cluster");
    let mut all = vec![group.clone(), denied.clone(), cluster, read.clone()];
    for made in admin.create_acls(&all, c.wait())? {
        made?;
    }
    all.sort();
    equal(&admin.acls(&of(&principal), c.wait())?, &all, "the rules of the user")?;
    let of_topic = AclFilter { resource: Some(AclResource::Topic), name: Some("orders".into()), ..of(&principal) };
    equal(&admin.acls(&of_topic, c.wait())?.len(), &2, "the rules about the topic")?;
    let matching = AclFilter {
        resource: Some(AclResource::Group),
        name: Some("g-1".into()),
        pattern: Some(AclPattern::Match),
        ..of(&principal)
    };
    equal(&admin.acls(&matching, c.wait())?, &vec![group], "the rules that concern a group by its prefix")?;
    let mut answers = admin.delete_acls(&[denied.filter(), of(&principal)], c.wait())?;
    equal(&answers.len(), &2, "the answers to two filters")?;
    equal(&answers.remove(0)?, &vec![denied], "what the first filter deleted")?;
    check(answers.remove(0)?.contains(&read), "the second filter deletes the others")?;
    equal(&admin.acls(&of(&principal), c.wait())?, &Vec::new(), "the rules that are left")
}

fn acls_are_there_once(c: &Context) -> Verdict {
    let (principal, mut admin) = (format!("User:{}", unique("user")), c.admin()?);
    let acl = Acl::allow(&principal, AclOperation::Write, AclResource::Topic, "orders");
    for made in admin
        .create_acls(std::slice::from_ref(&acl), c.wait())?
        .into_iter()
        .chain(admin.create_acls(std::slice::from_ref(&acl), c.wait())?)
    {
        made?;
    }
    equal(&admin.acls(&of(&principal), c.wait())?, &vec![acl.clone()], "the rule")?;
    let other = AclFilter { host: Some("10.9.9.9".into()), ..of(&principal) };
    for deleted in admin.delete_acls(&[other], c.wait())? {
        equal(&deleted?, &Vec::new(), "what a filter deletes that matches nothing")?;
    }
    equal(&admin.acls(&of(&principal), c.wait())?, &vec![acl], "the rule after that")?;
    for deleted in admin.delete_acls(&[of(&principal)], c.wait())? {
        deleted?;
    }
    Ok(())
}

fn acls_refuse_nonsense(c: &Context) -> Verdict {
    let (principal, mut admin) = (format!("User:{}", unique("user")), c.admin()?);
    let good = Acl::allow(&principal, AclOperation::Read, AclResource::Topic, "orders");
    let bad = [
        Acl { pattern: AclPattern::Match, ..good.clone() },
        Acl { operation: AclOperation::Unknown, ..good.clone() },
        Acl { name: String::new(), ..good.clone() },
        Acl { principal: "alice".into(), ..good.clone() },
    ];
    let asked: Vec<Acl> = bad.iter().cloned().chain([good.clone()]).collect();
    let mut answers = admin.create_acls(&asked, c.wait())?;
    equal(&answers.len(), &asked.len(), "the answers")?;
    answers.pop().expect("there is one for each")?;
    for (answer, acl) in answers.into_iter().zip(&bad) {
        refused(answer, &[ErrorKind::Usage], format_args!("to make {acl:?}"))?;
    }
    equal(&admin.acls(&of(&principal), c.wait())?, &vec![good.clone()], "the rule that makes sense")?;
    for deleted in admin.delete_acls(&[good.filter()], c.wait())? {
        deleted?;
    }
    Ok(())
}

fn users_are_made_and_deleted(c: &Context) -> Verdict {
    let (name, mut admin) = (unique("user"), c.admin()?);
    equal(&admin.users(std::slice::from_ref(&name), c.wait())?, &Vec::new(), "a user that is not there")?;
    let user = |mechanism, iterations| ScramUser { name: name.clone(), mechanism, iterations };
    let users = [user(ScramMechanism::Sha256, 4096), user(ScramMechanism::Sha512, 8192)];
    for user in users.iter().rev() {
        admin.create_user(&NewScramUser { user: user.clone(), password: "a secret of the tests".into() }, c.wait())?;
    }
    equal(&admin.users(std::slice::from_ref(&name), c.wait())?, &users.to_vec(), "the user")?;
    check(admin.users(&[], c.wait())?.contains(&users[0]), "the user is listed among all")?;
    let few = NewScramUser { user: user(ScramMechanism::Sha256, 1), password: "a secret of the tests".into() };
    refused(admin.create_user(&few, c.wait()), &[ErrorKind::Usage], "a password that is hashed once")?;
    admin.delete_user(&name, ScramMechanism::Sha256, c.wait())?;
    equal(&admin.users(std::slice::from_ref(&name), c.wait())?, &vec![users[1].clone()], "what is left of the user")?;
    let again = admin.delete_user(&name, ScramMechanism::Sha256, c.wait());
    refused(again, &[ErrorKind::NotFound], "to delete it twice")?;
    admin.delete_user(&name, ScramMechanism::Sha512, c.wait())?;
    equal(&admin.users(std::slice::from_ref(&name), c.wait())?, &Vec::new(), "a user that was deleted")
}

fn leaders_are_elected(c: &Context) -> Verdict {
    let (topic, mut admin) = (c.topic(2)?, c.admin()?);
    let asked = [partition(&topic, 1), partition(&topic, 7), partition(&topic, 0)];
    let mut answers = admin.elect_leaders(Election::Preferred, &asked, c.wait())?.into_iter();
    let mut next = || answers.next().expect("there is one for each");
    equal(&next()?, &false, "the election of a leader that leads")?;
    refused(next(), &[ErrorKind::NotFound], "the election for a missing partition")?;
    equal(&next()?, &false, "the election of another leader that leads")
}

fn access_is_unsupported(c: &Context) -> Verdict {
    let (mut admin, only) = (c.admin()?, &[ErrorKind::Unsupported]);
    let acl = Acl::allow("User:alice", AclOperation::Read, AclResource::Topic, "orders");
    let user = ScramUser { name: "alice".into(), mechanism: ScramMechanism::Sha256, iterations: 4096 };
    let at = [partition("orders", 0)];
    let errors = [
        refused(admin.acls(&AclFilter::default(), c.wait()), only, "acls")?,
        refused(admin.create_acls(std::slice::from_ref(&acl), c.wait()), only, "create_acls")?,
        refused(admin.delete_acls(&[acl.filter()], c.wait()), only, "delete_acls")?,
        refused(admin.allowed_operations(AclResource::Topic, "orders", c.wait()), only, "allowed_operations")?,
        refused(admin.users(&[], c.wait()), only, "users")?,
        refused(
            admin.create_user(&NewScramUser { user: user.clone(), password: "secret".into() }, c.wait()),
            only,
            "create_user",
        )?,
        refused(admin.delete_user(&user.name, user.mechanism, c.wait()), only, "delete_user")?,
        refused(admin.elect_leaders(Election::Preferred, &at, c.wait()), only, "elect_leaders")?,
    ];
    errors.iter().try_for_each(|error| {
        check(error.to_string().contains(c.storage.name()), format_args!("the error names the storage: {error}"))
    })
}
