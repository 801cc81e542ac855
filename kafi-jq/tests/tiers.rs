//! What is evaluated over bytes makes what the interpreter makes, errors included.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test that cannot go on fails")]

use std::ops::ControlFlow;

use kafi_core::{Json, Record};
use kafi_jq::{Fold, Function, FunctionOptions, MessageView, Part, Tier};

#[path = "../../fuzz/src/functions.rs"]
mod functions;

/// All of these are evaluated over bytes.
const EXPRESSIONS: &[&str] = &[
    ".value.a",
    ".value.a.b",
    ".value.a?",
    ".value.a?.b?",
    ".value[0]",
    ".value.a[1]",
    ".value[\"a\"]",
    ".value",
    ".key",
    ".value.a == 1",
    ".value.a != \"x\"",
    ".value.a == \"x\" or .value.b == \"3\"",
    ".value.a == \"a\\\"y\"",
    ".value.a.b == \"x\" and .value.c != \"\"",
    ".value.a < .value.b",
    ".value.a >= 1.5",
    ".value.a == null",
    ".value.b == true",
    ".value.a > .key",
    ".value.a and .value.b",
    ".value.a or .value.b",
    ".value.a | not",
    ".value.a // \"none\"",
    ".value.a // .value.b // 3",
    "select(.value.a == 1) | .offset",
    ".value | select(.a) | .b",
    "if .value.a then .value.b else .key end",
    "if .value.a == 1 then 1 elif .value.b then 2 else 3 end",
    ".value | has(\"a\")",
    ".value.a | length",
    ".value.a | type",
    ".value | type",
    ".value.a | startswith(\"x\")",
    ".value.a | endswith(\"y\")",
    ".value.a | contains(\"x\")",
    ".value.a | test(\"^x.*y$\")",
    ".value.a | ltrimstr(\"x\")",
    ".value.a | ascii_downcase",
    ".value.a | ascii_downcase == \"xy\"",
    "(.value.a | ascii_downcase) == \"xy\"",
    ".value.a | ascii_downcase != \"xäy\"",
    "{a: (.value.a | ascii_downcase)}",
    ".value.a | tostring",
    ".value.a | tonumber",
    ".value.a + 1",
    ".value.a - .value.b",
    ".value.a * 2.5",
    ".value.a / .value.b",
    ".value.a % 3",
    ".value.a + .value.b",
    "{value: .value.a}",
    "{value: {id: .value.a, b: .value.b, \"c d\": .key}}",
    ".value | {a, b}",
    "[.value.a]",
    "[]",
    "[.value.a, .value.b, .key]",
    "[.value.a?, select(.value.b), [.value.c, 1], \"x\"]",
    "{value: [(.value | select(.a)), {b: .value.b}]}",
    "[.value.a, .value.b] | length",
    ".value | keys",
    ".value.a | keys",
    ".value.a | keys_unsorted",
    ".value | keys | length",
    "{value: (.value | keys), a: [.value | keys_unsorted]}",
    ".value | length",
    "[{a: (.value | select(.a)), b: 1}]",
    "{a: {b: [.value.a | select(.)]}, c: (.value.b | {d: .})}",
    ".topic == \"t\" and .partition == 0 and .offset < 5 and .timestamp > 1",
];

/// All of these are put into the bytes.
const EDITS: &[&str] = &[
    ".value.a = 1",
    ".value.a = .key",
    ".value.a.b = .value.c",
    ".value.a[1] = \"x\"",
    ".value.new = {a: .value.a}",
    ".value.a |= . + 1",
    ".value.a |= ascii_downcase",
    ".value.a += 1",
    ".value.a -= .value.b",
    ".value.a *= 2 | .value.b = .value.a",
    ".value.a //= \"none\"",
    "del(.value.a)",
    "del(.value.b) | del(.value.a)",
    "del(.value.a.b)",
    ".value = .value.a",
    ".value |= {a, c}",
    ".key = .value.a | .value.b = .key",
    "{value: {id: .value.a}}",
    "{key: .value.a}",
    "{value: .key}",
];

