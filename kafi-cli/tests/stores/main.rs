//! The command line over a bucket on S3 and a container on Azure Blob Storage. Where no variable says that the servers
//! run, the project's scripts start them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "the tests over folders use more of it")]
mod support;

use std::time::{SystemTime, UNIX_EPOCH};

use kafi_testkit::servers::variable;
use support::{Sandbox, seen};

#[test]
fn s3_by_configuration() {
    with_every_verb(&s3(), "s:");
}

#[test]
fn azure_by_configuration() {
    with_every_verb(&azure(), "a:");
}

#[test]
fn addresses_take_their_secrets_from_the_environment() {
    let (access, secret) = (variable("KAFI_TEST_S3_ACCESS_KEY"), variable("KAFI_TEST_S3_SECRET_KEY"));
    let sandbox = Sandbox::new();
    let s3 = format!("s3://kafi-cli/{}", own_root());
    let keys = format!("AWS_ACCESS_KEY_ID={access} AWS_SECRET_ACCESS_KEY={secret}");
    let endpoint = variable("KAFI_TEST_S3");
    let run = |line: &str| sandbox.run(line);
    sandbox.write("configs/s3s/s.yaml", s3_config("kafi-cli", ""));
    run("kafi ls s:");
    assert_eq!(seen(&run(&format!("{keys} kafi touch '{s3}/t?endpoint={endpoint}'"))), "");
    assert_eq!(seen(&run(&format!("{keys} AWS_ENDPOINT_URL={endpoint} kafi ls {s3}/"))), "t\n");
    let wrong = seen(&run(&format!(
        "AWS_ACCESS_KEY_ID={access} AWS_SECRET_ACCESS_KEY=hunter2hunter2 kafi ls '{s3}/?endpoint={endpoint}'"
    )));
    assert!(
        wrong.contains("SignatureDoesNotMatch") && wrong.contains("hint: check access.key") && wrong.ends_with("? 1\n"),
        "{wrong}"
    );
    assert!(!wrong.contains(access) && !wrong.contains("hunter2"), "{wrong}");

    let string = variable("KAFI_TEST_AZURE_CONNECTION_STRING");
    sandbox.write("configs/azureblobs/a.yaml", azure_config("kafi-cli", ""));
    run("kafi ls a:");
    let azure = format!("azure://kafi-cli/{}", own_root());
    assert_eq!(seen(&run(&format!("AZURE_STORAGE_CONNECTION_STRING='{string}' kafi touch {azure}/t"))), "");
    assert_eq!(seen(&run(&format!("AZURE_STORAGE_CONNECTION_STRING='{string}' kafi ls {azure}/"))), "t\n");
}

#[test]
fn a_missing_bucket_is_one_line_whatever_is_done() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "configs/s3s/s.yaml",
        s3_config("kafi-cli-missing", "").replace("bucket.create: true", "bucket.create: false"),
    );
    sandbox.write(
        "configs/azureblobs/a.yaml",
        azure_config("kafi-cli-missing", "").replace("container.create: true", "container.create: false"),
    );
    for (storage, what) in [("s:", "bucket"), ("a:", "container")] {
        for verb in
            ["cat", "ls", "touch", "rm -y", "produce", "produce --create", "cp ./x", "watermarks", "storage check"]
        {
            let topic = if verb == "ls" || verb == "storage check" { "" } else { "t" };
            sandbox.run("kafi produce --create ./x hello");
            let said = seen(&sandbox.run(&format!("kafi {verb} {storage}{topic}")));
            let error = said.lines().filter(|line| line.starts_with("! error: ")).collect::<Vec<_>>();
            assert!(error.len() == 1 && error[0].ends_with(&format!("there is no such {what}")), "{verb}: {said}");
            assert!(
                said.contains(&format!("hint: create the {what} kafi-cli-missing")) && said.contains("? 1"),
                "{verb}: {said}"
            );
        }
    }
}

fn with_every_verb(sandbox: &Sandbox, storage: &str) {
    sandbox.check(
        &r#"
        $ printf 'a\nb\nc\n' | kafi produce --create @t
        ! 3 written in 0.0 s
        $ kafi ls @
        t
        $ kafi cat @t
        a
        b
        c
        $ kafi tail -n 1 @t
        c
        $ kafi grep b @t
        b
        ! 3 read, 1 found in 0.0 s
        $ kafi wc @t
        TOPIC  MESSAGES  KEY BYTES  VALUE BYTES  TOMBSTONES
        t             3          0            3           0
        ! 3 read in 0.0 s
        $ kafi cp @t ./back/ && kafi diff @t ./back/t
        ! 3 read, 3 written, 0 failed in 0.0 s
        ! 3 compared, 0 different in 0.0 s
        $ kafi cp ./back/t @copy && kafi cat @copy -o 1
        b
        c
        ! 3 read, 3 written, 0 failed in 0.0 s
        $ kafi cat @nothing 2>/dev/null
        ? 1
        $ kafi rm -y @t && kafi ls @
        copy
        "#
        .replace('@', storage),
    );
}

fn s3() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("configs/s3s/s.yaml", s3_config("kafi-cli", &own_root()));
    sandbox
}

fn azure() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("configs/azureblobs/a.yaml", azure_config("kafi-cli", &own_root()));
    sandbox
}

fn s3_config(bucket: &str, root: &str) -> String {
    let (access, secret) = (variable("KAFI_TEST_S3_ACCESS_KEY"), variable("KAFI_TEST_S3_SECRET_KEY"));
    let endpoint = variable("KAFI_TEST_S3");
    format!(
        "s3:\n  endpoint: {endpoint}\n  access.key: {access}\n  secret.key: {secret}\n  bucket.name: {bucket}\n  bucket.create: true\n  root.dir: \"{root}\"\n"
    )
}

fn azure_config(container: &str, root: &str) -> String {
    let string = variable("KAFI_TEST_AZURE_CONNECTION_STRING");
    format!(
        "azure_blob:\n  connection.string: \"{string}\"\n  container.name: {container}\n  container.create: true\n  root.dir: \"{root}\"\n"
    )
}

/// A part of the bucket that nobody else uses.
fn own_root() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    format!("cli-{now:x}-{}", std::process::id())
}
