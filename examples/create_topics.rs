//! Creates topics: with everything at the defaults, and with partitions and settings.

use kafi::NewTopic;

fn main() -> kafi::Result<()> {
    let c = kafi::open(&std::env::args().nth(1).unwrap_or("mem:".into()))?;

    c.touch("topic_json")?;
    c.create(&NewTopic::new("topic_compacted").partitions(3).config("cleanup.policy", "compact"))?;

    for topic in c.topics()? {
        println!("{}, partitions: {}", topic.name, topic.partitions.len());
    }
    c.rm("topic_compacted")?;
    c.rm("topic_json")
}
