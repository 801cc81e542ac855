//! Somebody else can write into the folder: links are not followed, nothing that blocks is opened, and one strange
//! topic or group hides no other.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use crate::support::*;
use kafi_core::{ConfigChange, Error, ErrorKind, Isolation, Position, Result, TopicPartition};
use kafi_fs::LogStorage;
use rustix::fs::{CWD, FileType, Mode, mknodat};

/// A folder with a topic `t` of two partitions, a topic `other`, and a group of `t`; and beside it a file that nobody
/// may touch.
struct Planted {
    folder: Folder,
    outside: tempfile::TempDir,
}

impl Planted {
    fn new() -> Self {
        let (folder, outside) = (Folder::new(), tempfile::tempdir().unwrap());
        create(&folder.storage, "t", 2, &[]);
        create(&folder.storage, "other", 1, &[]);
        deliver(&folder.storage, &messages("t", 5, 20));
        deliver(&folder.storage, &messages("other", 5, 20));
        admin(&folder.storage).alter_group_offsets("g", &[position(2).into()], WAIT).unwrap();
        admin(&folder.storage).alter_group_offsets("h", &[position(3).into()], WAIT).unwrap();
        fs::write(outside.path().join("victim"), "untouched").unwrap();
        Self { folder, outside }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.root().join(name)
    }

    fn victim(&self) -> PathBuf {
        self.outside.path().join("victim")
    }

    fn assert_untouched(&self, what: &str) {
        assert_eq!(fs::read_to_string(self.victim()).unwrap(), "untouched", "{what}");
        assert_eq!(fs::read_dir(self.outside.path()).unwrap().count(), 1, "{what}");
    }
}

fn position(offset: i64) -> Position {
    Position { topic: "t".into(), partition: 0, offset }
}

fn remove(path: &Path) {
    if path.is_dir() && !path.is_symlink() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
}

/// Everything that reads or writes the topic `t` and the group `g`; the errors.
fn use_all(storage: &LogStorage) -> Vec<Error> {
    let partition = |partition| TopicPartition { topic: "t".into(), partition };
    let mut errors = Vec::new();
    let mut note = |result: Result<()>| errors.extend(result.err());
    note(admin(storage).topics(&["t".into()], WAIT).map(drop));
    note(admin(storage).watermarks(&[partition(0), partition(1)], Isolation::default(), WAIT).map(drop));
    note(read_range(&mut *consumer(storage), "t", 0, 0, 5).map(drop));
    note(admin(storage).offsets_for_times(&[position(1_003)], WAIT).map(drop));
    note(admin(storage).group_offsets("g", WAIT).map(drop));
    note(admin(storage).alter_group_offsets("g", &[position(3).into()], WAIT));
    note(admin(storage).delete_records(&[position(1)], WAIT).map(drop));
    let change = ConfigChange { name: "segment.bytes".into(), value: Some("100".into()) };
    note(admin(storage).alter_topic_config("t", &[change], WAIT));
    note(admin(storage).create_partitions("t", 3, WAIT));
    for _ in 0..2 {
        let reports = produce(&mut *producer(storage), &messages("t", 1, 200));
        let failed = reports.into_iter().find_map(|report| {
            if let kafi_core::Delivery::Failed(error) = report.delivery { Some(error) } else { None }
        });
        note(failed.map_or(Ok(()), Err));
    }
    errors
}

/// Runs `work` in a thread: something that blocks for ever fails the test instead of stopping it.
fn in_time<T: Send + 'static>(what: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(work()));
    receiver.recv_timeout(WAIT).unwrap_or_else(|_| panic!("{what} hangs"))
}

const FILES: [&str; 9] = [
    "topics/t/topic.json",
    "topics/t/0",
    "topics/t/0/recovery",
    "topics/t/0/00000000000000000000.log",
    "topics/t/0/00000000000000000000.kidx",
    "topics/t/1/recovery",
    "topics/t",
    "groups/g.json",
    "groups/g.lock",
];

