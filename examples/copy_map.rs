//! Copies a topic and changes each message on the way.

use kafi::{Message, Result, json};

fn plus_42(mut x: Message) -> Result<Message> {
    x.value["bla"] = (x.value["bla"].int()? + 42).into();
    Ok(x)
}

fn main() -> Result<()> {
    let c = kafi::open(&std::env::args().nth(1).unwrap_or("mem:".into()))?;
    c.touch("topic_json")?;
    c.produce(
        "topic_json",
        [("123", json!({"bla": 123})), ("456", json!({"bla": 456})), ("789", json!({"bla": 789}))],
    )?;

    let copied = c.topic("topic_json").map(plus_42).to(&c, "topic_json_mapped")?;
    println!("{} read, {} written", copied.read, copied.written);

    for message in c.cat("topic_json_mapped")? {
        println!("{}: {}", message.key, message.value);
    }
    c.rm("topic_json_mapped")?;
    c.rm("topic_json")
}
