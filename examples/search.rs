//! Searches a topic with a regular expression, and with a function.

use kafi::json;

fn main() -> kafi::Result<()> {
    let c = kafi::open(&std::env::args().nth(1).unwrap_or("mem:".into()))?;
    c.touch("topic_json")?;
    c.produce(
        "topic_json",
        [("123", json!({"bla": 123})), ("456", json!({"bla": 456})), ("789", json!({"bla": 789}))],
    )?;

    let (found, read) = c.grep("topic_json", ".*456.*")?;
    println!("{} of {read}: {}", found.len(), found[0].value);

    for message in c.topic("topic_json").filter(|m| Ok(m.value["bla"].int()? > 200)) {
        println!("{}", message?.value);
    }
    c.rm("topic_json")
}
