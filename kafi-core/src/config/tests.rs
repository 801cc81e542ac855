use std::env::VarError;
use std::fs;
use std::time::Duration;

use super::*;

fn lookup(name: &str) -> std::result::Result<String, VarError> {
    match name {
        "PASSWORD" => Ok("hunter2".into()),
        "SIZE" => Ok("hunter2".into()),
        "GOOD_SIZE" => Ok("77".into()),
        _ => Err(VarError::NotPresent),
    }
}

fn read(text: &str) -> Result<Config> {
    Reader {
        place: ("file", "a.yaml".into()),
        kinds: &StorageKind::ALL,
        lookup: &lookup,
        left: Cell::new(VALUES_BYTES_MAX),
    }
    .read("a", text)
}

fn pairs(items: &[(String, String)]) -> Vec<(&str, &str)> {
    items.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()
}

#[test]
fn reads_all_sections() {
    let config = read(
        "kafka:\n  bootstrap.servers: h1:9092\n  sasl.password: ${PASSWORD}\n  queued.min.messages: 012\n  enable.idempotence: yes\n\
         schema_registry:\n  schema.registry.url: http://h:8081\n\
         kafi:\n  consume.batch.size: ${GOOD_SIZE}\n  consume.timeout: -1\n  fetch.min.bytes: 5\n",
    )
    .unwrap();
    assert_eq!((config.name.as_str(), config.kind, &config.path), ("a", StorageKind::Kafka, &None));
    let expected = [
        ("bootstrap.servers", "h1:9092"),
        ("sasl.password", "hunter2"),
        ("queued.min.messages", "012"),
        ("enable.idempotence", "yes"),
    ];
    assert_eq!(pairs(&config.storage), expected);
    assert_eq!(pairs(&config.schema_registry), [("schema.registry.url", "http://h:8081")]);
    let expected =
        Settings { consume_batch_size: 77, consume_timeout: None, fetch_min_bytes: Some(5), ..Settings::default() };
    assert_eq!(config.settings, expected);
}

#[test]
fn gets_values_and_defaults() {
    let config = read("s3:\n  bucket.name: b\n").unwrap();
    assert_eq!(
        (config.get("bucket.name"), config.get("root.dir"), config.get("endpoint")),
        (Some("b"), Some(""), None)
    );
    let config = read("local:\n").unwrap();
    assert_eq!((config.get("root.dir"), config.get("bucket.name")), (Some("."), None));
    assert_eq!(config.settings.consume_timeout, Some(Duration::from_secs(5)));
}

#[test]
fn every_kind_takes_its_keys_and_the_shared_ones() {
    for kind in StorageKind::ALL {
        let mut text = format!("{kind}:\n");
        for key in kind.keys() {
            text.push_str(&format!("  {}: x\n", key.name));
        }
        text.push_str("schema_registry:\n");
        for key in SCHEMA_REGISTRY_KEYS {
            text.push_str(&format!("  {}: x\n", key.name));
        }
        text.push_str("kafi:\n");
        for key in Settings::keys() {
            text.push_str(&format!("  {}: {:?}\n", key.name, key.default.unwrap()));
        }
        let config = read(&text).unwrap();
        assert_eq!(
            (config.kind, config.storage.len(), config.schema_registry.len()),
            (kind, kind.keys().len(), SCHEMA_REGISTRY_KEYS.len())
        );
    }
}

