//! What is kept of a key: where its newest message lies, and perhaps where its first does, in a few bytes.

/// Where a message lies, its time, and whether it is a tombstone, in twelve bytes: 48 bits for its number, 47 for the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    number_low: u32,
    time_low: u32,
    number_high: u16,
    /// The lowest bit says whether it is a tombstone.
    time_high: u16,
}

const TIME_MAX: i64 = (1 << 47) - 1;

impl Place {
    pub(crate) fn new(number: u64, timestamp: i64, is_tombstone: bool) -> Self {
        let time = timestamp.clamp(0, TIME_MAX) as u64;
        Self {
            number_low: number as u32,
            time_low: time as u32,
            number_high: (number >> 32) as u16,
            time_high: ((time >> 32) as u16) << 1 | u16::from(is_tombstone),
        }
    }

    pub(crate) fn number(self) -> u64 {
        u64::from(self.number_high) << 32 | u64::from(self.number_low)
    }

    pub(crate) fn is_tombstone(self) -> bool {
        self.time_high & 1 == 1
    }

    fn time(self) -> u64 {
        u64::from(self.time_high >> 1) << 32 | u64::from(self.time_low)
    }
}

/// What is kept of a key.
pub(crate) trait Seen: Copy {
    /// The bytes that it takes.
    const BYTES: usize;

    /// Of one message.
    fn new(place: Place) -> Self;

    /// Where the newest message lies.
    fn newest(self) -> Place;

    /// The number of the first message, where it is kept.
    fn first(self) -> u64;

    /// Both together, of which `newest` is the newest.
    fn with(self, newest: Place) -> Self;

    /// As bytes.
    fn write(self, out: &mut Vec<u8>);

    /// From bytes.
    fn read(bytes: &[u8]) -> Self;

    /// Of two of one partition: the higher one is newer.
    fn or_later(self, other: Self) -> Self {
        self.merged(other, other.newest().number() > self.newest().number())
    }

    /// Of the last ones of two partitions: that with the later time is newer.
    fn or_newer(self, other: Self) -> Self {
        let order = |place: Place| (place.time(), place.number());
        self.merged(other, order(other.newest()) > order(self.newest()))
    }

    /// Both together.
    fn merged(self, other: Self, takes_other: bool) -> Self {
        let first = if other.first() < self.first() { other } else { self };
        first.with(if takes_other { other.newest() } else { self.newest() })
    }
}

impl Seen for Place {
    const BYTES: usize = 12;

    fn new(place: Place) -> Self {
        place
    }

    fn newest(self) -> Place {
        self
    }

    fn first(self) -> u64 {
        self.number()
    }

    fn with(self, newest: Place) -> Self {
        newest
    }

    fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.number_low.to_le_bytes());
        out.extend_from_slice(&self.time_low.to_le_bytes());
        out.extend_from_slice(&self.number_high.to_le_bytes());
        out.extend_from_slice(&self.time_high.to_le_bytes());
    }

    fn read(bytes: &[u8]) -> Self {
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("it is four bytes"));
        let half = |at: usize| u16::from_le_bytes(bytes[at..at + 2].try_into().expect("it is two bytes"));
        Self { number_low: word(0), time_low: word(4), number_high: half(8), time_high: half(10) }
    }
}

/// The newest message of a key, and its first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SinceFirst {
    newest: Place,
    first_low: u32,
    first_high: u32,
}

impl Seen for SinceFirst {
    const BYTES: usize = 20;

    fn new(place: Place) -> Self {
        let first = place.number();
        Self { newest: place, first_low: first as u32, first_high: (first >> 32) as u32 }
    }

    fn newest(self) -> Place {
        self.newest
    }

    fn first(self) -> u64 {
        u64::from(self.first_high) << 32 | u64::from(self.first_low)
    }

    fn with(self, newest: Place) -> Self {
        Self { newest, ..self }
    }

    fn write(self, out: &mut Vec<u8>) {
        self.newest.write(out);
        out.extend_from_slice(&self.first().to_le_bytes());
    }

    fn read(bytes: &[u8]) -> Self {
        let first = u64::from_le_bytes(bytes[12..20].try_into().expect("it is eight bytes"));
        Self { newest: Place::read(bytes), first_low: first as u32, first_high: (first >> 32) as u32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_keep_what_they_are_made_of() {
        for (number, timestamp) in [(0, -1), (1 << 40 | 7, 1_732_660_705_555), ((1 << 48) - 1, i64::MAX)] {
            for is_tombstone in [false, true] {
                let place = Place::new(number, timestamp, is_tombstone);
                let shown = (place.number(), place.time() as i64, place.is_tombstone());
                assert_eq!(shown, (number, timestamp.clamp(0, TIME_MAX), is_tombstone));
                let (mut bytes, mut more) = (Vec::new(), Vec::new());
                place.write(&mut bytes);
                SinceFirst::new(place).write(&mut more);
                assert_eq!((bytes.len(), more.len()), (Place::BYTES, SinceFirst::BYTES));
                assert_eq!((Place::read(&bytes), SinceFirst::read(&more)), (place, SinceFirst::new(place)));
            }
        }
        assert_eq!(size_of::<([u32; 3], Place)>(), 24);
    }

    #[test]
    fn within_a_partition_the_later_counts_and_between_them_the_newer() {
        let [old, late, new] =
            [(3, 9), (5, 1), (4, 5)].map(|(number, time)| SinceFirst::new(Place::new(number, time, false)));
        let seen = old.or_later(late);
        assert_eq!((seen.newest().number(), seen.first()), (5, 3));
        let seen = new.or_newer(late);
        assert_eq!((seen.newest().number(), seen.first()), (4, 4));
    }
}
