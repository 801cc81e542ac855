//! The Schema Registry API: what Confluent documents, call by call.

use std::time::Duration;

use kafi_serde::Format;
use kafi_serde::registry::{
    Client, CompatibilityLevel, Deleted, Mode, RegisterOptions, Registry, RegistryConfig, SchemaDefinition, Version,
};
use kafi_serve::Limits;

use crate::support::{PATIENCE, Serving};

const ONE: &str = r#"{"schema":"{\"type\":\"record\",\"name\":\"A\",\"fields\":[{\"name\":\"a\",\"type\":\"int\"}]}"}"#;
const TWO: &str =
    r#"{"schema":"{\"type\":\"record\",\"name\":\"A\",\"fields\":[{\"name\":\"a\",\"type\":\"long\"}]}"}"#;
const OTHER: &str = r#"{"schema":"\"string\""}"#;
const PROTO: &str = r#"{"schemaType":"PROTOBUF","schema":"syntax = \"proto3\"; message M { int32 a = 1; }"}"#;

#[test]
fn schemas_are_registered_found_and_deleted() {
    let serving = Serving::new();
    assert_eq!((serving.get("/").body, serving.post("/", "").body), ("{}".into(), "{}".into()));
    for (accept, expected) in [
        ("application/json", "application/json"),
        ("application/vnd.schemaregistry+json, application/json; q=0.5", "application/vnd.schemaregistry+json"),
        ("application/json, text/plain, */*", "application/vnd.schemaregistry.v1+json"),
    ] {
        for path in ["/subjects", "/subjects/x/versions"] {
            let answer = serving.ask("GET", path, &[("Accept", accept)], "");
            assert!(answer.head.contains(&format!("content-type: {expected}\r\n")), "{path} {accept}: {answer:?}");
        }
    }
    assert_eq!(serving.get("/subjects").body, "[]");
    let registered = serving.post("/subjects/a-value/versions", ONE);
    assert!(registered.head.to_lowercase().contains("content-type: application/vnd.schemaregistry.v1+json"));
    let registered = registered.json();
    assert_eq!((&registered["id"], &registered["version"]), (&1.into(), &1.into()));
    assert_eq!(serving.post("/subjects/a-value/versions", ONE).json()["id"], 1);
    assert_eq!(serving.post("/subjects/a-value/versions", TWO).json()["id"], 2);
    assert_eq!(serving.post("/subjects/b%2F%C3%BC%20c/versions", PROTO).json()["id"], 3);
    assert_eq!(serving.get("/subjects").body, r#"["a-value","b/ü c"]"#);
    assert_eq!(serving.get("/subjects?offset=1&limit=5").body, r#"["b/ü c"]"#);
    assert_eq!(serving.get("/subjects/a-value/versions").body, "[1,2]");
    let latest = serving.get("/subjects/a-value/versions/latest").json();
    assert_eq!((&latest["id"], &latest["version"], &latest["subject"]), (&2.into(), &2.into(), &"a-value".into()));
    assert_eq!(latest["guid"], serving.post("/subjects/a-value", TWO).json()["guid"]);
    assert_eq!(
        serving.get("/schemas/ids/3").body,
        r#"{"schemaType":"PROTOBUF","schema":"syntax = \"proto3\"; message M { int32 a = 1; }"}"#
    );
    assert_eq!(serving.get("/schemas/ids/3/schema").body, r#"syntax = "proto3"; message M { int32 a = 1; }"#);
    assert_eq!(serving.get("/schemas/ids/1/subjects").body, r#"["a-value"]"#);
    assert_eq!(serving.get("/schemas/ids/1/versions").body, r#"[{"subject":"a-value","version":1}]"#);
    let guid = latest["guid"].str().unwrap();
    assert_eq!(serving.get(&format!("/schemas/guids/{guid}")).body, TWO);
    assert_eq!(serving.get(&format!("/schemas/guids/{guid}/ids")).body, r#"[{"context":".","id":2}]"#);
    assert_eq!(serving.get("/schemas?latestOnly=true").json().len(), 2);
    assert_eq!(serving.get("/schemas").json().len(), 3);
    assert_eq!(serving.get("/schemas/types").body, r#"["JSON","PROTOBUF","AVRO"]"#);
    assert_eq!(serving.delete("/subjects/a-value/versions/1").body, "1");
    assert_eq!(serving.delete("/subjects/a-value").body, "[2]");
    assert_eq!(serving.get("/subjects").body, r#"["b/ü c"]"#);
    assert_eq!(serving.get("/subjects?deleted=true").body, r#"["a-value","b/ü c"]"#);
    assert_eq!(serving.get("/subjects?deletedOnly=true").body, r#"["a-value"]"#);
    assert_eq!(serving.delete("/subjects/a-value?permanent=true").body, "[1,2]");
    assert_eq!(serving.get("/schemas/ids/1").refusal(), (404, 40403));
}

#[test]
fn what_is_refused_has_confluents_codes() {
    let serving = Serving::new();
    serving.post("/subjects/a/versions", ONE);
    for (answer, expected) in [
        (serving.get("/subjects/x/versions"), (404, 40401)),
        (serving.get("/subjects/a/versions/7"), (404, 40402)),
        (serving.get("/subjects/a/versions/0"), (422, 42202)),
        (serving.get("/subjects/a/versions/abc"), (422, 42202)),
        (serving.get("/schemas/ids/77"), (404, 40403)),
        (serving.get("/schemas/ids/abc"), (404, 404)),
        (serving.get("/schemas/guids/abc"), (404, 40403)),
        (serving.post("/subjects/a", OTHER), (404, 40403)),
        (serving.post("/subjects/a/versions", OTHER), (409, 40901)),
        (serving.post("/subjects/a/versions", r#"{"schema":"{"}"#), (422, 42201)),
        (serving.post("/subjects/a/versions", "{}"), (422, 42201)),
        (serving.post("/subjects/a/versions", r#"{"schemaType":"XML","schema":"x"}"#), (422, 42201)),
        (serving.post("/subjects/a/versions", "[]"), (400, 400)),
        (serving.post("/subjects/a/versions", "no json"), (400, 400)),
        (serving.post("/subjects/a/versions", r#"{"schema":"\"int\"","id":-5}"#), (400, 400)),
        (serving.post("/subjects/__GLOBAL/versions", ONE), (422, 42208)),
        (serving.delete("/subjects/a?permanent=true"), (404, 40405)),
        (serving.get("/config/a"), (404, 40408)),
        (serving.get("/mode/a"), (404, 40409)),
        (serving.delete("/config/a"), (404, 40401)),
        (serving.delete("/mode/a"), (404, 40401)),
        (serving.put("/config", r#"{"compatibility":"SIDEWAYS"}"#), (422, 42203)),
        (serving.put("/mode", r#"{"mode":"SIDEWAYS"}"#), (422, 42204)),
        (serving.put("/mode", r#"{"mode":"IMPORT"}"#), (422, 42205)),
        (serving.get("/nothing"), (404, 404)),
        (serving.delete("/subjects"), (405, 405)),
    ] {
        assert_eq!(answer.refusal(), expected, "{answer:?}");
    }
}

#[test]
fn configurations_modes_contexts_and_compatibility() {
    let serving = Serving::new();
    serving.post("/subjects/a/versions", ONE);
    assert_eq!(serving.get("/config").body, r#"{"compatibilityLevel":"BACKWARD"}"#);
    assert_eq!(serving.put("/config/a", r#"{"compatibility":"NONE"}"#).body, r#"{"compatibility":"NONE"}"#);
    assert_eq!(serving.get("/config/a").body, r#"{"compatibilityLevel":"NONE"}"#);
    assert_eq!(serving.post("/subjects/a/versions", OTHER).json()["version"], 2);
    assert_eq!(serving.delete("/config/a").body, r#"{"compatibilityLevel":"NONE"}"#);
    assert_eq!(serving.get("/config/a?defaultToGlobal=true").json()["compatibilityLevel"], "BACKWARD");
    let checked = serving.post("/compatibility/subjects/a/versions/1?verbose=true", OTHER).json();
    assert_eq!(checked["is_compatible"], false);
    assert!(checked["messages"][0].str().unwrap().contains("TYPE_MISMATCH"), "{checked}");
    assert_eq!(serving.post("/compatibility/subjects/a/versions/1", TWO).body, r#"{"is_compatible":true}"#);
    assert_eq!(serving.post("/compatibility/subjects/new/versions", TWO).body, r#"{"is_compatible":true}"#);

    assert_eq!(serving.put("/mode/a", r#"{"mode":"READONLY"}"#).body, r#"{"mode":"READONLY"}"#);
    assert_eq!(serving.post("/subjects/a/versions", TWO).refusal(), (422, 42205));
    assert_eq!(serving.delete("/mode/a").body, r#"{"mode":"READONLY"}"#);
    assert_eq!(serving.put("/mode/imported", r#"{"mode":"IMPORT"}"#).status, 200);
    let with_id = r#"{"schema":"\"bytes\"","id":700,"version":9}"#;
    let imported = serving.post("/subjects/imported/versions", with_id).json();
    assert_eq!((&imported["id"], &imported["version"]), (&700.into(), &9.into()));

    assert_eq!(serving.post("/contexts/.other/subjects/a/versions", OTHER).json()["id"], 1);
    assert_eq!(serving.get("/contexts").body, r#"[".",".other"]"#);
    assert_eq!(serving.get("/contexts/.other/subjects").body, r#"[":.other:a"]"#);
    assert_eq!(serving.get("/subjects?subjectPrefix=:.other:").body, r#"[":.other:a"]"#);
    assert_eq!(serving.get("/contexts/.other/schemas/ids/1").body, OTHER);
    assert_eq!(serving.get("/schemas/ids/1?subject=:.other:a").body, OTHER);
    assert_eq!(serving.put("/contexts/.other/config", r#"{"compatibility":"FULL"}"#).status, 200);
    assert_eq!(serving.get("/contexts/.other/config/a?defaultToGlobal=true").json()["compatibilityLevel"], "FULL");
    assert_eq!(serving.get("/config").json()["compatibilityLevel"], "BACKWARD");
    assert!(serving.get("/v1/metadata/id").json()["scope"]["clusters"]["kafka-cluster"].str().is_ok());
}

#[test]
fn references_keep_what_they_refer_to() {
    let serving = Serving::new();
    serving.post("/subjects/common/versions", ONE);
    let body = r#"{"schema":"{\"type\":\"record\",\"name\":\"B\",\"fields\":[{\"name\":\"a\",\"type\":\"A\"}]}","references":[{"name":"A","subject":"common","version":1}]}"#;
    assert_eq!(serving.post("/subjects/b/versions", body).json()["id"], 2);
    assert_eq!(serving.get("/subjects/common/versions/1/referencedby").body, "[2]");
    assert_eq!(serving.get("/schemas/ids/2").json()["references"][0]["subject"], "common");
    assert_eq!(serving.delete("/subjects/common").refusal(), (422, 42206));
}

#[test]
fn what_is_known_is_told_without_asking_until_it_is_changed_through_the_server() {
    let serving = Serving::new();
    let other = serving.other_registry();
    let register = |type_: &str| {
        let schema = SchemaDefinition::new(Format::Avro, format!("\"{type_}\""));
        other.register("a", &schema, RegisterOptions::default(), PATIENCE).unwrap()
    };
    let latest = || serving.get("/subjects/a/versions/latest").json()["version"].int().unwrap();
    let any = RegistryConfig { compatibility: Some(CompatibilityLevel::None), ..RegistryConfig::default() };
    other.set_config(None, &any, PATIENCE).unwrap();
    register("int");
    assert_eq!(serving.get("/subjects/a/versions").body, "[1]");
    register("string");
    // It is not asked again for what it has read, although nobody asked the server that yet.
    assert_eq!(latest(), 1);
    assert_eq!(serving.get("/schemas/ids/1").json()["schema"], "\"int\"");
    // For what it does not know it is.
    assert_eq!(serving.get("/schemas/ids/2").json()["schema"], "\"string\"");
    assert_eq!(latest(), 2);
    register("bytes");
    assert_eq!(serving.get("/subjects/a/versions/3").status, 200);
    assert_eq!(latest(), 3);
    // What is changed through the server, be it elsewhere, ends what it knows.
    register("float");
    assert_eq!(latest(), 3);
    assert_eq!(serving.put("/config/b", r#"{"compatibility":"FULL"}"#).status, 200);
    assert_eq!(latest(), 4);
    assert_eq!(serving.get("/config/b").json()["compatibilityLevel"], "FULL");
    // Looking something up changes nothing, and asks.
    register("double");
    assert_eq!(serving.post("/subjects/a", r#"{"schema":"\"double\""}"#).json()["version"], 5);
    assert_eq!(latest(), 4);
    // Where nothing is kept, it is asked each time.
    let serving = Serving::with_limits(Limits { kept: Duration::ZERO, ..Limits::default() });
    let other = serving.other_registry();
    for number in 1..4 {
        let schema = SchemaDefinition::new(Format::Avro, format!(r#"{{"type":"fixed","name":"F{number}","size":1}}"#));
        other.register(&format!("s{number}"), &schema, RegisterOptions::default(), PATIENCE).unwrap();
        assert_eq!(serving.get("/subjects").json().len(), number);
        assert_eq!(serving.get(&format!("/subjects/s{number}/versions")).body, "[1]");
    }
}

/// Kafi's own client, which the tests of it have driven against Apicurio.
#[test]
fn kafis_client_finds_what_it_finds_elsewhere() {
    let serving = Serving::new();
    let url = ("schema.registry.url".to_string(), format!("http://{}", serving.address));
    let client = Client::open(&[url]).unwrap();
    let schema = SchemaDefinition::new(Format::Avro, r#""int""#);
    let registered = client.register("a", &schema, RegisterOptions::default(), PATIENCE).unwrap();
    let found = client.version("a", Version::Latest, false, PATIENCE).unwrap();
    assert_eq!((found.id, Some(found.version), found.guid), (registered.id, registered.version, registered.guid));
    assert_eq!(client.ids_of(found.guid.unwrap(), PATIENCE).unwrap(), [(".".to_string(), registered.id)]);
    client.set_mode(None, Mode::ReadOnly, false, PATIENCE).unwrap();
    assert_eq!(client.mode(Some("a"), true, PATIENCE).unwrap(), Mode::ReadOnly);
    let refused = client.delete_subject("a", false, Duration::from_secs(5)).unwrap_err();
    assert_eq!(refused.kind(), kafi_core::ErrorKind::PermissionDenied);
    client.delete_mode(None, PATIENCE).unwrap();
    client.delete_subject("a", false, PATIENCE).unwrap();
    assert_eq!(client.subjects("", Deleted::Only, PATIENCE).unwrap(), ["a"]);
}
