//! Administration of who may do what: rules of access, users, elections, single offsets of groups.

use std::time::Duration;

use kafi_core::{
    Acl, AclAdmin, AclFilter, AclOperation, AclResource, Election, ElectionAdmin, Error, ErrorKind, NewScramUser,
    Result, ScramMechanism, ScramUser, TopicPartition, UserAdmin,
};

use crate::admin::{KafkaAdmin, live_members, no_group};
use crate::error::{self, broker};
use crate::ffi::{Deadline, PartitionList};

/// How long to wait between two looks at whether a change has reached the broker that is asked.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// How long a change may take to get there. The controller has it already.
const SEEN_MAX: Duration = Duration::from_secs(1);

/// How often Kafka lets a password be hashed.
const ITERATIONS: std::ops::RangeInclusive<i32> = 4096..=16384;

/// The code for a lack of rights on the cluster as a whole.
const CLUSTER_AUTHORIZATION_FAILED: i32 = 31;

impl KafkaAdmin {
    /// Says which right is lacking where the cluster refuses, and what is so where it has no access control.
    fn explained<T>(&self, result: Result<T>, right: AclOperation) -> Result<T> {
        let explain = |error: Error| match error::code_of(&error) {
            Some(CLUSTER_AUTHORIZATION_FAILED) => {
                error.with("resource", "cluster").hint(format!("it needs the right to {right} the cluster"))
            }
            Some(broker::SECURITY_DISABLED) => {
                error.hint("the brokers have no authorizer (authorizer.class.name), so that there are no ACLs")
            }
            _ => error,
        };
        self.in_storage(result.map_err(explain))
    }

    /// Waits until the broker that is asked knows of a change, so that whoever asks next sees it; not for long.
    fn wait_until_seen(&self, deadline: Deadline, mut is_seen: impl FnMut(Deadline) -> Result<bool>) {
        let patience = deadline.at_most(SEEN_MAX);
        while !patience.is_over() {
            match is_seen(patience) {
                Ok(false) => std::thread::sleep(LOOK_AGAIN),
                Ok(true) => return,
                // Whoever may change it may perhaps not look.
                Err(error) => return log::debug!("not waiting for the change: {error}"),
            }
        }
    }

    /// Refuses whoever may not look at rules and users. It tells "there are no rules" from "they may not be looked at":
    /// librdkafka 2.12.1 reads over the error of the answer as a whole (`rd_kafka_DescribeAclsResponse_parse`).
    fn check_may_look(&self, operation: &'static str, deadline: Deadline) -> Result<()> {
        let allowed = self.client.cluster_operations(operation, deadline)?;
        if allowed.contains(&AclOperation::Describe) {
            return Ok(());
        }
        Err(error::from_code(operation, CLUSTER_AUTHORIZATION_FAILED))
    }

    /// Makes rules of which each makes sense to librdkafka; an answer for each.
    fn make_acls(&self, acls: &[&Acl], deadline: Deadline) -> Result<Vec<Result<()>>> {
        if acls.is_empty() {
            return Ok(Vec::new());
        }
        let made = self.explained(self.client.create_acls("create ACLs", acls, deadline), AclOperation::Alter)?;
        self.wait_until_seen(deadline, |patience| {
            let good = acls.iter().zip(&made).filter(|(_, made)| made.is_ok());
            for (acl, _) in good {
                if self.client.acls("create ACLs", &acl.filter(), patience)?.is_empty() {
                    return Ok(false);
                }
            }
            Ok(true)
        });
        Ok(made)
    }

    /// Deletes the committed offsets of these partitions; an answer for each.
    pub(crate) fn delete_offsets(
        &self,
        group: &str,
        partitions: &[TopicPartition],
        deadline: Deadline,
    ) -> Result<Vec<Result<()>>> {
        let operation = "delete group offsets";
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let list = PartitionList::of_partitions(operation, partitions)?;
        let deleted =
            self.coordinators.delete_offsets(operation, group, &list, deadline).map_err(|error| match error.kind() {
                ErrorKind::NotFound => no_group(operation, group),
                _ => live_members(error, group),
            });
        let answers = self.in_storage(deleted)?;
        let answer = |asked: &TopicPartition| {
            let found = answers.iter().find(|answer| {
                (&answer.committed.topic, answer.committed.partition) == (&asked.topic, asked.partition)
            });
            match found.map(|answer| answer.error) {
                None | Some(0) => Ok(()),
                Some(code) => Err(error::from_code(operation, code)
                    .with("group", group)
                    .with("topic", &asked.topic)
                    .with("partition", asked.partition)),
            }
        };
        Ok(partitions.iter().map(|asked| self.in_storage(answer(asked))).collect())
    }
}

