//! `allOf`, `anyOf`, `oneOf`: whether each part of the one finds a part of the other that it fits.

use kafi_core::Result;

use crate::compat::found::Found;
use crate::compat::jsonschema::Checker;
use crate::compat::jsonschema::model::{Criterion, NodeId};

impl Checker<'_> {
    pub(super) fn combined(
        &mut self,
        (was, old): (Criterion, &[NodeId]),
        (is, new): (Criterion, &[NodeId]),
    ) -> Result<Found> {
        let is_extended = was == is
            || is == Criterion::Any
            || (old.len() == 1 && (new.len() == 1 || is == Criterion::One))
            || (new.len() == 1 && was == Criterion::All);
        if !is_extended {
            let reason = format!("it was {}, and is {}", was.word(), is.word());
            return Ok(Found::one("COMBINED_TYPE_CHANGED", &self.path, reason));
        }
        let mut found = Found::default();
        let path = self.at(is.word());
        if new.len() > old.len() && is == Criterion::All {
            found.push("PRODUCT_TYPE_EXTENDED", &path, "more schemas have to fit than before");
        } else if new.len() < old.len() && was != Criterion::All {
            found.push("SUM_TYPE_NARROWED", &path, "there are less schemas to choose from than before");
        }
        let mut fitting = Vec::with_capacity(old.len());
        for (index, old) in old.iter().enumerate() {
            let mut fits = Vec::new();
            for (at, new) in new.iter().enumerate() {
                let fit = self.within(was.word(), |checker| checker.pair_at(&index.to_string(), *old, *new))?;
                if fit.is_empty() {
                    fits.push(at);
                }
            }
            fitting.push(fits);
        }
        let matched = matching(&fitting, new.len());
        if matched < old.len().min(new.len()) {
            let reason = format!("only {matched} of its schemas fit one from before each");
            found.push("COMBINED_TYPE_SUBSCHEMAS_CHANGED", &path, reason);
        }
        Ok(found)
    }
}

/// How many can be paired at most, each with another of those that it fits: by paths that pair one more, looked for
/// without recursion, since a path can be as long as the list.
fn matching(fitting: &[Vec<usize>], count: usize) -> usize {
    let mut partner: Vec<Option<usize>> = vec![None; count];
    let mut matched = 0;
    for start in 0..fitting.len() {
        // From whom each was reached.
        let mut reached: Vec<Option<usize>> = vec![None; count];
        let mut left = vec![start];
        let mut free = None;
        while let Some(from) = left.pop() {
            for &to in &fitting[from] {
                if reached[to].is_some() {
                    continue;
                }
                reached[to] = Some(from);
                match partner[to] {
                    Some(next) => left.push(next),
                    None => free = Some(to),
                }
            }
            if free.is_some() {
                break;
            }
        }
        matched += usize::from(free.is_some());
        while let Some(to) = free {
            let from = reached[to].expect("it was reached");
            free = partner.iter().position(|taken| *taken == Some(from));
            partner[to] = Some(from);
            if from == start {
                break;
            }
        }
    }
    matched
}

#[cfg(test)]
mod tests {
    use super::matching;

    #[test]
    fn as_many_as_can_be_are_paired() {
        assert_eq!(matching(&[vec![0, 1], vec![0]], 2), 2);
        assert_eq!(matching(&[vec![0], vec![0]], 2), 1);
        assert_eq!(matching(&[vec![0, 1], vec![0, 2], vec![0], vec![1]], 3), 3);
        assert_eq!(matching(&[vec![], vec![1]], 2), 1);
        let long: Vec<Vec<usize>> = (0..300).map(|at| if at == 299 { vec![0] } else { vec![at, at + 1] }).collect();
        assert_eq!(matching(&long, 300), 300);
    }
}
