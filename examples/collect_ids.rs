//! Collects the ids of all schemas that are used in a topic.

use std::collections::BTreeSet;

use kafi::{Message, Result, Type};

fn collect_ids(mut ids: BTreeSet<u32>, x: Message) -> Result<BTreeSet<u32>> {
    if let [0, a, b, c, d, ..] = *x.value.bytes()? {
        ids.insert(u32::from_be_bytes([a, b, c, d]));
    }
    Ok(ids)
}

fn main() -> Result<()> {
    let c = kafi::open(&std::env::args().nth(1).unwrap_or("mem:".into()))?;
    c.touch("my_topic")?;
    let mut p = c.producer("my_topic")?.value_type(Type::Bytes)?;
    for id in [7u32, 300, 7] {
        p.produce([&[0], &id.to_be_bytes()[..], b"..."].concat())?;
    }
    p.close()?;

    let ids = c.topic("my_topic").types(Type::Bytes).foldl(BTreeSet::new(), collect_ids)?;
    println!("{ids:?}");

    c.rm("my_topic")
}
