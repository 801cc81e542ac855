//! Columns that grow while rows are written.

use super::*;

#[test]
fn a_file_is_begun_anew_where_its_columns_grow() {
    let (int, text, list) = (r#"{"a":1}"#, r#"{"a":"x"}"#, r#"{"a":[1]}"#);
    let nulls = r#"{"a":null}"#;
    // What comes first, what comes later, and in which formats that makes another file of it.
    let of_columns = ["parquet", "feather", "orc"].as_slice();
    let cases: [(&[&str], &[&str], &[&str]); 12] = [
        (&[int, int], &[r#"{"a":9007199254740993}"#, nulls, "{}"], &[]),
        (&[int, int], &[r#"{"a":19.990}"#], of_columns),
        (&[r#"{"a":1.5}"#], &[r#"{"a":12.5}"#], &["parquet", "feather"]),
        (&[r#"{"a":1.5}"#], &[r#"{"a":2}"#, int], &[]),
        (&[r#"{"a":1e3}"#], &[r#"{"a":2.5e-3}"#, int], &[]),
        (&[r#"{"a":1e3}"#], &[r#"{"a":9007199254740993}"#], of_columns),
        (&[nulls], &[text], &[]),
        (&[nulls], &[int], of_columns),
        (&[text], &[int, r#"{"a":"\n"}"#, r#"{"a":true}"#, list], &[]),
        (&[list], &[r#"{"a":[2.5,null]}"#], &["parquet", "feather"]),
        (&[int], &[r#"{"b":1}"#, int], &["csv", "parquet", "feather", "orc"]),
        (&[int, "17"], &[r#"{"a":1,"a":2}"#, r#"{"a":1"#, r#"{"a":false}"#], of_columns),
    ];
    for (first, later, anew) in cases {
        let bench = Bench::new();
        bench.storage.admin().unwrap().create_topic(&NewTopic::new("t"), WAIT).unwrap();
        bench.import(first.join("\n").as_bytes(), "t", "json", |_| {}).unwrap();
        // Enough to be first.
        let more = format!("{}\n", first.last().unwrap()).repeat(20);
        bench.import(more.as_bytes(), "t", "json", |_| {}).unwrap();
        let mut batch = Batch::new();
        later.iter().for_each(|value| batch.push(Record::new("t", None, Some(value.as_bytes()))));
        let mut writer = Writer::open(bench.storage.as_ref(), &ProducerOptions::default(), Arc::default()).unwrap();
        writer.write(&batch).unwrap();
        writer.close(None).unwrap();
        for format in
            formats().into_iter().filter(|format| ["csv", "json"].contains(format) || of_columns.contains(format))
        {
            let options = ExportOptions::new(format.parse().unwrap());
            let serdes = Serdes::default();
            let read = ReadOptions { batch_records_max: 2, ..ReadOptions::default() };
            let (place, failures) = (&bench.place, Failures::stop());
            let source = TopicSource { place, topic: "t", serdes: &serdes, options: read, failures, through: None };
            let mut begun = 0;
            let mut files = bench.storage.files().unwrap();
            let exported = topic_to_new_file(&source, &options, &mut || {
                begun += 1;
                files.create("anew", WAIT)
            })
            .unwrap();
            let what = format!("{format} {first:?} {later:?}");
            assert_eq!(begun, if anew.contains(&format) { 2 } else { 1 }, "{what}");
            let mut file = bench.storage.files().unwrap().create("once", WAIT).unwrap();
            let once = topic_to_file(&source, file.as_mut(), &options).unwrap();
            assert_eq!((once.rows, once.texts), (exported.rows, exported.texts), "{what}");
            let values = ["anew", "once"].map(|name| {
                let to = format!("{name}-{format}");
                bench.create(&to);
                let file = bench.storage.files().unwrap().open(name, WAIT).unwrap();
                bench.import_from(FileInput::File(file), &to, format, |_| {}).unwrap();
                let mut values = bench.values(&to);
                values.sort();
                values
            });
            assert_eq!(values[0], values[1], "{what}");
            assert_eq!(values[0].len(), first.len() + 20 + later.len(), "{what}");
        }
    }
}
