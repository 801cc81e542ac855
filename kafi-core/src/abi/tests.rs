//! Both sides in one process: what crosses comes out as it went in, and what is wrong is found by whoever receives it.

use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use kafi_abi::abi_stable::sabi_trait::TD_Opaque;
use kafi_abi::abi_stable::std_types::{RResult, RStr, RString};
use kafi_abi::{Arena, BatchView, Consumer_TO, Failure, HeaderMeta, RecordMeta, Span, Storage_TO, StorageBox, Text};

use super::*;
use crate::admin::Admin;
use crate::capability::Capabilities;
use crate::consumer::{
    Assignment, CommittedOffset, Consumer, ConsumerOptions, GroupMetadata, Membership, Polled, Position, TopicPartition,
};
use crate::error::Retry;
use crate::meta::TimestampType;
use crate::producer::{Delivery, Producer, ProducerOptions, Report};
use crate::record::{Header, Record};
use crate::storage::Storage;

const WAIT: Duration = Duration::from_secs(5);

/// A storage that gives back what it was given: what is produced is what is consumed.
#[derive(Default)]
struct Echo(Arc<std::sync::Mutex<Vec<crate::record::OwnedRecord>>>);

impl Storage for Echo {
    fn name(&self) -> &str {
        "echo"
    }

    fn scheme(&self) -> &str {
        "echo"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::from_bits(1 << 63 | 1)
    }

    fn identity(&self, timeout: Duration) -> Result<String> {
        Ok(format!("{timeout:?}"))
    }

    fn consumer(&self, options: &ConsumerOptions) -> Result<Box<dyn Consumer>> {
        Ok(Box::new(EchoConsumer { group: options.group.clone(), records: Arc::clone(&self.0), assigned: Vec::new() }))
    }

    fn producer(&self, _options: &ProducerOptions) -> Result<Box<dyn Producer>> {
        Ok(Box::new(EchoProducer { records: Arc::clone(&self.0), reports: Vec::new() }))
    }

    fn admin(&self) -> Result<Box<dyn Admin>> {
        panic!("no admin today")
    }
}

struct EchoConsumer {
    group: Option<String>,
    records: Arc<std::sync::Mutex<Vec<crate::record::OwnedRecord>>>,
    assigned: Vec<Assignment>,
}

impl Consumer for EchoConsumer {
    fn assign(&mut self, assignments: &[Assignment], _timeout: Duration) -> Result<()> {
        self.assigned = assignments.to_vec();
        Ok(())
    }

    fn subscribe(&mut self, topics: &[String], _timeout: Duration) -> Result<()> {
        panic!("{topics:?}")
    }

    fn seek(&mut self, position: &Position, _timeout: Duration) -> Result<()> {
        Err(Error::new(ErrorKind::NotFound, "seek", "not there").with("offset", position.offset))
    }

    fn poll(&mut self, batch: &mut Batch, _timeout: Duration) -> Result<Polled> {
        batch.clear();
        let mut records = self.records.lock().expect("nobody panics with it");
        while !batch.is_full() && !records.is_empty() {
            batch.push(records.remove(0).as_record());
        }
        Ok(if batch.is_empty() { Polled::End } else { Polled::Records })
    }

    fn membership(&self) -> Membership {
        Membership::Revoking
    }

    fn positions(&self) -> Vec<Position> {
        self.assigned
            .iter()
            .map(|a| Position { topic: a.topic.clone(), partition: a.partition, offset: a.end.unwrap_or(a.start) })
            .collect()
    }

    fn commit(&mut self, _offsets: &[CommittedOffset], _timeout: Duration) -> Result<()> {
        Err(Error::new(ErrorKind::Fenced, "commit", self.group.clone().unwrap_or_default()))
    }

    fn committed(&mut self, partitions: &[TopicPartition], _timeout: Duration) -> Result<Vec<CommittedOffset>> {
        let beside = |offset: CommittedOffset| CommittedOffset {
            leader_epoch: Some(offset.partition),
            metadata: "state".into(),
            ..offset
        };
        Ok(partitions.iter().map(|p| beside(CommittedOffset::new(&p.topic, p.partition, 3))).collect())
    }

