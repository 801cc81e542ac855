//! The newest message of each key, by hashes of keys: 24 bytes a key and the table around them, in bounded memory.
//!
//! Keys are told apart by 96 bits of two SipHashes with random keys. Of a billion keys two are taken for one with a
//! probability of about 6e-12.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};

use kafi_core::Result;

use super::positions::Positions;
use super::seen::{Place, Seen};
use crate::spill::{Run, Spill};

/// How many parts there are, each of which is small enough to be looked at by itself later.
const PARTS: usize = 64;

/// So often is what is too large divided; beyond it memory is taken.
const LEVELS_MAX: u32 = 4;

/// The hash of a key.
#[derive(Clone, Copy, PartialEq, Eq)]
struct KeyHash([u32; 3]);

impl Hash for KeyHash {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(u64::from(self.0[0]) << 32 | u64::from(self.0[1]));
    }
}

/// Takes what is a hash already.
#[derive(Default)]
struct Given(u64);

impl Hasher for Given {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _bytes: &[u8]) {
        unreachable!("only hashes are hashed")
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

type Table<S> = HashMap<KeyHash, S, BuildHasherDefault<Given>>;

/// The newest message of each key so far.
pub(crate) struct Newest<'p, S> {
    positions: &'p Positions,
    hashers: [RandomState; 2],
    tables: Tables<S>,
}

/// What was seen, in parts.
struct Tables<S> {
    parts: Vec<Part<S>>,
    level: u32,
    taken: usize,
    memory: usize,
}

struct Part<S> {
    /// What each key has in the partition in which it was seen first.
    seen: Table<S>,
    /// What keys have in other partitions, too.
    elsewhere: HashMap<(u64, u32, i32), S>,
    /// What was put away.
    away: Run,
}

impl<'p, S: Seen> Newest<'p, S> {
    /// For the messages of these positions, in about so many bytes of memory.
    pub(crate) fn new(positions: &'p Positions, memory: usize) -> Self {
        Self { positions, hashers: [RandomState::new(), RandomState::new()], tables: Tables::new(0, memory) }
    }

    /// Takes note of a message.
    ///
    /// # Errors
    /// Those of [`Spill::append`].
    pub(crate) fn add(&mut self, spill: &mut Spill, key: &[u8], place: Place) -> Result<()> {
        let (one, two) = (self.hashers[0].hash_one(key), self.hashers[1].hash_one(key));
        let hash = KeyHash([(one >> 32) as u32, one as u32, two as u32]);
        self.tables.add(spill, hash, S::new(place), |number| self.positions.partition(number))
    }

    /// Hands over what each key has, in no order.
    ///
    /// # Errors
    /// Those of [`Spill::append`]; what `each` fails with.
    pub(crate) fn finish(self, spill: &mut Spill, each: &mut dyn FnMut(&mut Spill, S) -> Result<()>) -> Result<()> {
        let positions = self.positions;
        self.tables.finish(spill, &|number| positions.partition(number), each)
    }
}

impl<S: Seen> Tables<S> {
    fn new(level: u32, memory: usize) -> Self {
        let part = || Part { seen: Table::default(), elsewhere: HashMap::new(), away: Run::default() };
        Self { parts: (0..PARTS).map(|_| part()).collect(), level, taken: 0, memory }
    }

    fn add(&mut self, spill: &mut Spill, hash: KeyHash, seen: S, partition_of: impl Fn(u64) -> i32) -> Result<()> {
        let part = &mut self.parts[(hash.0[2] >> (6 * self.level)) as usize % PARTS];
        let before = part.bytes();
        match part.seen.get_mut(&hash) {
            None => {
                part.seen.insert(hash, seen);
            }
            Some(known) => {
                let partition = partition_of(seen.newest().number());
                if partition_of(known.newest().number()) == partition {
                    *known = known.or_later(seen);
                } else {
                    let [one, two, three] = hash.0;
                    let key = (u64::from(one) << 32 | u64::from(two), three, partition);
                    part.elsewhere.entry(key).and_modify(|known| *known = known.or_later(seen)).or_insert(seen);
                }
            }
        }
        let after = part.bytes();
        if after != before {
            self.taken = self.taken + after - before;
            if self.taken > self.memory && self.level < LEVELS_MAX {
                self.put_away(spill)?;
            }
        }
        Ok(())
    }

    fn put_away(&mut self, spill: &mut Spill) -> Result<()> {
        self.parts.iter_mut().try_for_each(|part| part.put_away(spill))?;
        self.taken = 0;
        Ok(())
    }

    fn finish(
        mut self,
        spill: &mut Spill,
        partition_of: &dyn Fn(u64) -> i32,
        each: &mut dyn FnMut(&mut Spill, S) -> Result<()>,
    ) -> Result<()> {
        if self.parts.iter().any(|part| part.away.items() > 0) {
            self.put_away(spill)?;
        }
        for mut part in self.parts {
            if part.away.items() == 0 {
                part.hand_over(spill, each)?;
                continue;
            }
            let mut below = Self::new(self.level + 1, self.memory);
            let mut reader = std::mem::take(&mut part.away).into_reader();
            while reader.prepare(spill, 12 + S::BYTES)? {
                let bytes = reader.take(12 + S::BYTES);
                let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("it is four bytes"));
                let (hash, seen) = (KeyHash([word(0), word(4), word(8)]), S::read(&bytes[12..]));
                below.add(spill, hash, seen, partition_of)?;
            }
            below.finish(spill, partition_of, each)?;
        }
        Ok(())
    }
}

impl<S: Seen> Part<S> {
    /// What its tables take: seven eighths of their buckets are the capacity, and each has a byte beside what it holds.
    fn bytes(&self) -> usize {
        let buckets = |capacity: usize| capacity + capacity / 7;
        buckets(self.seen.capacity()) * (size_of::<(KeyHash, S)>() + 1)
            + buckets(self.elsewhere.capacity()) * (size_of::<((u64, u32, i32), S)>() + 1)
    }

    fn put_away(&mut self, spill: &mut Spill) -> Result<()> {
        let mut bytes = Vec::with_capacity(12 + S::BYTES);
        let mut put = |hash: [u32; 3], seen: S| {
            bytes.clear();
            hash.iter().for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
            seen.write(&mut bytes);
            spill.append(&mut self.away, &[&bytes])
        };
        for (hash, seen) in std::mem::take(&mut self.seen) {
            put(hash.0, seen)?;
        }
        for ((high, three, _), seen) in std::mem::take(&mut self.elsewhere) {
            put([(high >> 32) as u32, high as u32, three], seen)?;
        }
        Ok(())
    }

    fn hand_over(self, spill: &mut Spill, each: &mut dyn FnMut(&mut Spill, S) -> Result<()>) -> Result<()> {
        let Self { mut seen, elsewhere, .. } = self;
        for ((high, three, _), other) in elsewhere {
            let hash = KeyHash([(high >> 32) as u32, high as u32, three]);
            if let Some(known) = seen.get_mut(&hash) {
                *known = known.or_newer(other);
            }
        }
        seen.into_values().try_for_each(|seen| each(spill, seen))
    }
}