#[test]
fn links_in_place_of_our_files_are_refused_and_never_followed() {
    for name in FILES.into_iter().chain(["topics/t/0/start", "topics/~lock", "topics/t/2", "groups"]) {
        for dangling in [false, true] {
            let planted = Planted::new();
            let path = planted.path(name);
            let target = if dangling { planted.outside.path().join("not there") } else { planted.victim() };
            if path.exists() {
                remove(&path);
            }
            symlink(target, &path).unwrap();
            let errors = use_all(&planted.folder.storage);
            assert!(!errors.is_empty(), "{name}");
            planted.assert_untouched(name);
            assert!(path.is_symlink(), "{name} is still the link");
        }
    }
}

#[test]
fn links_to_folders_lead_nowhere() {
    for name in ["topics", "topics/t", "topics/t/0", "groups"] {
        let planted = Planted::new();
        let elsewhere = planted.outside.path().join("moved");
        fs::rename(planted.path(name), &elsewhere).unwrap();
        symlink(&elsewhere, planted.path(name)).unwrap();
        let list = || {
            let mut all: Vec<(PathBuf, u64)> = Vec::new();
            let mut folders = vec![elsewhere.clone()];
            while let Some(folder) = folders.pop() {
                for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
                    match entry.file_type().unwrap().is_dir() {
                        true => folders.push(entry.path()),
                        false => all.push((entry.path(), entry.metadata().unwrap().len())),
                    }
                }
            }
            all.sort();
            all
        };
        let before = list();
        let errors = use_all(&planted.folder.storage);
        assert!(errors.iter().any(|error| error.to_string().contains("symbolic link")), "{name}: {errors:?}");
        assert_eq!(list(), before, "{name}");
    }
}

#[test]
fn the_root_may_be_a_link() {
    let planted = Planted::new();
    let link = planted.outside.path().join("link");
    symlink(planted.folder.root(), &link).unwrap();
    assert!(use_all(&open(&link)).is_empty());
}

#[test]
fn what_is_no_file_is_an_error_at_once() {
    for name in FILES.into_iter().chain(["topics/t/0/start", "topics/~lock"]) {
        for kind in [FileType::Fifo, FileType::Socket, FileType::Directory] {
            let planted = Planted::new();
            let path = planted.path(name);
            if path.exists() {
                remove(&path);
            }
            match kind {
                FileType::Directory => fs::create_dir(&path).unwrap(),
                kind => mknodat(CWD, &path, kind, Mode::from_raw_mode(0o600), 0).unwrap(),
            }
            let storage = planted.folder.storage.clone();
            let errors = in_time(name, move || use_all(&storage));
            assert!(!errors.is_empty(), "{name} {kind:?}");
            let file_type = fs::symlink_metadata(&path).unwrap().file_type();
            assert!(file_type.is_fifo() || file_type.is_socket() || file_type.is_dir(), "{name} is not replaced");
        }
    }
}