    fn group_metadata(&mut self) -> Result<GroupMetadata> {
        Ok(GroupMetadata { group: "echo".into(), generation: 3, member: "m".into(), instance: None })
    }

    fn close(&mut self, _timeout: Duration) -> Result<()> {
        Ok(())
    }
}

struct EchoProducer {
    records: Arc<std::sync::Mutex<Vec<crate::record::OwnedRecord>>>,
    reports: Vec<Report>,
}

impl Producer for EchoProducer {
    fn produce(&mut self, batch: &Batch, from: usize, token: u64, _timeout: Duration) -> Result<usize> {
        let mut records = self.records.lock().expect("nobody panics with it");
        records.extend(batch.iter().skip(from).map(|record| record.to_owned()));
        let report = |delivery| Report { token, topic: Arc::from("a"), partition: 1, first: 2, count: 3, delivery };
        let failed = Delivery::Failed(Error::new(ErrorKind::TooLarge, "produce", "too large"));
        self.reports = vec![report(Delivery::At(7)), report(Delivery::Unknown), report(failed)];
        Ok(batch.len() - from)
    }

    fn reports(&mut self, _timeout: Duration) -> Result<&[Report]> {
        Ok(&self.reports)
    }

    fn flush(&mut self, _timeout: Duration) -> Result<()> {
        Ok(())
    }

    fn close(&mut self, _timeout: Duration) -> Result<()> {
        Ok(())
    }

    fn init_transactions(&mut self, timeout: Duration) -> Result<()> {
        Err(Error::new(ErrorKind::Timeout, "init", format!("{timeout:?}")).retry(Retry::Later))
    }

    fn begin_transaction(&mut self) -> Result<()> {
        Ok(())
    }

    fn send_offsets_to_transaction(
        &mut self,
        offsets: &[CommittedOffset],
        group: &GroupMetadata,
        timeout: Duration,
    ) -> Result<()> {
        Err(Error::new(ErrorKind::Cancelled, "send offsets", format!("{offsets:?} {group:?} {timeout:?}")))
    }

    fn commit_transaction(&mut self, timeout: Duration) -> Result<()> {
        Err(Error::new(ErrorKind::Fenced, "commit", format!("{timeout:?}")))
    }
}

fn echo() -> Arc<dyn Storage> {
    import::storage(export::storage(Arc::new(Echo::default())), import::Library::new())
}

fn nasty() -> Batch {
    let mut batch = Batch::new();
    let mut headers = crate::record::HeadersBuf::new();
    headers.push_header(Header { name: b"\xff\0", value: Some(b"1") });
    headers.push_header(Header { name: b"", value: None });
    batch.push(Record {
        headers: headers.as_headers(),
        timestamp_type: TimestampType::Append,
        ..Record::new("a", None, Some(b""))
    });
    batch.push(Record { offset: 7, partition: 3, timestamp: 5, ..Record::new("b", Some(b"k"), None) });
    batch
}

#[test]
fn batches_cross_as_they_are_and_arenas_are_used_again() {
    let storage = echo();
    let (mut producer, mut consumer) = (
        storage.producer(&ProducerOptions::default()).unwrap(),
        storage.consumer(&ConsumerOptions::default()).unwrap(),
    );
    let sent = nasty();
    let mut received = Batch::new();
    received.push(Record::new("left over", None, None));
    let mut places = Vec::new();
    for _ in 0..3 {
        assert_eq!(producer.produce(&sent, 0, 1, WAIT).unwrap(), 2);
        assert_eq!(consumer.poll(&mut received, WAIT).unwrap(), Polled::Records);
        assert!(received.iter().eq(sent.iter()), "{received:?}");
        assert_eq!(received.topics(), sent.topics());
        places.push(received.data().as_ptr());
    }
    assert!(places.iter().all(|place| *place == places[0]), "the same arena comes and goes");
    assert_eq!(consumer.poll(&mut received, WAIT).unwrap(), Polled::End);
    assert!(received.is_empty());
}

