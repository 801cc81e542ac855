//! Every crate takes the lints of the workspace, and those ask for documentation; and none ends the process when
//! something panics, which would break plugins.

use super::File;

const WORKSPACE_LINTS: [&str; 2] = ["missing_docs = \"deny\"", "unwrap_used = \"deny\""];

/// Manifests without the workspace's lints, and lints that are gone.
pub fn check(files: &[File]) -> Vec<String> {
    let manifests = files.iter().filter(|file| file.path == "Cargo.toml" || file.path.ends_with("/Cargo.toml"));
    let mut wrong = Vec::new();
    for manifest in manifests {
        if manifest.path == "Cargo.toml" {
            let gone = WORKSPACE_LINTS.iter().filter(|lint| !manifest.text.contains(*lint));
            wrong.extend(gone.map(|lint| format!("Cargo.toml: the lint {lint} is gone")));
        }
        if manifest.text.contains("panic = \"abort\"") {
            wrong.push(format!(
                "{}: a profile sets panic = \"abort\", so that a panic of a plugin could not become an error",
                manifest.path
            ));
        }
        // Whoever has a workspace of its own cannot take the lints of ours.
        let is_apart = manifest.path != "Cargo.toml" && manifest.text.contains("[workspace]\n");
        if !is_apart && !manifest.text.contains("[lints]\nworkspace = true") {
            wrong.push(format!("{}: lacks `[lints] workspace = true`", manifest.path));
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_without_lints_is_found() {
        let root = format!("{}\n[lints]\nworkspace = true\n", WORKSPACE_LINTS[0]);
        let files = [
            File::new("Cargo.toml", &root),
            File::new("a/Cargo.toml", "[package]\n"),
            File::new("b/Cargo.toml", "[lints]\nworkspace = true\n"),
            File::new("c/Cargo.toml", "[workspace]\n[package]\n"),
            File::new("d/Cargo.toml", "[workspace]\n[profile.release]\npanic = \"abort\"\n"),
        ];
        let aborts =
            "d/Cargo.toml: a profile sets panic = \"abort\", so that a panic of a plugin could not become an error"
                .to_string();
        let expected = [
            format!("Cargo.toml: the lint {} is gone", WORKSPACE_LINTS[1]),
            "a/Cargo.toml: lacks `[lints] workspace = true`".into(),
            aborts,
        ];
        assert_eq!(check(&files), expected);
    }
}