#[test]
fn bad_files_are_one_line_without_secrets() {
    let cases = [
        ("", "no section says what kind of storage this is: one of kafka, rest_proxy, local, s3, azure_blob"),
        ("kafi:\n  verbose: 1\n", "no section says what kind"),
        (
            "kafka:\n  a: 1\nlocal:\n",
            "file a.yaml: one file is one storage, but there are the sections kafka and local",
        ),
        ("kafak:\n  a: 1\n", "file a.yaml, section kafak: unknown section, did you mean kafka?"),
        (
            "local:\nversion:\n  x: 1\n",
            "unknown section; known: kafka rest_proxy local s3 azure_blob schema_registry kafi",
        ),
        ("local:\n  rootdir: /tmp\n", "section local, key rootdir: unknown key, did you mean root.dir?"),
        ("rest_proxy:\n  url: hunter2\n", "section rest_proxy, key url: unknown key, did you mean rest.proxy.url?"),
        ("s3:\n  secret.kye: hunter2\n", "section s3, key secret.kye: unknown key, did you mean secret.key?"),
        (
            "azure_blob:\n  qqq: hunter2\n",
            "unknown key; known: connection.string account.name account.key sas.token endpoint container.name container.create root.dir",
        ),
        (
            "local:\nschema_registry:\n  url: hunter2\n",
            "section schema_registry, key url: unknown key, did you mean schema.registry.url?",
        ),
        (
            "local:\nkafi:\n  consume_batch_sizes: 1\n",
            "section kafi, key consume_batch_sizes: unknown key, did you mean consume.batch.size?",
        ),
        (
            "local:\nkafi:\n  consume.batch.size: many\n",
            "read configuration: file a.yaml, section kafi, key consume.batch.size, value many: must be a whole number from 1 to 2147483647",
        ),
        (
            "local:\nkafi:\n  consume.batch.size: ${SIZE}\n",
            "key consume.batch.size, value ${SIZE}: must be a whole number",
        ),
        (
            "kafka:\n  sasl.password: ${PASS}\n",
            "file a.yaml, section kafka, key sasl.password: the environment variable PASS is not set",
        ),
        ("local:\nkafi:\n  verbose: ${X}\n", "section kafi, key verbose: the environment variable X is not set"),
        ("kafka:\n  sasl.password:\n", "section kafka, key sasl.password: the value is missing"),
        ("local:\nkafi:\n  verbose: null\n", "section kafi, key verbose: the value is missing"),
        ("kafka:\n  sasl.password: hunter2${\n", "closing brace"),
        (
            "kafka:\n  sasl.password: hunter2\n  sasl.password: hunter2\n",
            "the key sasl.password stands here a second time at line 3 column 3",
        ),
        ("kafka: hunter2\n", "a section is lines of the form key: value at line 1 column 8"),
        ("hunter2\n", "file a.yaml, line 1, column 1: a configuration is sections"),
    ];
    for (text, expected) in cases {
        let error = read(text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{text}");
        assert!(error.to_string().contains(expected), "{text}: {error}");
        assert!(!error.to_string().contains('\n') && !format!("{error:?}").contains("hunter2"), "{text}: {error:?}");
    }
}

#[test]
fn names_the_storage_where_there_is_no_file() {
    let error = Config::from_yaml("prod", "kafi:\n").unwrap_err();
    assert!(error.to_string().starts_with("read configuration: storage prod: no section"), "{error}");
}

#[test]
fn debug_hides_secrets() {
    let config = read("kafka:\n  bootstrap.servers: h1:9092\n  sasl.password: ${PASSWORD}\n  ssl.key.pem: hunter2\nschema_registry:\n  schema.registry.url: http://u:hunter2@h:1\n  basic.auth.user.info: u:hunter2\n").unwrap();
    let shown = format!("{config:?} {config:#?}");
    assert!(!shown.contains("hunter2") && shown.contains("h1:9092") && shown.contains("http://***@h:1"), "{shown}");
}

#[test]
fn refuses_files_that_are_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.b.yaml");
    assert_eq!(Config::from_file(&path).unwrap_err().kind(), ErrorKind::NotFound);
    let cases: [(&[u8], &str); 2] =
        [(b"local:\n  root.dir: \xff\n", "not UTF-8"), (&[b'#'; (1 << 20) + 1], "larger than 1 MiB")];
    for (bytes, expected) in cases {
        fs::write(&path, bytes).unwrap();
        let error = Config::from_file(&path).unwrap_err();
        assert!(
            error.kind() == ErrorKind::Config
                && error.to_string().contains(expected)
                && error.to_string().contains("a.b.yaml"),
            "{error}"
        );
    }
    fs::write(&path, "local:\n").unwrap();
    let config = Config::from_file(&path).unwrap();
    assert_eq!((config.name.as_str(), config.path.as_deref()), ("a.b", Some(path.as_path())));
}

/// A home with these files; those named `*clusters/*` are for Kafka, `broken*` are no YAML, `other*` belong to another
/// program, the rest are local folders.
fn home(paths: &[&str]) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    for path in paths {
        let full = home.path().join(path);
        fs::create_dir_all(full.parent().unwrap()).unwrap();
        let text = match path {
            path if path.contains("clusters/") => format!("kafka:\n  bootstrap.servers: {path}\n"),
            path if path.contains("azblobs/") => format!("azure_blob:\n  root.dir: {path}\n"),
            path if path.starts_with("broken") => "a: b: c".to_owned(),
            path if path.starts_with("other") => "services: [x]".to_owned(),
            path => format!("local:\n  root.dir: {path}\n"),
        };
        fs::write(full, text).unwrap();
    }
    home
}

