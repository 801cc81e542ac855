//! `app` and `dlq`.

use crate::support::Sandbox;

const APP: &str = r#"name: adder
consumer: ./data/
handlers:
  - topic: foo
    publish_to: bar
    accepts: json
    filter: .value.number < 100
    map: '{value: {result: (if .value.number == 3 then error("no three") else .value.number + 1 end)}}'
    retry: {attempts: 2, backoff_ms: 1}
    on_error: dlq=foo.dlq
"#;

fn adder() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("app.yaml", APP);
    sandbox.write("lines", "a:{\"number\":1}\nb:{\"number\":3}\nc:{\"number\":300}\nd:{\"number\":4}\ne:nonsense");
    sandbox.text("kafi touch ./data/foo ./data/bar ./data/foo.dlq -q && kafi produce ./data/foo -K: -l lines -q");
    sandbox
}

#[test]
fn an_app_runs_and_what_fails_is_shown_and_put_back() {
    adder().check(
        r#"
        $ kafi app run app.yaml --to-end -q; kafi cat ./data/bar
        {"result":2}
        {"result":5}
        $ kafi dlq ls ./data/foo.dlq --json | sed 's/,"first.*//; s/"storage":"[^"]*",//'
        {"topic":"foo.dlq","from":"foo","by":"kafi","error":"read JSON: line #, column #, topic foo, field value, partition #, offset #: this is not JSON: a value is missing","count":1
        {"topic":"foo.dlq","from":"foo","by":"kafi","error":"run function: topic foo, partition #, offset #: no three","count":1
        $ kafi dlq show ./data/foo.dlq --json -n 1 | sed 's/"time":[0-9]*/"time":T/'
        {"partition":0,"offset":0,"from":"foo","from_partition":0,"from_offset":1,"by":"kafi","attempts":2,"time":T,"error":"run function: topic foo, partition 0, offset 1: no three","key":"b","value":"{\"number\":3}"}
        $ kafi dlq replay ./data/foo.dlq --dry-run 2>&1 | sed 's/ in .*//'
        2 read, 2 would be replayed
        $ kafi dlq replay ./data/foo.dlq --error three --until 1970-01-02 2>&1 | sed 's/ in .*//'
        2 read, 0 replayed, 2 left
        $ kafi dlq replay ./data/foo.dlq --filter '.key == "e"' --to ./data/bar 2>&1 | sed 's/ in .*//'
        2 read, 1 replayed, 1 left
        $ kafi dlq replay ./data/foo.dlq --error three 2>&1 | sed 's/ in .*//'
        1 read, 1 replayed
        $ kafi dlq replay ./data/foo.dlq 2>&1 | sed 's/ in .*//'
        0 read, 0 replayed
        $ kafi cat ./data/foo -o 5 -F '%p %k %v %h\n'; kafi cat ./data/bar -o 2 -F '%k %v %h\n'
        0 b {"number":3} 
        e nonsense 
        "#,
    );
}

#[test]
fn letters_of_others_are_put_back_and_those_without_a_copy_are_fetched() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "letters",
        r#"{"headers":[{"key":"mine","value":"x"},{"key":"__connect.errors.topic","value":"foo"},{"key":"__connect.errors.exception.message","value":"no"}],"key":"a","value":"of connect"}
{"headers":[{"key":"__dlq.errors.topic","value":"foo"},{"key":"__dlq.errors.partition","value":"0"},{"key":"__dlq.errors.offset","value":"1"}],"key":null,"value":null}
{"headers":[{"key":"kafka_dlt-original-topic","value":"foo"},{"key":"kafka_dlt-original-partition","value_base64":"AAAAAA=="},{"key":"kafka_dlt-original-offset","value_base64":"AAAAAAAAAAE="},{"key":"kafka_dlt-exception-message","value":"not now"}],"key":"s","value":"of spring"}
{"headers":[],"key":"c","value":"no letter"}
{"headers":[{"key":"__dlq.errors.topic","value":"foo"},{"key":"__dlq.errors.partition","value":"0"},{"key":"__dlq.errors.offset","value":"0"},{"key":"__dlq.errors.group","value":"g"},{"key":"__dlq.errors.delivery.count","value":"5"}],"key":null,"value":"first"}
{"headers":[{"key":"__dlq.errors.topic","value":"foo"},{"key":"__dlq.errors.partition","value":"0"},{"key":"__dlq.errors.offset","value":"1"}],"key":null,"value":null}
{"headers":[{"key":"__streams.errors.topic","value":"foo"},{"key":"__streams.errors.partition","value":"0"},{"key":"__streams.errors.offset","value":"99"},{"key":"__streams.errors.exception","value":"E: odd"},{"key":"__streams.errors.message","value":"odd"}],"key":"k","value":"gone"}"#,
    );
    sandbox.text("kafi touch foo dlq -q && printf 'first\n' | kafi produce foo -H its=own -q && printf 'second\n' | kafi produce foo -q && kafi produce dlq --json -l letters -q");
    sandbox.check(
        r#"
        $ kafi dlq ls dlq --json | sed 's/,"first.*//; s/"storage":"[^"]*",//'
        {"topic":"dlq","from":"foo","by":"connect","error":"no","count":1
        {"topic":"dlq","from":"foo","by":"share","error":"","count":3
        {"topic":"dlq","from":"foo","by":"spring","error":"not now","count":1
        {"topic":"dlq","from":"foo","by":"streams","error":"odd","count":1
        $ kafi dlq show dlq --json | grep spring | sed 's/"time":[0-9]*/"time":T/'
        {"partition":0,"offset":2,"from":"foo","from_partition":0,"from_offset":1,"by":"spring","attempts":null,"time":T,"error":"not now","key":"s","value":"of spring"}
        $ kafi dlq replay dlq 2>&1 | sed 's/ in .*//'
        7 read, 6 replayed, 1 without headers, whose messages are gone, 1 that do not say where they came from
        $ kafi cat foo -F '%v %h\n'
        first its=own
        second 
        of connect mine=x
        second 
        of spring 
        first its=own
        second 
        gone 
        "#,
    );
}

#[test]
fn what_is_wrong_with_a_file_is_said() {
    adder().check(
        r#"
        $ kafi app check app.yaml -q
        $ sed 's/publish_to/publsh_to/' app.yaml > bad; kafi app check bad 2>&1 | sed 's/, expected.*//'
        error: read app: file bad: handlers[0]: unknown field `publsh_to`
        $ sed 's/dlq=foo.dlq/never/' app.yaml > bad; kafi app check bad
        ! error: read app: handler of foo, file bad: on_error never is not known
        ! hint: it is dlq=TOPIC, skip, or stop
        ? 2
        $ sed 's/.value.number < 100/.value | nmber/' app.yaml > bad; kafi app check bad
        ! error: read function: column 10, function filter, handler of foo, file bad: there is no function nmber
        ! hint: did you mean numbers?
        ? 2
        $ sed 's/topic: foo/topic: foo\n    exactly_once: true/' app.yaml > bad; kafi app check bad
        ! error: handle messages exactly once: storage ./data/, file bad: this kind of storage cannot do that
        ! hint: that takes transactions, which are Kafka's: kafka://…
        ? 2
        $ kafi app run nowhere.yaml
        ! error: read app: file nowhere.yaml: no such file or directory
        ? 1
        "#,
    );
}

#[test]
fn an_app_that_is_told_to_stop_has_committed_what_it_did() {
    let sandbox = adder();
    let count = "until [ $(kafi cat ./data/foo.dlq | wc -l) -ge 2 ]; do sleep 0.1; done";
    // The last message becomes the second letter.
    let script = format!("kafi app run app.yaml -q & pid=$!; {count}; kill -TERM $pid; wait $pid; echo $?");
    assert_eq!(sandbox.text(&script), "0\n");
    let committed = sandbox.text("kafi group show ./data/adder --json | grep -o '\"committed\":[0-9]*'");
    assert_eq!(committed, "\"committed\":5\n");
}

#[test]
fn an_app_that_is_killed_again_and_again_loses_nothing() {
    let sandbox = Sandbox::new();
    let app = "name: copier\nconsumer: ./data/\nhandlers:\n  - topic: foo\n    publish_to: bar\n    filter: 'true'\n    order: key\n    concurrency: 4\n    rate: 4000\n";
    sandbox.write("app.yaml", app);
    let script = "seq 1 3000 > lines; kafi touch ./data/foo ./data/bar -q; kafi produce ./data/foo -l lines -q
        for round in 1 2 3 4 5 6; do
            before=$(kafi cat ./data/bar | wc -l)
            kafi app run app.yaml -q & pid=$!
            until [ $(kafi cat ./data/bar | wc -l) -ge $((before + 100)) ]; do kill -0 $pid || exit 1; sleep 0.02; done
            kill -9 $pid; wait $pid 2>/dev/null
        done
        kafi app run app.yaml --to-end -q
        kafi cat ./data/bar | sort -n | uniq | wc -l; kafi group show ./data/copier --json | grep -o '\"committed\":[0-9]*'";
    assert_eq!(sandbox.text(script), "3000\n\"committed\":3000\n");
}
