//! Tests of the JSON value.

use super::*;

fn json(text: &str) -> Json {
    Json::parse(text).unwrap()
}

fn message(result: Result<impl fmt::Debug>) -> String {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Function);
    error.to_string()
}

#[test]
fn untouched_text_stays_byte_for_byte() {
    let text = " {\"b\" : 19.990, \"a\":[1 ,2], \"a\": 123456789012345678901234567890, \"\\u0061b\": \"\\u00e4\"}\n";
    let value = json(text);
    assert_eq!(value.text(), text);
    assert!(value["b"] == 19.99 && value["ab"] == "ä");
    assert_eq!(value.text(), text);
    assert_eq!(value.clone().text(), text);
}

#[test]
fn only_what_changed_is_written_anew() {
    let mut value = json("{\"a\" : { \"x\" : 1.50 },\"\\u0062\":[ 1,\t2 ], \"c\":null, \"d\":{ \"e\" : 1 }}");
    value["d"]["e"] = 2.into();
    assert_eq!(value.to_string(), "{\"a\":{ \"x\" : 1.50 },\"\\u0062\":[ 1,\t2 ],\"c\":null,\"d\":{\"e\":2}}");
    value["b"][1] = "two".into();
    value.set("new \"name\"", crate::json!([1.5, 2.0])).unwrap();
    assert_eq!(
        value.to_string(),
        "{\"a\":{ \"x\" : 1.50 },\"\\u0062\":[1,\"two\"],\"c\":null,\"d\":{\"e\":2},\"new \\\"name\\\"\":[1.5,2.0]}"
    );
    assert_eq!(json(&value.to_string()), value);
}