#[test]
fn finds_by_name_in_order() {
    let home = home(&[
        "here.yaml",
        "both.yml",
        "configs/clusters/both.yaml",
        "configs/clusters/local.yaml",
        "configs/clusters/prod.eu.yml",
        "configs/locals/local.yml",
        "configs/azblobs/az.yaml",
        "other.yaml",
        "configs/clusters/other.yaml",
        "broken.yaml",
    ]);
    let cases = [
        ("here", "here.yaml"),
        ("both", "both.yml"),
        ("clusters/both", "configs/clusters/both.yaml"),
        ("clusters/local", "configs/clusters/local.yaml"),
        ("locals/local", "configs/locals/local.yml"),
        ("prod.eu", "configs/clusters/prod.eu.yml"),
        ("az", "configs/azblobs/az.yaml"),
        ("azblobs/az", "configs/azblobs/az.yaml"),
        ("azureblobs/az", "configs/azblobs/az.yaml"),
        ("other", "configs/clusters/other.yaml"),
    ];
    for (name, expected) in cases {
        let config = Config::find(name, home.path()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((config.path, config.storage[0].1.as_str()), (Some(home.path().join(expected)), expected), "{name}");
    }
    let error = Config::find("broken", home.path()).unwrap_err().to_string();
    assert!(error.contains("broken.yaml: a: a section is lines of the form key: value at line 1 column 4"), "{error}");
}

#[test]
fn refuses_names_that_lead_nowhere_or_to_several() {
    use ErrorKind::{Config as C, NotFound, Usage};
    let home = home(&[
        "twice.yaml",
        "twice.yml",
        "configs/clusters/local.yaml",
        "configs/locals/local.yaml",
        "configs/locals/again.yaml",
        "configs/locals/again.yml",
        "configs/s3s/wrong.yaml",
        "configs/clusters/production.yaml",
    ]);
    let cases = [
        ("local", Usage, "storage local: several storages have this name: clusters/local, locals/local"),
        ("twice", Usage, "twice.yaml, "),
        ("again", Usage, "again.yaml, "),
        ("locals/again", Usage, "several files have this name"),
        ("wrong", C, "wrong.yaml: a file with the section local belongs in the folder locals"),
        ("prodution", NotFound, "storage prodution, looked in "),
        ("prodution", NotFound, "no configuration has this name, did you mean production?"),
        ("locals/production", NotFound, "did you mean clusters/production?"),
        ("xyz", NotFound, "no configuration has this name"),
        (
            "cluster/local",
            Usage,
            "no kind of storage has the folder cluster; there are clusters, restproxies, locals, s3s, azureblobs",
        ),
        ("", Usage, "the name of a storage is one word"),
        ("clusters/", Usage, "one word"),
        ("clusters/a/b", Usage, "one word"),
        ("a:b", Usage, "one word"),
        ("..", Usage, "one word"),
        ("clusters/../x", Usage, "one word"),
    ];
    for (name, kind, expected) in cases {
        let error = Config::find(name, home.path()).unwrap_err();
        assert!(error.kind() == kind && error.to_string().contains(expected), "{name}: {error} ({:?})", error.kind());
    }
    assert_eq!(Config::find("local", home.path()).unwrap_err().hint_text(), Some("say which, as in clusters/local:"));
    let empty = tempfile::tempdir().unwrap();
    assert!(
        Config::find("local", empty.path()).unwrap_err().hint_text().is_some_and(|hint| hint.contains("KAFI_HOME"))
    );
}

#[test]
fn lists_what_can_be_found() {
    let home = home(&[
        "here.yaml",
        "other.yaml",
        "broken.yaml",
        ".hidden.yaml",
        "notes.txt",
        "configs/clusters/local.yaml",
        "configs/locals/local.yml",
        "configs/locals/.hidden.yaml",
        "configs/azblobs/az.yaml",
        "configs/README.yaml",
    ]);
    let listed = Config::list(home.path()).unwrap();
    let names: Vec<String> = listed.iter().map(ConfigFile::full_name).collect();
    assert_eq!(names, ["azureblobs/az", "locals/here", "clusters/local", "locals/local"]);
    assert_eq!(
        listed[1],
        ConfigFile { name: "here".into(), kind: StorageKind::Local, path: home.path().join("here.yaml") }
    );
    assert_eq!(Config::list(&home.path().join("missing")).unwrap(), []);
}
