//! The conformance suite itself: each broken promise is caught by the case that checks it, and nothing is passed that
//! did not run.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod broken;

use std::sync::Arc;
use std::time::Duration;

use broken::{Break, broken};
use kafi_core::{Capabilities, Storage};
use kafi_testkit::conformance::{Options, Setup, Summary, run};

/// Runs cases over a storage in memory that breaks one promise; all cases, if none are named.
fn run_over(how: Break, cases: &[&str]) -> Summary {
    let inner: Arc<dyn Storage> = Arc::new(kafi_fs::open_memory("mem"));
    let setup = Setup::new("x", move || Ok(broken(&inner, how))).wait(Duration::from_secs(2));
    let options = Options {
        filters: cases.iter().map(|case| format!("x::{case}")).collect(),
        exact: !cases.is_empty(),
        ..Options::default()
    };
    run(vec![setup], &options, &mut Vec::new()).unwrap()
}

/// Each of these cases fails where a promise is broken, and passes through the same wrapper where none is.
fn are_caught(breaks: &[(Break, &[&str])]) {
    let all: Vec<&str> = breaks.iter().flat_map(|(_, cases)| cases.iter().copied()).collect();
    let kept = run_over(Break::Nothing, &all);
    assert_eq!((&kept.failed, &kept.ignored), (&vec![], &vec![]), "the wrapper itself breaks nothing");
    for (how, cases) in breaks {
        let summary = run_over(*how, cases);
        let failed: Vec<&str> = summary.failed.iter().map(|(name, _)| name.trim_start_matches("x::")).collect();
        let mut expected = cases.to_vec();
        expected.sort_unstable();
        assert_eq!(failed, expected, "{how:?} is caught");
    }
}

#[test]
fn broken_consumers_are_caught() {
    are_caught(&[
        (Break::BatchIsKept, &["consume::poll_clears_the_batch"]),
        (Break::EndIsForgotten, &["consume::end_stays_end"]),
        (Break::EndIsDelivered, &["consume::ends_are_exact", "consume::empty_ranges_end_at_once"]),
        (Break::EndIsLeftOut, &["consume::ends_are_exact"]),
        (Break::StartIsLeftOut, &["consume::starts_are_exact"]),
        (Break::AssignAdds, &["consume::assign_replaces"]),
        (Break::MissingIsEmpty, &["consume::assign_refuses_missing", "admin::missing_topics_are_not_found"]),
        (
            Break::OutOfRangeIsEmpty,
            &["offsets::start_before_the_log", "offsets::start_beyond_the_log", "offsets::start_is_an_offset"],
        ),
        (Break::SeekIsIgnored, &["consume::seek_moves", "consume::seek_leaves_the_end"]),
        (Break::PositionsAreLast, &["consume::positions_are_next"]),
        (Break::LimitsAreIgnored, &["consume::limits_are_kept"]),
        (Break::OrderIsReversed, &["consume::all_partitions_are_read", "produce::order_is_kept"]),
        (
            Break::OneIsLost,
            &[
                "consume::all_partitions_are_read",
                "produce::order_is_kept",
                "groups::members_go_on_one_after_the_other",
            ],
        ),
        (Break::PollIsLate, &["consume::poll_keeps_its_timeout", "consume::poll_returns_at_once"]),
        (Break::PollHangs, &["consume::end_stays_end"]),
        (Break::PollPanics, &["consume::end_stays_end"]),
        (Break::GapsAreRefused, &["offsets::start_before_the_log"]),
        (Break::ClosedGoesOn, &["faults::closed_consumers_refuse", "faults::closed_producers_refuse"]),
    ]);
}

#[test]
fn broken_groups_are_caught() {
    are_caught(&[
        (Break::CommitIsLost, &["groups::commits_are_kept", "groups::commits_outlive_their_consumer"]),
        (Break::CommittedIsInvented, &["groups::commits_are_kept"]),
        (Break::CloseCommits, &["groups::close_commits_nothing"]),
        (Break::GroupIsInvented, &["groups::without_group_is_usage"]),
        (Break::MembersAreMany, &["groups::one_live_member"]),
        (
            Break::CommittedIsIgnored,
            &["groups::subscribe_starts_at_committed", "groups::members_go_on_one_after_the_other"],
        ),
        (Break::StateIsStable, &["groups::groups_are_listed", "groups::groups_are_described"]),
        (Break::DeleteIsForgotten, &["groups::groups_can_be_deleted", "admin::delete_is_complete"]),
        (Break::OffsetsStay, &["groups::single_offsets_can_be_deleted"]),
        (Break::AlterReplaces, &["groups::offsets_can_be_altered"]),
    ]);
    // This one claims a capability, without which its cases do not run.
    let shared = run_over(Break::GroupsAreShared, &["groups::members_share", "groups::members_hand_over"]);
    assert_eq!((shared.failed.len(), shared.passed.len()), (2, 0), "{shared:?}");
}

