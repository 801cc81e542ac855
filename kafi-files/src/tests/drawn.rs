//! Topics that nobody thought of, as files and back.

use super::*;

/// Numbers that look as if they were drawn, the same each time.
struct Drawn(u64);

impl Drawn {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    /// Nothing, text, bytes, or JSON with whatever makes trouble in one of the formats.
    fn bytes(&mut self) -> Option<Vec<u8>> {
        match self.below(7) {
            0 => None,
            1 => Some(Vec::new()),
            2 => Some((0..self.below(20)).map(|_| self.below(256) as u8).collect()),
            3 => Some(self.text().into_bytes()),
            4 => Some(format!("{}.{}", self.below(1 << 40), self.below(1000)).into_bytes()),
            // JSON that is not written in its shortest form.
            5 => Some(format!(" [{}]\r\n", Json::from(self.text())).into_bytes()),
            _ => Some(Json::from(self.text()).to_string().into_bytes()),
        }
    }

    /// Characters that make trouble in one of the formats.
    fn text(&mut self) -> String {
        const PIECES: [&str; 14] =
            ["\"", "\\", ",", "\n", "\r", "\t", "\0", "ä", "😀", "a", "_x0041_", "<&>", " ", "\u{fffe}"];
        (0..self.below(6)).map(|_| PIECES[self.below(PIECES.len() as u64) as usize]).collect()
    }

    /// A message of one of three partitions.
    fn push(&mut self, topic: &str, batch: &mut Batch) {
        let (key, value, mut headers) = (self.bytes(), self.bytes(), kafi_core::HeadersBuf::new());
        for _ in 0..self.below(3) {
            match self.bytes() {
                Some(value) => headers.push(self.bytes().unwrap_or_default(), value),
                None => headers.push_null(self.bytes().unwrap_or_default()),
            }
        }
        let mut record = Record::new(topic, key.as_deref(), value.as_deref());
        (record.partition, record.timestamp) = (self.below(3) as i32, self.below(1 << 42) as i64);
        if self.below(4) == 0 {
            record.timestamp_type = TimestampType::Append;
        }
        record.headers = headers.as_headers();
        batch.push(record);
    }
}

#[test]
fn an_envelope_brings_back_whatever_topic_there_is() {
    let (bench, mut drawn) = (Bench::new(), Drawn(14));
    for round in 0..5 {
        let topic = format!("from{round}");
        bench.create(&topic);
        let mut batch = Batch::new();
        (0..drawn.below(200)).for_each(|_| drawn.push(&topic, &mut batch));
        let options = ProducerOptions { keep_timestamps: true, ..ProducerOptions::default() };
        let mut writer = Writer::open(bench.storage.as_ref(), &options, Arc::default()).unwrap();
        writer.write(&batch).unwrap();
        writer.close(None).unwrap();
        for format in formats() {
            let (_, bytes) = bench.export(&topic, format, |options| options.envelope = true).unwrap();
            let to = format!("to{round}.{format}");
            bench.create(&to);
            bench.import(&bytes, &to, format, |options| options.envelope = true).unwrap();
            assert_eq!(bench.messages(&to), bench.messages(&topic), "{round} {format}");
        }
    }
}

#[test]
fn rows_bring_back_whatever_texts_there_are() {
    let (bench, mut drawn) = (Bench::new(), Drawn(41));
    for round in 0..5 {
        let texts: Vec<[String; 2]> = (0..1 + drawn.below(200)).map(|_| [drawn.text(), drawn.text()]).collect();
        let row = |[a, b]: &[String; 2]| format!("{{\"a\":{},\"b\":{}}}", Json::from(a.clone()), Json::from(b.clone()));
        let rows: Vec<String> = texts.iter().map(row).collect();
        let topic = format!("from{round}");
        bench.fill(&topic, &rows.iter().map(|row| Some(row.as_bytes())).collect::<Vec<_>>());
        let mut expected: Vec<String> = rows.iter().map(|row| format!("- {row}")).collect();
        expected.sort();
        for format in formats() {
            let (_, bytes) = bench.export(&topic, format, |_| {}).unwrap();
            let to = format!("to{round}.{format}");
            bench.create(&to);
            bench.import(&bytes, &to, format, |_| {}).unwrap();
            let mut values = bench.values(&to);
            values.sort();
            assert_eq!(values, expected, "{round} {format}");
        }
    }
}
