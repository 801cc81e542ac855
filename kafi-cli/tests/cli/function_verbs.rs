//! `map`, `filter`, `flatmap`, `fold`, and `zip`; and functions on `produce`.

use crate::support::Sandbox;

fn orders() -> Sandbox {
    let sandbox = Sandbox::new();
    let lines = r#"{"id":1,"country":"DE","price":19.990}
{"id":9007199254740993,"country":"FR","price":5}
{ "id": 3, "country": "DE", "price": 1e2 }
no json"#;
    sandbox.write("lines", lines);
    sandbox.text("kafi touch t -q && kafi produce t -H h=x -l lines -q");
    sandbox
}

#[test]
fn they_print_what_the_options_make() {
    orders().check(
        r#"
        $ kafi filter '.value.country? == "DE"' t
        {"id":1,"country":"DE","price":19.990}
        { "id": 3, "country": "DE", "price": 1e2 }
        $ kafi map '.value.price += 1' t -o 0:2 --filter '.value.price > 6' --jq .offset
        0
        $ kafi flatmap '.value.country? // empty | {value: .}' t -n 2
        DE
        FR
        $ printf '.value = .offset' > program; kafi map -L program t -n 1
        0
        $ printf '.value = .offset' > program; kafi map t -L program --jq .value -n 1
        0
        $ kafi filter false t
        $ kafi map .x
        ! error: read arguments: argument ADDRESS: no topic was given
        ! hint: first the function, then topics
        ? 2
        $ kafi map '.a +' t
        !   .a +
        !       ^
        ! error: read function: column 5: it ends where a value or function should come
        ? 2
        "#,
    );
}

#[test]
fn they_write_elsewhere() {
    orders().check(
        r#"
        $ kafi filter '.value.country? == "DE"' t --to de; kafi cat de -F '%v %h\n'
        {"id":1,"country":"DE","price":19.990} h=x
        { "id": 3, "country": "DE", "price": 1e2 } h=x
        ! 4 read, 2 written, 0 failed in 0.0 s
        $ kafi map '.value |= {id}' t --to ./other/ -o 0:2 -q; kafi cat ./other/t
        {"id":1}
        {"id":9007199254740993}
        $ kafi flatmap '., .' t --to twice -n 3 -q; kafi wc twice --json -q
        {"storage":"./kafi-data","topic":"twice","messages":3,"key_bytes":0,"value_bytes":124,"tombstones":0}
        $ kafi map '.value |= {id}' t --to p -n 2 --dry-run --config retention.ms=1d --json
        {"storage":"./kafi-data","topic":"t","partition":0,"from":0,"to":4,"messages":4,"target":"p","functions":[{"map":".value |= {id}"}]}
        $ kafi map '.value |= {id}' t --to p --no-create
        ! error: copy: topic p: no such topic
        ! hint: create it first, or leave out --no-create
        ? 1
        $ kafi map '.value |= {id}' t --to p -n 2 --config retention.ms=1d -q; kafi config p retention.ms
        SETTING       VALUE     DEFAULT
        retention.ms  86400000  no
        $ kafi filter .value.id t --to p --ignore-timestamp --append --on-error skip --tolerate -q 2> errors; kafi cat p
        {"id":1}
        {"id":9007199254740993}
        {"id":1,"country":"DE","price":19.990}
        {"id":9007199254740993,"country":"FR","price":5}
        { "id": 3, "country": "DE", "price": 1e2 }
        $ kafi map . t --append
        ! error: read arguments: argument --append: without --to nothing is written
        ? 2
        $ kafi map . t --to-value-type json
        ! error: read arguments: argument --to-type, --to-value-type …: without --to nothing is written
        ? 2
        $ kafi map . t --use-latest
        ! error: read arguments: argument --no-register, --use-latest, --normalize, --schema-id-location: without --to nothing is written
        ? 2
        $ kafi map . t --to u --jq .
        ! error: read arguments: argument --jq: with --to nothing is printed
        ? 2
        "#,
    );
}

#[test]
fn what_fails_behind_all_that_is_wanted_is_no_failure() {
    orders().check(
        r#"
        $ kafi flatmap '.value.id | {value: .}, {value: .}' t --to twice -g g -o start -n 5
        ! 4 read, 5 written, 0 failed in 0.0 s
        $ kafi group show g --json | grep -o '"committed":[0-9]*'
        "committed":2
        $ kafi map '.value |= {id}' t --to once -g g -n 1 -q; kafi cat once
        {"id":3}
        $ kafi map '.value |= {id}' t --to once -g g -n 1 --append
        ! 1 read, 0 written, 0 failed in 0.0 s
        ! error: run function: topic t, partition 0, offset 3: Cannot index string with "id"
        ? 1
        "#,
    );
}

