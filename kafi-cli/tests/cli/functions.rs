//! `--filter`, `--map`, `--flatmap`, and `--jq` on the verbs that read.

use crate::support::Sandbox;

fn orders() -> Sandbox {
    let sandbox = Sandbox::new();
    let lines = r#"{"id":1,"country":"DE","price":19.990,"tags":["a","b"]}
{"id":9007199254740993,"country":"FR","price":5,"tags":[]}
{ "id": 3, "country": "DE", "price": 1e2, "tags": ["c"] }
no json"#;
    sandbox.write("lines", lines);
    sandbox.text("kafi touch t -q && kafi produce t -H h=x -l lines -q");
    sandbox
}

#[test]
fn filters_keep_what_they_keep_byte_for_byte() {
    orders().check(
        r#"
        $ kafi cat t --filter '.value.country? == "DE"'
        {"id":1,"country":"DE","price":19.990,"tags":["a","b"]}
        { "id": 3, "country": "DE", "price": 1e2, "tags": ["c"] }
        $ kafi cat t --filter '.value | type == "string"' --filter '.offset > 2'
        no json
        $ kafi cat t --filter '.value.id? == 9007199254740993' --json | grep -o '"offset":1,\|"key":null.*'
        "offset":1,
        "key":null,"value":{"id":9007199254740993,"country":"FR","price":5,"tags":[]}}
        $ kafi head t -n 1 --filter '.offset >= 2' -F '%o %v\n'
        2 { "id": 3, "country": "DE", "price": 1e2, "tags": ["c"] }
        $ kafi tail t -n 1 --filter '.value.country? == "FR"' -F '%o\n'
        1
        $ kafi wc t --filter '.value.country?' --json
        {"storage":"./kafi-data","topic":"t","messages":3,"key_bytes":0,"value_bytes":170,"tombstones":0}
        ! {"read":3,"seconds":0.0}
        $ kafi grep -c DE t --filter '.offset < 2'
        1
        ! 4 read, 1 found in 0.0 s
        "#,
    );
}

#[test]
fn maps_and_flatmaps_are_applied_in_the_order_written() {
    orders().check(
        r#"
        $ kafi cat t --filter '.offset < 2' --map '.value.price += 1'
        {"id":1,"country":"DE","price":20.99,"tags":["a","b"]}
        {"id":9007199254740993,"country":"FR","price":6,"tags":[]}
        $ kafi cat t --map '.value = .offset' --filter '.value > 2'
        3
        $ kafi cat t --flatmap '.value.tags?[] as $tag | {key: $tag, value: {$tag}}' -K : -n 2
        a:{"tag":"a"}
        b:{"tag":"b"}
        $ kafi cat t --map '.key = .value.id? | .value = "x"' --map '.headers = []' --json -o 0:1 | grep -o '"headers.*'
        "headers":[],"key":"1","value":"x"}
        $ kafi tail t -n 3 --flatmap '.value.tags?[] as $tag | {value: $tag}'
        a
        b
        c
        $ kafi grep 'country":"X' t --map 'if .offset == 0 then .value.country = "X" else . end'
        {"id":1,"country":"X","price":19.990,"tags":["a","b"]}
        ! 4 read, 1 found in 0.0 s
        $ kafi wc t --flatmap '., .' --json
        {"storage":"./kafi-data","topic":"t","messages":8,"key_bytes":0,"value_bytes":354,"tombstones":0}
        ! {"read":8,"seconds":0.0}
        $ kafi wc t -n 3 --flatmap '., .' --json
        {"storage":"./kafi-data","topic":"t","messages":3,"key_bytes":0,"value_bytes":168,"tombstones":0}
        ! {"read":3,"seconds":0.0}
        "#,
    );
}

#[test]
fn jq_prints_what_it_makes() {
    orders().check(
        r#"
        $ kafi cat t --jq '.value.country?, .offset'
        "DE"
        0
        "FR"
        1
        "DE"
        2
        3
        $ kafi cat t --jq '.value.country?, null' -r -n 4
        DE
        null
        FR
        null
        $ kafi head t -n 2 --filter '.offset > 0' --jq '[.offset, .headers[0].key]'
        [1,"h"]
        [2,"h"]
        $ kafi tail t -n 1 --jq '.value | length'
        7
        $ kafi cat t -o 0:1 --arg who me --argjson n '[2]' --jq '[$who, $n[0], $ARGS.named.who]'
        ["me",2,"me"]
        $ printf '# comment\n.offset\n| . + 10\n' > program.jq; kafi cat t -o 0:2 --jq -L program.jq
        10
        11
        $ HELLO=you kafi cat t -o 0:1 --allow-env --jq '$ENV.HELLO' -r
        you
        "#,
    );
}

