//! Messages that a copy could spoil.

/// Messages with everything that could get lost, one envelope a line.
pub fn nasty() -> String {
    let fields = [
        r#""key":null,"value":null"#.to_string(),
        r#""key":"","value":"""#.into(),
        r#""key":"k","value":{"b": 1.50, "a":[9223372036854775808,null]}"#.into(),
        r#""key":"null","value":"null""#.into(),
        r#""key":null,"key_base64":"/wA=","value":null,"value_base64":"AP/+""#.into(),
        format!(r#""key":"\u0000\n\"","value":"\u001b[31m{}ä""#, '\u{2028}'),
        r#""key":[1],"key_raw":"[1] ","value":{"a":1},"value_raw":" {\"a\":1}""#.into(),
        r#""key":"5","value":"{\"a\":1""#.into(),
        format!(r#""key":"large","value":"{}""#, "x".repeat(900_000)),
    ];
    let headers = [
        r#"[]"#,
        r#"[{"key":"h","value":"1"},{"key":"h","value":"2"},{"key":"h","value":null},{"key":"h","value":""}]"#,
        r#"[{"key":"","value":"{}"},{"key":null,"key_base64":"/w==","value":null,"value_base64":"/wA="}]"#,
    ];
    let mut lines = String::new();
    for (index, fields) in fields.iter().enumerate() {
        let (partition, timestamp, headers) = (index % 2, [5i64, 1_732_660_705_555, 0][index % 3], headers[index % 3]);
        lines.push_str(&format!(
            r#"{{"topic":"t","partition":{partition},"offset":{},"timestamp":{timestamp},"timestamp_type":"create","headers":{headers},{fields}}}"#,
            index / 2
        ));
        lines.push('\n');
    }
    lines
}

/// Envelopes without their offsets, sorted, since partitions are read one after another.
pub fn without_offsets(lines: &str) -> Vec<String> {
    let without = |line: &str| {
        let (before, rest) = line.split_once("\"offset\":").unwrap();
        format!("{before}{}", rest.split_once(',').unwrap().1)
    };
    let mut lines: Vec<String> = lines.lines().map(without).collect();
    lines.sort();
    lines
}
