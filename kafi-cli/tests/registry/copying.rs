//! Copies to another registry.

use kafi_testkit::servers::scripted::{Scripted, answer};
use kafi_testkit::servers::variable;

use crate::support::seen;
use crate::{line, sandbox};

#[test]
fn subjects_are_copied_once_and_ids_are_told() {
    let (sandbox, subject) = sandbox();
    let real = variable("KAFI_TEST_REGISTRY");
    let schema = kafi_text(&sandbox.read("one.avsc"));
    let source = |id: u32| {
        let version = format!(r#"{{"subject":"{subject}","version":1,"id":{id},"schema":{schema}}}"#);
        let answers = [format!(r#"["{subject}"]"#), "[1]".into(), version];
        Scripted::new(&answers.map(|body| answer("200 OK", "", &body)))
    };
    let copy = |flags: &str| {
        let source = source(987_654);
        seen(&sandbox.run(&line(&format!("kafi registry cp http://{} $R {flags}", source.address), real, &subject)))
    };
    let copied = copy("");
    let id = sandbox.text(&line("kafi registry $R register $S one.avsc", real, &subject));
    let rows: Vec<Vec<&str>> = copied.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[1], [subject.as_str(), "1", "987654", "1", id.trim(), "yes"], "{copied}");
    assert_eq!(rows[2].join(" "), "! 1 versions of 1 subjects: 1 copied, 0 were there");
    let again = copy("--json -q");
    assert!(again.contains(&format!(r#""target_id":{},"copied":false}}"#, id.trim())), "{again}");
    // This registry does not keep ids, which is noticed.
    let kept = copy("'*' --keep-ids");
    assert!(kept.contains("! error: copy schemas: ") && kept.ends_with("? 1\n"), "{kept}");
    let none =
        seen(&sandbox.run(&line(&format!("kafi registry cp http://{} $R 'x*'", source(1).address), real, &subject)));
    assert!(none.contains("glob x*: no subject matches"), "{none}");
}

#[test]
fn ids_are_kept_between_registries_in_topics() {
    let (sandbox, subject) = sandbox();
    let run = |text: &str| sandbox.text(&line(text, "./data/", &subject));
    // So that the ids of both would differ.
    run("kafi registry ./other/ register x-value bad.avsc && kafi registry $R register $S one.avsc");
    run("kafi registry $R register $S two.avsc && kafi registry $R rm $S 1 -y");
    let copied = run("kafi registry cp $R ./other/ '$S' -q --json");
    assert!(copied.contains(r#""version":2,"id":2,"target_version":1,"target_id":2,"copied":true"#), "{copied}");
    let planned = run("kafi registry cp $R ./kept/ --dry-run -q --json");
    assert!(planned.contains(r#""id":2,"target_version":null,"target_id":null,"copies":true"#), "{planned}");
    assert!(!sandbox.path("kept").exists(), "a look makes nothing");
    let copied = run("kafi registry cp $R ./kept/ --keep-ids --deleted -q --json");
    assert!(
        copied.lines().count() == 2 && copied.contains(r#""version":2,"id":2,"target_version":2,"target_id":2"#),
        "{copied}"
    );
    for shown in ["versions $S --deleted", "get $S --json", "mode $S --json", "get $S 1 --deleted"] {
        let of = |registry: &str| run(&format!("kafi registry {registry} {shown}")).replace("./kept", "./data");
        assert_eq!(of("./data/"), of("./kept/"), "{shown}");
    }
    assert!(
        run("kafi registry cp $R ./kept/ --keep-ids --deleted -q --json")
            .lines()
            .all(|line| line.contains("\"copied\":false"))
    );
}

/// A text as JSON.
fn kafi_text(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\\\""))
}
