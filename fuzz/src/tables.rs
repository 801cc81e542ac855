//! Files of rows: a file in any format is messages or one error, and what is exported as envelopes comes back.

use std::sync::Arc;
use std::time::Duration;

use kafi_core::{
    Batch, Cancel, ErrorKind, Failures, HeadersBuf, NewTopic, Place, ProducerOptions, ReadOptions, Reader, Record,
    Result, Serdes, Settings, Storage, TimestampType, Writer,
};
use kafi_files::{
    ExportOptions, FileInput, ImportOptions, Imported, TopicSource, TopicTarget, file_to_topic, topic_to_file,
};

pub const FORMATS: [&str; 10] =
    ["csv", "tsv", "json", "xml", "xlsx", "parquet", "feather", "orc", "csv.gz", "json.zst"];

const WAIT: Duration = Duration::from_secs(60);

/// Takes the first byte for a format, and the rest for a file, and for messages.
pub fn run(data: &[u8]) {
    let Some((choice, data)) = data.split_first() else { return };
    let format = FORMATS[usize::from(*choice) % FORMATS.len()];
    let bench = Bench::new();
    for envelope in [false, true] {
        if let Err(error) = bench.import(data, format, envelope) {
            assert!(
                matches!(
                    error.kind(),
                    ErrorKind::Corrupt
                        | ErrorKind::Unsupported
                        | ErrorKind::TooLarge
                        | ErrorKind::Io
                        | ErrorKind::Usage
                ),
                "{format}: {error:?}"
            );
            assert!(!error.to_string().contains('\n'), "{format}: {error}");
        }
    }
    same_again(format, data);
}

/// A whole file in this format.
pub fn valid(format: &str) -> Vec<u8> {
    let bench = Bench::new();
    let rows = br#"{"id":1,"name":"a, \"b\"","price":19.990,"tags":["x"],"at":{"x":null}}"#;
    bench.fill(&mut [Record::new("t", Some(b"k"), Some(rows)), Record::new("t", None, None)]);
    bench.export(format, false).unwrap()
}

/// Makes a topic of pieces of `data`, and another one of a file of it.
fn same_again(format: &str, data: &[u8]) {
    let mut headers = HeadersBuf::new();
    headers.push("h", data.get(..3).unwrap_or_default());
    headers.push_null("h");
    let mut records = Vec::new();
    for (index, piece) in data.chunks(40).take(8).enumerate() {
        let (key, value) = piece.split_at(piece.len() / 3);
        let mut record = Record::new("t", (index % 3 > 0).then_some(key), (index % 5 < 4).then_some(value));
        record.timestamp = 1_700_000_000_000 + i64::from(piece[0]);
        record.timestamp_type = if piece[0] & 1 == 0 { TimestampType::Create } else { TimestampType::Append };
        if index % 2 == 0 {
            record.headers = headers.as_headers();
        }
        records.push(record);
    }
    let (from, to) = (Bench::new(), Bench::new());
    from.fill(&mut records);
    let file = from.export(format, true).unwrap();
    let imported = to.import(&file, format, true).unwrap();
    assert_eq!(imported.written, records.len() as u64, "{format}");
    assert_eq!(to.messages(), from.messages(), "{format}");
}

/// A storage with one topic.
struct Bench {
    storage: Arc<dyn Storage>,
    place: Place,
}

impl Bench {
    fn new() -> Self {
        let storage: Arc<dyn Storage> = Arc::new(kafi_fs::open_memory("mem"));
        storage.admin().unwrap().create_topic(&NewTopic::new("t"), WAIT).unwrap();
        let place = Place::new(Arc::clone(&storage), Settings::default());
        Self { storage, place }
    }

    fn fill(&self, records: &mut [Record<'_>]) {
        let mut batch = Batch::new();
        for record in records.iter_mut() {
            record.partition = 0;
            batch.push(*record);
        }
        let options = ProducerOptions { keep_timestamps: true, ..ProducerOptions::default() };
        let mut writer = Writer::open(self.storage.as_ref(), &options, Arc::default()).unwrap();
        writer.write(&batch).unwrap();
        writer.close(None).unwrap();
    }

    fn export(&self, format: &str, envelope: bool) -> Result<Vec<u8>> {
        let options = ExportOptions { envelope, ..ExportOptions::new(format.parse()?) };
        let (serdes, read, failures) = (Serdes::default(), ReadOptions::default(), Failures::stop());
        let place = &self.place;
        let source = TopicSource { place, topic: "t", serdes: &serdes, options: read, failures, through: None };
        let mut files = self.storage.files()?;
        let mut file = files.create("x", WAIT)?;
        topic_to_file(&source, file.as_mut(), &options)?;
        let mut reader = files.open("x", WAIT)?;
        let mut bytes = vec![0; reader.bytes() as usize];
        reader.read_at(0, &mut bytes, WAIT)?;
        Ok(bytes)
    }

    fn import(&self, bytes: &[u8], format: &str, envelope: bool) -> Result<Imported> {
        let mut files = self.storage.files()?;
        let mut file = files.create("y", WAIT)?;
        file.write(bytes, WAIT)?;
        file.finish(WAIT)?;
        let options = ImportOptions { envelope, ..ImportOptions::new(format.parse()?) };
        let (serdes, cancel, progress) = (Serdes::default(), Cancel::new(), Arc::default());
        let failures = Failures::stop();
        let target = TopicTarget { place: &self.place, topic: "t", serdes: &serdes, failures, cancel, progress };
        file_to_topic(&mut FileInput::File(files.open("y", WAIT)?), &target, &options)
    }

    fn messages(&self) -> Vec<String> {
        let mut reader = Reader::open(self.storage.as_ref(), &["t".to_string()], &ReadOptions::default()).unwrap();
        let (mut batch, mut all) = (Batch::new(), Vec::new());
        while reader.read(&mut batch).unwrap() {
            all.extend(batch.iter().map(|record| {
                let headers: Vec<_> = record.headers.iter().map(|header| (header.name, header.value)).collect();
                let (key, value) = (record.key, record.value);
                format!("{} {:?} {key:?} {value:?} {headers:?}", record.timestamp, record.timestamp_type)
            }));
        }
        all
    }
}