#[test]
fn fold_makes_one_value_of_all() {
    let sandbox = orders();
    sandbox.text("kafi cp t ./other/t -q");
    sandbox.check(
        r#"
        $ kafi fold '. + 1' t
        4
        ! 4 read in 0.0 s
        $ kafi fold '. + $m.value.price' t -o 0:3 -q
        124.99
        $ kafi fold '.[$m.value.country] += 1' t --filter '.value.id?' -q
        {"DE":2,"FR":1}
        $ kafi fold '. + [$m.offset]' t ./other/t --init '[]' -q
        [0,1,2,3,0,1,2,3]
        $ kafi fold '[.[0] + 1, $m.key]' t --map '.key = "k"' -n 2 -q
        [2,"k"]
        $ kafi fold '. + 1' t --init 10 --every 2 -q
        12
        14
        14
        $ kafi fold '. + $m.value.id' t -q
        ! error: run function: topic t, partition 0, offset 3: Cannot index string with "id"
        ? 1
        $ kafi fold '. + $m.value.id' t --on-error skip --tolerate
        9007199254740997
        ! warning: left out: run function: topic t, partition 0, offset 3: Cannot index string with "id"
        ! 4 read, 1 skipped in 0.0 s
        $ kafi fold '. + $x' t -q --argjson x 2
        8
        $ kafi fold '. + $n' t -q
        !   . + $n
        !       ^
        ! error: read function: column 5: there is no variable $n
        ! hint: did you mean $m?
        ? 2
        $ kafi fold '. + 1' t -g g -o start -q; kafi fold '. + 1' t -g g -q --init 0
        4
        0
        "#,
    );
}

#[test]
fn zip_pairs_messages() {
    orders().check(
        r#"
        $ kafi touch u -q; printf 'a\nb\n' | kafi produce u -q
        $ kafi zip t u --map '[.left.offset, .right.value]'
        [0,"a"]
        [1,"b"]
        [2,null]
        [3,null]
        ! 4 pairs in 0.0 s
        $ kafi zip u t -n 1 -q --map '.left.value, .right.value.id' -r
        a
        1
        $ kafi zip t u -n 3 -q | grep -o '"left":{"topic":"t"\|"right":null\|"right":{"topic":"u"'
        "left":{"topic":"t"
        "right":{"topic":"u"
        "left":{"topic":"t"
        "right":{"topic":"u"
        "left":{"topic":"t"
        "right":null
        $ kafi zip t u -q --map '.left.value.id' | tail -n 1
        3
        ! error: run function: left t 0=3: Cannot index string with "id"
        $ printf '[$who, $n, .left.offset]' > program; kafi zip t u -n 1 -q --arg who me --argjson n 1.0 --map -L program
        ["me",1.0,0]
        $ HELLO=you kafi zip t u -n 1 -q -r --map '$ENV.HELLO' --allow-env
        you
        $ kafi zip t u --map
        ! error: read arguments: argument --map: a function is missing
        ! hint: --map EXPR, or --map -L FILE
        ? 2
        $ kafi zip t u --map . -L program
        ! error: read arguments: argument -L: there is no function without an expression before it
        ! hint: --map -L FILE
        ? 2
        $ kafi zip t u --map '.left +'
        !   .left +
        !          ^
        ! error: read function: column 8, option --map: it ends where a value or function should come
        ? 2
        "#,
    );
}

#[test]
fn what_is_produced_goes_through_functions() {
    orders().check(
        r#"
        $ kafi produce u --create -l lines --filter '.value.country? == "DE"' --map '.key = (.value.id | tostring)'
        ! 4 read, 2 written in 0.0 s
        $ kafi cat u -K:
        1:{"id":1,"country":"DE","price":19.990}
        3:{ "id": 3, "country": "DE", "price": 1e2 }
        $ kafi produce v --create -q '[1,2]' --flatmap '.value[] as $v | {value: $v, headers: [{key: "n", value: ($v | tostring)}]}'; kafi cat v -F '%v %h\n'
        1 n=1
        2 n=2
        $ printf 'a\nb\n{"id":1}\nc\n' | kafi produce w --create --map '.value.id += 1'
        ! error: run function: topic w, input line 1: Cannot index string with "id"
        ? 1
        $ printf 'a\n{"id":1}\nc\n' | kafi produce w --map '.value.id += 1' --on-error skip --tolerate
        ! warning: left out: run function: topic w, input line 1: Cannot index string with "id"
        ! warning: left out: run function: topic w, input line 3: Cannot index string with "id"
        ! 3 read, 1 written, 2 skipped in 0.0 s
        $ kafi cat t --json | kafi produce x --create --json --ignore-timestamp --map '.headers = []' -q; kafi cat x -F '%v%h\n'
        {"id":1,"country":"DE","price":19.990}
        {"id":9007199254740993,"country":"FR","price":5}
        { "id": 3, "country": "DE", "price": 1e2 }
        no json
        $ kafi produce u -l lines -q --map '.topic = "v"' --route; kafi wc v --json -q
        {"storage":"./kafi-data","topic":"v","messages":6,"key_bytes":0,"value_bytes":137,"tombstones":0}
        "#,
    );
}

#[cfg(feature = "serde")]
#[test]
fn what_is_produced_goes_through_functions_before_schemas() {
    let sandbox = Sandbox::new();
    sandbox.write("order.avsc", r#"{"type":"record","name":"Order","fields":[{"name":"id","type":"long"}]}"#);
    sandbox.check(
        r#"
        $ kafi touch t u -q; printf '{"id":1,"x":2}\n{"id":2}\n' | kafi produce t --value-type avro --value-schema order.avsc --map '.value |= {id}' -q; kafi cat t --json | grep -o '"value":.*'
        "value":{"id":1},"value_schema_id":1}
        "value":{"id":2},"value_schema_id":1}
        $ kafi cat t --json | kafi produce u --json --map '.value.id += 1' -q; kafi cat u --json | grep -o '"value":.*'
        "value":{"id":2},"value_schema_id":1}
        "value":{"id":3},"value_schema_id":1}
        "#,
    );
}
