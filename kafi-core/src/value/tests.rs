//! Tests of the value.

use super::*;

fn made(from: impl Into<Value>) -> Value {
    from.into()
}

fn json(text: &str) -> Value {
    Value::from(Json::parse(text).unwrap())
}

#[test]
fn reads_as_the_python_of_the_seed_does() {
    let mut value = json(r#"{"bla": 123, "name": "cookie"}"#);
    value["bla"] = (value["bla"].int().unwrap() + 42).into();
    assert!(value["bla"] == 165 && value["name"] == "cookie" && value["name"].str().unwrap() == "cookie");
    let bytes = made(b"\x00\x00\x00\x01\x02");
    assert!(bytes[0] == 0 && bytes[4] == 2 && bytes[4] != 0 && bytes[5].is_null());
    assert_eq!(u32::from_be_bytes(bytes.bytes().unwrap()[1..5].try_into().unwrap()), 0x102);
    let mut joined = json(r#"{"a": 1, "b": 1}"#);
    joined.merge(&json(r#"{"b": 2, "c": 3}"#)).unwrap();
    assert_eq!(joined.to_string(), r#"{"a":1,"b":2,"c":3}"#);
}

#[test]
fn null_takes_members_elements_and_nothing_else() {
    let mut value = Value::Null;
    assert!(value.is_null() && value["a"]["b"].is_null() && value.get("a").is_none() && value.iter().count() == 0);
    value["a"]["b"] = 1.into();
    assert_eq!(value.to_string(), r#"{"a":{"b":1}}"#);
    let mut list = Value::Null;
    list.push(1).unwrap();
    list.push("x").unwrap();
    assert_eq!(list.iter().map(Json::to_string).collect::<Vec<_>>(), ["1", "\"x\""]);
    assert!(list.remove(0).unwrap() == 1 && made("x").remove(0).is_none());
    assert!(json("null").is_null() && json("null") != Value::Null && !made("").is_null());
}

#[test]
fn errors_say_what_it_was() {
    let show = |error: Error| (error.kind(), error.to_string());
    assert_eq!(show(Value::Null.int().unwrap_err()), (ErrorKind::Function, "read integer: it is null".into()));
    assert_eq!(show(made("4\n").int().unwrap_err()).1, "read integer: it is the text \"4\\n\"");
    assert_eq!(made("4").int().unwrap_err().hint_text(), Some("the type json decodes it as JSON"));
    assert_eq!(show(made(b"abc").float().unwrap_err()).1, "read number: it is 3 bytes, not decoded");
    assert_eq!(show(json("{}").bytes().unwrap_err()).1, "read bytes: it is an object");
    assert_eq!(show(made("x").set("a", 1).unwrap_err()).1, "read JSON object: it is the text \"x\"");
    assert_eq!(show(json(r#"{"a":"x"}"#)["a"].bool().unwrap_err()).1, "read boolean: path .a: it is the string \"x\"");
    assert!(made(7).str().is_err() && made("x").json().is_err() && made("x").bytes_mut().is_err());
}

#[test]
fn compares_with_rust_values() {
    assert!(made("k") == "k" && json("\"k\"") == "k" && made(b"k") != "k");
    assert!(made(7) == 7 && made(7) == 7.0 && made(true) == true && made("7") != 7);
    assert!(made(b"k") == b"k" && made(b"k") == b"k"[..] && made("k") != b"k");
    assert_eq!(made(None::<&str>), Value::Null);
    assert_eq!(json("[1.0]"), json("[1]"));
}

#[test]
fn goes_to_and_from_other_types() {
    #[derive(serde::Serialize, serde::Deserialize, PartialEq, Debug)]
    struct Order {
        id: u64,
        tags: Vec<String>,
        note: Option<String>,
    }
    let order = Order { id: u64::MAX, tags: vec!["ü".into()], note: None };
    let value = Value::from_serialize(&order).unwrap();
    assert_eq!(value.to_string(), r#"{"id":18446744073709551615,"tags":["ü"],"note":null}"#);
    assert_eq!(value.to::<Order>().unwrap(), order);
    let mut changed = value.clone();
    changed["id"] = 1.into();
    assert_eq!(changed.to::<Order>().unwrap().id, 1);
    assert_eq!(made("a\"b").to::<String>().unwrap(), "a\"b");
    assert_eq!(
        (Value::Null.to::<Option<Order>>().unwrap(), Value::from_serialize(&None::<Order>).unwrap()),
        (None, Value::Null)
    );
    let error = json(r#"{"id": "x"}"#).to::<Order>().unwrap_err();
    assert!(error.kind() == ErrorKind::Function && error.message().contains("invalid type: string \"x\""), "{error}");
    assert!(made(b"{}").to::<Order>().is_err());
    let map = std::collections::HashMap::from([(vec![1], 2)]);
    assert_eq!(Value::from_serialize(&map).unwrap_err().kind(), ErrorKind::Function);
}

#[test]
fn shows_its_json_and_its_bytes() {
    let values = [Value::Null, made("a\""), json("{ \"a\":1 }"), made(b"k"), made(b"\xff")];
    assert_eq!(values.each_ref().map(Value::to_string), ["null", "\"a\\\"\"", "{ \"a\":1 }", "\"k\"", "\"/w==\""]);
    let bytes = values.each_ref().map(|value| value.as_bytes().map(Cow::into_owned));
    assert_eq!(
        bytes,
        [None, Some(b"a\"".to_vec()), Some(b"{ \"a\":1 }".to_vec()), Some(b"k".to_vec()), Some(b"\xff".to_vec())]
    );
}
