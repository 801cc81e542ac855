//! The `recovery` file of a partition: how much of the log is known to be durable.
//!
//! It is one line that is overwritten in place after each fsync of the log, so it never says more than is true; after a
//! crash it may say less, which costs a longer check and nothing else. It serves as the lock file of the partition,
//! too.

use std::io;

use crate::io::IoFile;

/// The length of the line.
const LINE_BYTES: usize = 72;

/// Up to where a log is durable: everything in segments below `base`, and of segment `base` the first `length` bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Recovery {
    /// The base offset of the segment.
    pub(crate) base: i64,
    /// The bytes of that segment that are durable, a whole number of batches.
    pub(crate) length: u64,
    /// The offset after the last message in them.
    pub(crate) next_offset: i64,
}

impl Recovery {
    /// Reads the line; `None` where there is none or it is damaged.
    pub(crate) fn read(file: &dyn IoFile) -> io::Result<Option<Self>> {
        let mut line = [0; LINE_BYTES];
        // A reader holds no lock and may meet a line half overwritten: the checksum tells, and the next look sees it
        // whole.
        for _ in 0..3 {
            let count = file.read_at(&mut line, 0)?;
            if let Some(recovery) = Self::parse(&line[..count]) {
                return Ok(Some(recovery));
            }
            if count == 0 {
                break;
            }
        }
        Ok(None)
    }

    /// Overwrites the line. The caller holds the lock.
    pub(crate) fn write(&self, file: &dyn IoFile) -> io::Result<()> {
        file.write_at(self.line().as_bytes(), 0)
    }

    fn line(&self) -> String {
        let numbers = format!("{:020} {:020} {:020}", self.base, self.length, self.next_offset);
        format!("{numbers} {:08x}\n", crc32c::crc32c(numbers.as_bytes()))
    }

    fn parse(line: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(line).ok()?.strip_suffix('\n')?;
        let (numbers, crc) = text.rsplit_once(' ')?;
        if u32::from_str_radix(crc, 16).ok()? != crc32c::crc32c(numbers.as_bytes()) {
            return None;
        }
        let mut numbers = numbers.split(' ');
        let base = numbers.next()?.parse().ok()?;
        let length = numbers.next()?.parse().ok()?;
        let next_offset = numbers.next()?.parse().ok()?;
        // Nobody writes other numbers, whatever the checksum says.
        (0 <= base && base <= next_offset).then_some(Self { base, length, next_offset })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::{Access, Io, MemoryIo};

    #[test]
    fn the_line_comes_back_and_damage_is_seen() {
        let io = MemoryIo::new();
        let file = io.open("recovery", Access::Write).unwrap();
        assert_eq!(Recovery::read(&*file).unwrap(), None);
        for recovery in [Recovery::default(), Recovery { base: i64::MAX, length: u64::MAX, next_offset: i64::MAX }] {
            assert_eq!(recovery.line().len(), LINE_BYTES);
            recovery.write(&*file).unwrap();
            assert_eq!(Recovery::read(&*file).unwrap(), Some(recovery));
        }
        for at in 0..LINE_BYTES as u64 {
            Recovery { base: 1, length: 22, next_offset: 333 }.write(&*file).unwrap();
            file.write_at(b"x", at).unwrap();
            assert_eq!(Recovery::read(&*file).unwrap(), None, "{at}");
        }
    }
}
