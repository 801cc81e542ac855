//! Keeps the newest message of each key of a topic.

use kafi::{Outgoing, Value, json};

fn main() -> kafi::Result<()> {
    let c = kafi::open(&std::env::args().nth(1).unwrap_or("mem:".into()))?;
    c.touch("snacks")?;
    c.produce(
        "snacks",
        [
            ("cookie", json!({"calories": 500})),
            ("cake", json!({"calories": 260})),
            ("cookie", json!({"calories": 490})),
        ],
    )?;
    // A tombstone deletes its key.
    c.produce("snacks", [("timtam", json!({"calories": 80}))])?;
    c.produce("snacks", [Outgoing::new(Value::Null).key("timtam")])?;

    for message in c.compact("snacks")? {
        println!("{}: {}", message.key, message.value);
    }
    let compacted = c.compact_to("snacks", &c, "snacks_compacted")?;
    println!("{} of {} are kept", compacted.kept, compacted.read);

    c.rm("snacks_compacted")?;
    c.rm("snacks")
}
