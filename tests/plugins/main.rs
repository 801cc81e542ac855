//! Loading plugins: what fits, what does not and what is said then, and plugins that do what none should.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod build;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use kafi::{Batch, Config, ConsumerOptions, Error, ErrorKind, Plugin, Plugins, Polled, Registry, Retry};
use tempfile::TempDir;

use build::{CHANGED, FROZEN, NAUGHTY, from_c};

const WAIT: Duration = Duration::from_secs(5);

/// Why a file is no plugin, in one line.
fn refused(path: &Path) -> Error {
    let error = Plugin::load(path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.context().any(|(key, value)| key == "plugin" && value == path.display().to_string()), "{error}");
    assert!(error.to_string().len() < 800, "{error}");
    error
}

fn naughty() -> Registry {
    Registry::new().with_plugins(Plugins::named(vec![NAUGHTY.clone()]))
}

#[test]
fn numbers_are_compared_before_anything_else() {
    let folder = TempDir::new().unwrap();
    let older = refused(&from_c(folder.path(), "older", "const unsigned KAFI_ABI = 0;"));
    assert_eq!(older.message(), "it was built for version 0 of the plugin interface, and this Kafi has version 1");
    assert_eq!(older.hint_text(), Some("build the plugin anew, with the kafi-core of this Kafi"));
    let newer = refused(&from_c(folder.path(), "newer", "const unsigned KAFI_ABI = 2;"));
    assert_eq!(newer.message(), "it was built for version 2 of the plugin interface, and this Kafi has version 1");
    assert_eq!(newer.hint_text(), Some("use a newer Kafi, or a plugin that was built for this one"));
    let empty = refused(&from_c(folder.path(), "empty", "const unsigned KAFI_ABI = 1;"));
    assert_eq!(empty.message(), "it says KAFI_ABI, but has no root module");
}

#[test]
fn what_is_no_plugin_is_said_in_one_line() {
    let folder = TempDir::new().unwrap();
    let text = folder.path().join("text.so");
    fs::write(&text, "not a library at all, however long it may be, so that it is not only too short").unwrap();
    assert!(refused(&text).message().starts_with("it is no library that this system can load: "));
    assert_eq!(refused(&folder.path().join("missing.so")).message(), "there is no such file");
    assert_eq!(refused(folder.path()).message(), "it is a folder, where a file is wanted");
    let other = from_c(folder.path(), "other", "int other(void) { return 1; }");
    assert_eq!(refused(&other).message(), "it is a library, but no plugin of Kafi: it does not say KAFI_ABI");
}

#[test]
fn another_layout_under_the_same_number_is_found() {
    let error = refused(&CHANGED);
    assert!(error.message().starts_with("its interface is laid out otherwise than version 1 says: "), "{error}");
    assert!(error.message().contains("too many fields (expected 7, found 8)"), "{error}");
}

#[test]
fn a_plugin_of_the_first_version_loads_and_is_read() {
    let registry = Registry::new().with_plugins(Plugins::named(vec![FROZEN.clone()]));
    let kafi = registry.open("frozen://anywhere").unwrap();
    let messages = kafi.topic("old").collect().unwrap();
    let fields: Vec<_> = messages
        .iter()
        .map(|m| (m.offset, m.key.to_string(), m.value.to_string(), m.headers.as_headers().len()))
        .collect();
    assert_eq!(fields.len(), 3, "{fields:?}");
    assert_eq!(messages[1].headers.as_headers().get(b"\xffh"), Some(None));
    let copied = kafi.topic("old").to(&kafi::open("mem:").unwrap(), "new");
    assert_eq!(copied.map(|copied| (copied.read, copied.written)).unwrap(), (3, 3));
    let error = kafi.producer("old").and_then(|mut producer| producer.produce(("k", "v"))).unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::Unsupported, "this old plugin cannot do that"));
}

