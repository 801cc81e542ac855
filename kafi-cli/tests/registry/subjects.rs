//! Subjects from their first version to their end.

use kafi_testkit::servers::variable;

use crate::support::seen;
use crate::{line, registries, sandbox};

#[test]
fn a_subject_is_registered_shown_and_deleted() {
    registries().into_iter().for_each(a_subject_lives);
}

fn a_subject_lives(registry: &str) {
    let (sandbox, subject) = sandbox();
    let run = |text: &str| sandbox.text(&line(text, registry, &subject));
    let first = run("kafi registry $R register $S one.avsc");
    assert!(first.trim().parse::<u32>().is_ok(), "{first}");
    let second = run("kafi registry $R register $S two.avsc");
    assert_ne!(first, second);
    assert_eq!(run("kafi registry $R register $S - < one.avsc"), first);

    assert_eq!(run("kafi registry $R subjects '$S'"), format!("{subject}\n"));
    assert_eq!(run("kafi registry $R subjects 'cli_*' | grep -c '^$S$'"), "1\n");
    assert_eq!(run("kafi registry $R versions $S"), "1\n2\n");
    assert_eq!(run("kafi registry $R get $S 1").trim_end(), sandbox.read("one.avsc"));
    assert_eq!(run("kafi registry $R get $S"), format!("{}\n", sandbox.read("two.avsc")));
    assert_eq!(run(&format!("kafi registry $R get --id {}", second.trim())).trim_end(), sandbox.read("two.avsc"));
    run("kafi registry $R register :.side:$S one.avsc");
    assert_eq!(run("kafi registry $R subjects ':.side:$S'"), format!(":.side:{subject}\n"));
    assert_eq!(run("kafi registry $R subjects '$S'"), format!("{subject}\n"));
    assert_eq!(run("kafi registry $R subjects ':*:$S'"), format!(":.side:{subject}\n{subject}\n"));
    let json = run("kafi registry $R get $S --json");
    assert!(json.starts_with(&format!(r#"{{"subject":"{subject}","version":2,"id":{}"#, second.trim())), "{json}");
    let found = run("kafi registry $R lookup $S one.avsc");
    let columns: Vec<&str> = found.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(columns, [subject.as_str(), "1", first.trim()]);

    assert_eq!(run("kafi registry $R rm $S 1 -y"), "1\n");
    assert_eq!(run("kafi registry $R versions $S"), "2\n");
    assert_eq!(run("kafi registry $R versions $S --deleted"), "VERSION  DELETED\n      1  yes\n      2  no\n");
    run("kafi registry $R rm $S -y");
    assert_eq!(run("kafi registry $R subjects $S"), "");
    let deleted = run("kafi registry $R subjects $S --deleted --json");
    assert!(deleted.ends_with(&format!("\"subject\":\"{subject}\",\"deleted\":true}}\n")), "{deleted}");
    run("kafi registry $R rm $S -y --permanent");
    assert_eq!(run("kafi registry $R subjects $S --deleted"), "");
}

/// In base64 what `protoc --include_imports` writes of `order.proto`, which imports `shop/item.proto`.
const DESCRIPTORS: &str = "CjcKD3Nob3AvaXRlbS5wcm90bxIEc2hvcCIWCgRJdGVtEg4KAmlkGAEgASgDUgJpZGIGcHJvdG8zClcKC29yZGVyLnByb3RvEgRzaG9wGg9zaG9wL2l0ZW0ucHJvdG8iKQoFT3JkZXISIAoFaXRlbXMYASADKAsyCi5zaG9wLkl0ZW1SBWl0ZW1zYgZwcm90bzM=";

#[test]
fn sets_of_descriptors_are_registered_and_written_with() {
    for registry in registries() {
        let (sandbox, subject) = sandbox();
        let option = if registry.starts_with("http") { format!("--registry {registry}") } else { String::new() };
        let topic = format!("./data/{} {option}", subject.trim_end_matches("-value"));
        let run = |text: &str| sandbox.text(&line(text, registry, &subject).replace("$T", &topic));
        run(&format!("echo {DESCRIPTORS} | base64 -d > order.desc"));
        run("kafi produce -q $T --create -t protobuf --value-schema order.desc '{\"items\":[{\"id\":7}]}'");
        assert_eq!(run("kafi cat -q $T"), "{\"items\":[{\"id\":7}]}\n");
        // It is the same schema, with what it refers to.
        let id = run("kafi registry $R register $S order.desc --reference shop/item.proto=shop/item.proto:1");
        let found = run("kafi cat -q $T --json");
        assert!(found.contains(&format!("\"value_schema_id\":{},", id.trim())), "{id} {found}");
        assert!(run("kafi registry $R get $S --references").contains("shop/item.proto"));
        // Apicurio takes descriptors to register, and does not compare them.
        if option.is_empty() {
            run("kafi registry $R check $S order.desc --reference shop/item.proto=shop/item.proto:1");
        }
    }
}

#[test]
fn a_registry_is_named_in_several_ways() {
    let (sandbox, subject) = sandbox();
    let run = |text: &str| sandbox.text(&line(text, variable("KAFI_TEST_REGISTRY"), &subject));
    let id = run("kafi registry --registry $R register $S one.avsc");
    assert_eq!(run("KAFI_REGISTRY=$R kafi registry mem: register $S one.avsc"), id);
    assert_eq!(run("kafi registry 's3://bucket?registry=$R' register $S one.avsc"), id);
    sandbox.write(
        "prod.yaml",
        line(
            "local:\n  root.dir: data\nschema_registry:\n  schema.registry.url: $R\n",
            variable("KAFI_TEST_REGISTRY"),
            "",
        ),
    );
    assert_eq!(run("kafi registry prod: register $S one.avsc"), id);
    let row = run("kafi registry prod: versions $S --json");
    assert_eq!(row, "{\"storage\":\"prod\",\"version\":1}\n");
    // The one in the default folder is another.
    assert_eq!(run("kafi registry subjects"), "");
    assert!(!sandbox.path("kafi-data").exists());
    let first = seen(&sandbox.run("kafi registry register a one.avsc"));
    assert_eq!(first, "1\n! topics are kept in ./kafi-data ($KAFI_STORAGE names another default)\n");
}

#[test]
fn schemas_are_checked_by_the_level() {
    registries().into_iter().for_each(levels_decide);
}

fn levels_decide(registry: &str) {
    let (sandbox, subject) = sandbox();
    let run = |text: &str| seen(&sandbox.run(&line(text, registry, &subject)));
    run("kafi registry $R register $S one.avsc");
    assert_eq!(run("kafi registry $R compat $S"), "BACKWARD\n");
    assert_eq!(run("kafi registry $R check $S two.avsc"), "version latest: it fits\n");
    run("kafi registry $R register $S two.avsc");
    assert_eq!(run("kafi registry $R check $S one.avsc --version all"), "version 1: it fits\nversion 2: it fits\n");
    let bad = run("kafi registry $R check $S bad.avsc");
    assert!(bad.starts_with("version latest: it does not fit") && bad.ends_with("? 1\n"), "{bad}");
    let json = run("kafi registry $R check $S bad.avsc --version 1 --json");
    assert!(json.contains(&format!(r#""subject":"{subject}","version":1,"compatible":false,"reasons":["#)), "{json}");
    let refused = run("kafi registry $R register $S bad.avsc");
    assert!(
        refused.contains("! error: register schema: ") && refused.contains("\n! hint: kafi registry check"),
        "{refused}"
    );

    assert_eq!(run("kafi registry $R compat $S FORWARD"), "");
    assert_eq!(run("kafi registry $R compat $S"), "FORWARD\n");
    assert!(run("kafi registry $R register $S bad.avsc").trim().parse::<u32>().is_ok());
    let level = run("kafi registry $R compat $S --json");
    assert!(
        level.ends_with(&format!("\"subject\":\"{subject}\",\"compatibility\":\"FORWARD\",\"inherited\":false}}\n")),
        "{level}"
    );
    assert_eq!(run("kafi registry $R compat"), "BACKWARD\n");
    assert_eq!(run("kafi registry $R mode"), "READWRITE\n");
    assert!(run("kafi registry $R types").contains("AVRO\n"));
    assert!(run("kafi registry $R contexts").contains('.'));
}

#[test]
fn references_are_registered_and_listed() {
    registries().into_iter().for_each(references_are_kept);
}

fn references_are_kept(registry: &str) {
    let (sandbox, subject) = sandbox();
    let run = |text: &str| sandbox.text(&line(text, registry, &subject));
    sandbox.write("common.proto", "syntax = \"proto3\";\nmessage Common {\n  int64 id = 1;\n}\n");
    sandbox.write(
        "order.proto",
        "syntax = \"proto3\";\nimport \"common.proto\";\nmessage Order {\n  Common common = 1;\n}\n",
    );
    let common = run("kafi registry $R register common-$S common.proto");
    run("kafi registry $R register $S order.proto --reference common.proto=common-$S:1");
    let listed = run("kafi registry $R get $S --references");
    let row: Vec<&str> = listed.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(row, ["common.proto", &format!("common-{subject}"), "1", common.trim()]);
    let whole = run("kafi registry $R get $S --references --json");
    let subjects: Vec<bool> =
        whole.lines().map(|line| line.contains(&format!("\"subject\":\"common-{subject}\""))).collect();
    assert_eq!((whole.lines().count(), subjects[0]), (2, true), "{whole}");
}

#[test]
fn json_schemas_say_what_columns_of_files_are() {
    for registry in registries() {
        let (sandbox, subject) = sandbox();
        let topic = subject.trim_end_matches("-value");
        sandbox.write(
            "order.json",
            r##"{"type":"object","title":"Order","properties":{"id":{"type":"integer"},"at":{"type":"string","format":"date-time"},"price":{"$ref":"#/definitions/price"},"note":{"type":["string","null"]}},"definitions":{"price":{"type":"number"}}}"##,
        );
        // A folder has one of its own.
        let of_server =
            if registry.contains("://") { format!("export KAFI_REGISTRY={registry};") } else { String::new() };
        let rows = r#"printf '{"price":19.990,"id":1,"at":"2026-01-02T03:04:05+01:00"}\n{"id":2,"more":[1]}\n'"#;
        let script = format!(
            "{of_server} {rows} | kafi produce {topic} --create -q --value-type jsonschema --value-schema @order.json; \
             kafi export {topic} x.parquet -q; kafi export {topic} y.parquet --infer all -q; \
             kafi export {topic} z.feather --schema order.json -q; \
             for file in x.parquet y.parquet z.feather; do kafi import $file ./back/t --create -q; done; kafi cat ./back/t"
        );
        let by_schema = r#"{"id":1,"at":"2026-01-02T02:04:05Z","price":19.990,"note":null,"more":null}
{"id":2,"at":null,"price":null,"note":null,"more":[1]}
"#;
        let by_values = r#"{"price":19.990,"id":1,"at":"2026-01-02T03:04:05+01:00","more":null}
{"price":null,"id":2,"at":null,"more":[1]}
"#;
        assert_eq!(sandbox.text(&script), format!("{by_schema}{by_values}{by_schema}"), "{registry}");
    }
}
