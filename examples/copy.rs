//! Copies a topic, byte for byte.

use kafi::json;

fn main() -> kafi::Result<()> {
    let c = kafi::open(&std::env::args().nth(1).unwrap_or("mem:".into()))?;
    c.touch("topic_json")?;
    c.produce(
        "topic_json",
        [("123", json!({"bla": 123})), ("456", json!({"bla": 456})), ("789", json!({"bla": 789}))],
    )?;

    let copied = c.cp("topic_json", &c, "topic_json_copy")?;
    println!("{} read, {} written", copied.read, copied.written);

    assert_eq!(c.wc("topic_json_copy")?, c.wc("topic_json")?);
    c.rm("topic_json_copy")?;
    c.rm("topic_json")
}
