//! Backs a topic up into a local folder, loses it, and brings it back with keys, headers, and timestamps.

use kafi::{Outgoing, json};

fn main() -> kafi::Result<()> {
    let cluster = kafi::open(&std::env::args().nth(1).unwrap_or("mem:".into()))?;
    let localfs = kafi::open(&std::env::args().nth(2).unwrap_or("./backup/".into()))?;
    cluster.touch("my_topic")?;
    cluster.produce(
        "my_topic",
        [Outgoing::new(json!({"price": 19.990})).key("1").header("trace", "abc"), Outgoing::new("").key("2")],
    )?;
    let before = cluster.cat("my_topic")?;

    cluster.cp("my_topic", &localfs, "my_topic_backup")?;
    cluster.rm("my_topic")?;

    localfs.cp("my_topic_backup", &cluster, "my_topic")?;
    assert_eq!(cluster.cat("my_topic")?, before);
    println!("{} messages are back", before.len());

    localfs.rm("my_topic_backup")?;
    cluster.rm("my_topic")
}
