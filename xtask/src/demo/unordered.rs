//! Compares many lines without regard to their order, and without keeping them.

use std::hash::{DefaultHasher, Hasher};

/// How many lines were added, and the sum of their hashes: two that are equal had the same lines, each as often.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unordered {
    count: u64,
    hashes: u64,
}

impl Unordered {
    /// Adds a line.
    pub fn add(&mut self, line: &[u8]) {
        let mut hasher = DefaultHasher::new();
        hasher.write(line);
        self.hashes = self.hashes.wrapping_add(hasher.finish());
        self.count += 1;
    }

    /// How many lines were added.
    pub fn count(&self) -> u64 {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[&str]) -> Unordered {
        let mut all = Unordered::default();
        lines.iter().for_each(|line| all.add(line.as_bytes()));
        all
    }

    #[test]
    fn only_the_order_may_differ() {
        assert_eq!(of(&["a", "b", "b"]), of(&["b", "a", "b"]));
        assert_ne!(of(&["a", "b"]), of(&["a", "c"]));
        assert_ne!(of(&["a", "a", "b"]), of(&["a", "b", "b"]));
        assert_ne!(of(&["a"]), of(&["a", "a"]));
    }
}
