//! Topics as data frames, and columns with types.

use super::*;
use crate::{df_to_topic, topic_to_df};
use arrow_array::{RecordBatch, RecordBatchReader};
use kafi_core::{BytesText, ColumnType, TimeUnit};

fn frame(bench: &Bench, topic: &str, change: impl FnOnce(&mut ExportOptions)) -> (String, Vec<RecordBatch>) {
    let mut options = ExportOptions::new("json".parse().unwrap());
    change(&mut options);
    let (serdes, read, failures) = (Serdes::default(), ReadOptions::default(), Failures::stop());
    let source = TopicSource { place: &bench.place, topic, serdes: &serdes, options: read, failures, through: None };
    let frame = topic_to_df(&source, &options).unwrap();
    let schema = frame.schema();
    let types: Vec<_> =
        schema.fields().iter().map(|field| format!("{}: {}", field.name(), field.data_type())).collect();
    (types.join(", "), frame.map(|columns| columns.unwrap()).collect())
}

#[test]
fn a_topic_is_a_data_frame_and_comes_back() {
    let bench = Bench::new();
    let rows: Vec<String> = (0..20_000).map(|id| format!("{{\"id\":{id},\"name\":\"n{id}\"}}")).collect();
    bench.fill("t", &rows.iter().map(|row| Some(row.as_bytes())).collect::<Vec<_>>());
    let (types, columns) = frame(&bench, "t", |_| {});
    assert_eq!(types, "id: Int64, name: Utf8");
    assert!(columns.len() > 1 && columns.iter().map(RecordBatch::num_rows).sum::<usize>() == 20_000);
    bench.create("u");
    let serdes = Serdes::default();
    let (cancel, failures, progress) = (Cancel::new(), Failures::stop(), Arc::default());
    let target = TopicTarget { place: &bench.place, topic: "u", serdes: &serdes, failures, cancel, progress };
    let options = ImportOptions { key_column: Some("id".into()), ..ImportOptions::new("json".parse().unwrap()) };
    assert_eq!(df_to_topic(columns.into_iter().map(Ok), &target, &options).unwrap().written, 20_000);
    let mut values = bench.values("u");
    values.sort();
    let mut expected: Vec<String> = rows.iter().enumerate().map(|(id, row)| format!("{id} {row}")).collect();
    expected.sort();
    assert_eq!(values, expected);
}

#[test]
fn a_schema_says_what_columns_are() {
    let bench = Bench::new();
    let rows: [&[u8]; 2] = [
        br#"{"id":1,"at":1767323045123456,"day":20455,"price":19.90,"raw":"\u00ff\u0000","tags":{"a":[1]},"x":{"y":null}}"#,
        br#"{"id":-1,"at":"2026-01-02T03:04:05Z","any":[1]}"#,
    ];
    bench.fill("t", &rows.map(Some));
    let list = ColumnType::List(Box::new(ColumnType::Int32));
    let members = [
        ("id", ColumnType::Int32),
        ("at", ColumnType::Timestamp { unit: TimeUnit::Microseconds, utc: true }),
        ("day", ColumnType::Date),
        ("price", ColumnType::Decimal { precision: 9, scale: 2 }),
        ("raw", ColumnType::Bytes(BytesText::Characters)),
        ("tags", ColumnType::Map(Box::new(list))),
        ("x", ColumnType::Struct(vec![("y".into(), ColumnType::Float64)])),
        ("any", ColumnType::Any),
    ];
    let schema = ColumnType::Struct(members.map(|(name, type_)| (name.to_string(), type_)).to_vec());
    let (types, columns) = frame(&bench, "t", |options| options.schema = Some(schema.clone()));
    assert!(
        types
            .starts_with("id: Int32, at: Timestamp(µs, \"+00:00\"), day: Date32, price: Decimal128(9, 2), raw: Binary"),
        "{types}"
    );
    let mut lines = Vec::new();
    columns.iter().for_each(|columns| crate::arrow::write_lines(columns, None, &mut lines).unwrap());
    let lines = String::from_utf8(lines).unwrap();
    let mut lines: Vec<&str> = lines.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            r#"{"id":-1,"at":"2026-01-02T03:04:05Z","day":null,"price":null,"raw":null,"tags":null,"x":null,"any":"[1]"}"#,
            r#"{"id":1,"at":"2026-01-02T03:04:05.123456Z","day":"2026-01-02","price":19.90,"raw":"/wA=","tags":{"a":[1]},"x":{"y":null},"any":null}"#,
        ]
    );
}

