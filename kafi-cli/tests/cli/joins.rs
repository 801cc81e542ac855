//! `join`.

use std::process::Stdio;

use crate::support::{Sandbox, seen};

const SNACKS: &str = r#"{"name":"cookie","calories":500.0,"colour":"brown"}
{"name":"cake","calories":260.0,"colour":"white"}
{"name":"timtam","calories":80.0,"colour":"chocolate"}"#;

const COUNTRIES: &str = r#"{"snack_name":"timtam","country":"Australia"}
{"snack_name":"cookie","country":"US"}"#;

const KEYS: &str = "--left-key .value.name --right-key .value.snack_name";

/// The two topics of the seed.
fn snacks() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("snacks", SNACKS);
    sandbox.write("countries", COUNTRIES);
    sandbox.text("kafi touch snacks -q && kafi produce snacks -l snacks -q");
    sandbox.text("kafi touch countries -q && kafi produce countries -l countries -q");
    sandbox.write("keys", KEYS);
    sandbox
}

#[test]
fn pairs_are_put_together_and_what_became_of_the_messages_adds_up() {
    snacks().check(
        r#"
        $ kafi join snacks countries $(cat keys)
        {"name":"cookie","calories":500.0,"colour":"brown","snack_name":"cookie","country":"US"}
        {"name":"timtam","calories":80.0,"colour":"chocolate","snack_name":"timtam","country":"Australia"}
        ! reading --left-offsets 0=0:3 --right-offsets 0=0:2
        ! left: 3 read = 2 matched + 1 unmatched + 0 null keys
        ! right: 2 read = 2 matched + 0 unmatched + 0 null keys
        ! 2 rows in 0.0 s
        $ kafi join snacks countries $(cat keys) --how left -q
        {"name":"cookie","calories":500.0,"colour":"brown","snack_name":"cookie","country":"US"}
        {"name":"cake","calories":260.0,"colour":"white"}
        {"name":"timtam","calories":80.0,"colour":"chocolate","snack_name":"timtam","country":"Australia"}
        $ kafi join snacks countries $(cat keys) --how semi --project '.key = .left.value.name | {key}' -K : -q
        cookie:{"name":"cookie","calories":500.0,"colour":"brown"}
        timtam:{"name":"timtam","calories":80.0,"colour":"chocolate"}
        $ kafi join snacks countries $(cat keys) --how anti -q
        {"name":"cake","calories":260.0,"colour":"white"}
        $ kafi join snacks countries $(cat keys) --how full --left-offsets 0=1:3 -q
        {"name":"cake","calories":260.0,"colour":"white"}
        {"name":"timtam","calories":80.0,"colour":"chocolate","snack_name":"timtam","country":"Australia"}
        {"snack_name":"cookie","country":"US"}
        $ kafi join snacks countries $(cat keys) --to both --json && kafi cat both
        {"name":"cookie","calories":500.0,"colour":"brown","snack_name":"cookie","country":"US"}
        {"name":"timtam","calories":80.0,"colour":"chocolate","snack_name":"timtam","country":"Australia"}
        ! {"left_offsets":"0=0:3","right_offsets":"0=0:2"}
        ! {"left":{"read":3,"matched":2,"unmatched":1,"nulls":0,"superseded":0,"skipped":0},"right":{"read":2,"matched":2,"unmatched":0,"nulls":0,"superseded":0,"skipped":0},"rows":2,"written":2,"skipped":0,"seconds":0.0}
        $ kafi join snacks countries $(cat keys) --to ./kafi-data/countries
        ! error: write: topic countries: source and target are the same topic
        ? 2
        $ kafi join snacks countries --how full
        {"snack_name":"timtam","country":"Australia"}
        {"snack_name":"cookie","country":"US"}
        {"name":"cookie","calories":500.0,"colour":"brown"}
        {"name":"cake","calories":260.0,"colour":"white"}
        {"name":"timtam","calories":80.0,"colour":"chocolate"}
        ! reading --left-offsets 0=0:3 --right-offsets 0=0:2
        ! left: 3 read = 0 matched + 0 unmatched + 3 null keys
        ! right: 2 read = 0 matched + 0 unmatched + 2 null keys
        ! 5 rows in 0.0 s
        "#,
    );
}

