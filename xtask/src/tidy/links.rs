//! Links between the documents lead to files that exist.

use super::File;

/// Links of documents to files that are not there.
pub fn check(files: &[File]) -> Vec<String> {
    let documents = files.iter().filter(|file| file.path.ends_with(".md"));
    let broken = documents.flat_map(|document| {
        let links = targets(&document.text)
            .filter(|link| !link.is_empty() && !link.contains("://") && !link.starts_with("mailto:"));
        let broken = links.filter(|link| !leads_somewhere(files, &document.path, link));
        broken.map(|link| format!("{}: nothing is at {link}", document.path)).collect::<Vec<_>>()
    });
    broken.collect()
}

/// What stands in the parentheses of `[text](target#section)`, without the section.
fn targets(text: &str) -> impl Iterator<Item = &str> {
    let links = text.match_indices("](").filter_map(|(at, _)| text[at + 2..].split_once(')'));
    links.map(|(target, _)| target.split('#').next().unwrap_or_default())
}

fn leads_somewhere(files: &[File], document: &str, link: &str) -> bool {
    let mut path: Vec<&str> = document.split('/').collect();
    path.pop();
    for part in link.trim_end_matches('/').split('/') {
        match part {
            "." => {}
            ".." => drop(path.pop()),
            part => path.push(part),
        }
    }
    let path = path.join("/");
    files.iter().any(|file| file.path == path || file.path.starts_with(&format!("{path}/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_links_are_found() {
        let text = "[a](../a.md#top) [b](c.md) [c](https://x.y/z) [d](#here) [e](./d/) [f](../nothing)";
        let files = [File::new("docs/b.md", text), File::new("a.md", ""), File::new("docs/d/e.md", "")];
        assert_eq!(check(&files), ["docs/b.md: nothing is at c.md", "docs/b.md: nothing is at ../nothing"]);
    }
}
