//! Produces messages and hears what became of them.

use kafi::{Delivery, json};

fn main() -> kafi::Result<()> {
    let c = kafi::open(&std::env::args().nth(1).unwrap_or("mem:".into()))?;
    c.touch("topic_json")?;

    let mut p = c.producer("topic_json")?.on_delivery(|report| match &report.delivery {
        Delivery::At(offset) => {
            println!("{} delivered to {}:{} from offset {offset} on", report.count, report.topic, report.partition)
        }
        Delivery::Unknown => println!("{} delivered to {}:{}", report.count, report.topic, report.partition),
        Delivery::Failed(error) => println!("{} not delivered: {error}", report.count),
    });
    for bla in 0..3 {
        p.produce(json!({"bla": bla}))?;
    }
    p.close()?;

    c.rm("topic_json")
}