/// All of these are folded over bytes, or change in place what was made so far.
const FOLDS: &[&str] = &[
    ". + 1",
    ".[$m.key] += 1",
    ".[$m.value.b] += $m.value.a",
    ".[$m.value.b] = $m.value.a",
    ".[$m.value.b] |= . + 1",
    ".[$m.value.b | ascii_downcase] -= 1",
    ".n += 1 | .sum += $m.value.a | .last = ($m.value.b // $m.key)",
    ".in.n += 1",
    ".in[$m.value.b] += 1",
    ".n += ($m.value | length)",
    ".max |= if . == null or $m.value.a > . then $m.value.a else . end",
    ".[if $m.value.a == 1 then \"one\" else \"others\" end] += 1",
];

/// A generator of numbers, always the same.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn one_of(&mut self, all: &[&str]) -> String {
        all[self.below(all.len() as u64) as usize].to_string()
    }

    fn json(&mut self, depth: u32) -> String {
        let space = self.one_of(&["", "", " ", "\n\t"]);
        match self.below(if depth == 0 { 8 } else { 14 }) {
            0 => "null".into(),
            1 => self.one_of(&["true", "false"]),
            2 | 3 => self.one_of(&["0", "1", "-0", "1.0", "2.50", "1e2", "-3", "17", "0.1", "3"]),
            4 => self.one_of(&[
                "9007199254740993",
                "9007199254740992",
                "18446744073709551615",
                "1e400",
                "123456789012345.5",
            ]),
            5..=7 => self.one_of(&[
                "\"x\"",
                "\"xy\"",
                "\"\"",
                "\"Xäy\"",
                "\"x\\ny\"",
                "\"\\u0078\"",
                "\"\\ud800\"",
                "\"3\"",
                "\"a\\\"y\"",
            ]),
            8 | 9 => {
                let items: Vec<String> = (0..self.below(3)).map(|_| self.json(depth - 1)).collect();
                format!("[{space}{}{space}]", items.join(&format!("{space},")))
            }
            _ => {
                let members: Vec<String> = (0..self.below(4))
                    .map(|_| {
                        let name = self.one_of(&["a", "a", "b", "b", "c", "\\u0061", "a b"]);
                        format!("{space}\"{name}\"{space}:{space}{}", self.json(depth - 1))
                    })
                    .collect();
                format!("{{{}{space}}}", members.join(","))
            }
        }
    }
}

/// Everything that a function makes of a message, as the interpreter would write it, and what it fails with.
fn made(function: &Function, same: &Function, message: &MessageView<'_>) -> Vec<String> {
    let mut all = Vec::new();
    let ran = function.run_message(message, |text| {
        all.extend(same.all(text).expect("it makes JSON"));
        Ok(ControlFlow::Continue(()))
    });
    all.extend(ran.err().map(|error| error.to_string()));
    all.push(function.keeps(message).map_or_else(|error| error.to_string(), |keeps| keeps.to_string()));
    all
}

#[test]
fn both_tiers_make_the_same() {
    let same = Function::compile(".").expect("a function");
    let functions: Vec<(Function, Function)> = EXPRESSIONS
        .iter()
        .map(|text| {
            let compiled = || Function::compile(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(compiled().tier(), Tier::Bytes, "{text}");
            (compiled(), compiled().interpreted())
        })
        .collect();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for round in 0..400 {
        let (json, key) = (random.json(3), random.json(1));
        let mut record = Record::new("t", None, None);
        (record.partition, record.offset, record.timestamp) = (0, round % 7, 5);
        let value = match round % 9 {
            0 => Part::Null,
            1 => Part::Text("xy"),
            2 => Part::Bytes(b"\xff"),
            _ => Part::Json(&json),
        };
        let message = MessageView::new(&record, if round % 2 == 0 { Part::Text("k") } else { Part::Json(&key) }, value);
        for (over_bytes, interpreted) in &functions {
            let (ours, theirs) = (made(over_bytes, &same, &message), made(interpreted, &same, &message));
            assert_eq!(ours, theirs, "{} of {value:?}", over_bytes.text());
        }
    }
}

/// What becomes of key and value, or what fails.
fn changed(function: &Function, [same, merge]: [&Function; 2], message: &MessageView<'_>) -> Vec<String> {
    let mut all = Vec::new();
    let part = |part: Part<'_>| match part {
        Part::Json(text) => same.all(text).expect("JSON").remove(0),
        Part::Text(text) => format!("{text:?}"),
        _ => "null".to_string(),
    };
    let (key, value) = (part(message.key), part(message.value));
    let ran = function.change_message(message, |text| {
        // What is left out stays.
        let whole = format!("{{\"key\":{key},\"value\":{value}}}");
        all.extend(merge.all(&format!("[{whole},{text}]")).expect("objects"));
        Ok(ControlFlow::Continue(()))
    });
    all.extend(ran.err().map(|error| error.to_string()));
    all
}

