//! Runs every example, in memory, in a folder and, with the feature `cluster`, on a real Kafka.

// A test that cannot go on panics.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use kafi::{ErrorKind, Kafi};
#[cfg(feature = "cluster")]
use kafi_testkit::servers::variable;
use regex::Regex;
use tempfile::TempDir;

/// What an example is expected to print, timestamps apart.
enum Printed {
    /// These lines.
    Exactly(&'static str),
    /// These lines, and others that depend on what else there is.
    Among(&'static str),
    /// Lines that all match, with numbers that add up to this.
    Sum(&'static str, u64),
}

use Printed::{Among, Exactly, Sum};

/// The topics that the examples make, and remove at their ends.
const TOPICS: [&str; 16] = [
    "foo",
    "bar",
    "topic_json",
    "topic_json_copy",
    "topic_json_mapped",
    "topic_json_flatmapped",
    "topic_compacted",
    "topic_left",
    "topic_right",
    "my_topic",
    "my_topic_on_cluster1",
    "my_topic_on_cluster2",
    "snacks",
    "snacks_compacted",
    "snacks_countries",
    "snacks_join",
];

const EXAMPLES: [(&str, Printed); 20] = [
    (
        "add_ons",
        Exactly(
            r#"newest: {"name":"cake"}
2 messages, 34 bytes
repeated: {"name":"cake"}
eaters: 2 to read
drinkers: 2 to read
3 messages in all times
anew: 2 partitions, 0 messages
exists: false"#,
        ),
    ),
    ("app", Exactly("2 processed\n\"1\": {\"result\":2}\n\"41\": {\"result\":42}")),
    ("backup_restore", Exactly("2 messages are back")),
    ("collect_ids", Exactly("{7, 300}")),
    ("compact", Exactly("\"cookie\": {\"calories\":490}\n\"cake\": {\"calories\":260}\n2 of 5 are kept")),
    (
        "configuration",
        Among(
            "consume.batch.size: 500 (messages that one call reads at most)\nproduce.batch.size: 7 (messages that one call writes at most)",
        ),
    ),
    (
        "consume",
        Exactly(
            r#"{"topic":"topic_json","partition":0,"offset":0,"timestamp":T,"timestamp_type":"create","headers":[],"key":"123","value":{"bla":123}}
{"topic":"topic_json","partition":0,"offset":1,"timestamp":T,"timestamp_type":"create","headers":[],"key":"456","value":{"bla":456}}
{"topic":"topic_json","partition":0,"offset":2,"timestamp":T,"timestamp_type":"create","headers":[],"key":"789","value":{"bla":789}}
123 at 0:0
456 at 0:1
789 at 0:2
3 messages
first 2 messages
then {"bla":789}"#,
        ),
    ),
    ("copy", Exactly("3 read, 3 written")),
    ("copy_flatmap", Exactly("3 read, 2 written\n\"456\": {\"bla\":456}\n\"456\": {\"bla\":456}")),
    ("copy_map", Exactly("3 read, 3 written\n\"123\": {\"bla\":165}\n\"456\": {\"bla\":498}\n\"789\": {\"bla\":831}")),
    ("create_topics", Among("topic_compacted, partitions: 3\ntopic_json, partitions: 1")),
    ("delete_records", Exactly("my_topic:0 holds 100 to 150")),
    ("delivery_callback", Sum(r"^(\d+) delivered to topic_json:0 from offset \d+ on$", 3)),
    (
        "join",
        Exactly(
            r#"Inner:
{"name":"cookie","calories":500.0,"colour":"brown","snack_name":"cookie","country":"US"}
{"name":"timtam","calories":80.0,"colour":"chocolate","snack_name":"timtam","country":"Australia"}
Left:
{"name":"cookie","calories":500.0,"colour":"brown"}
{"name":"cake","calories":260.0,"colour":"white"}
{"name":"cookie","calories":500.0,"colour":"brown","snack_name":"cookie","country":"US"}
{"name":"timtam","calories":80.0,"colour":"chocolate","snack_name":"timtam","country":"Australia"}
Right:
{"snack_name":"timtam","country":"Australia"}
{"name":"cookie","calories":500.0,"colour":"brown","snack_name":"cookie","country":"US"}
{"name":"timtam","calories":80.0,"colour":"chocolate","snack_name":"timtam","country":"Australia"}"#,
        ),
    ),
    ("list_topics", Among("topic_json")),
    (
        "magic_byte",
        Exactly(
            r#"{"topic":"my_topic","partition":0,"offset":1,"timestamp":T,"timestamp_type":"create","headers":[],"key":null,"value":"{\"bla\": 123}"}"#,
        ),
    ),
    ("mirror", Exactly("2 read, 2 written\n\"123\": {\"bla\":123}\n\"456\": {\"bla\":456}")),
    ("produce", Exactly("4 messages are delivered")),
    ("search", Exactly("1 of 3: {\"bla\":456}\n{\"bla\":456}\n{\"bla\":789}")),
    ("zip_foldl", Exactly("{\"bla\":789} is not {\"bla\":987}\n1 difference")),
];

/// Why an example may be missing, or older than the library.
const BUILD: &str = "(`cargo test -p kafi` builds the examples, but `cargo test --test examples` does not)";

/// A place to run examples on.
struct Place {
    /// What the examples get as their storage.
    storage: String,
    /// The configuration file of the same storage, for the example that wants one.
    config: &'static str,
    variables: Vec<(&'static str, String)>,
    folder: TempDir,
}

impl Place {
    /// `config` names a configuration, with `section` as its storage's section.
    fn new(storage: &str, config: &'static str, section: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("configs").join(config).with_extension("yaml");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, format!("{section}\nkafi:\n  produce.batch.size: 7\n")).unwrap();
        Self { storage: storage.into(), config, variables: Vec::new(), folder }
    }

    /// Runs an example and checks what it prints.
    fn run(&self, name: &str, printed: &Printed) {
        let mut command = Command::new(binary(name));
        command.current_dir(&self.folder).env("KAFI_HOME", self.folder.path()).envs(self.variables.clone());
        let output = match name {
            "configuration" => command.arg(self.config),
            // The backup goes to the default of the example, a folder.
            "backup_restore" => command.arg(&self.storage),
            _ => command.args([&self.storage, &self.storage]),
        };
        let output = output.output().unwrap();
        let (said, complained) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr).into_owned());
        assert!(output.status.success(), "{name} on {}: {}\n{said}{complained}{BUILD}", self.storage, output.status);
        check(name, &said, printed);
    }
}

fn check(name: &str, said: &str, printed: &Printed) {
    let said = Regex::new(r#""timestamp":\d+"#).unwrap().replace_all(said, r#""timestamp":T"#);
    match printed {
        Exactly(expected) => assert_eq!(said.trim_end(), *expected, "{name}"),
        Among(expected) => expected
            .lines()
            .for_each(|line| assert!(said.lines().any(|said| said == line), "{name}: {line} is not among\n{said}")),
        Sum(pattern, expected) => {
            let pattern = Regex::new(pattern).unwrap();
            let number =
                |line| pattern.captures(line).unwrap_or_else(|| panic!("{name}: {line}"))[1].parse::<u64>().unwrap();
            assert_eq!(said.lines().map(number).sum::<u64>(), *expected, "{name}: {said}");
        }
    }
}

/// Where cargo puts the example, beside the folder of this test's binary.
fn binary(name: &str) -> PathBuf {
    let this = std::env::current_exe().unwrap();
    let binary = this.parent().and_then(Path::parent).unwrap().join("examples").join(name);
    assert!(binary.is_file(), "there is no {}\n{BUILD}", binary.display());
    binary
}

fn topics(storage: &Kafi) -> BTreeSet<String> {
    storage.ls().unwrap().into_iter().filter(|topic| TOPICS.contains(&topic.as_str())).collect()
}

#[test]
fn each_example_is_run() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    // What lies in folders are packages of their own, with tests of their own.
    let files = folder.read_dir().unwrap().map(Result::unwrap).filter(|entry| entry.file_type().unwrap().is_file());
    let files: BTreeSet<String> = files.map(|entry| entry.file_name().into_string().unwrap()).collect();
    assert_eq!(files, EXAMPLES.iter().map(|(name, _)| format!("{name}.rs")).collect());
}

#[test]
fn examples_run_in_memory() {
    let place = Place::new("mem:", "locals/test", "local:\n  root.dir: topics");
    for (name, printed) in &EXAMPLES {
        // Two openings of memory are two storages, which the example takes as well.
        place.run(name, printed);
    }
}

#[test]
fn examples_run_in_a_folder() {
    let mut place = Place::new("./data/", "locals/test", "local:\n  root.dir: ${KAFI_TEST_FOLDER}");
    place.variables.push(("KAFI_TEST_FOLDER", "data".into()));
    let storage = kafi::open(&place.folder.path().join("data").display().to_string()).unwrap();
    for (name, printed) in &EXAMPLES {
        place.run(name, printed);
        assert_eq!(topics(&storage), BTreeSet::new(), "{name} leaves topics behind");
    }
}

#[test]
fn examples_say_what_is_wrong() {
    let output = Command::new(binary("list_topics")).arg("nowhere://").output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("read address"), "{output:?}");
    assert_eq!(kafi::open("nowhere://").err().unwrap().kind(), ErrorKind::Usage);
}

#[cfg(feature = "cluster")]
#[test]
fn examples_run_on_kafka() {
    let server = variable("KAFI_TEST_KAFKA").to_string();
    let mut place =
        Place::new(&format!("kafka://{server}"), "clusters/test", "kafka:\n  bootstrap.servers: ${KAFI_TEST_KAFKA}");
    place.variables.push(("KAFI_TEST_KAFKA", server));
    let storage = kafi::open(&place.storage).unwrap();
    for (name, printed) in &EXAMPLES {
        // What an earlier run left behind when it failed.
        topics(&storage).iter().for_each(|topic| storage.rm(topic).unwrap());
        place.run(name, printed);
        assert_eq!(topics(&storage), BTreeSet::new(), "{name} leaves topics behind");
    }
}