#[test]
fn lent_batches_are_changed_in_place_and_copied_when_they_grow() {
    let storage = echo();
    let (mut producer, mut consumer) = (
        storage.producer(&ProducerOptions::default()).unwrap(),
        storage.consumer(&ConsumerOptions::default()).unwrap(),
    );
    let mut batch = Batch::new();
    producer.produce(&nasty(), 0, 1, WAIT).unwrap();
    consumer.poll(&mut batch, WAIT).unwrap();
    let place = batch.data().as_ptr();
    batch.metas_mut()[1].partition = 9;
    batch.rename_topic(1, "c");
    batch.retain(|record| record.topic == "c");
    assert_eq!(
        (batch.len(), batch.get(0).partition, batch.get(0).key, batch.data().as_ptr()),
        (1, 9, Some(&b"k"[..]), place)
    );
    let twin = batch.clone();
    batch.push(Record::new("d", Some(b"new"), None));
    assert_ne!(batch.data().as_ptr(), place);
    assert_eq!((batch.len(), batch.get(0), batch.get(1).key), (2, twin.get(0), Some(&b"new"[..])));
    batch.truncate(1);
    batch.validate().unwrap();
    // What is copied goes on when the consumer and its arena are gone.
    drop((consumer, batch));
    assert_eq!(twin.get(0).topic, "c");
}

#[test]
fn limits_of_the_batch_hold_on_the_other_side() {
    let storage = echo();
    let (mut producer, mut consumer) = (
        storage.producer(&ProducerOptions::default()).unwrap(),
        storage.consumer(&ConsumerOptions::default()).unwrap(),
    );
    producer.produce(&nasty(), 0, 1, WAIT).unwrap();
    let mut batch = Batch::with_limits(1, 1 << 20);
    assert_eq!((consumer.poll(&mut batch, WAIT).unwrap(), batch.len()), (Polled::Records, 1));
}

#[test]
fn everything_else_crosses() {
    let storage = echo();
    assert_eq!((storage.name(), storage.scheme(), storage.capabilities().bits()), ("echo", "echo", 1 << 63 | 1));
    assert_eq!(storage.identity(Duration::from_nanos(1_500)).unwrap(), "1.5µs");
    let mut consumer =
        storage.consumer(&ConsumerOptions { group: Some("g".into()), ..ConsumerOptions::default() }).unwrap();
    consumer.assign(&[Assignment { topic: "t".into(), partition: 1, start: 2, end: Some(5) }], WAIT).unwrap();
    let position = Position { topic: "t".into(), partition: 1, offset: 5 };
    assert_eq!(consumer.positions(), std::slice::from_ref(&position));
    assert_eq!(consumer.membership(), Membership::Revoking);
    assert_eq!(consumer.seek(&position, WAIT).unwrap_err().to_string(), "seek: offset 5: not there");
    let fenced = consumer.commit(&[], WAIT).unwrap_err();
    assert_eq!((fenced.kind(), fenced.message()), (ErrorKind::Fenced, "g"));
    let committed = consumer.committed(&[TopicPartition { topic: "t".into(), partition: 1 }], WAIT).unwrap();
    assert_eq!(
        committed,
        [CommittedOffset { offset: 3, leader_epoch: Some(1), metadata: "state".into(), ..position.into() }]
    );
    let mut producer = storage.producer(&ProducerOptions::default()).unwrap();
    producer.produce(&nasty(), 1, 9, WAIT).unwrap();
    let reports = producer.reports(WAIT).unwrap();
    let [Report { token: 9, partition: 1, first: 2, count: 3, delivery: Delivery::At(7), .. }, unknown, failed] =
        reports
    else {
        panic!("{reports:?}")
    };
    assert!(
        matches!((&unknown.delivery, &failed.delivery), (Delivery::Unknown, Delivery::Failed(error)) if error.kind() == ErrorKind::TooLarge)
    );
}

