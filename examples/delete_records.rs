//! Deletes the first messages of a partition and shows what is left.

use kafi::json;

fn main() -> kafi::Result<()> {
    let c = kafi::open(&std::env::args().nth(1).unwrap_or("mem:".into()))?;
    c.touch("my_topic")?;
    c.produce("my_topic", (0..150).map(|bla| json!({"bla": bla})))?;

    c.delete_records("my_topic", 0, 100)?;

    for watermarks in c.watermarks("my_topic")? {
        println!("{}:{} holds {} to {}", watermarks.topic, watermarks.partition, watermarks.low, watermarks.high);
    }
    c.rm("my_topic")
}
