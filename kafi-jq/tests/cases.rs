//! A table of programs, each with its input and what it makes of it: of ours, and of the real `jq`, which has to be
//! installed (Debian's package of that name).
//!
//! A case is a program, its input, and a line for each output, of which `error` is a failure; an empty line ends it. Before
//! it may stand `# since VERSION`, for what an older `jq` does differently, and `# differs: WHY`, for what we do otherwise
//! than jq.

use std::io::Write;
use std::process::{Command, Stdio};

use kafi_jq::Function;

/// So many cases are asked for together.
const TOGETHER: usize = 8;

struct Case<'a> {
    program: &'a str,
    input: &'a str,
    outputs: Vec<&'a str>,
    since: (u32, u32, u32),
    differs: bool,
}

fn cases() -> Vec<Case<'static>> {
    let blocks = include_str!("cases.txt").split("\n\n").filter(|block| !block.trim().is_empty());
    blocks.map(case).collect()
}

fn case(block: &'static str) -> Case<'static> {
    let mut lines = block.trim_matches('\n').lines().peekable();
    let (mut since, mut differs) = ((0, 0, 0), false);
    while let Some(mark) = lines.next_if(|line| line.starts_with("# ")) {
        match mark.strip_prefix("# since ") {
            Some(text) => since = version(text),
            None => differs |= mark.starts_with("# differs: "),
        }
    }
    let (program, input) = (lines.next().expect("a program"), lines.next().expect("an input"));
    Case { program, input, outputs: lines.collect(), since, differs }
}

fn version(text: &str) -> (u32, u32, u32) {
    let mut numbers = text.split(['.', '-']).map(|number| number.parse().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    (next(), next(), next())
}

/// What ours makes of it.
fn ours(program: &str, input: &str) -> Vec<String> {
    let mut outputs = Vec::new();
    let function = match Function::compile(program) {
        Ok(function) => function,
        Err(error) => panic!("{program}: {error}"),
    };
    let ran = function.run(input, |text| {
        outputs.push(text.to_string());
        Ok(std::ops::ControlFlow::Continue(()))
    });
    if ran.is_err() {
        outputs.push("error".into());
    }
    outputs
}

/// What the real one makes of these: several in one process, which takes its time to start, and to read long programs.
fn theirs(cases: &[&Case]) -> Vec<Vec<String>> {
    let programs = cases.iter().enumerate().map(|(index, Case { program, .. })| {
        format!("(select(.i == {index}) | .x | try ({program} | {{i: {index}, o: tojson}}) catch {{i: {index}, o: \"error\"}})")
    });
    let inputs = cases.iter().enumerate().map(|(index, case)| format!("{{\"i\":{index},\"x\":{}}}\n", case.input));
    let mut jq = Command::new("jq")
        .args(["-r", &format!("{} | \"\\(.i) \\(.o)\"", programs.collect::<Vec<_>>().join(",\n"))])
        .env("TZ", "UTC")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("jq is installed: apt-get install jq");
    jq.stdin.take().expect("it is piped").write_all(inputs.collect::<String>().as_bytes()).expect("jq reads");
    let output = jq.wait_with_output().expect("jq ends");
    assert!(output.status.success(), "jq failed");
    let mut outputs = vec![Vec::new(); cases.len()];
    for line in String::from_utf8(output.stdout).expect("UTF-8").lines() {
        let (index, text) = line.split_once(' ').expect("a number and an output");
        outputs[index.parse::<usize>().expect("a number")].push(text.to_string());
    }
    outputs
}

#[test]
fn every_case_does_as_the_table_says() {
    let cases = cases();
    assert!(cases.len() > 250, "only {} cases were found", cases.len());
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            let outputs = ours(case.program, case.input);
            (outputs != case.outputs)
                .then(|| format!("{} of {}: {outputs:?}, not {:?}", case.program, case.input, case.outputs))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_real_jq_does_as_the_table_says() {
    let said = Command::new("jq").arg("--version").output().expect("jq is installed: apt-get install jq");
    let installed = version(String::from_utf8_lossy(&said.stdout).trim().trim_start_matches("jq-"));
    let cases = cases();
    let asked: Vec<&Case> = cases.iter().filter(|case| case.since <= installed && !case.differs).collect();
    assert!(asked.len() > 200, "only {} cases are for jq {installed:?}", asked.len());
    let wrong: Vec<String> = asked
        .iter()
        .zip(asked.chunks(TOGETHER).flat_map(theirs))
        .filter(|(case, outputs)| *outputs != case.outputs)
        .map(|(case, outputs)| format!("{} of {}: {outputs:?}, not {:?}", case.program, case.input, case.outputs))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
