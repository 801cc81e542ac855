//! A simple MirrorMaker: copies a topic from one storage to another, of whatever kinds they are.

use kafi::json;

fn main() -> kafi::Result<()> {
    let c1 = kafi::open(&std::env::args().nth(1).unwrap_or("mem:".into()))?;
    let c2 = kafi::open(&std::env::args().nth(2).unwrap_or("mem:".into()))?;
    c1.touch("my_topic_on_cluster1")?;
    c1.produce("my_topic_on_cluster1", [("123", json!({"bla": 123})), ("456", json!({"bla": 456}))])?;

    let copied = c1.cp("my_topic_on_cluster1", &c2, "my_topic_on_cluster2")?;
    println!("{} read, {} written", copied.read, copied.written);

    for message in c2.cat("my_topic_on_cluster2")? {
        println!("{}: {}", message.key, message.value);
    }
    c2.rm("my_topic_on_cluster2")?;
    c1.rm("my_topic_on_cluster1")
}