#[test]
fn verbose_tells_what_runs_a_function() {
    orders().check(
        r#"
        $ kafi cat t -n 1 --verbose --filter '.value.id == 1' --jq '.value | to_entries | length' 2>&1 | grep -o 'run .*\|^4'
        run over the bytes of messages
        run by jaq
        4
        "#,
    );
}

#[test]
fn what_is_no_function_is_shown_where_it_is_wrong() {
    orders().check(
        r#"
        $ kafi cat t --filter '.value | selct(.a)'
        !   .value | selct(.a)
        !            ^
        ! error: read function: column 10, option --filter: there is no function selct
        ! hint: did you mean select?
        ? 2
        $ kafi grep x t --map '.a +'
        !   .a +
        !       ^
        ! error: read function: column 5, option --map: it ends where a value or function should come
        ? 2
        $ kafi cat t --jq 'env'
        !   env
        !   ^
        ! error: read function: column 1, option --jq: functions see only their message, and not env
        ! hint: --allow-env lets them see the environment
        ? 2
        $ kafi cat t --jq . --json
        ! error: read arguments: argument --jq: --json prints envelopes, and --jq what it makes of messages
        ? 2
        $ kafi cat t -L none.jq
        ! error: read arguments: argument -L: there is no function without an expression before it
        ! hint: --filter -L FILE
        ? 2
        $ kafi cat t --argjson n '{'  --jq .
        ! error: read arguments: argument --argjson, variable n: read JSON: line 1, column 2: this is not JSON: a name in quotes is missing
        ? 2
        "#,
    );
}

#[test]
fn a_function_that_fails_names_the_message() {
    orders().check(
        r#"
        $ kafi cat t --filter '.value.id > 0' --jq .value.id
        1
        9007199254740993
        3
        ! error: run function: topic t, partition 0, offset 3: Cannot index string with "id"
        ? 1
        $ kafi cat t --filter '.value.id > 0' --jq .value.id --on-error skip
        1
        9007199254740993
        3
        ! warning: left out: run function: topic t, partition 0, offset 3: Cannot index string with "id"
        ! 1 skipped
        ? 1
        $ kafi touch dead -q; kafi cat t --map '.value.id += 1' --on-error dlq=dead --tolerate -q | wc -l; kafi cat dead --jq '.value, (.headers[] | select(.key == "kafi.error.message").value)' -r
        3
        no json
        run function: topic t, partition 0, offset 3: Cannot index string with "id"
        $ kafi cat t -o 3:4 --map .value
        ! error: run function: topic t, partition 0, offset 3: it makes "no json" of a message
        ! hint: a message is an object with any of key, value, headers, timestamp, partition, topic
        ? 1
        $ kafi cat t -o 0:1 --map '.topic = "u"'
        ! error: run function: topic t, partition 0, offset 0: it sends a message to the topic u
        ! hint: --route lets functions change topics
        ? 1
        $ kafi cat t -o 0:1 --map '.topic = "u"' --route --json | grep -o '"topic":"."'
        "topic":"u"
        $ kafi cat t --filter 'def f: f; f' 2>&1 | grep -o 'offset 0: it takes longer'
        offset 0: it takes longer
        "#,
    );
}

#[test]
fn a_group_commits_what_is_printed_and_reads_on_there() {
    orders().check(
        r#"
        $ kafi cat t -g g -n 1 -o start --filter '.value.country? == "DE"' -F '%o\n'
        0
        $ kafi cat t -g g -n 1 --filter '.value.country? == "DE"' -F '%o\n'
        2
        $ kafi cat t -g g --filter false
        $ kafi cat t -g g
        $ kafi cat t -g h -o start -n 3 --flatmap '., .' -F '%o\n'
        0
        0
        1
        $ kafi cat t -g h -n 1 -F '%o\n'
        1
        "#,
    );
}

