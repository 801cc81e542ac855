//! The files of a crate are stairs: none uses one that uses it, by itself or by others. A folder's `mod.rs` and the
//! files below it are one step, in which both may use each other.

use std::collections::{BTreeMap, BTreeSet};

use super::File;

/// Circles that have a reason, which stands in ARCHITECTURE.md: the crate, and the modules.
const NAMED: [(&str, &[&str]); 2] = [
    ("kafi-cluster/src/", &["ffi::client", "ffi::events", "ffi::question", "ffi::rebalance"]),
    ("kafi-cluster/src/", &["member", "session"]),
];

type Path = Vec<String>;

/// A file, and what it says of others: the paths that it uses, and the names under which it hands on those of others.
struct Module<'a> {
    uses: Vec<Path>,
    hands_on: BTreeMap<String, Path>,
    text: &'a str,
}

/// Circles of files that have no reason.
pub fn check(files: &[File]) -> Vec<String> {
    let roots = files.iter().filter_map(|file| {
        let root = file.path.strip_suffix("lib.rs").or_else(|| file.path.strip_suffix("main.rs"))?;
        root.ends_with("src/").then_some(root)
    });
    roots.collect::<BTreeSet<_>>().into_iter().flat_map(|root| circles(root, files)).collect()
}

fn circles(root: &str, files: &[File]) -> Vec<String> {
    let mut modules: BTreeMap<Path, Module<'_>> = files.iter().filter_map(|file| module(root, file)).collect();
    let names: BTreeSet<Path> = modules.keys().cloned().collect();
    for (name, module) in &mut modules {
        read_uses(name, &names, module);
    }
    let one_step = |a: &Path, b: &Path| a.starts_with(b) || b.starts_with(a);
    let leads_to = |name: &Path| -> BTreeSet<Path> {
        let used = modules[name].uses.iter().map(|path| found(path, &modules));
        used.filter(|used| !one_step(used, name)).collect()
    };
    let leads: BTreeMap<&Path, BTreeSet<Path>> = modules.keys().map(|name| (name, leads_to(name))).collect();
    let reached = |from: &Path| {
        let (mut seen, mut left) = (BTreeSet::new(), vec![from]);
        while let Some(name) = left.pop() {
            left.extend(leads[name].iter().filter(|next| seen.insert((*next).clone())));
        }
        seen
    };
    let reached: BTreeMap<&Path, BTreeSet<Path>> = modules.keys().map(|name| (name, reached(name))).collect();
    let circle = |name: &&Path| -> BTreeSet<String> {
        reached[*name].iter().filter(|other| reached[*other].contains(*name)).map(|path| path.join("::")).collect()
    };
    let circles: BTreeSet<BTreeSet<String>> =
        modules.keys().map(|name| circle(&name)).filter(|circle| !circle.is_empty()).collect();
    let has_reason = |circle: &BTreeSet<String>| {
        NAMED.iter().any(|(of, named)| *of == root && circle.iter().all(|module| named.contains(&module.as_str())))
    };
    let told = circles.into_iter().filter(|circle| !has_reason(circle));
    told.map(|circle| format!("{root}: {} use each other", circle.into_iter().collect::<Vec<_>>().join(", "))).collect()
}

/// The module that a file is; tests are none.
fn module<'a>(root: &str, file: &'a File) -> Option<(Path, Module<'a>)> {
    let path = file.path.strip_prefix(root)?.strip_suffix(".rs")?;
    let path = path.strip_suffix("/mod").unwrap_or(if matches!(path, "lib" | "main") { "" } else { path });
    let name: Path = path.split('/').filter(|part| !part.is_empty()).map(String::from).collect();
    if name.iter().any(|part| part.ends_with("tests") || part == "bin") {
        return None;
    }
    let text = file.text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    Some((name, Module { uses: Vec::new(), hands_on: BTreeMap::new(), text }))
}