#[test]
fn transactions_cross() {
    let storage = echo();
    let asked = ProducerOptions { transactional_id: Some("id".into()), ..ProducerOptions::default() };
    let refused = storage.producer(&asked).err().unwrap();
    assert_eq!(refused.kind(), ErrorKind::Unsupported, "the plugin does not say that it has transactions");
    let mut producer = storage.producer(&ProducerOptions::default()).unwrap();
    let ends =
        |ended: Result<()>| ended.map_err(|error| (error.kind(), error.retryable(), error.message().to_string()));
    let wait = Duration::from_nanos(1_500);
    let later = (ErrorKind::Timeout, Retry::Later, "1.5µs".to_string());
    assert_eq!(ends(producer.init_transactions(wait)), Err(later));
    assert_eq!(ends(producer.begin_transaction()), Ok(()));
    let offsets = [CommittedOffset { metadata: "beside".into(), ..CommittedOffset::new("t", 1, 2) }];
    for instance in [None, Some("i".to_string())] {
        let group = GroupMetadata { group: "g".into(), generation: 7, member: "m".into(), instance };
        let said = (ErrorKind::Cancelled, Retry::Never, format!("{offsets:?} {group:?} 1.5µs"));
        assert_eq!(ends(producer.send_offsets_to_transaction(&offsets, &group, wait)), Err(said));
    }
    let fenced = (ErrorKind::Fenced, Retry::Never, "1.5µs".to_string());
    assert_eq!(ends(producer.commit_transaction(wait)), Err(fenced));
    let unsupported = ends(producer.abort_transaction(wait)).unwrap_err();
    assert_eq!(unsupported.0, ErrorKind::Unsupported, "what the plugin leaves to the trait");
    let mut consumer = storage.consumer(&ConsumerOptions::default()).unwrap();
    let metadata = GroupMetadata { group: "echo".into(), generation: 3, member: "m".into(), instance: None };
    assert_eq!(consumer.group_metadata().unwrap(), metadata);
}

#[test]
fn a_panic_is_one_error_and_the_consumer_is_not_used_again() {
    let storage = echo();
    let panicked = storage.admin().err().unwrap();
    assert!(panicked.to_string().contains("it panicked: no admin today"), "{panicked}");
    let mut consumer = storage.consumer(&ConsumerOptions::default()).unwrap();
    let panicked = consumer.subscribe(&["t".into()], WAIT).unwrap_err();
    assert!(panicked.to_string().contains("it panicked: [\"t\"]"), "{panicked}");
    let again = consumer.close(WAIT).unwrap_err();
    assert!(again.message().contains("panicked before"), "{again}");
    assert!(storage.producer(&ProducerOptions::default()).is_ok(), "the storage is still there");
}

/// A plugin that speaks the interface without kafi-core, and lends what its field says.
struct Raw(BatchView);

impl kafi_abi::Storage for Raw {
    fn name(&self) -> RStr<'_> {
        "raw".into()
    }

    fn scheme(&self) -> RStr<'_> {
        "raw".into()
    }

    fn capabilities(&self) -> u64 {
        0
    }

    fn identity(&self, _timeout_ns: u64) -> RResult<RString, Failure> {
        RResult::ROk(RString::new())
    }

    fn consumer(&self, _options: RStr<'_>) -> RResult<kafi_abi::ConsumerBox, Failure> {
        RResult::ROk(Consumer_TO::from_value(Raw(self.0), TD_Opaque))
    }

    fn producer(&self, _options: RStr<'_>) -> RResult<kafi_abi::ProducerBox, Failure> {
        unreachable!()
    }

    fn admin(&self) -> RResult<kafi_abi::AdminBox, Failure> {
        unreachable!()
    }

    fn call(&self, _name: RStr<'_>, _argument: RStr<'_>) -> RResult<RString, Failure> {
        unreachable!()
    }

    fn interface(&self, _name: RStr<'_>) -> *const () {
        ptr::null()
    }
}