#[test]
fn limits_are_shared_by_several_storages_and_orders_stay() {
    let sandbox = orders();
    sandbox.text("kafi cp t ./other/t -q");
    sandbox.check(
        r#"
        $ kafi cat t ./other/t -n 3 --filter '.value.country? == "DE"' -F '%o\n'
        0
        2
        0
        $ kafi cat t -n 0 --filter true
        $ kafi cat t --order time --map '.value = .offset' -n 2
        0
        1
        "#,
    );
}

#[test]
fn copies_go_through_functions() {
    orders().check(
        r#"
        $ kafi cp t de --filter '.value.country? == "DE"'
        ! 4 read, 2 written, 0 failed in 0.0 s
        $ kafi cat de -F '%o %v %h\n'
        0 {"id":1,"country":"DE","price":19.990,"tags":["a","b"]} h=x
        1 { "id": 3, "country": "DE", "price": 1e2, "tags": ["c"] } h=x
        $ kafi cp t more --flatmap '.value.tags?[] as $tag | {key: .value.country, value: {$tag}}' -q; kafi cat more -K:
        DE:{"tag":"a"}
        DE:{"tag":"b"}
        DE:{"tag":"c"}
        $ kafi cp t some --map '.value = .offset' -n 2
        ! 4 read, 2 written, 0 failed in 0.0 s
        $ kafi cat some
        0
        1
        $ kafi cp t bad --map '.value.id += 1' --on-error skip --tolerate
        ! warning: left out: run function: topic t, partition 0, offset 3: Cannot index string with "id"
        ! 4 read, 3 written, 0 failed, 1 skipped in 0.0 s
        $ kafi cat bad --jq .value.id
        2
        9007199254740994
        4
        $ kafi cp t none --map '.value.id += 1' 2>&1 | grep -o '3 written\|offset 3.*'
        3 written
        offset 3: Cannot index string with "id"
        $ kafi cp t again --filter true --resume
        ! error: copy: only a copy of one source with its partitions keeps the source's offsets, which say where to go on
        ! hint: leave out --resume, or copy each source to a topic of its own without --repartition, --key, and functions
        ? 2
        "#,
    );
}

#[test]
fn copies_of_a_group_commit_what_they_wrote_and_routes_split_topics() {
    orders().check(
        r#"
        $ kafi cp t first -g g -o start -n 1 --filter '.value.country? == "DE"' -q; kafi cp t first -g g --append --filter '.value.country? == "DE"' -q; kafi cat first --jq .value.id
        1
        3
        $ kafi touch FR DE -q; kafi cp t other --filter '.value.country?' --map '.topic = .value.country' --route
        ! 4 read, 3 written, 0 failed in 0.0 s
        $ kafi wc FR DE --json
        {"storage":"./kafi-data","topic":"FR","messages":1,"key_bytes":0,"value_bytes":58,"tombstones":0}
        {"storage":"./kafi-data","topic":"DE","messages":2,"key_bytes":0,"value_bytes":112,"tombstones":0}
        ! {"read":3,"seconds":0.0}
        "#,
    );
}

#[cfg(feature = "serde")]
#[test]
fn schemas_travel_through_functions_of_copies() {
    let sandbox = Sandbox::new();
    let schema =
        r#"{"type":"record","name":"Order","fields":[{"name":"id","type":"long"},{"name":"note","type":"string"}]}"#;
    sandbox.write("order.avsc", schema);
    sandbox.check(
        r#"
        $ kafi touch t -q; printf '{"id":1,"note":"a"}\n{"id":2,"note":"b"}\n' | kafi produce t --value-type avro --value-schema order.avsc -q
        $ kafi cat t --value-type avro --filter '.value.id > 1'
        {"id":2,"note":"b"}
        $ kafi cp t u --map '.value.note |= ascii_upcase' -q; kafi cat u --json | grep -o '"value":.*'
        "value":{"id":1,"note":"A"},"value_schema_id":1}
        "value":{"id":2,"note":"B"},"value_schema_id":1}
        $ kafi cp t v --map '.value = .value.note' --to-value-type str -q; kafi cat v
        a
        b
        $ kafi cp t w --map '.value.id = "x"' 2>&1 | grep -o 'partition 0, offset 0'
        partition 0, offset 0
        $ kafi cp t x --map 'del(.value.note)' 2>&1 | grep -v read,
        error: encode Avro: path .note, topic x, field value, partition 0, offset 0: it is missing, and the field of Order has no default
        hint: it is written by the schema that it was read by: --to-value-schema names another one, and --to-value-type json takes none
        "#,
    );
}
