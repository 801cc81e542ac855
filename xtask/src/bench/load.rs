//! What is produced and read: topics of several sizes, and the lines that fill them.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use crate::Result;

/// What grep looks for: it is in one value of a hundred.
pub const PATTERN: &str = r#""status":"refunded""#;

const RARITY: u64 = 100;

/// A topic: so many messages of a size, in so many partitions.
#[derive(Clone, Copy)]
pub struct Load {
    pub messages: u64,
    pub value_bytes: usize,
    pub partitions: u32,
    pub compression: &'static str,
}

impl Load {
    /// How the table names it.
    pub fn name(&self) -> String {
        let Self { messages, value_bytes, partitions, compression } = self;
        let (messages, thousand) = if *messages >= 1_000_000 { (messages / 1_000_000, "M") } else { (*messages, "") };
        let (bytes, unit) = if *value_bytes >= 1000 { (value_bytes / 1000, "kB") } else { (*value_bytes, "B") };
        format!("{messages}{thousand} x {bytes} {unit}, {partitions} part., {compression}")
    }

    /// How many messages grep finds.
    pub fn refunded(&self) -> u64 {
        self.messages.div_ceil(RARITY)
    }

    /// Writes the messages to a file, a line `key:value` each where `keys`, else a line `value`.
    pub fn write(&self, path: &Path, keys: bool) -> Result<()> {
        let failed = |error: std::io::Error| format!("{}: {error}", path.display());
        let mut file = BufWriter::with_capacity(1 << 20, File::create(path).map_err(failed)?);
        let mut value = Vec::with_capacity(self.value_bytes);
        let mut random = 0x9e37_79b9_7f4a_7c15;
        for number in 0..self.messages {
            self.fill(&mut value, number, &mut random);
            if keys {
                write!(file, "{number:012}:").map_err(failed)?;
            }
            file.write_all(&value).map_err(failed)?;
            file.write_all(b"\n").map_err(failed)?;
        }
        file.flush().map_err(failed)
    }

    /// Makes the value of one message: JSON with a note of random letters up to the size, which compresses like text.
    fn fill(&self, value: &mut Vec<u8>, number: u64, random: &mut u64) {
        value.clear();
        let status = if number.is_multiple_of(RARITY) { "refunded" } else { "paid" };
        value.extend_from_slice(format!(r#"{{"order":{number},"status":"{status}","note":""#).as_bytes());
        while value.len() + 2 < self.value_bytes {
            *random ^= *random << 13;
            *random ^= *random >> 7;
            *random ^= *random << 17;
            let letters = random.to_le_bytes().map(|byte| b'a' + byte % 16);
            let room = self.value_bytes - 2 - value.len();
            value.extend_from_slice(&letters[..room.min(letters.len())]);
        }
        value.extend_from_slice(br#""}"#);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_their_size() {
        let (mut value, mut random) = (Vec::new(), 1);
        for value_bytes in [100, 10_000, 900_000] {
            let load = Load { messages: 1, value_bytes, partitions: 1, compression: "none" };
            load.fill(&mut value, 0, &mut random);
            assert_eq!(value.len(), value_bytes);
            assert!(String::from_utf8_lossy(&value).contains(PATTERN));
        }
    }

    #[test]
    fn loads_are_named() {
        let load = Load { messages: 2_000_000, value_bytes: 10_000, partitions: 4, compression: "lz4" };
        assert_eq!(load.name(), "2M x 10 kB, 4 part., lz4");
    }
}
