//! Nobody is sent to the package `kafi` of the registry, which is somebody else's: that of this library is `kafi-rs`.

use super::File;

/// What stands before a package's name where one is fetched, built, or linked to.
const BEFORE: [&str; 5] = ["cargo add ", "cargo install ", "crates.io/crates/", "docs.rs/", "cargo build -p "];

/// Lines that would lead to it.
pub fn check(files: &[File]) -> Vec<String> {
    let found = files.iter().filter(|file| !file.path.ends_with("Cargo.lock")).flat_map(|file| {
        let lines = file.text.lines().enumerate().filter(|(_, line)| leads_astray(line));
        lines.map(move |(index, line)| format!("{}:{}: the package is kafi-rs: {}", file.path, index + 1, line.trim()))
    });
    found.collect()
}

fn leads_astray(line: &str) -> bool {
    let written = line.trim().trim_start_matches(['/', '!', '#', ' ']);
    let is_dependency = written
        .strip_prefix("kafi = ")
        .is_some_and(|what| what.starts_with(['"', '{']) && !what.contains("kafi-rs") && !what.contains("workspace"));
    let is_named = |before: &&str| {
        let mut after = line.split(before).skip(1).filter_map(|after| after.strip_prefix("kafi"));
        after.any(|after| !after.starts_with(|next: char| next.is_alphanumeric() || matches!(next, '-' | '_')))
    };
    is_dependency || written.starts_with("[dependencies.kafi]") || BEFORE.iter().any(is_named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_to_the_other_package_is_found() {
        let name = "kafi";
        let bad = [
            format!("{name} = \"0.1\""),
            format!("//! {name} = {{ version = \"0.1\" }}"),
            format!("$ cargo add {name}"),
            format!("cargo install {name} --features x"),
            format!("[it](https://crates.io/crates/{name})"),
            format!("https://docs.rs/{name}/latest"),
        ];
        let good = [
            format!("{name} = {{ package = \"kafi-rs\", version = \"0.1\" }}"),
            format!("{name} = {{ workspace = true }}"),
            format!("{name}.workspace = true"),
            "cargo add kafi-rs".into(),
            "cargo install kafi-cli".into(),
            format!("let {name} = open()?;"),
            format!("let {name} = {{ \"x\" }}"),
        ];
        let file = |lines: &[String]| [File::new("a.md", &lines.join("\n"))];
        assert_eq!(check(&file(&bad)).len(), bad.len());
        assert_eq!(check(&file(&good)), [""; 0]);
    }
}
