//! Finds the known word that a mistyped one was meant to be.

/// The candidate that `word` was most likely meant to be, or `None` if none is near.
///
/// Case and the difference between `.`, `_`, and `-` do not count. Otherwise near means an edit distance (insertions,
/// deletions, substitutions, and swaps of neighbours) of at most a third of the longer word, or that one contains the
/// other (`batch.size` is near `consume.batch.size`). Of several equally near ones the first wins.
///
/// ```
/// use kafi_core::nearest;
/// assert_eq!(nearest("topcs", ["groups", "topics"]), Some("topics"));
/// assert_eq!(nearest("weather", ["groups", "topics"]), None);
/// ```
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = folded(word);
    candidates
        .into_iter()
        .filter_map(|candidate| Some((rank(&word, &folded(candidate))?, candidate)))
        .min_by_key(|(rank, _)| *rank)
        .map(|(_, name)| name)
}

/// `, did you mean x?`, or else the list of what is known: the end of a message about an unknown word.
pub(crate) fn suggestion(word: &str, known: &[&str]) -> String {
    match nearest(word, known.iter().copied()) {
        Some(name) => format!(", did you mean {name}?"),
        None => format!("; known: {}", known.join(" ")),
    }
}

/// Words longer than this are compared by their beginning: the distance takes the product of both lengths.
const COMPARED_CHARS_MAX: usize = 100;

fn folded(word: &str) -> Vec<char> {
    let fold = |c: char| if matches!(c, '_' | '-') { '.' } else { c.to_ascii_lowercase() };
    word.chars().take(COMPARED_CHARS_MAX).map(fold).collect()
}

/// How far apart two words are, or `None` if they have nothing to do with each other.
fn rank(word: &[char], candidate: &[char]) -> Option<usize> {
    let limit = word.len().max(candidate.len()).div_ceil(3);
    let distance = distance(word, candidate);
    if distance <= limit {
        return Some(distance);
    }
    // A part of the name ranks after every near miss, the better the less is missing.
    (contains(candidate, word) || contains(word, candidate)).then_some(COMPARED_CHARS_MAX + distance)
}

fn contains(long: &[char], short: &[char]) -> bool {
    short.len() >= 3 && long.windows(short.len()).any(|window| window == short)
}

/// The optimal string alignment distance.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let substituted = last[j] + usize::from(x != y);
            let mut best = substituted.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant() {
        let known = ["consume.batch.size", "produce.batch.size", "consume.timeout", "verbose", "key.type", "root.dir"];
        let cases = [
            ("consume.batchsize", Some("consume.batch.size")),
            ("CONSUME_BATCH_SIZE", Some("consume.batch.size")),
            ("porduce.batch.size", Some("produce.batch.size")),
            ("verbsoe", Some("verbose")),
            ("timeout", Some("consume.timeout")),
            ("type", Some("key.type")),
            ("rootdir", Some("root.dir")),
            ("consume.tvvvvvv", None),
            ("acks", None),
            ("", None),
        ];
        for (word, expected) in cases {
            assert_eq!(nearest(word, known), expected, "{word}");
        }
        assert_eq!(nearest("A-b_c-d_e", ["f", "a.b.c.d.e"]), Some("a.b.c.d.e"));
        assert_eq!(nearest("abcdef", ["abcxyz"]), None);
        assert_eq!(nearest("x", []), None);
    }

    #[test]
    fn measures_edits() {
        let cases = [
            ("", "", 0),
            ("a", "", 1),
            ("", "abc", 3),
            ("abc", "acb", 1),
            ("abc", "abd", 1),
            ("kitten", "sitting", 3),
            ("ca", "abc", 3),
        ];
        for (a, b, expected) in cases {
            let [a, b] = [a, b].map(|word| word.chars().collect::<Vec<_>>());
            assert_eq!(distance(&a, &b), expected, "{a:?} {b:?}");
        }
    }

    #[test]
    fn suggests_or_lists() {
        assert_eq!(suggestion("verbos", &["verbose", "quiet"]), ", did you mean verbose?");
        assert_eq!(suggestion("xyz", &["verbose", "quiet"]), "; known: verbose quiet");
    }
}