impl AclAdmin for KafkaAdmin {
    fn acls(&mut self, filter: &AclFilter, timeout: Duration) -> Result<Vec<Acl>> {
        let (operation, deadline) = ("list ACLs", Deadline::after(timeout));
        let found = self.client.acls(operation, filter, deadline).and_then(|found| {
            if found.is_empty() {
                self.check_may_look(operation, deadline)?;
            }
            Ok(found)
        });
        let mut acls = self.explained(found, AclOperation::Describe)?;
        acls.sort();
        Ok(acls)
    }

    fn create_acls(&mut self, acls: &[Acl], timeout: Duration) -> Result<Vec<Result<()>>> {
        let deadline = Deadline::after(timeout);
        let checked: Vec<Result<()>> = acls.iter().map(check_acl).collect();
        let good: Vec<&Acl> =
            acls.iter().zip(&checked).filter(|(_, check)| check.is_ok()).map(|(acl, _)| acl).collect();
        let mut made = self.make_acls(&good, deadline)?.into_iter();
        let answer = |check: Result<()>| {
            check.and_then(|()| {
                let unanswered = || Err(Error::new(ErrorKind::Unexpected, "create ACLs", "there is no answer"));
                made.next().unwrap_or_else(unanswered)
            })
        };
        let answers: Vec<Result<()>> = checked.into_iter().map(answer).collect();
        let placed = |(answer, acl): (Result<()>, &Acl)| answer.map_err(|error| error.with("acl", acl));
        Ok(answers
            .into_iter()
            .zip(acls)
            .map(placed)
            .map(|answer| self.explained(answer, AclOperation::Alter))
            .collect())
    }

    fn delete_acls(&mut self, filters: &[AclFilter], timeout: Duration) -> Result<Vec<Result<Vec<Acl>>>> {
        let (operation, deadline) = ("delete ACLs", Deadline::after(timeout));
        // librdkafka refuses a request with the same filter twice.
        let mut once: Vec<&AclFilter> = Vec::new();
        filters.iter().for_each(|filter| {
            if !once.contains(&filter) {
                once.push(filter)
            }
        });
        if once.is_empty() {
            return Ok(Vec::new());
        }
        let answers = self.explained(self.client.delete_acls(operation, &once, deadline), AclOperation::Alter)?;
        self.wait_until_seen(deadline, |patience| {
            for (filter, _) in once.iter().zip(&answers).filter(|(_, answer)| answer.is_ok()) {
                if !self.client.acls(operation, filter, patience)?.is_empty() {
                    return Ok(false);
                }
            }
            Ok(true)
        });
        let mut answers: Vec<Option<Result<Vec<Acl>>>> = answers.into_iter().map(Some).collect();
        let answer = |filter: &AclFilter| {
            let at = once.iter().position(|known| *known == filter);
            let mut deleted = at.and_then(|at| answers[at].take()).unwrap_or_else(|| Ok(Vec::new()))?;
            deleted.sort();
            Ok(deleted)
        };
        Ok(filters.iter().map(answer).map(|answer| self.explained(answer, AclOperation::Alter)).collect())
    }

    fn allowed_operations(
        &mut self,
        resource: AclResource,
        name: &str,
        timeout: Duration,
    ) -> Result<Vec<AclOperation>> {
        let (operation, deadline) = ("read own rights", Deadline::after(timeout));
        let allowed = match resource {
            AclResource::Topic => self.client.topic_operations(operation, name, deadline),
            AclResource::Group => self.coordinators.operations(operation, name, deadline),
            AclResource::Cluster => self.client.cluster_operations(operation, deadline),
            other => Err(Error::new(ErrorKind::Unsupported, operation, "brokers do not say that of such a resource")
                .with("resource", other)),
        };
        self.in_storage(allowed)
    }
}

