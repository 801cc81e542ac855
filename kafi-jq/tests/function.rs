//! Functions over messages: what they see, what they make, and where they end.

use std::time::Duration;

use kafi_core::{ErrorKind, Json, Message, Value};
use kafi_jq::{Function, FunctionOptions, Limits, excerpt};

fn message(value: impl Into<Value>) -> Message {
    let mut message = Message::new("orders", "k", value);
    (message.partition, message.offset, message.timestamp) = (2, 17, 1_732_660_705_555);
    message.headers.push("h", "x");
    message.headers.push_null("n");
    message
}

fn json(text: &str) -> Value {
    Value::from(Json::parse(text).expect("JSON"))
}

fn compiled(text: &str) -> Function {
    Function::compile(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn the_whole_message_is_there() {
    let expected = r#"{"topic":"orders","partition":2,"offset":17,"timestamp":1732660705555,"timestamp_type":"create","headers":[{"key":"h","value":"x"},{"key":"n","value":null}],"key":"k","value":{"a":1}}"#;
    let view_equals = format!(". == {expected}");
    assert!(compiled(&view_equals).filter(&message(json(r#"{"a":1}"#))).unwrap());
    assert!(compiled(".key == null and .value == null").filter(&Message::new("t", Value::Null, Value::Null)).unwrap());
    let bytes = Message::new("t", b"\xff", Value::from("text"));
    assert!(compiled(r#".key == null and .key_base64 == "/w==" and .value == "text""#).filter(&bytes).unwrap());
}

#[test]
fn filters_take_what_is_neither_false_nor_null() {
    let message = message(json(r#"{"a":0}"#));
    for (text, keeps) in
        [(".value.a", true), (".value.b", false), ("false", false), ("empty", false), ("false, true", false)]
    {
        assert_eq!(compiled(text).filter(&message).unwrap(), keeps, "{text}");
    }
}

#[test]
fn what_is_left_out_stays_and_what_nobody_touched_keeps_its_bytes() {
    let value = "{ \"price\" : 19.990,\n \"id\": 18446744073709551615 }";
    let given = message(json(value));
    let made =
        compiled("{key: .value.id, headers: [{key: \"n\", value: \"v\"}], timestamp: 5, partition: 0, topic: \"t\"}")
            .map(given.clone())
            .unwrap();
    assert_eq!((made.key, made.value.to_string()), (json("18446744073709551615"), value.into()));
    assert_eq!((made.timestamp, made.partition, &*made.topic, made.headers.as_headers().len()), (5, 0, "t", 1));
    let same = compiled(".").map(given.clone()).unwrap();
    assert_eq!((same.value.to_string(), &same), (value.into(), &given));
    let changed = compiled(".value.paid = true").map(given).unwrap();
    assert_eq!(changed.value.to_string(), value.replace(" }", ",\"paid\":true }"));
}

#[test]
fn texts_bytes_and_nulls_become_what_they_are_made() {
    let text = compiled(r#".value |= ascii_upcase"#).map(message("abc")).unwrap();
    assert_eq!(text.value, Value::from("ABC"));
    assert_eq!(compiled(".value = null").map(message("abc")).unwrap().value, Value::Null);
    assert_eq!(compiled(".value = {a: 1}").map(message("abc")).unwrap().value, json(r#"{"a":1}"#));
    assert_eq!(compiled(".value = \"x\"").map(message(json("1"))).unwrap().value, json("\"x\""));
    let bytes = message(b"\xff");
    assert_eq!(compiled(".headers = []").map(bytes.clone()).unwrap().value, bytes.value);
    assert_eq!(compiled(".value_base64 = \"/g==\"").map(bytes).unwrap().value, Value::from(b"\xfe"));
}

#[test]
fn flatmap_makes_none_one_or_many() {
    let given = message(json(r#"{"items":[1,2]}"#));
    let made = compiled(".value.items[] as $item | {value: $item}").flatmap(given.clone()).unwrap();
    assert_eq!(made.iter().map(|message| message.value.to_string()).collect::<Vec<_>>(), ["1", "2"]);
    assert!(compiled("empty").flatmap(given.clone()).unwrap().is_empty());
    let error = compiled("., .").map(given.clone()).unwrap_err();
    assert_eq!(error.message(), "it makes several messages of one");
    assert_eq!(compiled("empty").map(given).unwrap_err().message(), "it makes no message of one");
}

#[test]
fn what_is_no_message_is_refused_with_its_place() {
    for (text, why) in [
        (".value", "has a member a"),
        ("1", "it makes 1 of a message"),
        ("{vlue: 1}", "a member vlue"),
        ("{partition: \"x\"}", "partition"),
        ("{timestamp: 1.5}", "timestamp"),
        ("{headers: 1}", "headers"),
        ("{headers: [{value: 1}]}", "headers"),
        ("{topic: 1}", "topic"),
        (".value.a.b", "Cannot index number with \"b\""),
    ] {
        let error = compiled(text).map(message(json(r#"{"a":1}"#))).unwrap_err();
        let shown = error.to_string();
        assert!(error.kind() == ErrorKind::Function && error.message().contains(why), "{text}: {shown}");
        assert!(shown.contains("topic orders, partition 2, offset 17"), "{text}: {shown}");
    }
}

#[test]
fn programs_that_do_not_compile_say_where_and_what_was_meant() {
    for (text, said, hint, caret) in [
        (".a | selct(.b)", "column 6: there is no function selct", "select", 5),
        ("select(.a; .b)", "column 1: select takes 1 argument, not 2", "", 0),
        (".a |", "column 5: it ends where a value or function should come", "", 4),
        ("(.a", "column 4: it ends where a closing parenthesis should come", "", 3),
        (".a ==\n  $x", "line 2, column 3: there is no variable $x", "--arg", 2),
        ("env.HOME", "column 1: functions see only their message, and not env", "--allow-env", 0),
        ("$ENV", "column 1: functions see only their message, and not $ENV", "--allow-env", 0),
        ("input", "column 1: functions see only their message, and not input", "", 0),
        ("include \"x\"; .", "column 10: functions see only their message: nothing can be imported", "", 9),
    ] {
        let error = Function::compile(text).unwrap_err();
        assert_eq!(error.to_string(), format!("read function: {said}"), "{text}");
        assert!(error.kind() == ErrorKind::Usage && error.hint_text().unwrap_or_default().contains(hint), "{text}");
        let excerpt = excerpt(text, &error).unwrap();
        assert_eq!(excerpt.lines().nth(1).unwrap().find('^'), Some(caret), "{text}: {excerpt}");
    }
}

#[test]
fn variables_and_the_environment_are_seen_where_they_are_given() {
    let variables = vec![("n".to_string(), Json::from("v")), ("j".to_string(), Json::parse("[1.0]").unwrap())];
    let options = FunctionOptions { variables, allow_env: true, ..FunctionOptions::default() };
    let function = Function::with("[$n, $j[0], $ARGS.named.n, (env | type), ($ENV.PATH | type)]", &options).unwrap();
    for _ in 0..2 {
        assert_eq!(function.all("null").unwrap(), [r#"["v",1.0,"v","object","string"]"#]);
    }
}

#[test]
fn what_runs_away_ends_in_an_error() {
    let limits = Limits { time: Duration::from_millis(200), outputs_max: 1000, bytes_max: 1 << 20 };
    let options = FunctionOptions { limits, ..FunctionOptions::default() };
    for (text, why) in [
        ("def f: f; f", "takes longer"),
        ("def f: [f]; f", "calls itself too deeply"),
        ("def f: 1 + f; f", "calls itself too deeply"),
        ("def f: f | f; f", "calls itself too deeply"),
        ("last(repeat(1))", "takes longer"),
        ("until(false; .)", "takes longer"),
        ("last(range(infinite))", "takes longer"),
        ("reduce range(infinite) as $x (0; . + 1)", "takes longer"),
        ("range(2000)", "more than 1000 values"),
        ("[range(infinite)]", "more than 1048576 bytes"),
        ("\"x\" * 10000000", "more than 1048576 bytes"),
        ("reduce range(60) as $x (\"x\"; . + .)", "more than 1048576 bytes"),
        ("reduce range(1000) as $x (null; [.])", "nests arrays and objects deeper"),
    ] {
        let error = Function::with(text, &options).unwrap().all("null").unwrap_err();
        assert!(error.kind() == ErrorKind::Function && error.message().contains(why), "{text}: {error}");
    }
    // What comes after is not touched by it.
    assert_eq!(compiled("[range(3)]").all("null").unwrap(), ["[0,1,2]"]);
}

#[test]
fn a_function_serves_many_threads() {
    let function = compiled(".a + 1");
    std::thread::scope(|scope| {
        for start in 0..4 {
            let function = &function;
            scope.spawn(move || {
                for number in start..start + 50 {
                    assert_eq!(function.all(&format!("{{\"a\":{number}}}")).unwrap(), [format!("{}", number + 1)]);
                }
            });
        }
    });
}
