//! Consumes messages: all of a topic at once, one after another in flat memory, and step by step as a member of a
//! group.

use kafi::json;

fn main() -> kafi::Result<()> {
    let c = kafi::open(&std::env::args().nth(1).unwrap_or("mem:".into()))?;
    c.touch("topic_json")?;
    c.produce(
        "topic_json",
        [("123", json!({"bla": 123})), ("456", json!({"bla": 456})), ("789", json!({"bla": 789}))],
    )?;

    for message in c.cat("topic_json")? {
        println!("{message}");
    }

    let count = c.topic("topic_json").foreach(|message| {
        println!("{} at {}:{}", message.value["bla"], message.partition, message.offset);
        Ok(())
    })?;
    println!("{count} messages");

    let mut consumer = c.consumer("topic_json", "my_group")?;
    println!("first {} messages", consumer.consume(2)?.len());
    consumer.commit()?;
    consumer.close()?;

    let mut consumer = c.consumer("topic_json", "my_group")?;
    for message in consumer.consume(1)? {
        println!("then {}", message.value);
    }
    consumer.close()?;

    c.rm("topic_json")
}