impl UserAdmin for KafkaAdmin {
    fn users(&mut self, names: &[String], timeout: Duration) -> Result<Vec<ScramUser>> {
        let operation = "list users";
        if names.iter().any(String::is_empty) {
            return self.in_storage(Err(no_name(operation)));
        }
        // librdkafka refuses a request with the same name twice.
        let mut names = names.to_vec();
        names.sort();
        names.dedup();
        let deadline = Deadline::after(timeout);
        let found =
            self.check_may_look(operation, deadline).and_then(|()| self.client.users(operation, &names, deadline));
        let mut users = self.explained(found, AclOperation::Describe)?;
        users.sort();
        Ok(users)
    }

    fn create_user(&mut self, new: &NewScramUser, timeout: Duration) -> Result<()> {
        let (operation, deadline, user) = ("create user", Deadline::after(timeout), &new.user);
        let refuse = |why: &str| {
            self.in_storage(Err(Error::new(ErrorKind::Usage, operation, why.to_string()).with("user", &user.name)))
        };
        if user.name.is_empty() {
            return self.in_storage(Err(no_name(operation)));
        }
        if new.password.is_empty() {
            return refuse("the password is empty");
        }
        if !ITERATIONS.contains(&user.iterations) {
            return refuse("the number of iterations lies between 4096 and 16384");
        }
        self.explained(self.client.create_user(operation, new, deadline), AclOperation::Alter)?;
        self.wait_until_seen(deadline, |patience| {
            Ok(self.client.users(operation, std::slice::from_ref(&user.name), patience)?.contains(user))
        });
        Ok(())
    }

    fn delete_user(&mut self, name: &str, mechanism: ScramMechanism, timeout: Duration) -> Result<()> {
        let (operation, deadline) = ("delete user", Deadline::after(timeout));
        if name.is_empty() {
            return self.in_storage(Err(no_name(operation)));
        }
        let deleted =
            self.client.delete_user(operation, name, mechanism, deadline).map_err(|error| match error.kind() {
                ErrorKind::NotFound => Error::new(ErrorKind::NotFound, operation, "no such user")
                    .with("user", name)
                    .with("mechanism", mechanism),
                _ => error,
            });
        self.explained(deleted, AclOperation::Alter)?;
        self.wait_until_seen(deadline, |patience| {
            let left = self.client.users(operation, &[name.to_string()], patience)?;
            Ok(left.iter().all(|user| user.mechanism != mechanism))
        });
        Ok(())
    }
}

impl ElectionAdmin for KafkaAdmin {
    fn elect_leaders(
        &mut self,
        election: Election,
        partitions: &[TopicPartition],
        timeout: Duration,
    ) -> Result<Vec<Result<bool>>> {
        let (operation, deadline) = ("elect leaders", Deadline::after(timeout));
        // librdkafka refuses a request with the same partition twice.
        let mut once: Vec<TopicPartition> = partitions.to_vec();
        once.sort();
        once.dedup();
        if once.is_empty() {
            return Ok(Vec::new());
        }
        let elected = self.client.elect_leaders(operation, election, &once, deadline);
        let answers = self.explained(elected, AclOperation::Alter)?;
        let answer = |asked: &TopicPartition| match &answers[once.partition_point(|known| known < asked)] {
            Ok(is_elected) => Ok(*is_elected),
            Err(error) => self.in_storage(Err(error.duplicate())),
        };
        Ok(partitions.iter().map(answer).collect())
    }
}

/// Refuses what librdkafka would refuse together with all others.
fn check_acl(acl: &Acl) -> Result<()> {
    use kafi_core::{AclPattern, AclPermission};
    let refuse = |why: &str| Err(Error::new(ErrorKind::Usage, "create ACLs", why.to_string()));
    if !matches!(acl.pattern, AclPattern::Literal | AclPattern::Prefixed) {
        return refuse("the pattern of a rule is literal or prefixed");
    }
    if acl.resource == AclResource::Unknown
        || acl.operation == AclOperation::Unknown
        || acl.permission == AclPermission::Unknown
    {
        return refuse("a rule says what it is about, what is done, and whether it may be");
    }
    if [&acl.name, &acl.principal, &acl.host].iter().any(|text| text.contains('\0')) {
        return refuse("a zero byte is not allowed here");
    }
    Ok(())
}

fn no_name(operation: &'static str) -> Error {
    Error::new(ErrorKind::Usage, operation, "a user has a name")
}
