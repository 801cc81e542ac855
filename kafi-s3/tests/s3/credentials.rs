//! Where keys come from when the properties have none. The environment is that of a child, which is this test binary
//! again.

use std::process::Command;
use std::time::{Duration, Instant};

use kafi_testkit::servers::variable;

const PROFILE: &str = "KAFI_S3_TEST_PROFILE";

/// The child of the tests below: looks into the bucket, and prints what became of it.
#[test]
#[ignore = "started by the other tests of this file"]
fn child() {
    let mut properties = vec![
        ("bucket.name".to_string(), "kafi-test-credentials".to_string()),
        ("bucket.create".to_string(), "true".to_string()),
    ];
    properties.extend(std::env::var(PROFILE).map(|profile| ("profile".to_string(), profile)));
    let io = kafi_s3::open_objects("s3", &properties).unwrap();
    match io.list("", "", true, Instant::now() + Duration::from_secs(30)) {
        Ok(_) => println!("outcome: listed"),
        Err(error) => println!("outcome: {error} ({:?}) {}", error.kind(), error.hint_text().unwrap_or_default()),
    }
}

#[test]
fn keys_of_the_environment() {
    let keys = [
        ("AWS_ACCESS_KEY_ID", variable("KAFI_TEST_S3_ACCESS_KEY")),
        ("AWS_SECRET_ACCESS_KEY", variable("KAFI_TEST_S3_SECRET_KEY")),
    ];
    assert_eq!(outcome(&keys), "listed");
}

#[test]
fn keys_of_a_profile() {
    let (access, secret) = (variable("KAFI_TEST_S3_ACCESS_KEY"), variable("KAFI_TEST_S3_SECRET_KEY"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("credentials");
    std::fs::write(
        &file,
        format!(
            "[default]\naws_access_key_id = nobody\naws_secret_access_key = no\n[backup]\naws_access_key_id = {access}\naws_secret_access_key = {secret}\n"
        ),
    )
    .unwrap();
    let file = file.to_str().unwrap();
    assert_eq!(outcome(&[("AWS_SHARED_CREDENTIALS_FILE", file), (PROFILE, "backup")]), "listed");
    assert_eq!(outcome(&[("AWS_SHARED_CREDENTIALS_FILE", file), ("AWS_PROFILE", "backup")]), "listed");
    let missing = outcome(&[("AWS_SHARED_CREDENTIALS_FILE", file), (PROFILE, "nothing")]);
    assert!(missing.contains("no credentials could be loaded") && missing.contains("(Authentication)"), "{missing}");
}

#[test]
fn no_keys_at_all() {
    let outcome = outcome(&[]);
    assert!(
        outcome.contains("no credentials could be loaded")
            && outcome.contains("(Authentication)")
            && outcome.contains("AWS_ACCESS_KEY_ID"),
        "{outcome}"
    );
}

/// What the child says with these variables and no other ones of AWS.
fn outcome(variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["credentials::child", "--exact", "--ignored", "--nocapture"])
        .env("HOME", "/nonexistent")
        .env("AWS_ENDPOINT_URL", variable("KAFI_TEST_S3"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_") && name != "AWS_ENDPOINT_URL") {
        command.env_remove(name);
    }
    // The address of the machine's role is one that every machine could answer at.
    let output = command.env("AWS_EC2_METADATA_DISABLED", "true").envs(variables.iter().copied()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().find_map(|line| line.split_once("outcome: ")).map(|(_, outcome)| outcome.to_string()).unwrap_or(text)
}
