//! Produces JSON messages, at first with nothing but keys, then with whatever else a message can have.

use kafi::{Outgoing, json};

fn main() -> kafi::Result<()> {
    let c = kafi::open(&std::env::args().nth(1).unwrap_or("mem:".into()))?;
    c.touch("topic_json")?;

    let mut p = c.producer("topic_json")?;
    p.produce(("123", json!({"bla": 123})))?;
    p.produce(("456", json!({"bla": 456})))?;
    p.produce(("789", json!({"bla": 789})))?;
    p.produce(
        Outgoing::new(json!({"bla": null})).key("0").header("trace", "abc").partition(0).timestamp(1_732_660_705_555),
    )?;
    println!("{} messages are delivered", p.close()?);

    c.rm("topic_json")
}