#[test]
fn eager_joins_give_what_the_python_library_gives() {
    snacks().check(
        r#"
        $ kafi join snacks countries $(cat keys) --emit eager -q
        {"name":"cookie","calories":500.0,"colour":"brown","snack_name":"cookie","country":"US"}
        {"name":"timtam","calories":80.0,"colour":"chocolate","snack_name":"timtam","country":"Australia"}
        $ kafi join snacks countries $(cat keys) --emit eager --how left -q
        {"name":"cookie","calories":500.0,"colour":"brown"}
        {"name":"cake","calories":260.0,"colour":"white"}
        {"name":"cookie","calories":500.0,"colour":"brown","snack_name":"cookie","country":"US"}
        {"name":"timtam","calories":80.0,"colour":"chocolate","snack_name":"timtam","country":"Australia"}
        $ kafi join snacks countries $(cat keys) --emit eager --how right -q
        {"snack_name":"timtam","country":"Australia"}
        {"name":"cookie","calories":500.0,"colour":"brown","snack_name":"cookie","country":"US"}
        {"name":"timtam","calories":80.0,"colour":"chocolate","snack_name":"timtam","country":"Australia"}
        $ kafi join snacks countries $(cat keys) --emit eager --how anti -q
        ! error: join: what has no partner yet may still find one, so that an eager join cannot be anti
        ? 2
        $ kafi join snacks countries $(cat keys) -f
        ! error: read arguments: argument -f: what has no partner is known at the end only, and here there is none
        ! hint: --emit eager puts it out at once, and again with its partner
        ? 2
        $ kafi join snacks countries $(cat keys) --emit eager --memory 100kB -q
        ! error: join: both topics are kept in memory, and take more than 100000 bytes
        ! hint: --memory allows more; without --emit eager what does not fit goes to a file
        ? 1
        "#,
    );
}

