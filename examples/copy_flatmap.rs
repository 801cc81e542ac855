//! Copies a topic and makes none, one, or many messages out of each.

use kafi::{Message, Result, json};

fn repeat_456(x: Message) -> Result<Vec<Message>> {
    if x.value["bla"] == 456 { Ok(vec![x.clone(), x]) } else { Ok(vec![]) }
}

fn main() -> Result<()> {
    let c = kafi::open(&std::env::args().nth(1).unwrap_or("mem:".into()))?;
    c.touch("topic_json")?;
    c.produce(
        "topic_json",
        [("123", json!({"bla": 123})), ("456", json!({"bla": 456})), ("789", json!({"bla": 789}))],
    )?;

    let copied = c.topic("topic_json").flatmap(repeat_456).to(&c, "topic_json_flatmapped")?;
    println!("{} read, {} written", copied.read, copied.written);

    for message in c.cat("topic_json_flatmapped")? {
        println!("{}: {}", message.key, message.value);
    }
    c.rm("topic_json_flatmapped")?;
    c.rm("topic_json")
}
