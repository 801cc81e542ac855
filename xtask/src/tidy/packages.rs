//! What is published says what it is: on its page at the registry, in a README, and in a changelog of its own.

use super::File;

const KEYS: [&str; 8] =
    ["description", "version", "license", "repository", "readme", "keywords", "categories", "rust-version"];
const DOCUMENTS: [&str; 2] = ["README.md", "CHANGELOG.md"];

/// Manifests of packages that may be published and lack a key, or a document beside them.
pub fn check(files: &[File]) -> Vec<String> {
    let manifests = files.iter().filter(|file| file.path == "Cargo.toml" || file.path.ends_with("/Cargo.toml"));
    let published = manifests
        .filter_map(|file| Some((file, package(&file.text)?)))
        .filter(|(_, package)| !package.contains("\npublish = false"));
    published.flat_map(|(file, package)| missing(files, file, package)).collect()
}

/// The section `package`.
fn package(manifest: &str) -> Option<&str> {
    let section = &manifest[manifest.find("[package]\n")?..];
    section.split("\n[").next()
}

fn missing(files: &[File], manifest: &File, package: &str) -> Vec<String> {
    // `version.workspace` would not be a version of its own.
    let has = |key: &&str| {
        package.lines().any(|line| {
            line.starts_with(&format!("{key} = ")) || *key != "version" && line == format!("{key}.workspace = true")
        })
    };
    let keys = KEYS
        .iter()
        .filter(|key| !has(key))
        .map(|key| format!("{}: a published package needs its {key}", manifest.path));
    let folder = manifest.path.strip_suffix("Cargo.toml").expect("a manifest has this name");
    let documents = DOCUMENTS
        .iter()
        .map(|name| format!("{folder}{name}"))
        .filter(|path| files.iter().all(|file| file.path != *path));
    keys.chain(documents.map(|path| format!("{path}: a published package needs it"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_published_package_lacks_is_found() {
        let whole = "[package]\ndescription = \"a\"\nversion = \"1.0.0\"\nlicense.workspace = true\nrepository.workspace = true\nreadme = \"README.md\"\n\
                     keywords = []\ncategories = []\nrust-version.workspace = true\n\n[dependencies]\n";
        let files = |manifest: &str| {
            [File::new("a/Cargo.toml", manifest), File::new("a/README.md", ""), File::new("a/CHANGELOG.md", "")]
        };
        assert_eq!(check(&files(whole)), [""; 0]);
        assert_eq!(check(&files(whole)[..2]), ["a/CHANGELOG.md: a published package needs it"]);
        let of_workspace = whole.replace("version = \"1.0.0\"", "version.workspace = true");
        assert_eq!(check(&files(&of_workspace)), ["a/Cargo.toml: a published package needs its version"]);
        let without = whole.replace("keywords = []\n", "").replace("[dependencies]", "[dependencies]\nkeywords = []");
        assert_eq!(check(&files(&without)), ["a/Cargo.toml: a published package needs its keywords"]);
        let private = "[package]\nname = \"a\"\npublish = false\n";
        assert_eq!(check(&[File::new("a/Cargo.toml", private), File::new("Cargo.toml", "[workspace]\n")]), [""; 0]);
    }
}
