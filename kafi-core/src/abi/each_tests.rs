//! Questions about several groups or partitions cross as one call, and one by one where the plugin is older.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use kafi_abi::abi_stable::sabi_trait::TD_Opaque;
use kafi_abi::abi_stable::std_types::{RResult, RStr, RString};
use kafi_abi::{Admin_TO, Failure};

use super::failure::flatten;
use super::import::admin_of;
use crate::admin::Admin;
use crate::consumer::{CommittedOffset, Isolation, Position, TopicPartition};
use crate::error::{Error, ErrorKind};

const WAIT: Duration = Duration::from_secs(1);

/// A plugin's admin client with the groups `a` and `b`, of which `b` cannot be looked at.
struct Plugin {
    is_old: bool,
    calls: Arc<Mutex<Vec<String>>>,
}

const A: &str = r#"{"name":"a","state":"Stable","members":[]}"#;
const WATERMARKS: &str = r#"{"topic":"a","partition":0,"low":1,"high":7}"#;
const POSITION: &str = r#"{"topic":"a","partition":0,"offset":3}"#;
const OFFSETS: &str = r#"[{"topic":"t","partition":0,"offset":7}]"#;

impl kafi_abi::Admin for Plugin {
    fn call(&mut self, name: RStr<'_>, argument: RStr<'_>, _timeout_ns: u64) -> RResult<RString, Failure> {
        self.calls.lock().expect("nobody panics").push(name.to_string());
        let error = |kind, message: &str| {
            RResult::RErr(flatten(&Error::new(kind, "describe group", message).with("group", "b")))
        };
        let failure = r#"{"failure":{"kind":12,"operation":"describe group","message":"damaged","context":[["group","b"]],"of tomorrow":1}}"#;
        let missing = r#"{"failure":{"kind":3,"operation":"describe group","message":"no such group"}}"#;
        match (name.as_str(), self.is_old, argument.contains("\"a\""), argument.contains("\"b\"")) {
            ("groups", ..) => RResult::ROk(r#"[{"name":"a","state":"Stable"}]"#.into()),
            ("list_groups", false, ..) => RResult::ROk(
                r#"{"groups":[{"name":"a","state":"Stable"}],"failures":[{"kind":8,"message":"down"}]}"#.into(),
            ),
            ("describe_groups", false, ..) => RResult::ROk(format!(r#"[{{"value":{A}}},{failure},{missing}]"#).into()),
            ("offsets_of_groups", false, ..) => {
                RResult::ROk(format!(r#"[{{"value":{OFFSETS}}},{failure},{{"value":[]}}]"#).into())
            }
            ("watermarks_of_each", false, ..) => {
                RResult::ROk(format!(r#"[{{"value":{WATERMARKS}}},{failure}]"#).into())
            }
            ("offsets_for_times_of_each", false, ..) => {
                RResult::ROk(format!(r#"[{{"value":{POSITION}}},{failure}]"#).into())
            }
            ("watermarks", _, true, false) => RResult::ROk(format!("[{WATERMARKS}]").into()),
            ("offsets_for_times", _, true, false) => RResult::ROk(format!("[{POSITION}]").into()),
            (
                "list_groups"
                | "describe_groups"
                | "offsets_of_groups"
                | "watermarks_of_each"
                | "offsets_for_times_of_each",
                ..,
            ) => RResult::RErr(flatten(
                &Error::new(ErrorKind::Unsupported, "call plugin", "no such call").with("call", name.as_str()),
            )),
            ("group", _, true, _) => RResult::ROk(A.into()),
            ("group_offsets", _, true, _) => RResult::ROk(OFFSETS.into()),
            (_, _, _, true) => error(ErrorKind::Corrupt, "damaged"),
            _ => error(ErrorKind::NotFound, "no such group"),
        }
    }

    fn interface(&self, _name: RStr<'_>) -> *const () {
        std::ptr::null()
    }
}

fn plugin(is_old: bool) -> (Box<dyn Admin>, Arc<Mutex<Vec<String>>>) {
    let calls = Arc::new(Mutex::new(Vec::new()));
    (admin_of(Admin_TO::from_value(Plugin { is_old, calls: Arc::clone(&calls) }, TD_Opaque)), calls)
}

#[test]
fn several_groups_cross_as_one_call_and_one_by_one_to_older_plugins() {
    let groups = ["a", "b", "c"].map(String::from);
    for is_old in [false, true] {
        let (mut admin, calls) = plugin(is_old);
        let described = admin.describe_groups(&groups, WAIT).expect("there are answers");
        let of_two = described[1].as_ref().expect_err("it is damaged");
        assert_eq!(described[0].as_ref().expect("it is there").name, "a");
        assert_eq!(
            (of_two.kind(), of_two.to_string().as_str()),
            (ErrorKind::Corrupt, "describe group: group b: damaged")
        );
        assert_eq!(described[2].as_ref().expect_err("it is missing").kind(), ErrorKind::NotFound);
        let offsets = admin.offsets_of_groups(&groups, WAIT).expect("there are answers");
        assert_eq!(*offsets[0].as_ref().expect("it is there"), [CommittedOffset::new("t", 0, 7)]);
        assert_eq!(offsets[1].as_ref().expect_err("it is damaged").kind(), ErrorKind::Corrupt);
        assert_eq!(*offsets[2].as_ref().expect("it has committed nothing"), []);
        let (listed, failures) = admin.list_groups(WAIT).expect("there is a list");
        assert_eq!((listed.len(), failures.len()), (1, usize::from(!is_old)));
        let calls = calls.lock().expect("nobody panics").join(" ");
        let expected = match is_old {
            false => "describe_groups offsets_of_groups list_groups",
            true => {
                "describe_groups group group group offsets_of_groups group_offsets group_offsets group_offsets list_groups groups"
            }
        };
        assert_eq!(calls, expected);
    }
}

#[test]
fn several_partitions_cross_as_one_call_and_one_by_one_to_older_plugins() {
    let times = ["a", "b"].map(|topic| Position { topic: topic.into(), partition: 0, offset: 5 });
    let partitions = ["a", "b"].map(|topic| TopicPartition { topic: topic.into(), partition: 0 });
    for is_old in [false, true] {
        let (mut admin, calls) = plugin(is_old);
        let watermarks =
            admin.watermarks_of_each(&partitions, Isolation::ReadUncommitted, WAIT).expect("there are answers");
        assert_eq!(watermarks[0].as_ref().expect("it is there").high, 7);
        assert_eq!(watermarks[1].as_ref().expect_err("it is damaged").kind(), ErrorKind::Corrupt);
        let found = admin.offsets_for_times_of_each(&times, WAIT).expect("there are answers");
        assert_eq!(found[0].as_ref().expect("it is there").offset, 3);
        assert_eq!(found[1].as_ref().expect_err("it is damaged").kind(), ErrorKind::Corrupt);
        let expected = match is_old {
            false => "watermarks_of_each offsets_for_times_of_each",
            true => {
                "watermarks_of_each watermarks watermarks watermarks offsets_for_times_of_each offsets_for_times offsets_for_times offsets_for_times"
            }
        };
        assert_eq!(calls.lock().expect("nobody panics").join(" "), expected);
    }
}

#[test]
fn answers_for_other_groups_are_refused() {
    let (mut admin, _) = plugin(false);
    let error = admin.describe_groups(&["a".into()], WAIT).expect_err("three answers for one group");
    assert_eq!(error.kind(), ErrorKind::Unexpected);
}