fn read_uses(name: &[String], names: &BTreeSet<Path>, module: &mut Module<'_>) {
    let code = |line: &&str| !line.trim_start().starts_with("//");
    let text = module.text.lines().filter(code).collect::<Vec<_>>().join("\n");
    for piece in text.split(';') {
        let line = |at: usize| piece[..at].rsplit('\n').next().unwrap_or_default().trim();
        let at = piece.rfind("use ").filter(|at| ["", "pub", "pub(crate)", "pub(super)"].contains(&line(*at)));
        let (before, tree) = at.map_or((piece, ""), |at| (&piece[..at], &piece[at + 4..]));
        module.uses.extend(inline(before).filter_map(|path| absolute(name, names, path)));
        let mut paths = Vec::new();
        leaves("", tree, &mut paths);
        for full in paths.iter().filter_map(|path| absolute(name, names, path)) {
            match full.last() {
                Some(last) if at.is_some_and(|at| !line(at).is_empty()) => {
                    drop(module.hands_on.insert(last.clone(), full))
                }
                _ => module.uses.push(full),
            }
        }
    }
}

/// Paths from the crate, or from the folder above, in the midst of code.
fn inline(code: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | ':');
    code.split(move |c| !is_part(c)).filter(|word| word.starts_with("crate::") || word.starts_with("super::"))
}

/// The paths that a `use` names, without braces; what it calls them is not of interest.
fn leaves(before: &str, tree: &str, paths: &mut Vec<String>) {
    let tree = tree.trim();
    let Some((head, inner)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default().trim_end_matches("::self");
        return paths.push(format!("{before}{path}"));
    };
    let (inner, mut depth, mut start) = (inner.strip_suffix('}').unwrap_or(inner), 0, 0);
    for (at, byte) in inner.bytes().chain([b',']).enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            b',' if depth == 0 => {
                leaves(&format!("{before}{head}"), &inner[start..at], paths);
                start = at + 1;
            }
            _ => {}
        }
    }
}

/// A path from the crate on; `None` for one into another crate.
fn absolute(name: &[String], names: &BTreeSet<Path>, path: &str) -> Option<Path> {
    let parts: Path = path.split("::").map(String::from).collect();
    let above = parts.iter().take_while(|part| *part == "super").count();
    let base = match parts.first()?.as_str() {
        "crate" => Vec::new(),
        "self" => name.to_vec(),
        "super" => name[..name.len().saturating_sub(above)].to_vec(),
        child => [name, &[child.to_string()]].concat(),
    };
    let is_child = !matches!(parts[0].as_str(), "crate" | "self" | "super");
    (!is_child || names.contains(&base)).then(|| [base, parts[above.max(1)..].to_vec()].concat())
}

/// The module in which a path ends, wherever the name was handed on.
fn found(path: &[String], modules: &BTreeMap<Path, Module<'_>>) -> Path {
    let depth = (0..=path.len()).rev().find(|len| modules.contains_key(&path[..*len])).unwrap_or(0);
    let (module, rest) = path.split_at(depth);
    match rest.split_first().and_then(|(first, rest)| Some((modules.get(module)?.hands_on.get(first)?, rest))) {
        Some((from, rest)) if from.as_slice() != path => found(&[from, rest].concat(), modules),
        _ => module.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(texts: &[(&str, &str)]) -> Vec<String> {
        check(&texts.iter().map(|(path, text)| File::new(path, text)).collect::<Vec<_>>())
    }

    #[test]
    fn circles_are_found_also_over_names_that_are_handed_on() {
        let lib = ("k/src/lib.rs", "mod a;\nmod b;\npub use a::A;\n");
        let b = ("k/src/b/mod.rs", "mod c;\npub(crate) use c::{C, D as E};\n");
        let c = ("k/src/b/c.rs", "use std::fmt;\n\nuse crate::{A, Other};\n");
        let none: [String; 0] = [];
        assert_eq!(of(&[lib, b, c, ("k/src/a.rs", "fn a() {}\n")]), none);
        for uses in [
            "use crate::b::{C};\n",
            "fn a() { super::b::C::new(); }\n",
            "use crate::{\n    b::{\n        C,\n    },\n};\n",
        ] {
            assert_eq!(of(&[lib, b, c, ("k/src/a.rs", uses)]), ["k/src/: a, b::c use each other"], "{uses}");
        }
        assert_eq!(
            of(&[lib, b, c, ("k/src/a.rs", "// use crate::b::C;\n#[cfg(test)]\nmod tests { use crate::b::C; }\n")]),
            none
        );
    }

    #[test]
    fn a_folder_is_one_step_with_its_files() {
        let (parent, child) = (("k/src/b/mod.rs", "mod c;\nuse c::C;\n"), ("k/src/b/c.rs", "use super::B;\n"));
        assert!(of(&[("k/src/lib.rs", "mod b;\n"), parent, child]).is_empty());
    }
}