#[test]
fn broken_producers_are_caught() {
    are_caught(&[
        (
            Break::LastIsDropped,
            &["produce::nothing_is_dropped", "produce::flush_is_complete", "produce::several_producers"],
        ),
        (Break::AllIsDoubled, &["produce::reports_cover_every_message_once", "produce::order_is_kept"]),
        (Break::FromIsIgnored, &["produce::from_is_the_first"]),
        (Break::KeyIsIgnored, &["produce::key_chooses_partition"]),
        (Break::NullIsEmpty, &["produce::null_is_not_empty"]),
        (Break::HeadersAreText, &["produce::headers"]),
        (Break::ZeroIsNow, &["produce::timestamps"]),
        (Break::TypeIsLost, &["produce::timestamp_types"]),
        (Break::ReportsComeTwice, &["produce::reports_cover_every_message_once", "produce::reports_come_once"]),
        (Break::OffsetsAreShifted, &["produce::reports_say_offsets"]),
        (
            Break::FailuresAreHidden,
            &[
                "produce::missing_topic_is_reported",
                "produce::too_large_is_reported",
                "produce::kept_offsets_only_rise",
            ],
        ),
        (Break::KindsAreUnexpected, &["produce::missing_partition_is_reported", "produce::too_large_is_reported"]),
        (Break::FailuresAreForgiven, &["produce::nothing_follows_a_failure"]),
        (Break::TopicsAreMade, &["produce::missing_topic_is_reported"]),
        (Break::FlushIsEarly, &["produce::flush_is_complete"]),
        (Break::CloseIsEarly, &["produce::close_flushes", "produce::order_is_kept"]),
        (Break::ReportsWait, &["produce::reports_do_not_wait_for_nothing"]),
        (Break::OffsetsAreNotKept, &["produce::kept_offsets", "offsets::gaps_are_passed"]),
    ]);
}

#[test]
fn broken_admins_are_caught() {
    are_caught(&[
        (Break::TopicsAreReversed, &["admin::topics_are_sorted"]),
        (Break::ExistingIsFine, &["admin::create_refuses_existing"]),
        (
            Break::AnyNameIsFine,
            &[
                "admin::create_refuses_bad_names",
                "admin::create_refuses_bad_numbers",
                "admin::create_refuses_bad_settings",
            ],
        ),
        (Break::WatermarksAreSorted, &["offsets::watermarks_follow"]),
        (Break::TimesAreNext, &["offsets::times_find_the_first"]),
        (Break::TimesAreMissing, &["offsets::times_without_messages"]),
        (Break::RecordsStay, &["offsets::delete_moves_the_start", "offsets::delete_up_to_the_end"]),
        (Break::SettingsAreForgotten, &["admin::config_is_altered", "admin::notes_are_kept"]),
        (Break::AnySettingIsFine, &["admin::config_refuses_bad_changes"]),
        (Break::PartitionsAreForgotten, &["admin::partitions_are_added"]),
        (Break::FewerIsFine, &["admin::partitions_only_grow"]),
        (Break::BrokersAreEmpty, &["admin::brokers_are_unsupported"]),
        (Break::IdentityChanges, &["admin::identity_is_stable"]),
    ]);
}

#[test]
fn broken_files_are_caught() {
    are_caught(&[
        (Break::FilesAreReversed, &["files::files_are_sorted"]),
        (Break::MissingFileIsEmpty, &["files::missing_files_are_not_found", "files::files_come_and_go"]),
        (Break::MissingFileIsDeleted, &["files::missing_files_are_not_found"]),
        (Break::AnyFileNameIsFine, &["files::file_names_are_checked"]),
        (Break::RangesBegin, &["files::files_are_read_in_parts", "files::files_outlive_their_client"]),
        (Break::RangesAreShort, &["files::files_are_read_in_parts"]),
        (Break::LargeWritesAreCut, &["files::large_files"]),
        (Break::FinishedGoesOn, &["files::finished_is_over"]),
        (Break::AbortFinishes, &["files::files_appear_whole"]),
        (Break::DropFinishes, &["files::files_appear_whole"]),
    ]);
}