#[test]
fn a_strange_topic_hides_no_other_and_is_named() {
    type Make<'a> = &'a dyn Fn(&Path);
    let strange: [(&str, Make); 5] = [
        ("pipe", &|path| mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap()),
        ("folder", &|path| fs::create_dir(path).unwrap()),
        ("link", &|path| symlink("/etc/passwd", path).unwrap()),
        ("partitions", &|path| {
            fs::write(path, r#"{"id":"a","partitions":2147483647,"created":1,"config":{}}"#).unwrap()
        }),
        ("sparse", &|path| fs::File::create(path).unwrap().set_len(40 << 30).unwrap()),
    ];
    let planted = Planted::new();
    for (name, make) in strange {
        fs::create_dir(planted.path("topics").join(name)).unwrap();
        make(&planted.path("topics").join(name).join("topic.json"));
    }
    fs::create_dir_all(planted.path("topics/none/0")).unwrap();
    fs::create_dir_all(planted.path("topics/zero/0")).unwrap();
    fs::write(planted.path("topics/zero/topic.json"), r#"{"id":"a","partitions":0,"created":1,"config":{}}"#).unwrap();
    let storage = planted.folder.storage.clone();
    let topics = in_time("listing", move || admin(&storage).topics(&[], WAIT).unwrap());
    let names: Vec<_> = topics.iter().map(|topic| (topic.name.as_str(), topic.partitions.len())).collect();
    assert_eq!(
        names,
        [
            ("folder", 0),
            ("link", 0),
            ("other", 1),
            ("partitions", 0),
            ("pipe", 0),
            ("sparse", 0),
            ("t", 2),
            ("zero", 0)
        ]
    );
    for (name, _) in names.into_iter().filter(|(_, partitions)| *partitions == 0) {
        let error = admin(&planted.folder.storage).topics(&[name.into()], WAIT).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        assert!(error.to_string().contains(&format!("topics/{name}/topic.json")), "{error}");
    }
}

#[test]
fn a_strange_group_hides_no_other_and_is_named() {
    let planted = Planted::new();
    for (name, suffix) in [("pipe", "json"), ("pipelock", "lock"), ("both", "json"), ("both", "lock")] {
        mknodat(CWD, planted.path(&format!("groups/{name}.{suffix}")), FileType::Fifo, Mode::from_raw_mode(0o600), 0)
            .unwrap();
    }
    let storage = planted.folder.storage.clone();
    let groups = in_time("listing", move || admin(&storage).groups(WAIT).unwrap());
    let names: Vec<_> = groups.iter().map(|group| (group.name.as_str(), group.state.as_str())).collect();
    assert_eq!(
        names,
        [("both", "Unknown"), ("g", "Empty"), ("h", "Empty"), ("pipe", "Empty"), ("pipelock", "Unknown")]
    );
    for group in ["pipe", "pipelock", "both"] {
        assert_eq!(admin(&planted.folder.storage).group(group, WAIT).unwrap_err().kind(), ErrorKind::Corrupt);
    }
}

#[test]
fn temporary_names_cannot_be_guessed_and_nothing_is_left_behind() {
    let planted = Planted::new();
    for name in ["topics/t/topic.json~", "topics/t/0/start~", "groups/g.json~", "topics/t/~", "groups/~"] {
        symlink(planted.victim(), planted.path(name)).unwrap();
    }
    assert!(use_all(&planted.folder.storage).is_empty());
    planted.assert_untouched("temporary files");
    let names = |folder: &str| {
        let mut names: Vec<_> = fs::read_dir(planted.path(folder))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names("groups"), ["g.json", "g.json~", "g.lock", "h.json", "h.lock", "~"]);
    assert_eq!(names("topics/t"), ["0", "1", "2", "topic.json", "topic.json~", "~"]);
}

#[test]
fn modes_and_owners_are_kept_when_files_are_written_again() {
    let planted = Planted::new();
    admin(&planted.folder.storage).delete_records(&[position(1)], WAIT).unwrap();
    let files = ["topics/t/topic.json", "groups/g.json", "topics/t/0/start"];
    let is_root = fs::metadata(planted.folder.root()).unwrap().uid() == 0;
    for (number, name) in files.iter().enumerate() {
        fs::set_permissions(planted.path(name), fs::Permissions::from_mode([0o600, 0o640, 0o666][number])).unwrap();
        if is_root {
            std::os::unix::fs::chown(planted.path(name), Some(1234), Some(5678)).unwrap();
        }
    }
    // Open files keep their numbers: a file system hands out those of removed files again at once.
    let before: Vec<_> = files.iter().map(|name| fs::File::open(planted.path(name)).unwrap()).collect();
    admin(&planted.folder.storage).delete_records(&[position(2)], WAIT).unwrap();
    let errors = use_all(&planted.folder.storage);
    assert!(errors.iter().all(|error| error.kind() == ErrorKind::OutOfRange), "{errors:?}");
    for (name, before) in files.iter().zip(before) {
        let before = before.metadata().unwrap();
        let after = fs::metadata(planted.path(name)).unwrap();
        assert_ne!(after.ino(), before.ino(), "{name} was written again");
        assert_eq!((after.mode(), after.uid(), after.gid()), (before.mode(), before.uid(), before.gid()), "{name}");
    }
}
