//! Unsafe code stands where C is called and where plugins are met, and nowhere else; tests and benches, which nobody
//! links, are free.

use super::File;

/// The folders and files that may hold it.
const PLACES: [&str; 5] =
    ["kafi-cluster/src/ffi/", "kafi-abi/src/", "kafi-core/src/abi/", "src/plugins.rs", "plugins/"];

/// What follows the word where it is code, not prose.
const WORD: &str = "unsafe ";
const FOLLOWS: [&str; 5] = ["{", "fn ", "impl", "trait ", "extern "];

/// Lines of Rust with unsafe code elsewhere.
pub fn check(files: &[File]) -> Vec<String> {
    let elsewhere = files.iter().filter(|file| file.path.ends_with(".rs") && !may_hold_it(&file.path));
    let found = elsewhere.flat_map(|file| {
        let lines = file.text.lines().enumerate().filter(|(_, line)| is_unsafe(line));
        lines.map(move |(index, _)| {
            format!("{}:{}: {WORD}code stands in {} only", file.path, index + 1, PLACES.join(" "))
        })
    });
    found.collect()
}

fn may_hold_it(path: &str) -> bool {
    PLACES.iter().any(|place| path.starts_with(place))
        || path.split('/').any(|folder| folder == "tests" || folder == "benches")
}

fn is_unsafe(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    code.match_indices(WORD).any(|(at, _)| FOLLOWS.iter().any(|next| code[at + WORD.len()..].starts_with(next)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_the_places_for_it_are_left_out() {
        let text = format!("// {WORD}{{}} in a comment\nlet a = {WORD}{{ b() }};\nlet b = \"{WORD}code\";\n");
        let files = [
            File::new("a.rs", &text),
            File::new("kafi-cluster/src/ffi/c.rs", &text),
            File::new("a/tests/d.rs", &text),
            File::new("a.md", &text),
        ];
        assert_eq!(check(&files), [format!("a.rs:2: {WORD}code stands in {} only", PLACES.join(" "))]);
    }
}
