//! What a JSON Schema refers to beside it.

use serde_json::Value;

/// The relative names in the references of a document, relative to where the first one lies; nothing, if it is no JSON.
pub(crate) fn references_of(name: &str, text: &str) -> Vec<String> {
    let Ok(document) = serde_json::from_str(text) else { return Vec::new() };
    let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut found = Vec::new();
    collect(&document, folder, &mut found);
    found
}

fn collect(value: &Value, folder: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            if let Some(uri) = members.get("$ref").and_then(Value::as_str) {
                found.extend(name_in(uri, folder).filter(|name| !found.contains(name)));
            }
            members.values().for_each(|member| collect(member, folder, found));
        }
        Value::Array(elements) => elements.iter().for_each(|element| collect(element, folder, found)),
        _ => {}
    }
}

/// The name that a reference leads to, seen from the first document; `None` for one within the document, with a scheme,
/// or with a root.
fn name_in(uri: &str, folder: &str) -> Option<String> {
    let path = uri.split('#').next().unwrap_or_default();
    if path.is_empty() || path.starts_with('/') || path.contains(':') {
        return None;
    }
    let mut steps: Vec<&str> = folder.split('/').filter(|step| !step.is_empty()).collect();
    for step in path.split('/') {
        match step {
            "" | "." => {}
            ".." => drop(steps.pop()?),
            step => steps.push(step),
        }
    }
    Some(steps.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_names_are_found_wherever_they_stand() {
        let text = r##"{"$ref": "a.json", "items": [{"$ref": "./b/c.json#/x"}, {"$ref": "../d.json"}], "properties": {"$ref": {"$ref": "a.json"}},
            "not": {"$ref": "#/x"}, "anyOf": [{"$ref": "http://h/x.json"}, {"$ref": "/etc/passwd"}, {"$ref": "../../up.json"}, {"$ref": 1}]}"##;
        let mut found = references_of("s/main.json", text);
        found.sort();
        assert_eq!(found, ["d.json", "s/a.json", "s/b/c.json"]);
        assert_eq!(references_of("main.json", "x"), [""; 0]);
        assert_eq!(name_in("../d.json", ""), None);
    }
}