#[test]
fn looks_up_members_and_elements() {
    let value = json(r#"{"a": 1, "a": 2, "l": [10, [20]], "": 3, "t\u00e4\n": 4}"#);
    assert!(value["a"] == 2 && value["l"][1][0] == 20 && value[""] == 3 && value["tä\n"] == 4);
    for null in [&value["b"], &value["l"][2], &value["a"]["b"], &value[0], &value["l"]["a"], &value["x"]["y"][3]] {
        assert!(null.is_null());
    }
    assert!(value.get("b").is_none() && value.get(&"l".to_string()).unwrap().get(1).is_some());
    assert_eq!(value.members().map(|(name, _)| name).collect::<Vec<_>>(), ["a", "a", "l", "", "tä\n"]);
    assert_eq!(value["l"].iter().map(Json::len).collect::<Vec<_>>(), [0, 1]);
    assert_eq!((value.len(), value["l"].len(), value["a"].len(), value["a"].iter().count()), (5, 2, 0, 0));
    assert!(json("[]").is_empty() && json("{}").is_empty());
}

#[test]
fn reads_scalars() {
    let value = json(r#" ["x", "\"\u00e4\ud83d\ude00", 7, -7.25, 9223372036854775807, true, false, null, 1e3] "#);
    assert_eq!((value[0].str().unwrap(), value[1].str().unwrap()), ("x", "\"ä😀"));
    assert_eq!((value[2].int().unwrap(), value[4].int().unwrap()), (7, i64::MAX));
    assert_eq!((value[2].float().unwrap(), value[3].float().unwrap(), value[8].float().unwrap()), (7.0, -7.25, 1000.0));
    assert_eq!((value[5].bool().unwrap(), value[6].bool().unwrap()), (true, false));
    assert_eq!(json(" 123456789012345678901234567890 ").number().unwrap(), "123456789012345678901234567890");
    assert_eq!(json(" true ").bool().ok(), Some(true));
}

#[test]
fn errors_name_the_path_and_what_was_there() {
    let value = json(r#" {"a": {"b c": [1, {"d": "text"}]}, "n": null, "e": "\ud800"}"#);
    assert_eq!(
        message(value["a"]["b c"][1]["d"].int()),
        r#"read integer: path .a["b c"][1].d: it is the string "text""#
    );
    assert_eq!(message(value["a"]["b c"][0].str()), r#"read string: path .a["b c"][0]: it is the number 1"#);
    assert_eq!(message(value["a"].bool()), "read boolean: path .a: it is an object");
    assert_eq!(message(value["n"].int()), "read integer: path .n: it is null");
    assert_eq!(message(value["x"]["y"][3].float()), "read number: path .x.y[3]: it is missing");
    assert_eq!(message(value["a"]["b c"]["z"].str()), r#"read string: path .a["b c"].z: it is missing"#);
    assert_eq!(message(value["e"].str()), r#"read string: path .e: it is the string "\ud800""#);
    assert_eq!(message(value.int()), "read integer: it is an object");
    assert_eq!(message(json("1.5").int()), "read integer: it is the number 1.5");
    assert_eq!(message(json("9223372036854775808").int()), "read integer: it is the number 9223372036854775808");
    assert_eq!(message(json("1e999").float()), "read 64 bit number: it is the number 1e999");
    let long = format!("[\"{}\"]", "ü".repeat(100));
    assert_eq!(
        message(json(&long)[0].int()),
        format!("read integer: path [0]: it is the string \"{}…", "ü".repeat(39))
    );
    assert_eq!(message(Json::object([("a", 1.into())])["b"].int()), "read integer: path .b: it is missing");
}

#[test]
fn many_failed_lookups_stay_small_and_right() {
    let value = json(r#"{"a": 1}"#);
    for index in 0..100 {
        assert!(value[format!("m{index}").as_str()].is_null());
    }
    assert!(value["a"] == 1);
    let first = &value["m0"];
    assert!(std::ptr::eq(first, &value["m0"]));
    assert_eq!(message(first.int()), "read integer: path .m0: it is missing");
}

#[test]
fn sets_removes_pushes_and_merges() {
    let mut value = json(r#"{"a": 1, "b": 2, "a": 3}"#);
    value.set("a", 4).unwrap();
    assert_eq!(value.to_string(), r#"{"b":2,"a":4}"#);
    assert!(value.remove("a").unwrap() == 4 && value.remove("a").is_none() && value.remove(0).is_none());
    assert_eq!(value.to_string(), r#"{"b":2}"#);
    let mut duplicates = json(r#"{"a": 1, "b": 2, "a": 3}"#);
    assert!(duplicates.remove("a").unwrap() == 3);
    assert_eq!(duplicates.to_string(), r#"{"b":2}"#);

    value["list"].push("x").unwrap();
    value["list"].push(Json::null()).unwrap();
    value["deep"]["er"] = true.into();
    assert_eq!(value.to_string(), r#"{"b":2,"list":["x",null],"deep":{"er":true}}"#);
    assert!(value["list"].remove(0).unwrap() == "x" && value["list"].remove(5).is_none());
    value.merge(&json(r#"{"b": 2.50, "c": [ ]}"#)).unwrap();
    assert_eq!(value.to_string(), r#"{"b":2.50,"list":[null],"deep":{"er":true},"c":[ ]}"#);

    let mut untouched = json(r#"{ "a" : 1 }"#);
    assert!(untouched.remove("b").is_none());
    assert_eq!(untouched.to_string(), r#"{ "a" : 1 }"#);
}

#[test]
fn changes_that_do_not_fit_are_errors() {
    let mut value = json(r#"{"a": [1], "s": "x"}"#);
    assert_eq!(
        message(value["a"].set(1, 2)),
        "set element: path .a: the array has 1 elements, and index 1 is behind them"
    );
    assert_eq!(
        message(json(r#"{"s": "x"}"#)["s"].clone().set("b", 1)),
        r#"read object: path .s: it is the string "x""#
    );
    assert!(value["s"].push(1).is_err() && value["s"].set(0, 1).is_err() && value["a"].set("b", 1).is_err());
    assert!(value.merge(&json("[1]")).is_err() && value["s"].merge(&json("{\"a\":1}")).is_err());
    assert_eq!(value.to_string(), r#"{"a":[1],"s":"x"}"#);
}

#[test]
#[should_panic(expected = "read object: path .a: it is the number 1")]
fn changing_a_member_of_a_number_panics() {
    let mut value = json(r#"[{"a": 1}]"#);
    let mut inner = json(r#"{"a": 1}"#);
    inner["a"]["b"] = 2.into();
    value[0] = inner;
}

#[test]
fn compares_by_value() {
    for (left, right) in [
        ("1", "1.0"),
        ("100", "1e2"),
        (" \"a\" ", "\"\\u0061\""),
        ("{\"a\":1,\"b\":[2]}", "{ \"b\" : [2.0], \"a\":1 }"),
        ("{\"a\":1,\"a\":2}", "{\"a\":2}"),
        ("\"\\ud800\"", "\"\\ud800\""),
        ("null", " null"),
    ] {
        assert_eq!(json(left), json(right));
    }
    for (left, right) in [
        ("1", "\"1\""),
        ("[1,2]", "[2,1]"),
        ("[1]", "[1,2]"),
        ("{\"a\":1}", "{\"b\":1}"),
        ("true", "false"),
        ("null", "false"),
        ("\"a\"", "\"b\""),
    ] {
        assert_ne!(json(left), json(right));
    }
    let name = String::from("x");
    let value = json(r#"[456, 456.0, "x", true, 18446744073709551615, 0.5]"#);
    assert!(
        value[0] == 456
            && value[0] == 456i64
            && value[0] == 456u16
            && value[1] == 456
            && value[0] == 456.0
            && value[5] == 0.5
    );
    assert!(value[2] == "x" && value[2] == *"x" && value[2] == name && value[3] == true && value[4] == u64::MAX);
    assert!(value[0] != 457 && value[2] != 1 && value[3] != false && value[2] != "y" && value[9] != 0);
    assert!(json("-1") != u64::MAX && json("-1") == -1i128 && json("1e0") == 1u128);
    assert_eq!(value[9], Json::null());
}

#[test]
fn is_made_of_rust_values() {
    let value = Json::object([
        ("int", (-5).into()),
        ("float", crate::json!(1.0)),
        ("big", 1e300.try_into().unwrap()),
        ("text", "a\"\n\u{1}ü".into()),
        ("list", [1, 2].into()),
        ("none", None::<i64>.into()),
        ("nested", Json::array([true.into(), Json::object([("x", u64::MAX.into())])])),
        ("int", 6.into()),
    ]);
    let text = r#"{"int":6,"float":1.0,"big":1e300,"text":"a\"\n\u0001ü","list":[1,2],"none":null,"nested":[true,{"x":18446744073709551615}]}"#;
    assert_eq!(value.to_string(), text);
    assert_eq!(json(text), value);
    for none in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(Json::try_from(none).unwrap_err().to_string(), format!("make JSON: JSON has no number {none}"));
        assert_eq!(crate::Value::try_from(none).unwrap_err().kind(), ErrorKind::Usage);
    }
    assert_eq!(
        (value.kind(), value["list"].kind(), Json::default().kind()),
        (JsonKind::Object, JsonKind::Array, JsonKind::Null)
    );
}

#[test]
fn texts_that_are_not_json_say_where() {
    let error = Json::parse("{\"a\": 1,\n \"ü\": x}").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert_eq!(error.to_string(), "read JSON: line 2, column 7: this is not JSON: a value is missing");
    assert!(Json::parse("").is_err() && Json::parse("1 2").is_err());
    assert!(Json::parse("[".repeat(1_000_000)).unwrap_err().to_string().contains("deeper than 127"));
}

#[test]
fn clones_do_not_share_changes_and_threads_may_look() {
    let value = json(r#"{"a": {"b": 1}}"#);
    assert!(value["a"]["b"] == 1);
    let mut clone = value.clone();
    clone["a"]["b"] = 2.into();
    let again = clone.clone();
    clone["a"]["b"] = 3.into();
    assert!(value["a"]["b"] == 1 && again["a"]["b"] == 2 && clone["a"]["b"] == 3);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert!(again["a"]["b"] == 2 && again["none"].is_null()));
        }
    });
}
