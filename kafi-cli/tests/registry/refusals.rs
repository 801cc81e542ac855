//! What goes wrong is one line, and says what to do.

use std::net::TcpListener;

use crate::support::seen;
use crate::{line, registries, sandbox};

#[test]
fn what_is_not_there_is_an_error() {
    registries().into_iter().for_each(what_is_missing_is_named);
}

fn what_is_missing_is_named(registry: &str) {
    let (sandbox, subject) = sandbox();
    let run = |text: &str| seen(&sandbox.run(&line(text, registry, &subject)));
    let missing = run("kafi registry $R get $S");
    assert!(missing.starts_with("! error: get version: ") && missing.contains("code 4040"), "{missing}");
    assert!(missing.lines().count() == 2 && missing.ends_with("? 1\n"), "{missing}");
    let missing = run("kafi registry $R check $S none.avsc");
    assert!(
        missing.starts_with("! error: read schema file: file none.avsc: no such file") && missing.ends_with("? 2\n"),
        "{missing}"
    );
    run("kafi registry $R register $S one.avsc");
    let early = run("kafi registry $R rm $S --permanent -y");
    assert!(early.contains("\n! hint: delete it without --permanent first\n"), "{early}");
    sandbox.write("broken.avsc", r#"{"type":"record"}"#);
    let broken = run("kafi registry $R register $S broken.avsc");
    assert!(broken.contains("code 42201") && broken.ends_with("? 2\n"), "{broken}");
}

#[test]
fn arguments_that_cannot_be_meant_are_refused() {
    let (sandbox, _) = sandbox();
    sandbox.write("text", "hello");
    sandbox.check(
        r#"
        $ kafi registry http://me:hunter2@h:8081 subjects
        ! error: read address: address http://***@h:8081: user and password do not belong into an address, where others can see them
        ! hint: write '${VARIABLE}', set $KAFI_REGISTRY, or use a configuration file
        ? 2
        $ kafi registry --registry localhost:8081 subjects
        ! error: open schema registry: section schema_registry, key schema.registry.url, url localhost:8081: an address begins with http:// or https://
        ? 2
        $ kafi registry http://h get a 0
        ! error: read arguments: invalid value '0' for '[VERSION]': a version is a number from 1, or latest
        ? 2
        $ kafi registry http://h compat a BACKWARDS
        ! error: choose compatibility level: code 42203, level BACKWARDS: there is no such level
        ! hint: did you mean BACKWARD?
        ? 2
        $ kafi registry http://h register a text
        ! error: read schema file: file text: neither its name nor its text tells whether it is Avro, Protobuf, or JSON Schema
        ! hint: name the type
        ? 2
        $ kafi registry http://h rm a
        ! error: delete subject: nobody can be asked here
        ! hint: -y deletes without asking
        ? 2
        $ kafi registry cp http://h http://h/
        ! error: copy schemas: registry http://h: both are the same registry
        ? 2
        "#,
    );
}

#[test]
fn a_registry_that_is_down_is_named() {
    let (sandbox, _) = sandbox();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let down = seen(&sandbox.run(&format!(
        "REGISTRY=http://me:hunter2@127.0.0.1:{port} kafi registry --registry '${{REGISTRY}}' subjects"
    )));
    assert!(
        down.starts_with(&format!("! error: list subjects: registry http://127.0.0.1:{port}: it cannot be reached: ")),
        "{down}"
    );
    assert!(
        down.contains("\n! hint: is the registry running") && down.ends_with("? 1\n") && !down.contains("hunter2"),
        "{down}"
    );
}
