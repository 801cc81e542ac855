//! Administration by the handle, and what storages without brokers say.

use kafi::{Acl, AclFilter, AclOperation, AclResource, CommittedOffset, ErrorKind, NewTopic};

use crate::support::{T, numbers, on_both};

#[test]
fn settings_partitions_and_times() {
    on_both(|c| {
        numbers(&c, 3);
        c.set_config(T, &[("retention.ms", "86400000")]).unwrap();
        let entry = c.config(T).unwrap().into_iter().find(|entry| entry.name == "retention.ms").unwrap();
        assert_eq!((entry.value.as_deref(), entry.default), (Some("86400000"), false));
        assert_eq!(c.partitions(T).unwrap(), 1);
        c.set_partitions(T, 2).unwrap();
        assert_eq!(c.partitions(T).unwrap(), 2);
        let found = |time| c.offsets_for_times(T, time).unwrap().iter().map(|at| at.offset).collect::<Vec<_>>();
        assert_eq!((found(0), found(i64::MAX)), (vec![0, 0], vec![3, 0]));
        c.touch("orders-1").unwrap();
        c.touch("orders-2").unwrap();
        let topics = |pattern| c.watermarks(pattern).unwrap().into_iter().map(|at| at.topic).collect::<Vec<_>>();
        assert_eq!((topics("orders-*"), topics("none-*")), (vec!["orders-1".into(), "orders-2".into()], vec![]));
        assert_eq!(c.offsets_for_times(&format!("{{{T},orders-[1]}}"), 0).unwrap().len(), 3);
        assert_eq!(c.matching("{").unwrap_err().kind(), ErrorKind::Usage);
        c.rm("orders-?").unwrap();
        assert_eq!(c.ls().unwrap(), [T]);
        c.rm("orders-?").unwrap();
        assert_eq!(c.rm("orders-1").unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(c.partitions("missing").unwrap_err().kind(), ErrorKind::NotFound);
    });
}

#[test]
fn groups_and_their_offsets() {
    on_both(|c| {
        numbers(&c, 3);
        c.create(&NewTopic::new("u").partitions(2)).unwrap();
        let offsets = |offset| [CommittedOffset::new(T, 0, offset), CommittedOffset::new("u", 1, 0)];
        c.set_group_offsets("g", &offsets(1)).unwrap();
        c.set_group_offsets("h", &offsets(3)).unwrap();
        assert_eq!(c.group_offsets("g").unwrap(), offsets(1));
        assert_eq!(c.groups().unwrap().iter().map(|group| group.name.as_str()).collect::<Vec<_>>(), ["g", "h"]);
        let described = c.describe_groups(&["h", "g"]).unwrap();
        assert_eq!((described[0].name.as_str(), described[1].state.as_str()), ("h", "Empty"));
        let lags = c.lags(&["h", "g"]).unwrap();
        let sum = |at: usize| lags[at].1.iter().filter_map(kafi::GroupLag::lag).sum::<i64>();
        assert_eq!((lags[0].0.as_str(), sum(0), sum(1)), ("h", 0, 2));
        assert_eq!(c.groups_matching("[!h]").unwrap(), ["g"]);
        c.delete_groups(&["g"]).unwrap();
        assert_eq!(c.describe_groups(&["h", "g"]).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(c.delete_groups(&["g", "h"]).unwrap_err().kind(), ErrorKind::NotFound);
    });
}

#[test]
fn what_there_is_not_is_unsupported() {
    on_both(|c| {
        let acl = Acl::allow("User:alice", AclOperation::Read, AclResource::Topic, T);
        let errors = [
            c.brokers().unwrap_err(),
            c.broker_config(0).unwrap_err(),
            c.set_broker_config(0, &[("a", "b")]).unwrap_err(),
            c.acls(&AclFilter::default()).unwrap_err(),
            c.create_acl(&acl).unwrap_err(),
            c.delete_acls(&acl.filter()).unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.to_string().contains(c.storage().name()), "{error}");
        }
    });
}
