//! Topics into files and back, over a storage in memory.

mod drawn;
#[cfg(feature = "feather")]
mod feather;
#[cfg(feature = "arrow")]
mod foreign;
#[cfg(feature = "arrow")]
mod frames;
mod growing;
#[cfg(any(feature = "xml", feature = "xlsx"))]
mod markup;

use std::io::Cursor;
use std::sync::Arc;
use std::time::Duration;

use kafi_core::{
    Batch, Cancel, Failures, FileReader, Json, NewTopic, Place, ProducerOptions, Progress, ReadOptions, Reader, Record,
    Result, Serdes, Settings, Storage, TimestampType, Writer,
};

use crate::{
    Columns, ExportOptions, Exported, FileInput, ImportOptions, Imported, Infer, TopicSource, TopicTarget,
    file_to_topic, topic_to_file, topic_to_new_file,
};

const WAIT: Duration = Duration::from_secs(60);

/// Messages as they can be: nulls, empty ones, bytes that are no text, headers twice, JSON of every kind.
const VALUES: [Option<&[u8]>; 12] = [
    Some(br#"{"id":9007199254740993,"price":19.990,"name":"a,\"b\"\n","ok":true,"none":null}"#),
    Some(br#"{ "id": 2, "nested": {"x": [1, {"y": "z"}]}, "late": "" }"#),
    None,
    Some(b""),
    Some(b"plain text"),
    Some(b"\xff\x00bytes"),
    Some(b"17"),
    Some(b"null"),
    Some(b"\"quoted\""),
    Some(br#"[1,2]"#),
    Some(br#"{"id":1.50,"name":"\ud83d\ude00"}"#),
    Some(br#"{"a":1,"a":2}"#),
];

struct Bench {
    storage: Arc<dyn Storage>,
    place: Place,
}

impl Bench {
    fn new() -> Self {
        let storage: Arc<dyn Storage> = Arc::new(kafi_fs::open_memory("mem"));
        let place = Place::new(Arc::clone(&storage), Settings::default());
        Self { storage, place }
    }

    fn create(&self, topic: &str) {
        self.storage.admin().unwrap().create_topic(&NewTopic::new(topic).partitions(3), WAIT).unwrap();
    }

    /// Makes a topic of these values.
    fn fill(&self, topic: &str, values: &[Option<&[u8]>]) {
        self.create(topic);
        let mut batch = Batch::new();
        let mut headers = kafi_core::HeadersBuf::new();
        headers.push("h", "x");
        headers.push_null("h");
        headers.push([0xff], [0xfe]);
        for (index, value) in values.iter().enumerate() {
            let keys: [Option<&[u8]>; 4] = [Some(b"k"), None, Some(b""), Some(b"\xff")];
            let mut record = Record::new(topic, keys[index % 4], *value);
            (record.partition, record.timestamp) = ((index % 3) as i32, 1_700_000_000_000 + index as i64);
            if index % 5 == 4 {
                record.timestamp_type = TimestampType::Append;
            }
            if index % 2 == 1 {
                record.headers = headers.as_headers();
            }
            batch.push(record);
        }
        let options = ProducerOptions { keep_timestamps: true, ..ProducerOptions::default() };
        let mut writer = Writer::open(self.storage.as_ref(), &options, Arc::default()).unwrap();
        writer.write(&batch).unwrap();
        writer.close(None).unwrap();
    }

    /// Adds messages.
    fn fill_more(&self, topic: &str, count: usize) {
        let mut batch = Batch::new();
        (0..count).for_each(|_| batch.push(Record::new(topic, None, Some(b"{\"id\":0}"))));
        let mut writer = Writer::open(self.storage.as_ref(), &ProducerOptions::default(), Arc::default()).unwrap();
        writer.write(&batch).unwrap();
        writer.close(None).unwrap();
    }

    fn export(
        &self,
        topic: &str,
        format: &str,
        change: impl FnOnce(&mut ExportOptions),
    ) -> Result<(Exported, Vec<u8>)> {
        let mut options = ExportOptions::new(format.parse()?);
        change(&mut options);
        let serdes = Serdes::default();
        let (read, failures) = (ReadOptions::default(), Failures::stop());
        let source = TopicSource { place: &self.place, topic, serdes: &serdes, options: read, failures, through: None };
        let mut files = self.storage.files()?;
        let exported = topic_to_new_file(&source, &options, &mut || files.create("x", WAIT))?;
        let read = || {
            let mut reader = self.storage.files()?.open("x", WAIT)?;
            let mut bytes = vec![0; reader.bytes() as usize];
            reader.read_at(0, &mut bytes, WAIT)?;
            Ok::<_, kafi_core::Error>(bytes)
        };
        let bytes = read()?;
        assert_eq!(exported.bytes, bytes.len() as u64);
        // It is the same where the messages are looked at before the first row.
        let mut file = files.create("x", WAIT)?;
        assert_eq!(topic_to_file(&source, file.as_mut(), &options)?.texts, exported.texts);
        assert!(read()? == bytes || !matches!(format, "csv" | "tsv" | "json" | "xml"), "{format}");
        Ok((exported, bytes))
    }

    fn text(&self, topic: &str, format: &str, change: impl FnOnce(&mut ExportOptions)) -> String {
        String::from_utf8(self.export(topic, format, change).unwrap().1).unwrap()
    }

    fn import(
        &self,
        bytes: &[u8],
        topic: &str,
        format: &str,
        change: impl FnOnce(&mut ImportOptions),
    ) -> Result<Imported> {
        let mut file = self.storage.files()?.create("y", WAIT)?;
        file.write(bytes, WAIT)?;
        file.finish(WAIT)?;
        let reader: Box<dyn FileReader> = self.storage.files()?.open("y", WAIT)?;
        self.import_from(FileInput::File(reader), topic, format, change)
    }

    fn import_from(
        &self,
        mut input: FileInput,
        topic: &str,
        format: &str,
        change: impl FnOnce(&mut ImportOptions),
    ) -> Result<Imported> {
        let mut options = ImportOptions::new(format.parse()?);
        change(&mut options);
        let serdes = Serdes::default();
        let (cancel, progress) = (Cancel::new(), Arc::<Progress>::default());
        let target =
            TopicTarget { place: &self.place, topic, serdes: &serdes, failures: Failures::stop(), cancel, progress };
        file_to_topic(&mut input, &target, &options)
    }

    /// All messages, as they can be compared: without topic and offset, by partition.
    fn messages(&self, topic: &str) -> Vec<String> {
        let mut reader = Reader::open(self.storage.as_ref(), &[topic.to_string()], &ReadOptions::default()).unwrap();
        let (mut batch, mut all) = (Batch::new(), Vec::new());
        while reader.read(&mut batch).unwrap() {
            all.extend(batch.iter().map(|record| {
                let headers: Vec<_> = record.headers.iter().map(|header| (header.name, header.value)).collect();
                format!(
                    "{} {:?} {} {:?} {:?} {:?} {headers:?}",
                    record.partition, record.offset, record.timestamp, record.timestamp_type, record.key, record.value
                )
            }));
        }
        all.sort();
        all
    }

    fn values(&self, topic: &str) -> Vec<String> {
        let mut reader = Reader::open(self.storage.as_ref(), &[topic.to_string()], &ReadOptions::default()).unwrap();
        let (mut batch, mut all) = (Batch::new(), Vec::new());
        while reader.read(&mut batch).unwrap() {
            all.extend(batch.iter().map(|record| {
                let text = |bytes: Option<&[u8]>| {
                    bytes.map_or("-".into(), |bytes| String::from_utf8_lossy(bytes).into_owned())
                };
                (record.partition, record.offset, format!("{} {}", text(record.key), text(record.value)))
            }));
        }
        all.sort();
        all.into_iter().map(|(_, _, text)| text).collect()
    }
}

/// The formats of this build.
fn formats() -> Vec<&'static str> {
    let mut formats = vec!["csv", "tsv", "json", "csv.gz", "json.zst"];
    if cfg!(feature = "xml") {
        formats.extend(["xml", "xml.gz"]);
    }
    if cfg!(feature = "xlsx") {
        formats.push("xlsx");
    }
    if cfg!(feature = "parquet") {
        formats.push("parquet");
    }
    if cfg!(feature = "feather") {
        formats.push("feather");
    }
    if cfg!(feature = "orc") {
        formats.push("orc");
    }
    formats
}

#[test]
fn an_envelope_brings_back_the_same_topic_in_every_format() {
    let bench = Bench::new();
    bench.fill("from", &VALUES);
    for format in formats() {
        let (exported, bytes) = bench.export("from", format, |options| options.envelope = true).unwrap();
        assert_eq!(exported.rows, VALUES.len() as u64, "{format}");
        let to = format!("to.{format}");
        bench.create(&to);
        let imported = bench.import(&bytes, &to, format, |options| options.envelope = true).unwrap();
        assert_eq!(imported, Imported { rows: VALUES.len() as u64, written: VALUES.len() as u64 }, "{format}");
        assert_eq!(bench.messages(&to), bench.messages("from"), "{format}");
    }
    let (_, bytes) = bench.export("from", "json", |options| (options.envelope, options.array) = (true, true)).unwrap();
    bench.create("array");
    bench.import(&bytes, "array", "json", |options| options.envelope = true).unwrap();
    assert_eq!(bench.messages("array"), bench.messages("from"));
}

#[test]
fn members_of_values_become_columns() {
    let bench = Bench::new();
    bench.create("t");
    let rows = [
        r#"{"id":9007199254740993,"price":19.990,"tags":["a","b"]}"#,
        r#"{"id":2,"name":"a,b","at":{"x":1},"price":null}"#,
        r#"{"name":"","ok":true}"#,
    ];
    bench.import(rows.join("\n").as_bytes(), "t", "json", |_| {}).unwrap();
    let whole = bench.text("t", "json", |_| {});
    let mut lines: Vec<&str> = whole.lines().collect();
    lines.sort_unstable();
    let mut expected = rows;
    expected.sort_unstable();
    assert_eq!(lines, expected);

    bench.fill("one", &[Some(rows[0].as_bytes()), None]);
    let names = |text: &str| text.lines().next().unwrap().to_string();
    let csv = bench.text("one", "csv", |_| {});
    assert_eq!(csv, "id,price,tags\n9007199254740993,19.990,\"[\"\"a\"\",\"\"b\"\"]\"\n,,\n");
    let columns = |list: &str| Columns::parse(list).unwrap();
    let tsv = bench.text("one", "tsv", |options| options.columns = columns("key,partition,value.id"));
    assert_eq!(tsv, "key\tpartition\tid\nk\t0\t9007199254740993\n\t1\t\n");
    bench.fill("nested", &[Some(rows[1].as_bytes())]);
    let flat = bench.text("nested", "csv", |options| options.flatten = Some(".".into()));
    assert_eq!(flat, "id,name,at.x,price\n2,\"a,b\",1,\n");
    let flat = bench.text("nested", "json", |options| options.flatten = Some("_".into()));
    assert_eq!(flat, "{\"id\":2,\"name\":\"a,b\",\"at_x\":1,\"price\":null}\n");
    let array = bench.text("nested", "json", |options| options.array = true);
    assert_eq!(array, format!("[\n{}\n]\n", rows[1]));
    assert_eq!(names(&bench.text("one", "csv", |options| options.infer = Infer::First(1))), "id,price,tags");
}

#[test]
fn a_column_that_comes_later_is_named() {
    let bench = Bench::new();
    bench.fill("t", &[Some(br#"{"a":1}"#), Some(br#"{"b":2}"#)]);
    let error = bench.export("t", "csv", |options| options.infer = Infer::First(1)).unwrap_err();
    assert!(error.to_string().contains("column b, topic t, partition 1, offset 0"), "{error}");
    assert!(bench.storage.files().unwrap().list("", WAIT).unwrap().is_empty(), "the file is not there");
}

#[test]
fn an_empty_topic_is_an_empty_file() {
    let bench = Bench::new();
    bench.create("t");
    assert_eq!(bench.text("t", "csv", |_| {}), "");
    assert_eq!(bench.text("t", "json", |_| {}), "");
    assert_eq!(bench.text("t", "json", |options| options.array = true), "[\n]\n");
    for format in ["csv", "json"] {
        assert_eq!(bench.import(b"", "t", format, |_| {}).unwrap(), Imported::default());
    }
}

#[test]
fn rows_become_messages() {
    let bench = Bench::new();
    let csv =
        b",id,at,p,name,flag,code\n0,1,2026-01-02 03:04:05+00:00,2,\"x\ny\",True,007\n1,2.50,1700000000000,0,,False,\n";
    for (topic, from_stream) in [("file", false), ("stream", true)] {
        bench.create(topic);
        let change = |options: &mut ImportOptions| {
            options.key_column = Some("id".into());
            options.partition_column = Some("p".into());
        };
        let imported = match from_stream {
            false => bench.import(csv, topic, "csv", change),
            true => bench.import_from(FileInput::Stream(Box::new(Cursor::new(csv.to_vec()))), topic, "csv", change),
        };
        assert_eq!(imported.unwrap().written, 2);
        let expected = [
            r#"2.50 {"id":2.50,"at":"1700000000000","name":null,"flag":false,"code":null}"#,
            r#"1 {"id":1,"at":"2026-01-02 03:04:05+00:00","name":"x\ny","flag":true,"code":"007"}"#,
        ];
        assert_eq!(bench.values(topic), expected);
    }
    bench.create("times");
    let json = br#"[{"at":"2026-01-02T03:04:05Z","k":{"a":1}},{"at":1700000000001,"k":null}]"#;
    bench
        .import(json, "times", "json", |options| {
            (options.timestamp_column, options.key_column) = (Some("at".into()), Some("k".into()));
        })
        .unwrap();
    let times: Vec<String> =
        bench.messages("times").iter().map(|line| line.split(' ').nth(2).unwrap().into()).collect();
    assert!(times.contains(&"1767323045000".to_string()) && times.contains(&"1700000000001".to_string()), "{times:?}");
}

#[cfg(feature = "arrow")]
#[test]
fn columns_have_types_and_lose_no_digit() {
    let bench = Bench::new();
    let rows: [&[u8]; 3] = [
        br#"{"id":9007199254740993,"price":19.990,"big":123456789012345678901234567890,"ok":true,"tags":["a"],"at":{"x":1},"mixed":1}"#,
        br#"{"id":2,"price":5,"ok":null,"tags":[],"at":{"y":"z"},"mixed":"m"}"#,
        br#"{"id":3,"name":"\u00e4","float":1.5e3,"mixed":{"a":[1]}}"#,
    ];
    bench.fill("t", &rows.map(Some));
    let expected = [
        r#"{"id":9007199254740993,"price":19.990,"big":123456789012345678901234567890,"ok":true,"tags":["a"],"at":{"x":1,"y":null},"mixed":"1","name":null,"float":null}"#,
        r#"{"id":2,"price":5.000,"big":null,"ok":null,"tags":[],"at":{"x":null,"y":"z"},"mixed":"m","name":null,"float":null}"#,
        r#"{"id":3,"price":null,"big":null,"ok":null,"tags":null,"at":null,"mixed":"{\"a\":[1]}","name":"\u00e4","float":1500.0}"#,
    ];
    // Its writer has neither decimals nor anything nested.
    let of_orc = [
        r#"{"id":9007199254740993,"price":"19.990","big":"123456789012345678901234567890","ok":true,"tags":"[\"a\"]","at":"{\"x\":1}","mixed":"1","name":null,"float":null}"#,
        r#"{"id":2,"price":"5","big":null,"ok":null,"tags":"[]","at":"{\"y\":\"z\"}","mixed":"m","name":null,"float":null}"#,
        r#"{"id":3,"price":null,"big":null,"ok":null,"tags":null,"at":null,"mixed":"{\"a\":[1]}","name":"\u00e4","float":1500.0}"#,
    ];
    for format in formats().into_iter().filter(|format| matches!(*format, "parquet" | "feather" | "orc")) {
        let (exported, bytes) = bench.export("t", format, |_| {}).unwrap();
        assert_eq!(exported.rows, 3);
        let (expected, texts): (_, &[&str]) = match format {
            "orc" => (&of_orc, &["price", "big", "tags", "at", "mixed"]),
            _ => (&expected, &["mixed"]),
        };
        assert_eq!(exported.texts, texts, "{format}");
        bench.create(format);
        bench.import(&bytes, format, format, |_| {}).unwrap();
        let mut values = bench.values(format);
        values.sort();
        let mut expected: Vec<String> =
            expected.iter().map(|row| format!("- {}", row.replace("\\u00e4", "\u{e4}"))).collect();
        expected.sort();
        assert_eq!(values, expected, "{format}");
        // Cut off, and not such a file at all.
        for bad in [&bytes[..bytes.len() / 2], b"{}", b""] {
            let error = bench.import(bad, format, format, |_| {}).unwrap_err();
            assert!(!error.to_string().contains('\n'), "{error}");
        }
    }
}

#[test]
fn what_is_wrong_is_one_clear_line() {
    let bench = Bench::new();
    bench.create("t");
    let refused = |bytes: &[u8], format: &str, part: &str| {
        let error = bench.import(bytes, "t", format, |options| options.key_column = Some("id".into())).unwrap_err();
        let line = error.to_string();
        assert!(line.contains(part) && !line.contains('\n'), "{line}");
    };
    refused(b"{\"id\":1}\n{\"id\":", "json", "row 2: the file ends in the middle");
    refused(b"{\"id\":1}\n{\"id\" 1}", "json", "row 2");
    refused(b"{\"no\":1}", "json", "row 1");
    refused(b"[1]", "json", "row 1: this is no object");
    refused(b"id\n1,2\n", "csv", "it has 2 fields, and there are 1 columns");
    refused(b"id\n\"1", "csv", "ends within quotes");
    refused(b"id\n\xff\n", "csv", "not UTF-8");
    refused(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3], "csv", "damaged or cut off");
    let (_, mut whole) = {
        bench.fill("z", &VALUES[..2]);
        bench.export("z", "json.zst", |_| {}).unwrap()
    };
    whole.truncate(whole.len() - 3);
    refused(&whole, "json", "damaged or cut off");
    if cfg!(feature = "parquet") {
        refused(b"PAR1 and something else", "parquet", "read file: Invalid Parquet file. Corrupt footer");
    }
    // What came before is there.
    assert!(bench.values("t").iter().any(|line| line.starts_with("1 ")));
    assert!(Json::parse("{}").is_ok());
}

#[test]
fn another_format_inside_is_told_by_its_first_bytes() {
    let bench = Bench::new();
    bench.fill("from", &VALUES[..2]);
    bench.create("t");
    for inside in
        ["parquet", "feather", "orc", "xlsx", "xml", "json"].map(|inside| (formats().contains(&inside), inside))
    {
        let (true, inside) = inside else { continue };
        let (_, bytes) = bench.export("from", inside, |_| {}).unwrap();
        for format in formats().into_iter().filter(|format| !format.starts_with(inside)) {
            if let Err(error) = bench.import(&bytes, "t", format, |_| {}) {
                let expected = format!("it begins as a file of {inside} does: --format {inside} reads it");
                assert_eq!(error.hint_text(), Some(expected.as_str()), "{inside} as {format}: {error}");
            }
        }
    }
    let error = bench.import(b"{\"id\":", "t", "json", |_| {}).unwrap_err();
    assert_eq!(error.hint_text(), None, "{error}");
}

#[cfg(feature = "orc")]
#[test]
fn a_block_of_orc_that_says_gigabytes_takes_no_memory() {
    let bench = Bench::new();
    bench.fill("from", &[Some(br#"{"name":"abcdefghijklmnopqrstuvwxyz0123456789"}"#)]);
    bench.create("t");
    let (_, mut bytes) = bench.export("from", "orc", |_| {}).unwrap();
    let stripe = bytes[3..].windows(26).position(|text| text == b"abcdefghijklmnopqrstuvwxyz").unwrap() + 3;
    // The name stands in a block of its own, behind its header: now one that Snappy unpacks to four gigabytes.
    let start = (3..stripe).rev().find(|at| bytes[at + 1] == 0 && bytes[at + 2] == 0).unwrap();
    bytes[start..start + 8].copy_from_slice(&[36 << 1, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f]);
    let error = bench.import(&bytes, "t", "orc", |_| {}).unwrap_err().to_string();
    assert!(error.contains("a block of it becomes 4294967295 bytes"), "{error}");
}

#[test]
fn messages_get_the_time_of_their_write_where_rows_say_none() {
    let bench = Bench::new();
    for (topic, column, is_said) in [("rows", None, false), ("keys", Some("key"), false), ("times", Some("at"), true)] {
        let new = NewTopic::new(topic).config("message.timestamp.type", "LogAppendTime");
        bench.storage.admin().unwrap().create_topic(&new, WAIT).unwrap();
        let change = |options: &mut ImportOptions| {
            options.key_column = column.filter(|column| *column == "key").map(str::to_string);
            options.timestamp_column = column.filter(|column| *column == "at").map(str::to_string);
        };
        bench.import(b"key,at\n1,1700000000000\n", topic, "csv", change).unwrap();
        let line = bench.messages(topic).remove(0);
        // The log says the time of its own only where nothing else said it.
        assert_eq!(line.contains("1700000000000 Create"), is_said, "{line}");
        assert_eq!(line.contains(" Append "), !is_said, "{line}");
    }
}

#[test]
fn columns_of_pandas_and_headers_become_messages() {
    let bench = Bench::new();
    bench.create("columns");
    let by_column = br#"{"id":{"0":1,"1":2.50},"name":{"0":"a","1":null}}"#;
    assert_eq!(bench.import(by_column, "columns", "json", |_| {}).unwrap().written, 2);
    let mut values = bench.values("columns");
    values.sort();
    assert_eq!(values, [r#"- {"id":1,"name":"a"}"#, r#"- {"id":2.50,"name":null}"#]);
    // One object with other members is one row.
    for (topic, other) in [("a", r#"{"id":{"0":1,"1":2},"name":{"0":"a"}}"#), ("b", r#"{"id":{"1":1}}"#), ("c", "{}")] {
        bench.create(topic);
        bench.import(other.as_bytes(), topic, "json", |_| {}).unwrap();
        assert_eq!(bench.values(topic), [format!("- {other}")]);
    }
    bench.create("headers");
    let change = |options: &mut ImportOptions| options.header_columns = vec!["trace".into(), "n".into()];
    bench.import(b"id,trace,n\n1,x y,\n", "headers", "csv", change).unwrap();
    let line = bench.messages("headers").remove(0);
    assert!(line.contains(&format!("{:?}", b"trace")) && line.contains(&format!("{:?}", b"x y")), "{line}");
    assert_eq!(bench.values("headers"), [r#"- {"id":1}"#]);
}

#[test]
fn rows_that_are_wrong_are_left_out_where_that_is_wished() {
    let bench = Bench::new();
    bench.create("t");
    bench.create("letters");
    let mut input = FileInput::Stream(Box::new(Cursor::new(b"id,p\n1,0\n2,x\n3,4,5\n6,2\n".to_vec())));
    let options = ImportOptions { partition_column: Some("p".into()), ..ImportOptions::new("csv".parse().unwrap()) };
    let serdes = Serdes::default();
    let failures = Failures::dead_letters(&bench.place, "letters").unwrap();
    let (place, cancel, progress) = (&bench.place, Cancel::new(), Arc::default());
    let target = TopicTarget { place, topic: "t", serdes: &serdes, failures: failures.clone(), cancel, progress };
    let imported = file_to_topic(&mut input, &target, &options).unwrap();
    assert_eq!((imported.rows, imported.written, failures.count()), (4, 2, 2));
    let mut letters = bench.values("letters");
    letters.sort();
    assert_eq!(letters, [r#"- ["3","4","5"]"#, r#"- {"id":2,"p":"x"}"#]);
}

#[test]
fn what_messages_go_through_comes_before_rows() {
    let bench = Bench::new();
    let rows: [&[u8]; 4] = [br#"{"a":1}"#, br#"{"b":2}"#, br#"{"a":3}"#, br#"{"a":4}"#];
    bench.fill("t", &rows.map(Some));
    let through = |batch: &mut Batch| {
        batch.retain(|record| record.value.is_some_and(|value| value.starts_with(b"{\"a\"")));
        Ok(())
    };
    let through: &crate::Through<'_> = &through;
    for (max, expected) in [(None, 3), (Some(2), 2), (Some(0), 0)] {
        let serdes = Serdes::default();
        let options = ReadOptions { max, ..ReadOptions::default() };
        let failures = Failures::stop();
        let through = Some(through);
        let source = TopicSource { place: &bench.place, topic: "t", serdes: &serdes, options, failures, through };
        let mut files = bench.storage.files().unwrap();
        let mut file = files.create("x", WAIT).unwrap();
        let exported = topic_to_file(&source, file.as_mut(), &ExportOptions::new("csv".parse().unwrap())).unwrap();
        assert_eq!(exported.rows, expected, "{max:?}");
    }
}

#[test]
fn a_group_goes_on_behind_the_file_that_is_whole() {
    let bench = Bench::new();
    let rows: Vec<String> = (0..10).map(|id| format!("{{\"id\":{id}}}")).collect();
    bench.fill("t", &rows.iter().map(|row| Some(row.as_bytes())).collect::<Vec<_>>());
    let serdes = Serdes::default();
    let source = |follow: bool| {
        let group = Some(kafi_core::GroupOptions::new("g"));
        let mut options = ReadOptions { group, follow, ..ReadOptions::default() };
        options.consumer.start_at_earliest = true;
        let failures = Failures::stop();
        TopicSource { place: &bench.place, topic: "t", serdes: &serdes, options, failures, through: None }
    };
    let options = ExportOptions::new("csv".parse().unwrap());
    let mut files = bench.storage.files().unwrap();
    let export = |name: &str| {
        let mut file = bench.storage.files().unwrap().create(name, WAIT).unwrap();
        topic_to_file(&source(false), file.as_mut(), &options)
    };
    let mut number = 0;
    let roll = crate::Roll { messages: Some(4), ..crate::Roll::default() };
    let written = crate::topic_to_files(&source(false), &options, &roll, &mut || {
        number += 1;
        if number == 3 {
            return Err(kafi_core::Error::new(kafi_core::ErrorKind::NoSpace, "create file", "no room"));
        }
        files.create(&format!("x{number}"), WAIT)
    });
    assert_eq!(written.unwrap_err().kind(), kafi_core::ErrorKind::NoSpace);
    assert_eq!(bench.storage.files().unwrap().list("x", WAIT).unwrap().len(), 2);
    // What was in the files is committed, and nothing else.
    assert_eq!(export("rest").unwrap().rows, 2);
    assert_eq!(export("nothing").unwrap().rows, 0);
    // Where it follows, the wish to stop ends the last file.
    bench.fill_more("t", 3);
    let source = source(true);
    let cancel = source.options.cancel.clone();
    let roll = "1h".parse().unwrap();
    let written = std::thread::scope(|scope| {
        scope.spawn(|| {
            while bench.storage.files().is_ok() && source.options.progress.read() < 3 {
                std::thread::sleep(Duration::from_millis(5));
            }
            cancel.cancel();
        });
        crate::topic_to_files(&source, &options, &roll, &mut || bench.storage.files()?.create("last", WAIT))
    });
    assert_eq!(written.unwrap().iter().map(|file| file.rows).collect::<Vec<_>>(), [3]);
}