unsafe extern "C" fn keep(_state: *mut ()) {}

impl kafi_abi::Consumer for Raw {
    fn arena(&self) -> Arena {
        // SAFETY: nothing is to be freed.
        unsafe { Arena::new(ptr::null_mut(), keep) }
    }

    fn assign(&mut self, _assignments: RStr<'_>, _timeout_ns: u64) -> RResult<(), Failure> {
        RResult::ROk(())
    }

    fn subscribe(&mut self, _topics: RStr<'_>, _timeout_ns: u64) -> RResult<(), Failure> {
        RResult::ROk(())
    }

    fn seek(&mut self, _position: RStr<'_>, _timeout_ns: u64) -> RResult<(), Failure> {
        RResult::ROk(())
    }

    fn poll(
        &mut self,
        _arena: &mut Arena,
        _records: u64,
        _bytes: u64,
        timeout_ns: u64,
    ) -> RResult<kafi_abi::Polled, Failure> {
        RResult::ROk(kafi_abi::Polled { status: timeout_ns as u32, batch: self.0 })
    }

    fn membership(&self) -> u32 {
        17
    }

    fn positions(&self) -> RResult<RString, Failure> {
        RResult::ROk("[{\"topic\":1}]".into())
    }

    fn commit(&mut self, _positions: RStr<'_>, _timeout_ns: u64) -> RResult<(), Failure> {
        RResult::ROk(())
    }

    fn committed(&mut self, _partitions: RStr<'_>, _timeout_ns: u64) -> RResult<RString, Failure> {
        RResult::ROk("[{\"topic\":\"t\",\"partition\":0,\"offset\":1,\"since\":\"later\"}]".into())
    }

    fn close(&mut self, _timeout_ns: u64) -> RResult<(), Failure> {
        RResult::ROk(())
    }

    fn call(&mut self, _name: RStr<'_>, _argument: RStr<'_>) -> RResult<RString, Failure> {
        unreachable!()
    }

    fn interface(&self, _name: RStr<'_>) -> *const () {
        ptr::null()
    }
}

const NULL: Span = Span { start: 0, len: -1 };
const META: RecordMeta = RecordMeta {
    offset: 0,
    timestamp: 0,
    topic: 0,
    partition: 0,
    key: NULL,
    value: NULL,
    header_start: 0,
    header_count: 0,
    timestamp_type: 0,
};

fn raw(view: BatchView) -> Box<dyn Consumer> {
    let raw: StorageBox = Storage_TO::from_value(Raw(view), TD_Opaque);
    import::storage(raw, import::Library::new()).consumer(&ConsumerOptions::default()).unwrap()
}

#[test]
fn the_host_refuses_what_points_outside() {
    let topics = [Text::new("t")];
    let header = |name, value| [HeaderMeta { name, value }];
    let none: [HeaderMeta; 0] = [];
    let good = header(Span { start: 0, len: 1 }, NULL);
    let cases: [(&str, RecordMeta, &[HeaderMeta]); 8] = [
        ("a message points outside", RecordMeta { key: Span { start: 3, len: 2 }, ..META }, &none),
        ("a message points outside", RecordMeta { value: Span { start: u32::MAX, len: i32::MAX }, ..META }, &none),
        ("a message points outside", RecordMeta { topic: 1, ..META }, &none),
        ("a message points outside", RecordMeta { header_count: 1, ..META }, &none),
        ("a message points outside", RecordMeta { header_start: u32::MAX, header_count: u32::MAX, ..META }, &good),
        ("a header points outside", META, &header(NULL, NULL)),
        ("a header points outside", META, &header(Span { start: 0, len: 1 }, Span { start: 4, len: 1 })),
        ("an unknown type of timestamp", RecordMeta { timestamp_type: 2, ..META }, &none),
    ];
    for (why, meta, headers) in cases {
        let mut records = [meta];
        let mut batch = Batch::new();
        let error = raw(BatchView::exclusive(b"data", &mut records, headers, &topics))
            .poll(&mut batch, Duration::ZERO)
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.message().contains(why), "{error}");
        assert!(batch.is_empty() && batch.topics().is_empty());
    }
    let mut records = [META];
    let mut batch = Batch::new();
    let mut consumer = raw(BatchView::exclusive(b"data", &mut records, &good, &topics));
    assert_eq!(consumer.poll(&mut batch, Duration::ZERO).unwrap(), Polled::Records);
    assert!(
        raw(BatchView::empty())
            .poll(&mut batch, Duration::ZERO)
            .unwrap_err()
            .message()
            .contains("where there are none")
    );
    assert!(consumer.poll(&mut batch, Duration::from_nanos(9)).unwrap_err().to_string().contains("status 9"));
}

