//! The messages of the demo: orders with a customer as key and about 100 bytes of JSON as value, the same in every run.

use std::io::{self, BufWriter, Write};

use super::unordered::Unordered;

/// What the demo searches for.
pub const REFUNDED: &str = r#""status":"refunded""#;

const STATUSES: [&str; 5] = ["new", "paid", "packed", "shipped", "refunded"];
const ITEMS: [&str; 4] = ["espresso beans", "green tea", "crème brûlée", "kefir"];

/// Orders, and the account of those that were written.
pub struct Orders {
    messages: u64,
    bytes: u64,
    refunded: u64,
    lines: Unordered,
}

impl Orders {
    /// So many orders, none of them written yet.
    pub fn new(messages: u64) -> Self {
        Self { messages, bytes: 0, refunded: 0, lines: Unordered::default() }
    }

    /// Writes all of them, a line each, the key before the first colon.
    pub fn write(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let mut out = BufWriter::with_capacity(1 << 20, out);
        let mut random = Random(1);
        let mut line = Vec::new();
        for id in 0..self.messages {
            line.clear();
            let customer = random.below(50_000);
            let item = ITEMS[random.below(4) as usize];
            let (units, cents) = (random.below(500), random.below(100));
            let status = STATUSES[random.below(5) as usize];
            writeln!(
                line,
                r#"customer-{customer:05}:{{"id":{id},"item":"{item}","amount":{units}.{cents:02},"status":"{status}","note":"deliver before noon, please"}}"#
            )?;
            out.write_all(&line)?;
            self.refunded += u64::from(status == "refunded");
            // Neither the colon nor the end of the line becomes part of a message.
            self.bytes += line.len() as u64 - 2;
            self.lines.add(&line);
        }
        out.flush()
    }

    /// How many there are.
    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// The bytes of the keys and values written.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many of those written are refunded.
    pub fn refunded(&self) -> u64 {
        self.refunded
    }

    /// The lines written.
    pub fn lines(&self) -> &Unordered {
        &self.lines
    }
}

/// A linear congruential generator: nothing here has to be unpredictable.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_run_writes_the_same_lines() {
        let written = || {
            let (mut orders, mut out) = (Orders::new(1000), Vec::new());
            orders.write(&mut out).unwrap();
            (orders, out)
        };
        let ((orders, first), (_, second)) = (written(), written());
        assert_eq!(first, second);
        let text = String::from_utf8(first).unwrap();
        assert_eq!(text.lines().count(), 1000);
        assert_eq!(text.lines().filter(|line| line.contains(REFUNDED)).count() as u64, orders.refunded());
        assert_eq!(text.lines().map(|line| line.len() as u64 - 1).sum::<u64>(), orders.bytes());
        let mean = orders.bytes() / 1000;
        assert!((110..=130).contains(&mean), "{mean} bytes a message");
    }
}
