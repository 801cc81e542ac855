//! The messages of a topic's partitions, numbered through: partition after partition, by offset.

use kafi_core::Assignment;

/// What is read of a topic, with a number for each offset.
pub(crate) struct Positions {
    /// By partition.
    parts: Vec<Part>,
    total: u64,
}

struct Part {
    partition: i32,
    start: i64,
    /// The number of the offset `start`.
    base: u64,
}

impl Positions {
    /// Of these parts, which have ends.
    pub(crate) fn of(assignments: &[Assignment]) -> Self {
        let mut sorted: Vec<&Assignment> = assignments.iter().collect();
        sorted.sort_by_key(|assignment| assignment.partition);
        let (mut parts, mut total) = (Vec::with_capacity(sorted.len()), 0);
        for assignment in sorted {
            let Assignment { partition, start, end, .. } = *assignment;
            parts.push(Part { partition, start, base: total });
            total += end.map_or(0, |end| u64::try_from(end - start).unwrap_or(0));
        }
        Self { parts, total }
    }

    /// How many offsets there are.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// The number of an offset.
    pub(crate) fn number(&self, partition: i32, offset: i64) -> u64 {
        let found = self.parts.binary_search_by_key(&partition, |part| part.partition);
        let part = &self.parts[found.expect("only these partitions are read")];
        part.base + u64::try_from(offset - part.start).expect("reading begins at the start")
    }

    /// The partition in which the offset with this number lies.
    pub(crate) fn partition(&self, number: u64) -> i32 {
        let behind = self.parts.partition_point(|part| part.base <= number);
        // Partitions in which nothing lies have the same base as the one behind.
        self.parts[behind - 1].partition
    }
}