#[test]
fn an_arena_goes_back_only_to_its_own_library() {
    let storage = echo();
    let (mut producer, mut consumer) = (
        storage.producer(&ProducerOptions::default()).unwrap(),
        storage.consumer(&ConsumerOptions::default()).unwrap(),
    );
    let topics = [Text::new("t")];
    let mut records = [META];
    let mut other = raw(BatchView::exclusive(b"data", &mut records, &[], &topics));
    let mut batch = Batch::new();
    for _ in 0..2 {
        // The arena of the other library holds nothing: whoever takes it for one of ours falls over it.
        assert_eq!(other.poll(&mut batch, Duration::ZERO).unwrap(), Polled::Records);
        producer.produce(&nasty(), 0, 1, WAIT).unwrap();
        assert_eq!((consumer.poll(&mut batch, WAIT).unwrap(), batch.len()), (Polled::Records, 2));
    }
}

#[test]
fn answers_of_others_are_read_with_care() {
    let mut consumer = raw(BatchView::empty());
    assert_eq!(consumer.membership(), Membership::Stable);
    assert!(consumer.positions().is_empty(), "what cannot be read is in the log");
    let committed = consumer.committed(&[], WAIT).unwrap();
    assert_eq!(committed, [CommittedOffset::new("t", 0, 1)], "members that nobody knows are passed over");
}

#[test]
fn a_plugin_refuses_what_points_outside() {
    let storage = export::storage(Arc::new(Echo::default()));
    let mut producer = storage.producer("{}".into()).into_result().unwrap();
    let bad = [RecordMeta { key: Span { start: 3, len: 2 }, ..META }];
    let topics = [Text::new("t")];
    let refused = producer.produce(BatchView::new(b"data", &bad, &[], &topics), 0, 1, 0).into_result().unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Corrupt as u32);
    let good = [META];
    let behind = producer.produce(BatchView::new(b"data", &good, &[], &topics), 2, 1, 0).into_result().unwrap_err();
    assert_eq!(behind.kind, ErrorKind::Usage as u32);
    assert_eq!(producer.produce(BatchView::new(b"data", &good, &[], &topics), 0, 1, 0).into_result().unwrap(), 1);
}

#[test]
fn names_that_nobody_knows_are_unsupported_and_interfaces_null() {
    let mut storage = export::storage(Arc::new(Echo::default()));
    let unknown = storage.call("later".into(), "{}".into()).into_result().unwrap_err();
    assert_eq!((unknown.kind, unknown.message.contains("no such call")), (ErrorKind::Unsupported as u32, true));
    assert!(storage.interface("later".into()).is_null());
    storage = export::storage(Arc::new(Echo::default()));
    assert_eq!(storage.consumer("{\"later\":1}".into()).into_result().map(|_| ()).ok(), Some(()));
}

#[test]
fn secrets_of_an_opening_are_not_shown() {
    let items = vec![("access.key".into(), "hunter2".into()), ("endpoint".into(), "http://me:hunter2@h".into())];
    let opening = Opening { name: "x".into(), items, ..Opening::default() };
    assert!(!format!("{opening:?}").contains("hunter2"));
    assert_eq!(from_json(&opening), opening);
}

fn from_json(opening: &Opening) -> Opening {
    json::from_text(&json::to_text(opening).unwrap()).unwrap()
}