#[test]
fn a_join_that_follows_puts_out_what_comes() {
    let sandbox = snacks();
    let mut arguments = vec!["join", "snacks", "countries", "-f", "--emit", "eager", "--how", "left", "--to", "both"];
    arguments.extend(KEYS.split(' '));
    let mut joining = sandbox.start(&arguments, Stdio::null(), "out", "err");
    sandbox.wait_for("err", "reading --left-offsets 0=0: --right-offsets 0=0:");
    let both = || String::from_utf8_lossy(&sandbox.run("kafi cat both").stdout).into_owned();
    let wait = |text: &str| crate::support::wait_until(text, || both().contains(text));
    wait("Australia");
    sandbox.text(r#"echo '{"snack_name":"cake","country":"DE"}' | kafi produce countries -q"#);
    wait(r#""colour":"white","snack_name":"cake","country":"DE""#);
    sandbox.text(r#"echo '{"name":"cake","calories":7}' | kafi produce snacks -q"#);
    wait(r#"{"name":"cake","calories":7,"snack_name":"cake","country":"DE"}"#);
    joining.interrupt();
    assert_eq!(joining.exit_code(), 130);
    assert_eq!(both().lines().count(), 6);
    let said = std::fs::read_to_string(sandbox.path("err")).unwrap();
    assert!(said.contains("left: 4 read = 4 matched + 0 unmatched + 0 null keys\n"), "{said}");
}

#[test]
fn keys_are_compared_as_json_and_tables_hold_the_newest() {
    let sandbox = Sandbox::new();
    let left = r#"{"key":"a","value":{"id":1}}
{"key":"b","value":{"id":2.0}}
{"key":"a","value":{"id":1.0}}
{"key":"c","value":{"id":"1"}}
{"key":"d","value":{"id":{"x":1,"y":[2]}}}
{"key":"e","value":{}}"#;
    let right = r#"{"key":"1","value":{"id":1e0,"r":1}}
{"key":"1","value":{"id":1,"r":2}}
{"key":"2","value":{"id":2,"r":3}}
{"key":"2","value":null}
{"key":"3","value":{"id":{"y":[2.0],"x":1},"r":4}}"#;
    sandbox.write("left", left);
    sandbox.write("right", right);
    sandbox.text("kafi touch l r -q && kafi produce l --json -l left -q && kafi produce r --json -l right -q");
    sandbox.check(
        r#"
        $ kafi join l r --left-key .value.id --right-key .value.id? --project '{key: "\(.left.offset) \(.right.offset)"}' -F '%k\n' 2>&1 | sort | sed 's/ in .* s$//'
        0 0
        0 1
        1 2
        2 0
        2 1
        4 4
        6 rows
        left: 6 read = 4 matched + 1 unmatched + 1 null keys
        reading --left-offsets 0=0:6 --right-offsets 0=0:5
        right: 5 read = 4 matched + 0 unmatched + 1 null keys
        $ kafi join l r --left table --right table --left-key .value.id --right-key .value.id? --project '{key: "\(.left.offset) \(.right.offset)"}' -F '%k\n' 2>&1 | sort | sed 's/ in .* s$//'
        2 1
        2 rows
        4 4
        left: 6 read = 2 matched + 2 unmatched + 1 null keys + 1 superseded
        reading --left-offsets 0=0:6 --right-offsets 0=0:5
        right: 5 read = 2 matched + 0 unmatched + 0 null keys + 3 superseded
        "#,
    );
}

#[test]
fn what_cannot_be_joined_says_where() {
    let sandbox = snacks();
    sandbox.text("echo 'no json' | kafi produce countries -q");
    sandbox.check(
        r#"
        $ kafi join snacks countries --left-key .value.name --right-key .value.snack_name -q
        ! error: run function: topic countries, partition 0, offset 2: Cannot index string with "snack_name"
        ? 1
        $ kafi join snacks countries $(cat keys) --on-error skip --how anti
        {"name":"cake","calories":260.0,"colour":"white"}
        ! reading --left-offsets 0=0:3 --right-offsets 0=0:3
        ! warning: left out: run function: topic countries, partition 0, offset 2: Cannot index string with "snack_name"
        ! left: 3 read = 2 matched + 1 unmatched + 0 null keys
        ! right: 3 read = 2 matched + 0 unmatched + 0 null keys + 1 skipped
        ! 1 rows in 0.0 s
        ? 1
        $ kafi join snacks countries --left-key .partition --right-key .partition -q | wc -l
        2
        ! error: merge values: topic snacks, partition 0, offset 0: no json is no JSON object
        ! hint: a projection (--project) may make something else of the two messages
        $ kafi join snacks countries --left-key '.value.'
        !   .value.
        !          ^
        ! error: read function: column 8, option --left-key: it ends where a key should come
        ? 2
        $ kafi join snacks countries $(cat keys) --project '{topic: "x"}' --right-offsets :2 -q
        ! error: run function: topic snacks, partition 0, offset 0: a projection cannot change the topic: the rows of a join go to one
        ! hint: --to names it
        ? 1
        $ kafi join snacks none
        ! error: find topic: topic none, storage ./kafi-data: no such topic
        ! hint: `kafi touch` creates a topic, and so does --create when producing
        ? 1
        "#,
    );
}

/// What spills, and what comes out, on a disk of 256 kB.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_one_clear_line() {
    let sandbox = Sandbox::new();
    let lines: String = (0..20_000).map(|id| format!("{{\"id\":{id},\"text\":\"{}\"}}\n", "x".repeat(50))).collect();
    sandbox.write("lines", lines);
    std::fs::create_dir(sandbox.path("full")).unwrap();
    sandbox.text("kafi touch l r -q && for t in l r; do kafi produce $t -l lines --key-path .id -q || exit 1; done");
    let mount = "mount -t tmpfs -o size=256k tmpfs full";
    let mounts = |unshare: &&str| sandbox.run(&format!("{unshare} bash -c '{mount}'")).status.success();
    let Some(unshare) = ["unshare --user --map-root-user --mount", "unshare --mount"].into_iter().find(mounts) else {
        eprintln!("skipped: nothing may be mounted here");
        return;
    };
    let (spill, appends) =
        ("error: keep what does not fit into memory: folder ", "error: append: path ./full/topics/out/0/");
    for (line, says) in [
        ("TMPDIR=$PWD/full kafi join l r --left-key .value.id --right-key .value.id --memory 1MB -q", spill),
        ("TMPDIR=$PWD/full kafi compact l --order first-seen --memory 500kB -q", spill),
        ("kafi compact l --to ./full/out -q", appends),
        ("kafi join l r --to ./full/out -q", appends),
        ("kafi export l full/out.csv -q", "error: write file: "),
        ("kafi export l full/out.jsonl -q", "error: write file: "),
    ] {
        let output = sandbox.run(&format!("{unshare} bash -c '{mount} && {line} > /dev/null'"));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.starts_with(says) && said.to_lowercase().contains("no space left on device"), "{line}: {said}");
        assert!(said.lines().count() <= 2 && output.status.code() == Some(1), "{line}: {said}");
    }
}

#[test]
fn nothing_is_left_of_a_join_that_is_killed_and_a_folder_that_is_missing_says_so() {
    let sandbox = Sandbox::new();
    let lines: String = (0..60_000).map(|id| format!("{{\"id\":{id},\"text\":\"{}\"}}\n", "x".repeat(50))).collect();
    sandbox.write("lines", lines);
    std::fs::create_dir(sandbox.path("spill")).unwrap();
    sandbox.text("kafi touch l r -q && kafi produce l -l lines -q && kafi produce r -l lines -q");
    let join = "join l r --left-key .value.id --right-key .value.id --memory 1MB";
    let output = sandbox.run(&format!("TMPDIR=$PWD/spill kafi {join} --verbose | wc -l"));
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "60000", "{}", seen(&output));
    assert!(String::from_utf8_lossy(&output.stderr).contains("what does not fit into memory goes to"));
    let output = sandbox.run(&format!("TMPDIR=$PWD/spill; export TMPDIR; kafi {join} > out & sleep 1; kill -9 $!"));
    let left: Vec<_> = std::fs::read_dir(sandbox.path("spill")).unwrap().collect();
    assert!(left.is_empty(), "{left:?} {}", seen(&output));
    let output = sandbox.run(&format!("TMPDIR=$PWD/nowhere kafi {join} -q"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.starts_with("error: keep what does not fit into memory: folder "), "{said}");
    assert_eq!((output.status.code(), said.lines().count()), (Some(1), 2), "{said}");
}

#[test]
fn functions_see_variables_come_from_files_and_sides_have_types() {
    let sandbox = snacks();
    sandbox.write("project.jq", ".left.value += {country: .right.value.country, $by} | {value: .left.value}");
    sandbox.check(
        r#"
        $ kafi join snacks countries --left-key '.value[$n]' --right-key '.value["snack_" + $n]' --arg n name --argjson by '[1.0]' --project -L project.jq -q
        {"name":"cookie","calories":500.0,"colour":"brown","country":"US","by":[1.0]}
        {"name":"timtam","calories":80.0,"colour":"chocolate","country":"Australia","by":[1.0]}
        $ kafi join snacks countries $(cat keys) -L project.jq -q
        ! error: read arguments: argument -L: there is no function without an expression before it
        ! hint: --project -L FILE
        ? 2
        $ kafi join snacks countries $(cat keys) --left-value-type str -q
        ! error: run function: topic snacks, partition 0, offset 0: Cannot index string with "name"
        ? 1
        $ kafi join snacks countries --left-key '.value | fromjson | .name' --right-key .value.snack_name --left-value-type str --how semi -q
        {"name":"cookie","calories":500.0,"colour":"brown"}
        {"name":"timtam","calories":80.0,"colour":"chocolate"}
        "#,
    );
}

#[test]
fn keys_that_are_paths_are_what_functions_make_of_them() {
    let sandbox = Sandbox::new();
    let values = [
        r#"{"a":{"b":1.0}}"#,
        r#" { "a" : { "b" : 1 } } "#,
        r#"{"a":{"b":2},"a":{"b":1}}"#,
        r#"{"\u0061":{"b":1}}"#,
        r#"{"a":{"\u0062":1}}"#,
        r#"{"a":null}"#,
        r#"{"a":{"b":null}}"#,
        r#"{"x":1}"#,
        "",
        "{}",
        r#"{"a":{"b":[1,{"c":"d"}]}}"#,
        r#"{"a":{"b":"x\u0079"}}"#,
    ];
    sandbox.write("lines", values.join("\n") + "\n");
    sandbox.text("kafi touch t -q && kafi produce t -l lines -Z -q");
    let run = |left: &str, right: &str| {
        let project = r#"{value: "\(.left.offset) \(.right.offset)"}"#;
        let line = format!("kafi join t t --left-key '{left}' --right-key '{right}' --project '{project}' -q");
        seen(&sandbox.run(&line))
    };
    let paths = run(".value.a.b", " .value.a.b ");
    assert_eq!(paths, run(".value | .a | .b", "(.value.a.b)"));
    assert_eq!(
        (paths.lines().count(), run(".key", ".key").as_str(), run(".value.a.b", ".value").as_str()),
        (27, "", "")
    );
    // What has no members fails alike.
    sandbox.text("echo '[1]' | kafi produce t -q");
    let error = "! error: run function: topic t, partition 0, offset 12: Cannot index array with \"a\"";
    for key in [".value.a.b", ".value | .a | .b"] {
        assert!(run(key, ".key").starts_with(error), "{}", run(key, ".key"));
    }
}

#[test]
fn what_has_a_schema_is_joined_as_json_and_written_with_another_one() {
    let sandbox = snacks();
    let schema = |name: &str, more: &str| {
        format!(
            r#"{{"type":"record","name":"{name}","fields":[{{"name":"name","type":"string"}},{{"name":"calories","type":"double"}}{more}]}}"#
        )
    };
    sandbox.write("snack.avsc", schema("snack", r#",{"name":"colour","type":"string"}"#));
    let more = ["colour", "snack_name", "country"].map(|name| format!(r#",{{"name":"{name}","type":"string"}}"#));
    sandbox.write("both.avsc", schema("both", &more.concat()));
    sandbox.check(
        r#"
        $ kafi touch avro -q && kafi produce avro -l snacks --value-type avro --value-schema @snack.avsc -q
        $ kafi join avro countries $(cat keys) -q
        {"name":"cookie","calories":500.0,"colour":"brown","snack_name":"cookie","country":"US"}
        {"name":"timtam","calories":80.0,"colour":"chocolate","snack_name":"timtam","country":"Australia"}
        $ kafi join avro countries $(cat keys) -q --how left --to json && kafi cat json -t json -n 2
        {"name":"cookie","calories":500.0,"colour":"brown","snack_name":"cookie","country":"US"}
        {"name":"cake","calories":260.0,"colour":"white"}
        $ kafi join avro countries $(cat keys) -q --to both --to-value-type avro --to-value-schema @both.avsc
        $ kafi cat both
        {"name":"cookie","calories":500.0,"colour":"brown","snack_name":"cookie","country":"US"}
        {"name":"timtam","calories":80.0,"colour":"chocolate","snack_name":"timtam","country":"Australia"}
        $ kafi cat both --json | grep -c value_schema_id
        2
        $ kafi join avro countries $(cat keys) -q --how anti --to kept && kafi cat kept --json | grep -o '"value":.*'
        "value":{"name":"cake","calories":260.0,"colour":"white"},"value_schema_id":1}
        "#,
    );
}
