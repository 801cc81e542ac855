//! Joins two topics by members of their values, and writes the pairs to a third.

use kafi::{JoinHow, json};

fn main() -> kafi::Result<()> {
    let c = kafi::open(&std::env::args().nth(1).unwrap_or("mem:".into()))?;
    c.touch("snacks")?;
    c.produce(
        "snacks",
        [
            json!({"name": "cookie", "calories": 500.0, "colour": "brown"}),
            json!({"name": "cake", "calories": 260.0, "colour": "white"}),
            json!({"name": "timtam", "calories": 80.0, "colour": "chocolate"}),
        ],
    )?;
    c.touch("snacks_countries")?;
    c.produce(
        "snacks_countries",
        [json!({"snack_name": "timtam", "country": "Australia"}), json!({"snack_name": "cookie", "country": "US"})],
    )?;

    for how in [JoinHow::Inner, JoinHow::Left, JoinHow::Right] {
        let join = c.join("snacks", &c, "snacks_countries").how(how).eager();
        let join = join.left_key(|m| Ok(m.value["name"].clone())).right_key(|m| Ok(m.value["snack_name"].clone()));
        join.to(&c, "snacks_join")?;
        println!("{how:?}:");
        c.topic("snacks_join").foreach(|message| {
            println!("{}", message.value);
            Ok(())
        })?;
        c.rm("snacks_join")?;
    }

    c.rm("snacks_countries")?;
    c.rm("snacks")
}