#[test]
fn nothing_of_the_interface_has_changed() {
    let code = |folder: &str| -> Vec<(String, String)> {
        let mut files: Vec<PathBuf> =
            fs::read_dir(Path::new(build::ROOT).join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let code = |path: &PathBuf| {
            fs::read_to_string(path)
                .unwrap()
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .collect::<Vec<_>>()
                .join("\n")
        };
        files.iter().map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), code(path))).collect()
    };
    for (now, frozen) in code("kafi-abi/src").into_iter().zip(code("tests/plugins/frozen/kafi-abi/src")) {
        assert!(
            now == frozen,
            "{} differs from version 1.0, and with it all plugins that were built are refused: see docs/concepts/plugins.md",
            now.0
        );
    }
}

#[test]
fn a_plugin_with_another_kafi_core_loads() {
    let plugin = Plugin::load(&NAUGHTY).unwrap();
    assert_eq!(
        (plugin.announced.name, plugin.announced.version, plugin.announced.kafi_core),
        ("naughty", "0.3.0", "7.7.7")
    );
    let schemes: Vec<_> = plugin.announced.storages.iter().map(|storage| storage.scheme).collect();
    assert_eq!(schemes, ["naughty", "mem"]);
}

#[test]
fn a_storage_outside_of_the_workspace_passes_its_tests_and_the_suite() {
    let output = build::tests_of_the_example();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    assert!(printed.contains("17 passed; 0 failed"), "{printed}");
}

#[test]
fn panics_are_errors_and_the_host_goes_on() {
    let kafi = naughty().open("naughty://panic").unwrap();
    let panicked = kafi.storage().identity(WAIT).unwrap_err();
    assert_eq!(panicked.kind(), ErrorKind::Unexpected);
    let text = panicked.to_string();
    assert!(
        text.starts_with("call plugin: plugin naughty, at ") && text.ends_with("it panicked: who am I? panic"),
        "{text}"
    );
    assert!(text.contains("naughty/src/lib.rs:"), "{text}");
    let mut consumer = kafi.storage().consumer(&ConsumerOptions::default()).unwrap();
    let mut batch = Batch::new();
    assert!(consumer.poll(&mut batch, WAIT).unwrap_err().message().contains("it panicked: poll panics"));
    assert!(consumer.poll(&mut batch, WAIT).unwrap_err().message().contains("it panicked before"));
    drop(consumer);
    let thread =
        naughty().open("naughty://thread").unwrap().storage().consumer(&ConsumerOptions::default()).err().unwrap();
    assert_eq!(thread.message(), "the thread panicked: true");
}

#[test]
fn batches_that_point_outside_are_corrupt() {
    let kafi = naughty().open("naughty://outside").unwrap();
    let mut consumer = kafi.storage().consumer(&ConsumerOptions::default()).unwrap();
    let mut batch = Batch::new();
    let error = consumer.poll(&mut batch, WAIT).unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string()),
        (ErrorKind::Corrupt, "check batch: message 0: a message points outside of its batch".to_string())
    );
    assert!(batch.is_empty());
    let mut liar = naughty().open("naughty://liar").unwrap().storage().consumer(&ConsumerOptions::default()).unwrap();
    assert!(liar.poll(&mut batch, WAIT).unwrap_err().message().contains("or the other way round"));
    let mut good = naughty().open("naughty://good").unwrap().storage().consumer(&ConsumerOptions::default()).unwrap();
    assert_eq!((good.poll(&mut batch, WAIT).unwrap(), batch.get(0).key), (Polled::Records, Some(&b"k"[..])));
}

#[test]
fn errors_keep_everything_and_log_lines_arrive() {
    static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());
    struct Lines;
    impl log::Log for Lines {
        fn enabled(&self, _metadata: &log::Metadata<'_>) -> bool {
            true
        }
        fn log(&self, record: &log::Record<'_>) {
            LINES.lock().unwrap().push(format!("{} {} {}", record.level(), record.target(), record.args()));
        }
        fn flush(&self) {}
    }
    log::set_logger(&Lines).unwrap();
    log::set_max_level(log::LevelFilter::Info);
    // A copy is a library of its own, to which nobody has said yet where its lines go.
    let folder = TempDir::new().unwrap();
    let plugin = folder.path().join("copy.so");
    fs::copy(&*NAUGHTY, &plugin).unwrap();
    let error = Registry::new().with_plugins(Plugins::named(vec![plugin])).open("naughty://closed").err().unwrap();
    assert_eq!(
        (error.kind(), error.retryable(), error.hint_text()),
        (ErrorKind::NoSpace, Retry::Later, Some("try again"))
    );
    assert_eq!(error.to_string(), "open storage: storage naughty://closed: no");
    assert!(format!("{error:?}").contains("caused by: the disk is on fire"));
    assert!(LINES.lock().unwrap().iter().any(|line| line == "WARN naughty opened []"), "{:?}", LINES.lock());
}

