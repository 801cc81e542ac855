//! The operations of access, users, elections, and single offsets of groups cross with their arguments and answers.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::admin::{
    Acl, AclAdmin, AclFilter, AclOperation, AclPattern, AclPermission, AclResource, Admin, AdminBase, BrokerAdmin,
    ConfigAdmin, Election, ElectionAdmin, GroupAdmin, NewScramUser, OffsetAdmin, ScramMechanism, ScramUser, Topic,
    TopicAdmin, UserAdmin, Watermarks,
};
use crate::capability::Capabilities;
use crate::consumer::{Consumer, ConsumerOptions, Isolation, TopicPartition};
use crate::producer::{Producer, ProducerOptions};
use crate::storage::Storage;

const WAIT: Duration = Duration::from_secs(5);

/// A storage whose admin client says what it was asked.
struct Guarded;

struct GuardedAdmin;

impl Storage for Guarded {
    fn name(&self) -> &str {
        "guarded"
    }

    fn scheme(&self) -> &str {
        "guarded"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::ADMIN_ACLS
    }

    fn identity(&self, _timeout: Duration) -> Result<String> {
        Ok("guarded".into())
    }

    fn consumer(&self, _options: &ConsumerOptions) -> Result<Box<dyn Consumer>> {
        Err(Error::unsupported("guarded", "consume"))
    }

    fn producer(&self, _options: &ProducerOptions) -> Result<Box<dyn Producer>> {
        Err(Error::unsupported("guarded", "produce"))
    }

    fn admin(&self) -> Result<Box<dyn Admin>> {
        Ok(Box::new(GuardedAdmin))
    }
}

impl AdminBase for GuardedAdmin {
    fn storage_name(&self) -> &str {
        "guarded"
    }
}

impl TopicAdmin for GuardedAdmin {
    fn topics(&mut self, _names: &[String], _timeout: Duration) -> Result<Vec<Topic>> {
        Ok(Vec::new())
    }
}

impl OffsetAdmin for GuardedAdmin {
    fn watermarks(
        &mut self,
        _partitions: &[TopicPartition],
        _isolation: Isolation,
        _timeout: Duration,
    ) -> Result<Vec<Watermarks>> {
        Ok(Vec::new())
    }
}

impl ConfigAdmin for GuardedAdmin {}

impl BrokerAdmin for GuardedAdmin {}

impl GroupAdmin for GuardedAdmin {
    fn delete_group_offsets(
        &mut self,
        group: &str,
        partitions: &[TopicPartition],
        _timeout: Duration,
    ) -> Result<Vec<Result<()>>> {
        assert_eq!(group, "g");
        let deleted = |at: &TopicPartition| match at.partition {
            0 => Ok(()),
            _ => Err(Error::new(ErrorKind::Conflict, "delete group offsets", "read").with("topic", &at.topic)),
        };
        Ok(partitions.iter().map(deleted).collect())
    }
}

impl AclAdmin for GuardedAdmin {
    fn acls(&mut self, filter: &AclFilter, _timeout: Duration) -> Result<Vec<Acl>> {
        assert_eq!(*filter, rule().filter());
        Ok(vec![rule()])
    }

    fn create_acls(&mut self, acls: &[Acl], _timeout: Duration) -> Result<Vec<Result<()>>> {
        assert_eq!(acls, [rule()]);
        Ok(vec![Ok(())])
    }

    fn delete_acls(&mut self, filters: &[AclFilter], _timeout: Duration) -> Result<Vec<Result<Vec<Acl>>>> {
        assert_eq!(filters, [AclFilter::default(), rule().filter()]);
        Ok(vec![Err(Error::new(ErrorKind::PermissionDenied, "delete ACLs", "no")), Ok(vec![rule()])])
    }

    fn allowed_operations(
        &mut self,
        resource: AclResource,
        name: &str,
        _timeout: Duration,
    ) -> Result<Vec<AclOperation>> {
        assert_eq!((resource, name), (AclResource::TransactionalId, "n"));
        Ok(vec![AclOperation::Read, AclOperation::DescribeConfigs])
    }
}

impl UserAdmin for GuardedAdmin {
    fn users(&mut self, names: &[String], _timeout: Duration) -> Result<Vec<ScramUser>> {
        assert_eq!(names, ["a"]);
        Ok(vec![user()])
    }

    fn create_user(&mut self, new: &NewScramUser, _timeout: Duration) -> Result<()> {
        assert_eq!((&new.user, new.password.as_str()), (&user(), "secret"));
        Ok(())
    }

    fn delete_user(&mut self, name: &str, mechanism: ScramMechanism, _timeout: Duration) -> Result<()> {
        assert_eq!((name, mechanism), ("a", ScramMechanism::Sha512));
        Ok(())
    }
}

impl ElectionAdmin for GuardedAdmin {
    fn elect_leaders(
        &mut self,
        election: Election,
        partitions: &[TopicPartition],
        _timeout: Duration,
    ) -> Result<Vec<Result<bool>>> {
        assert_eq!(election, Election::Unclean);
        Ok(partitions.iter().map(|at| Ok(at.partition == 1)).collect())
    }
}

impl Admin for GuardedAdmin {}

fn rule() -> Acl {
    Acl {
        pattern: AclPattern::Prefixed,
        permission: AclPermission::Deny,
        ..Acl::allow("User:a", AclOperation::AlterConfigs, AclResource::Topic, "t-")
    }
}

fn user() -> ScramUser {
    ScramUser { name: "a".into(), mechanism: ScramMechanism::Sha512, iterations: 4096 }
}

#[test]
fn what_is_asked_and_answered_crosses() {
    let storage = import::storage(export::storage(Arc::new(Guarded)), import::Library::new());
    let mut admin = storage.admin().unwrap();
    assert!(storage.capabilities().contains(Capabilities::ADMIN_ACLS));
    assert_eq!(admin.acls(&rule().filter(), WAIT).unwrap(), [rule()]);
    assert!(admin.create_acls(&[rule()], WAIT).unwrap().iter().all(Result::is_ok));
    let mut deleted = admin.delete_acls(&[AclFilter::default(), rule().filter()], WAIT).unwrap();
    assert_eq!(deleted.pop().unwrap().unwrap(), [rule()]);
    assert_eq!(deleted.pop().unwrap().unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert_eq!(
        admin.allowed_operations(AclResource::TransactionalId, "n", WAIT).unwrap(),
        [AclOperation::Read, AclOperation::DescribeConfigs]
    );
    assert_eq!(admin.users(&["a".into()], WAIT).unwrap(), [user()]);
    admin.create_user(&NewScramUser { user: user(), password: "secret".into() }, WAIT).unwrap();
    admin.delete_user("a", ScramMechanism::Sha512, WAIT).unwrap();
    let at = [0, 1].map(|partition| TopicPartition { topic: "t".into(), partition });
    let elected: Vec<bool> =
        admin.elect_leaders(Election::Unclean, &at, WAIT).unwrap().into_iter().map(Result::unwrap).collect();
    assert_eq!(elected, [false, true]);
    let offsets = admin.delete_group_offsets("g", &at, WAIT).unwrap();
    assert!(offsets[0].is_ok());
    assert_eq!(offsets[1].as_ref().unwrap_err().to_string(), "delete group offsets: topic t: read");
}
