//! What the shells offer on the tabulator key, asked as their scripts ask.

use crate::support::Sandbox;

/// What is offered for the last word of a line.
fn offered(sandbox: &Sandbox, line: &str) -> Vec<String> {
    let index = line.split(' ').count() - 1;
    let question = format!("_CLAP_COMPLETE_INDEX={index} _CLAP_IFS=' ' KAFI_COMPLETE=bash kafi -- {line}");
    sandbox.text(&question).split_whitespace().map(str::to_string).collect()
}

#[test]
fn verbs_storages_topics_and_groups() {
    let sandbox = Sandbox::new();
    sandbox.run("kafi touch -q orders && kafi touch -q snacks && kafi touch ./archive/old && kafi produce orders x -q");
    sandbox.run("kafi cat -q -g billing orders && kafi cat -q -g shipping ./archive/old");
    sandbox.write("configs/locals/store.yaml", "local:\n  root.dir: ./archive\n");
    assert_eq!(offered(&sandbox, "kafi wat"), ["watermarks"]);
    assert_eq!(offered(&sandbox, "kafi cat o"), ["orders"]);
    assert_eq!(offered(&sandbox, "kafi cat st"), ["store:"]);
    assert_eq!(offered(&sandbox, "kafi cat store:"), ["store:old"]);
    assert_eq!(offered(&sandbox, "kafi cat ./archive/"), ["./archive/old"]);
    assert_eq!(offered(&sandbox, "kafi cp orders s"), ["snacks", "store:"]);
    assert_eq!(offered(&sandbox, "kafi diff orders s"), ["snacks", "store:"]);
    assert_eq!(offered(&sandbox, "kafi group show b"), ["billing"]);
    assert_eq!(offered(&sandbox, "kafi group show store:s"), ["store:shipping"]);
    assert_eq!(offered(&sandbox, "kafi cat store:old -g s"), ["shipping"]);
    assert_eq!(offered(&sandbox, "kafi cat orders --key-t"), ["--key-type"]);
    assert!(offered(&sandbox, "kafi cat nowhere:").is_empty());
}

#[test]
fn each_shell_has_a_script_that_asks() {
    let sandbox = Sandbox::new();
    for (shell, sign) in
        [("bash", "complete -o"), ("zsh", "#compdef kafi"), ("fish", "complete"), ("elvish", "edit:completion")]
    {
        let script = sandbox.text(&format!("kafi completion {shell}"));
        assert!(script.contains(sign) && script.contains("KAFI_COMPLETE"), "{shell}: {script}");
    }
}

/// Asks as bash does at the end of the line `$1`, which it has split at spaces and at its word breaks: those that it
/// begins with, or `$2`.
const BASH_QUESTION: &str = r#"
breaks=${2-$' \t\n"\'><=;|&(:'}
COMP_WORDBREAKS=$breaks
source <(kafi completion bash)
[[ $COMP_WORDBREAKS == "$breaks" ]] || echo "the word breaks are others now"
COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=9 COMP_WORDS=()
[[ $breaks == *:* ]] && split='[^ :=]+|[:=]+' || split='[^ ]+'
while read -r word; do COMP_WORDS+=("$word"); done < <(grep -oE "$split" <<< "$COMP_LINE")
[[ $COMP_LINE == *' ' ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_kafi_completion kafi "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
echo "${COMPREPLY[*]}"
"#;

#[test]
fn bash_keeps_its_word_breaks() {
    let sandbox = Sandbox::new();
    sandbox.text("kafi touch orders snacks && kafi touch ./archive/old");
    sandbox.write("configs/locals/store.yaml", "local:\n  root.dir: ./archive\n");
    sandbox.write("ask", BASH_QUESTION);
    for (line, expected) in [
        ("kafi cat o", "orders"),
        ("kafi cat st", "store:"),
        ("kafi cat store:", "old"),
        ("kafi cat store:o", "old"),
        ("kafi cat orders   store:o", "old"),
        ("kafi cat ./archive/", "./archive/old"),
        ("kafi cat --color=ne", "never"),
        ("kafi wat", "watermarks"),
        ("kafi cp orders s", "snacks store:"),
        ("kafi cat nowhere:", ""),
    ] {
        assert_eq!(sandbox.text(&format!("bash ask '{line}'")), format!("{expected}\n"), "{line}");
        let whole = expected.split(' ').map(|word| {
            format!(
                "{}{word}",
                if line.ends_with("store:") || line.ends_with("store:o") {
                    "store:"
                } else if line.contains('=') {
                    "--color="
                } else {
                    ""
                }
            )
        });
        let whole = if expected.is_empty() { String::new() } else { whole.collect::<Vec<_>>().join(" ") };
        assert_eq!(sandbox.text(&format!("bash ask '{line}' ' '")), format!("{whole}\n"), "{line}");
    }
}

#[test]
fn each_verb_has_a_manual_page() {
    let sandbox = Sandbox::new();
    sandbox.check(
        r#"
        $ kafi man pages && ls pages/kafi.1 pages/kafi-cat.1 pages/kafi-group-reset.1
        pages/kafi-cat.1
        pages/kafi-group-reset.1
        pages/kafi.1
        "#,
    );
    assert!(sandbox.read("pages/kafi-cat.1").contains("Go on at the end"));
}