#[test]
fn two_plugins_for_one_scheme_are_refused_and_named_ones_come_first() {
    let folder = TempDir::new().unwrap();
    let [a, b]: [PathBuf; 2] = ["a.so", "b.so"].map(|name| folder.path().join(name));
    fs::copy(&*NAUGHTY, &a).unwrap();
    fs::copy(&*NAUGHTY, &b).unwrap();
    let found = || Plugins::default().with_places([folder.path().to_path_buf()]);
    let error = Registry::new().with_plugins(found()).open("naughty://good").err().unwrap();
    assert_eq!(error.message(), format!("two plugins open this kind of storage: {} and {}", a.display(), b.display()));
    assert_eq!(error.hint_text(), Some("name the one that is meant with --plugin, or remove the other"));
    // What is linked stands before what is found, and after what is named.
    assert_eq!(Registry::new().with_plugins(found()).open("mem:").unwrap().storage().scheme(), "mem");
    let named = Plugins::named(vec![a.clone(), a.clone()]).with_places([folder.path().to_path_buf()]);
    let registry = Registry::new().with_plugins(named);
    assert_eq!(registry.open("naughty://good").unwrap().storage().scheme(), "naughty");
    assert_eq!(registry.open("mem:").unwrap().storage().scheme(), "naughty");
    assert_eq!(registry.plugins().all().len(), 4);
}

#[test]
fn a_broken_plugin_is_said_only_where_it_could_be_meant() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("broken.so"), "text").unwrap();
    let registry = Registry::new().with_plugins(Plugins::default().with_places([folder.path().to_path_buf()]));
    assert!(registry.open("mem:").is_ok());
    let error = registry.open("naughty://x").err().unwrap();
    assert!(error.to_string().contains("broken.so") && error.to_string().contains("looked for naughty"), "{error}");
    fs::copy(&*NAUGHTY, folder.path().join("good.so")).unwrap();
    let registry = Registry::new().with_plugins(Plugins::default().with_places([folder.path().to_path_buf()]));
    assert!(registry.open("naughty://good").is_ok());
}

#[test]
fn a_section_of_a_plugin_is_read_with_its_keys() {
    let home = TempDir::new().unwrap();
    let folder = home.path().join("configs/naughties");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("good.yaml"), "naughty:\n  mode: good\nkafi:\n  consume.batch.size: 7\n").unwrap();
    fs::write(folder.join("bad.yaml"), "naughty:\n  mood: good\n").unwrap();
    let plugins = Plugins::named(vec![NAUGHTY.clone()]);
    let registry = Registry::new().with_plugins(plugins);
    let kinds = registry.kinds().unwrap();
    let config = Config::find_among("good", home.path(), &kinds).unwrap();
    assert_eq!((config.kind.section(), config.get("mode")), ("naughty", Some("good")));
    assert_eq!(Config::find_among("naughties/good", home.path(), &kinds).unwrap().name, "good");
    assert_eq!(Config::list_among(home.path(), &kinds).unwrap()[1].full_name(), "naughties/good");
    let kafi = registry.open_config(config).unwrap();
    assert_eq!((kafi.storage().name(), kafi.storage().scheme()), ("good", "naughty"));
    let error = Config::find_among("bad", home.path(), &kinds).unwrap_err();
    assert!(error.to_string().contains("did you mean mode?"), "{error}");
    let error = registry.open("naughty://good?mood=x").err().unwrap();
    assert!(error.to_string().contains("did you mean mode?"), "{error}");
    assert!(Config::find("good", home.path()).is_err(), "without the plugin nobody knows the folder");
}
