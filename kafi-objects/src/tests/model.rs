//! Random runs against a model: a list of messages.

use super::*;

/// What the partition should hold: the time and text of each message, from offset 0 on.
#[derive(Default)]
struct Model {
    messages: Vec<(i64, String)>,
    low: i64,
}

impl Model {
    fn high(&self) -> i64 {
        self.messages.len() as i64
    }

    fn between(&self, start: i64, end: i64) -> Vec<(i64, String)> {
        (start..end).map(|offset| (offset, self.messages[offset as usize].1.clone())).collect()
    }

    fn offset_for_time(&self, time: i64) -> i64 {
        (self.low..self.high()).find(|offset| self.messages[*offset as usize].0 >= time).unwrap_or(self.high())
    }
}

#[test]
fn random_runs_agree_with_a_model() {
    for seed in 0..60 {
        let mut random = Random(seed);
        let io = Arc::new(MemoryObjects::new());
        // Nothing that is known is believed, since objects that were merged are deleted at once.
        let storage = || {
            open(
                "objects",
                "mem",
                Arc::clone(&io) as Arc<dyn ObjectIo>,
                ObjectOptions { trust_ms: 0, ..ObjectOptions::default() },
            )
        };
        create(&storage(), "t", 1);
        let storages = [storage(), storage()];
        let mut producers: Vec<_> = storages.iter().map(producer).collect();
        let mut model = Model::default();
        for step in 0..60 {
            let storage = &storages[random.next(2) as usize];
            let context = format!("seed {seed}, step {step}");
            match random.next(10) {
                0..=3 => {
                    let mut batch = Batch::new();
                    for _ in 0..=random.next(5) {
                        let (time, text) = (1 + random.next(100) as i64, format!("{step}.{}", batch.len()));
                        batch.push(Record {
                            partition: 0,
                            timestamp: time,
                            ..Record::new("t", None, Some(text.as_bytes()))
                        });
                        model.messages.push((time, text));
                    }
                    let producer = &mut producers[random.next(2) as usize];
                    assert_eq!(producer.produce(&batch, 0, step + 1, WAIT).unwrap(), batch.len());
                    producer.flush(WAIT).unwrap();
                    let delivered: u64 = producer
                        .reports(WAIT)
                        .unwrap()
                        .iter()
                        .map(|report| report.count * u64::from(matches!(report.delivery, Delivery::At(_))))
                        .sum();
                    assert_eq!(delivered, batch.len() as u64, "{context}");
                }
                4 => drop(merge(storage, 100 + random.next(1_000), 0).unwrap()),
                5 => {
                    let before = model.low + random.next((model.high() - model.low + 1) as u64) as i64;
                    assert_eq!(
                        admin(storage).delete_records(&[position(before)], WAIT).unwrap(),
                        [position(before)],
                        "{context}"
                    );
                    model.low = before;
                }
                6 => {
                    let time = random.next(110) as i64;
                    let found = admin(storage).offsets_for_times(&[position(time)], WAIT).unwrap();
                    assert_eq!(found, [position(model.offset_for_time(time))], "{context}, time {time}");
                }
                7 => {
                    let bounds = watermarks(storage);
                    assert_eq!((bounds.low, bounds.high), (model.low, model.high()), "{context}");
                }
                _ => {
                    let start = model.low + random.next((model.high() - model.low + 1) as u64) as i64;
                    let end = start + random.next((model.high() - start + 1) as u64) as i64;
                    let read = drain(&mut *consumer(storage, start, Some(end)));
                    assert_eq!(read, model.between(start, end), "{context}, {start} to {end}");
                }
            }
        }
    }
}