#[test]
fn what_does_not_fit_is_named_or_left_out() {
    let bench = Bench::new();
    let types = [
        ("int", ColumnType::Int64),
        ("small", ColumnType::UInt32),
        ("price", ColumnType::Decimal { precision: 4, scale: 2 }),
        ("text", ColumnType::Str),
        ("ok", ColumnType::Bool),
        ("day", ColumnType::Date),
        ("at", ColumnType::Timestamp { unit: TimeUnit::Nanoseconds, utc: true }),
        ("x", ColumnType::Struct(vec![("y".into(), ColumnType::List(Box::new(ColumnType::Int32)))])),
    ];
    let schema = ColumnType::Struct(types.map(|(name, type_)| (name.to_string(), type_)).to_vec());
    for (index, (row, why)) in [
        (r#"{"int":1.5}"#, "column int, topic TOPIC, partition 0, offset 0: 1.5 does not fit into Int64"),
        (r#"{"int":9223372036854775808}"#, "9223372036854775808 does not fit into Int64"),
        (r#"{"small":-1}"#, "-1 does not fit into UInt32"),
        (r#"{"price":19.999}"#, "19.999 does not fit into Decimal128(4, 2)"),
        (r#"{"price":100}"#, "100 does not fit into Decimal128(4, 2)"),
        (r#"{"text":5}"#, "5 does not fit into Utf8"),
        (r#"{"ok":"yes"}"#, "\"yes\" does not fit into Boolean"),
        (r#"{"day":"soon"}"#, "\"soon\" does not fit into Date32"),
        (r#"{"at":"9999-12-31T23:59:59Z"}"#, "does not fit into Timestamp(ns, \"+00:00\")"),
        (r#"{"x":{"y":[1,"a"]}}"#, ".y[1]: \"a\" does not fit into Int32"),
        (r#"{"x":{"z":1}}"#, ".z: nothing said before the first row that there is such a member"),
        (r#"{"more":1}"#, "column more, topic TOPIC, partition 0, offset 0: nothing said"),
    ]
    .into_iter()
    .enumerate()
    {
        let topic = format!("t{index}");
        bench.fill(&topic, &[Some(row.as_bytes()), Some(br#"{"int":7,"price":19.9,"x":{"y":[1]}}"#)]);
        let mut options = ExportOptions::new("parquet".parse().unwrap());
        options.schema = Some(schema.clone());
        let export = |failures: &Failures| {
            let serdes = Serdes::default();
            let (place, failures) = (&bench.place, failures.clone());
            let read = ReadOptions::default();
            let source = TopicSource { place, topic: &topic, serdes: &serdes, options: read, failures, through: None };
            topic_to_file(&source, bench.storage.files().unwrap().create("x", WAIT).unwrap().as_mut(), &options)
        };
        let error = export(&Failures::stop()).unwrap_err().to_string();
        assert!(error.contains(&why.replace("TOPIC", &topic)), "{error}");
        let skipped = Failures::skip();
        assert_eq!((export(&skipped).unwrap().rows, skipped.count()), (1, 1), "{row}");
    }
}

#[test]
fn what_a_schema_leaves_open_is_found() {
    let bench = Bench::new();
    let rows: [&[u8]; 2] = [
        br#"{"id":1,"n":1,"at":"2026-01-02T03:04:05+01:00","on":"2026-01-02","time":"03:04:05Z","bad":"2026-01-02","x":{"y":1.50,"more":true}}"#,
        br#"{"id":18446744073709551615,"n":19.990,"at":null,"bad":"soon","list":["2026-01-03"],"extra":"2026-01-02"}"#,
    ];
    bench.fill("t", &rows.map(Some));
    let members = [
        ("never", ColumnType::Int64),
        ("id", ColumnType::Int64),
        ("n", ColumnType::Number),
        ("at", ColumnType::Timestamp { unit: TimeUnit::Microseconds, utc: true }),
        ("on", ColumnType::Date),
        ("time", ColumnType::Time(TimeUnit::Microseconds)),
        ("bad", ColumnType::Date),
        ("list", ColumnType::List(Box::new(ColumnType::Date))),
        ("x", ColumnType::Struct(vec![("y".into(), ColumnType::Open)])),
    ];
    let schema = ColumnType::Struct(members.map(|(name, type_)| (name.to_string(), type_)).to_vec());
    let (types, columns) = frame(&bench, "t", |options| options.schema = Some(schema.clone()));
    assert_eq!(
        types,
        "never: Int64, id: Decimal128(20, 0), n: Decimal128(5, 3), at: Timestamp(µs, \"+00:00\"), on: Date32, time: Time64(µs), \
         bad: Utf8, list: List(Date32), x: Struct(\"y\": Decimal128(3, 2), \"more\": Boolean), extra: Utf8"
    );
    let mut lines = Vec::new();
    columns.iter().for_each(|columns| crate::arrow::write_lines(columns, None, &mut lines).unwrap());
    let lines = String::from_utf8(lines).unwrap();
    let first = r#"{"never":null,"id":1,"n":1.000,"at":"2026-01-02T02:04:05Z","on":"2026-01-02","time":"03:04:05","bad":"2026-01-02","list":null,"x":{"y":1.50,"more":true},"extra":null}"#;
    assert!(lines.lines().any(|line| line == first), "{lines}");
    let (exported, _) = bench.export("t", "orc", |options| options.schema = Some(schema.clone())).unwrap();
    assert_eq!(exported.texts, ["id", "n", "time", "bad", "list", "x"]);
}

#[cfg(feature = "orc")]
#[test]
fn some_points_in_time_have_no_number_in_orc() {
    let bench = Bench::new();
    let at = ColumnType::Timestamp { unit: TimeUnit::Microseconds, utc: true };
    let schema = ColumnType::Struct(vec![("at".into(), at)]);
    let export = |topic: &str, at: &str, format| {
        let row = format!("{{\"at\":\"{at}\"}}");
        bench.fill(topic, &[Some(row.as_bytes())]);
        bench.export(topic, format, |options| options.schema = Some(schema.clone()))
    };
    let why = "ORC has no number for a point in time with a fraction in the last second before 1970";
    for (topic, at) in [("half", "1969-12-31T23:59:59.5Z"), ("low", "1969-12-31T23:59:59.001Z")] {
        let error = export(topic, at, "orc").unwrap_err();
        assert!(error.to_string().contains("column at") && error.to_string().contains("offset 0"), "{error}");
        assert_eq!((error.message(), error.hint_text()), (why, Some("Parquet and Feather have it")));
    }
    for (topic, at) in [("late", "2262-04-11T23:47:16.854776Z"), ("early", "1677-09-21T00:12:43.145224Z")] {
        let error = export(topic, at, "orc").unwrap_err();
        assert!(error.to_string().contains("column at") && error.to_string().contains("offset 0"), "{error}");
        assert_eq!(error.message(), "readers of ORC hold no points in time before 1677-09-22 and after 2262-04-11");
    }
    for (topic, at) in [
        ("whole", "1969-12-31T23:59:59Z"),
        ("last", "2262-04-11T23:47:16.854775Z"),
        ("first", "1677-09-21T00:12:43.145225Z"),
        ("part", "1969-12-31T23:59:59.000999Z"),
        ("before", "1969-12-31T23:59:58.5Z"),
        ("after", "1970-01-01T00:00:00.5Z"),
    ] {
        let (_, bytes) = export(topic, at, "orc").unwrap();
        let back = format!("{topic}-back");
        bench.create(&back);
        bench.import(&bytes, &back, "orc", |_| {}).unwrap();
        let values = bench.values(&back);
        assert!(values[0].contains(at.trim_end_matches('Z')), "{values:?}");
    }
}