#[test]
fn what_is_lacking_is_ignored_and_never_passed() {
    let all = run_over(Break::Nothing, &[]);
    let lacking = run_over(Break::EverythingLacks, &[]);
    assert_eq!(lacking.failed, vec![]);
    assert_eq!(
        lacking.passed,
        [
            "x::admin::access_is_unsupported",
            "x::admin::brokers_are_unsupported",
            "x::admin::capabilities_fit_together",
            "x::admin::name_and_scheme",
            "x::files::files_are_unsupported"
        ]
    );
    assert_eq!(lacking.ignored.len() + lacking.passed.len(), all.ignored.len() + all.passed.len() + all.failed.len());
    let why = lacking.ignored.iter().find(|(name, _)| name == "x::produce::headers").map(|(_, why)| why.as_str());
    assert_eq!(why, Some("lacks consume, produce, produce_partition, produce_headers, admin_topics"));
}

/// What a storage can do beyond what it names is tried, and a case that is left out says why.
#[test]
fn a_setup_says_more_than_its_storage() {
    let inner: Arc<dyn Storage> = Arc::new(kafi_fs::open_memory("mem"));
    let also = Capabilities::ADMIN_ACLS;
    let setup = Setup::new("x", move || Ok(broken(&inner, Break::Nothing)))
        .also(also)
        .leave_out("admin::acls_refuse_nonsense", "a reason");
    let options = Options { filters: vec!["::acls_".into(), "::access_".into()], ..Options::default() };
    let summary = run(vec![setup], &options, &mut Vec::new()).unwrap();
    let failed: Vec<&str> = summary.failed.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(failed, ["x::admin::acls_are_made_and_deleted", "x::admin::acls_are_there_once"]);
    let ignored = [("access_is_unsupported", "has admin_acls"), ("acls_refuse_nonsense", "a reason")];
    assert_eq!(summary.ignored, ignored.map(|(name, why)| (format!("x::admin::{name}"), why.to_string())));
}

#[test]
fn a_storage_that_cannot_be_opened_fails_every_case() {
    let options = Options { filters: vec!["admin::".into()], ..Options::default() };
    for opens in [true, false] {
        let open = move || -> kafi_core::Result<Arc<dyn Storage>> {
            assert!(opens, "the server does not start");
            Err(kafi_core::Error::new(kafi_core::ErrorKind::Unavailable, "open", "the server does not start"))
        };
        let mut out = Vec::new();
        let summary = run(vec![Setup::new("x", open).expected("nowhere")], &options, &mut out).unwrap();
        assert!(summary.passed.is_empty() && summary.ignored.is_empty() && summary.failed.len() > 15, "{summary:?}");
        assert!(summary.failed.iter().all(|(_, why)| why.contains("the server does not start")), "{summary:?}");
        let out = String::from_utf8(out).unwrap();
        assert!(
            out.contains("test x::admin::identity_is_stable ... FAILED\n")
                && out.contains("test result: FAILED. 0 passed; "),
            "{out}"
        );
    }
}

#[test]
fn a_list_of_names_opens_nothing() {
    let open = || -> kafi_core::Result<Arc<dyn Storage>> { panic!("it is not opened") };
    let options = Options { filters: vec!["groups::".into()], list: true, ..Options::default() };
    let mut out = Vec::new();
    run(vec![Setup::new("x", open)], &options, &mut out).unwrap();
    let out = String::from_utf8(out).unwrap();
    assert!(
        out.contains("x::groups::members_share: test\n") && out.lines().count() > 15 && !out.contains("admin"),
        "{out}"
    );
}

#[test]
fn a_changed_list_of_ignored_cases_fails() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("x.txt");
    let inner: Arc<dyn Storage> = Arc::new(kafi_fs::open_memory("mem"));
    let check = |how: Break, bless: bool| {
        let inner = Arc::clone(&inner);
        let setup = Setup::new("x", move || Ok(broken(&inner, how))).expected(&path);
        let options =
            Options { filters: vec!["x::ignored_cases_are_expected".into()], exact: true, bless, ..Options::default() };
        run(vec![setup], &options, &mut Vec::new()).unwrap().failed
    };
    assert_eq!(check(Break::Nothing, true), vec![]);
    assert_eq!(check(Break::Nothing, false), vec![]);
    let failed = check(Break::EverythingLacks, false);
    assert!(failed.len() == 1 && failed[0].1.contains("+ produce::headers: lacks consume, produce"), "{failed:?}");
}
