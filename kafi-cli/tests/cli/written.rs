//! What could not be printed is not done: standard output that is closed, full, or read by nobody, beside a group.

use std::fs::File;
use std::process::Stdio;

use crate::support::{Sandbox, seen};

/// Everything that reads as a group and prints, with the code of its failures.
const LINES: [(&str, i32); 8] = [
    ("kafi cat t -g g", 1),
    ("kafi cat t -g g --json", 1),
    ("kafi head t -g g -n 3", 1),
    ("kafi grep v t -g g", 2),
    ("kafi grep -c v t -g g", 2),
    ("kafi grep -l v t -g g", 2),
    ("kafi wc t -g g", 1),
    ("kafi wc t -g g --json", 1),
];

fn five() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.text("kafi touch t -q && printf 'v%s\\n' 1 2 3 4 5 | kafi produce t -q");
    sandbox
}

#[test]
fn a_closed_stdout_is_an_error_and_commits_nothing() {
    let sandbox = five();
    for (line, code) in LINES {
        let output = sandbox.run(&format!("{line} >&-"));
        assert_eq!(output.status.code(), Some(code), "{line}: {}", seen(&output));
        assert!(
            String::from_utf8_lossy(&output.stderr).contains("error: write to stdout: "),
            "{line}: {}",
            seen(&output)
        );
        assert_eq!(sandbox.text("kafi cat t -g g --no-commit | wc -l").trim(), "5", "{line}");
    }
    for line in ["kafi ls >&-", "kafi watermarks t >&-", "kafi group reset g t -o end --execute >&-"] {
        assert_eq!(sandbox.run(line).status.code(), Some(1), "{line}");
    }
    assert_eq!(sandbox.text("kafi cat t -g g | wc -l").trim(), "5", "what could not be told was not done");
    // Where there is nothing to print nothing is missing, and where it is not wanted neither.
    assert_eq!(seen(&sandbox.run("kafi cat t -g g >&-")), "");
    sandbox.text("kafi produce t v6 -q >&- && kafi cp t ./b/ -q >&-");
    let nowhere = File::options().read(true).write(true).open("/dev/null").unwrap();
    assert!(sandbox.shell("kafi cat t -g g").stdout(Stdio::from(nowhere)).status().unwrap().success());
    assert_eq!(sandbox.text("kafi cat t -g g"), "");
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_an_error_and_commits_nothing() {
    let sandbox = five();
    for (line, code) in LINES {
        let output = sandbox.run(&format!("{line} > /dev/full"));
        assert_eq!(output.status.code(), Some(code), "{line}: {}", seen(&output));
        assert!(
            String::from_utf8_lossy(&output.stderr).contains("error: write to stdout: "),
            "{line}: {}",
            seen(&output)
        );
        assert_eq!(sandbox.text("kafi cat t -g g --no-commit | wc -l").trim(), "5", "{line}");
    }
}

#[test]
fn a_pipe_that_nobody_reads_is_no_error_and_commits_nothing() {
    let sandbox = five();
    for (line, _) in LINES {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = sandbox.shell(line).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{line}: {}", seen(&output));
        assert!(!seen(&output).contains("error"), "{line}: {}", seen(&output));
        assert_eq!(sandbox.text("kafi cat t -g g --no-commit | wc -l").trim(), "5", "{line}");
    }
}