#[test]
fn both_tiers_change_the_same() {
    let same = Function::compile(".").expect("a function");
    let merge = Function::compile(". as [$old, $new] | $old + $new | [.key, .value]").expect("a function");
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let messages: Vec<(String, String)> = (0..150).map(|_| (random.json(3), random.json(1))).collect();
    for text in EDITS {
        let compiled = || Function::compile(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(compiled().tier(), Tier::Bytes, "{text}");
        let (over_bytes, interpreted) = (compiled(), compiled().interpreted());
        for (json, key) in &messages {
            let record = Record::new("t", None, None);
            let message = MessageView::new(&record, Part::Json(key), Part::Json(json));
            let (ours, theirs) =
                (changed(&over_bytes, [&same, &merge], &message), changed(&interpreted, [&same, &merge], &message));
            assert_eq!(ours, theirs, "{text} of {json}");
        }
    }
}

#[test]
fn both_tiers_fold_the_same() {
    let mut random = Random(0x1234_5678_9abc_def1);
    let messages: Vec<(String, String)> = (0..25).map(|_| (random.json(2), random.json(1))).collect();
    for (text, initial) in
        FOLDS.iter().flat_map(|text| ["null", "{}", r#"{"in":{},"n":1}"#, "7"].map(|from| (text, from)))
    {
        let fold = || {
            let initial = Json::parse(initial).expect("JSON");
            let fold = Fold::compile(text, &FunctionOptions::default(), &initial);
            fold.unwrap_or_else(|error| panic!("{text}: {error}"))
        };
        assert_eq!(fold().tier(), Tier::Bytes, "{text}");
        for keeps in [false, true] {
            let kept = |fold: Fold| if keeps { fold.keeping() } else { fold };
            let (mut over_bytes, mut interpreted) = (kept(fold()), kept(fold().interpreted()));
            for (json, key) in &messages {
                let record = Record::new("t", None, None);
                let message = MessageView::new(&record, Part::Json(key), Part::Json(json));
                let said = |fold: &mut Fold| fold.push_view(&message).map_err(|error| error.to_string());
                assert_eq!(said(&mut over_bytes), said(&mut interpreted), "{text} of {json}");
                assert_eq!(over_bytes.made(), interpreted.made(), "{text} of {json}");
            }
        }
    }
}

#[test]
fn folds_whose_changes_see_each_other_are_interpreted() {
    for text in
        [".a += 1 | .b = .a", ".a += 1 | .a += 1", ".[$m.key] += 1 | .n += 1", ".a += .b", "reduce 1 as $x (.; .)"]
    {
        let fold = Fold::compile(text, &FunctionOptions::default(), &Json::parse("{}").expect("JSON"));
        assert_eq!(fold.expect("a fold").tier(), Tier::Jaq, "{text}");
    }
}

#[test]
fn what_nobody_touched_keeps_its_bytes() {
    let value = "{ \"price\": 19.990,\t\"id\": 18446744073709551615 , \"in\" : {\"b\" : [1,\t2] } }";
    let record = Record::new("t", None, None);
    let message = MessageView::new(&record, Part::Null, Part::Json(value));
    for (text, expected) in [
        (".value.price += 1", value.replace("19.990", "20.99")),
        (".value.in.b[1] = \"x\"", value.replace("\t2]", "\t\"x\"]")),
        (".value.new = true", value.replace("] } }", "] },\"new\":true }")),
        ("del(.value.price)", value.replace("\"price\": 19.990,\t", "")),
        ("del(.value.id)", value.replace(",\t\"id\": 18446744073709551615", "")),
        ("del(.value.in.b)", value.replace("\"b\" : [1,\t2]", "")),
    ] {
        let mut all = Vec::new();
        let function = Function::compile(text).expect("a function");
        let ran = function.change_message(&message, |text| {
            all.push(text.to_string());
            Ok(ControlFlow::Continue(()))
        });
        ran.expect("it runs");
        assert_eq!(all, [format!("{{\"value\":{expected}}}")], "{text}");
    }
}

#[test]
fn what_is_taken_out_of_the_bytes_stays_as_it_stands() {
    let value = "{ \"price\": 19.990, \"id\": 18446744073709551615, \"in\": {\"b\" : [1,\t2] } }";
    let record = Record::new("t", None, None);
    let message = MessageView::new(&record, Part::Null, Part::Json(value));
    for (text, expected) in [
        (".value.price", "19.990"),
        (".value.id", "18446744073709551615"),
        (".value.in", "{\"b\" : [1,\t2] }"),
        ("{value: .value.in.b, key: .value.price}", "{\"value\":[1,\t2],\"key\":19.990}"),
    ] {
        let function = Function::compile(text).expect("a function");
        let mut all = Vec::new();
        function
            .run_message(&message, |text| {
                all.push(text.to_string());
                Ok(ControlFlow::Continue(()))
            })
            .expect("it runs");
        assert_eq!(all, [expected], "{text}");
    }
}

#[test]
fn what_makes_several_values_or_names_variables_is_interpreted() {
    for text in [
        ".value[]",
        ".value.a, .value.b",
        "[.value[], 1]",
        ".value | to_entries",
        "def f: 1; f",
        ". as $x | 1",
        "-.value.a",
        ".headers[0]?",
    ] {
        let tier = Function::compile(text).expect("a function").tier();
        let expected = if text == ".headers[0]?" { Tier::Bytes } else { Tier::Jaq };
        assert_eq!(tier, expected, "{text}");
    }
}

#[test]
fn any_program_of_any_value() {
    const WORDS: &[&str] = &[
        ".value",
        ".key",
        ".offset",
        ".a",
        ".b?",
        "[0]",
        "[\"a\"]",
        " | ",
        " == ",
        " < ",
        " + ",
        " - ",
        " * ",
        " / ",
        " // ",
        " and ",
        " or ",
        "not",
        "1",
        "2.5",
        "-0",
        "1e3",
        "\"x\"",
        "\"xy\"",
        "null",
        "true",
        "select(",
        ")",
        "if ",
        " then ",
        " else ",
        " end",
        "length",
        "type",
        "tostring",
        "tonumber",
        "ascii_downcase",
        "startswith(\"x\")",
        "test(\"y$\")",
        "has(\"a\")",
        "{a: ",
        "}",
        "[",
        "]",
        ", ",
        " = ",
        " |= ",
        " += ",
        " //= ",
        "del(",
        ".value.a",
        ".value.b",
        ".",
        "..",
        "keys",
        "map(",
        "$m",
        "reduce ",
    ];
    let mut random = Random(0x1234_5678_9abc_def1);
    for round in 0..500u64 {
        let edits = EXPRESSIONS.iter().chain(EDITS);
        let mut program = match round % 3 {
            0 => String::new(),
            _ => edits.clone().nth(random.below(edits.count() as u64) as usize).expect("one of them").to_string(),
        };
        for _ in 0..random.below(4) {
            let word = random.one_of(WORDS);
            let at = random.below(program.len() as u64 + 1) as usize;
            if program.is_char_boundary(at) {
                program.insert_str(at, &word);
            }
        }
        let value = random.json(3);
        functions::run(format!("{program}\0{value}").as_bytes());
    }
}
