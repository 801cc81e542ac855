//! What people do with whole topics: the newest message, sizes, once more, anew, and where groups stand.

use kafi::{CommittedOffset, Recreation, json};

fn main() -> kafi::Result<()> {
    let c = kafi::open(&std::env::args().nth(1).unwrap_or("mem:".into()))?;
    c.touch("snacks")?;
    c.produce("snacks", [("1", json!({"name": "cookie"})), ("2", json!({"name": "cake"}))])?;

    if let Some(newest) = c.stat("snacks")? {
        println!("newest: {}", newest.value);
    }
    let sizes = c.message_size_stats("snacks")?;
    println!("{} messages, {} bytes", sizes.messages, sizes.bytes);

    // The newest message once more.
    c.repeat("snacks", 1)?;
    println!("repeated: {}", c.tail("snacks", 1)?[0].value);

    // Where a group stands, and another one that goes on there.
    c.set_group_offsets("eaters", &[CommittedOffset::new("snacks", 0, 1)])?;
    c.cp_group_offsets("eaters", &c, "drinkers", &["snacks"])?;
    for (group, lags) in c.lags(&["eaters", "drinkers"])? {
        println!("{group}: {} to read", lags[0].lag().unwrap_or(0));
    }
    c.delete_groups(&["eaters", "drinkers"])?;

    let all: i64 = c.offsets_diff("snacks", 0, i64::MAX)?.iter().map(|(_, count)| count).sum();
    println!("{all} messages in all times");

    c.recreate("snacks", &Recreation { partitions: Some(2), ..Recreation::default() })?;
    println!("anew: {} partitions, {} messages", c.partitions("snacks")?, c.wc("snacks")?.messages);

    c.rm("snacks")?;
    println!("exists: {}", c.exists("snacks")?);
    Ok(())
}
