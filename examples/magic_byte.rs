//! Finds the first messages that do not begin with the magic byte 0 of the schema registry's format.

use kafi::Type;

fn main() -> kafi::Result<()> {
    let c = kafi::open(&std::env::args().nth(1).unwrap_or("mem:".into()))?;
    c.touch("my_topic")?;
    let mut p = c.producer("my_topic")?.value_type(Type::Bytes)?;
    p.produce(b"\x00\x00\x00\x00\x07\xf6\x01")?;
    p.produce(r#"{"bla": 123}"#)?;
    p.close()?;

    for message in c.topic("my_topic").types(Type::Bytes).filter(|x| Ok(x.value[0] != 0)).take(10) {
        println!("{}", message?);
    }
    c.rm("my_topic")
}
