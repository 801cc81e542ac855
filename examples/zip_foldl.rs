//! Walks through two topics side by side, and counts where they differ.

use kafi::json;

fn main() -> kafi::Result<()> {
    let c = kafi::open(&std::env::args().nth(1).unwrap_or("mem:".into()))?;
    for (topic, last) in [("topic_left", 789), ("topic_right", 987)] {
        c.touch(topic)?;
        c.produce(topic, [json!({"bla": 123}), json!({"bla": 456}), json!({"bla": last})])?;
    }

    let differences = c.topic("topic_left").zip_foldl(c.topic("topic_right"), 0, |count, left, right| {
        if left.value == right.value {
            return Ok(count);
        }
        println!("{} is not {}", left.value, right.value);
        Ok(count + 1)
    })?;
    println!("{differences} difference");

    c.rm("topic_right")?;
    c.rm("topic_left")
}
