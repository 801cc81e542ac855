//! Lists topics.

fn main() -> kafi::Result<()> {
    let c = kafi::open(&std::env::args().nth(1).unwrap_or("mem:".into()))?;
    c.touch("topic_json")?;

    for topic in c.ls()? {
        println!("{topic}");
    }
    c.rm("topic_json")
}
