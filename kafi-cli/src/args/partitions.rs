//! Partitions that are chosen.

use clap::Args;

/// What every command takes that can leave out partitions.
#[derive(Args, Clone)]
pub struct PartitionsArgs {
    /// Only these partitions, such as 0,3-5
    #[arg(short, long = "partition", value_name = "LIST", value_parser = partition_list)]
    partitions: Option<PartitionList>,
}

impl PartitionsArgs {
    /// The partitions, sorted, each once; `None` is all.
    pub fn list(&self) -> Option<Vec<i32>> {
        self.partitions.as_ref().map(|list| list.0.clone())
    }
}

/// A list of partitions, sorted, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
struct PartitionList(Vec<i32>);

/// Reads a list such as `0,3-5`.
fn partition_list(text: &str) -> std::result::Result<PartitionList, String> {
    const PARTITIONS_MAX: i32 = 100_000;
    let number = |text: &str| {
        text.parse::<i32>()
            .ok()
            .filter(|n| (0..PARTITIONS_MAX).contains(n))
            .ok_or_else(|| format!("{text:?} is no partition"))
    };
    let mut list = Vec::new();
    for part in text.split(',') {
        match part.split_once('-') {
            Some((first, last)) if number(first)? <= number(last)? => list.extend(number(first)?..=number(last)?),
            Some(_) => return Err(format!("{part:?} runs backwards")),
            None => list.push(number(part)?),
        }
    }
    list.sort_unstable();
    list.dedup();
    Ok(PartitionList(list))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_numbers_and_ranges() {
        assert_eq!(partition_list("0,3-5,4").unwrap().0, [0, 3, 4, 5]);
        for bad in ["", "a", "-1", "5-3", "1,,2", "999999"] {
            assert!(partition_list(bad).is_err(), "{bad}");
        }
    }
}
