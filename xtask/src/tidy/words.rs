//! What is not done yet is an issue, not a comment.

use super::File;

/// Written in two parts, so that this file does not name them.
const WORDS: [&str; 6] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("to", "do!"),
    concat!("unimple", "mented!"),
    concat!("db", "g!"),
    concat!("HA", "CK"),
];

/// Lines of programs and of manifests that hold one of the words.
pub fn check(files: &[File]) -> Vec<String> {
    let looked_at = files.iter().filter(|file| file.is_source() || file.path.ends_with(".toml"));
    let found = looked_at.flat_map(|file| {
        let lines = file.text.lines().enumerate();
        lines.filter_map(move |(index, line)| Some(format!("{}:{}: {}", file.path, index + 1, word_in(line)?)))
    });
    found.collect()
}

/// The word that stands in `line`, not as a part of a longer one.
fn word_in(line: &str) -> Option<&'static str> {
    let stands = |word: &&str| {
        line.match_indices(*word)
            .any(|(at, _)| !is_name(line[..at].chars().next_back()) && !is_name(line[at + word.len()..].chars().next()))
    };
    WORDS.iter().find(|word| stands(word)).copied()
}

fn is_name(next: Option<char>) -> bool {
    next.is_some_and(|next| next.is_alphanumeric() || next == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_and_parts_of_words_are_not() {
        let text = format!("fn a() {{ {}() }}\n// {}: later\nlet MASTO{} = 1;", WORDS[2], WORDS[0], &WORDS[0][2..]);
        let files = [File::new("a.rs", &text), File::new("a.md", &text)];
        assert_eq!(check(&files), [format!("a.rs:1: {}", WORDS[2]), format!("a.rs:2: {}", WORDS[0])]);
    }
}
