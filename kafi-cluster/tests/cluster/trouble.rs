//! Brokers that are not there, do not answer, or do not let us in.

use std::net::TcpListener;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::mock::Mock;
use crate::common::*;
use kafi_core::{
    Assignment, Batch, ConsumerOptions, Error, ErrorKind, Isolation, Polled, ProducerOptions, Record, Retry, Storage,
    TopicPartition, Writer,
};

fn open(properties: &[(&str, &str)]) -> Arc<dyn Storage> {
    kafi_cluster::open("test", &pairs(properties)).unwrap()
}

/// The error of each way to speak to brokers first.
fn first_errors(storage: &Arc<dyn Storage>) -> Vec<Error> {
    let mut consumer =
        storage.consumer(&ConsumerOptions { group: Some("g".into()), ..ConsumerOptions::default() }).unwrap();
    let mut producer = storage.producer(&ProducerOptions::default()).unwrap();
    let mut batch = Batch::new();
    batch.push(Record::new("t", None, None));
    let mut admin = storage.admin().unwrap();
    vec![
        storage.identity(WAIT).unwrap_err(),
        admin.topics(&[], WAIT).unwrap_err(),
        admin
            .watermarks(&[TopicPartition { topic: "t".into(), partition: 0 }], Isolation::ReadCommitted, WAIT)
            .unwrap_err(),
        consumer.assign(&[Assignment { topic: "t".into(), partition: 0, start: 0, end: None }], WAIT).unwrap_err(),
        consumer.subscribe(&["t".into()], WAIT).unwrap_err(),
        producer.produce(&batch, 0, 1, WAIT).unwrap_err(),
    ]
}

/// An address that nobody listens at.
fn closed_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[test]
fn a_broker_that_is_not_there_is_told_with_its_address() {
    let address = closed_address();
    for error in first_errors(&open(&[("bootstrap.servers", &address)])) {
        assert_eq!((error.kind(), error.retryable()), (ErrorKind::Unavailable, Retry::Later), "{error:?}");
        assert!(error.to_string().contains(&address) && error.to_string().contains("connection refused"), "{error}");
    }
}

#[test]
fn one_of_several_brokers_suffices_and_names_may_have_several_addresses() {
    let port = brokers().rsplit_once(':').unwrap().1;
    let servers = format!("{},localhost:{port}", closed_address());
    let storage = open(&[("bootstrap.servers", &servers)]);
    assert_eq!(storage.identity(WAIT).unwrap(), cluster(&[]).identity(WAIT).unwrap());
}

#[test]
fn a_host_that_does_not_exist_is_told() {
    let error = open(&[("bootstrap.servers", "no-such-host.invalid:9092")]).identity(WAIT).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("no-such-host.invalid:9092"), "{error}");
}

#[test]
fn a_server_that_never_answers_is_told_long_before_the_time_is_over() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let error = open(&[("bootstrap.servers", &address)]).identity(Duration::from_secs(3600)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains(&address), "{error}");
}

#[test]
fn a_short_wait_is_kept() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let error = open(&[("bootstrap.servers", &address)]).identity(Duration::from_millis(50)).unwrap_err();
    assert_eq!((error.kind(), error.retryable()), (ErrorKind::Timeout, Retry::Later));
}

fn sasl(password: &str, mechanism: &str) -> Arc<dyn Storage> {
    open(&[
        ("bootstrap.servers", variable("KAFI_TEST_KAFKA_SASL_PLAINTEXT")),
        ("security.protocol", "sasl_plaintext"),
        ("sasl.mechanism", mechanism),
        ("sasl.username", "admin"),
        ("sasl.password", password),
    ])
}

#[test]
fn a_wrong_password_is_told_and_never_shown() {
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        for error in first_errors(&sasl("not the password", mechanism)) {
            assert_eq!(
                (error.kind(), error.retryable()),
                (ErrorKind::Authentication, Retry::Never),
                "{mechanism} {error:?}"
            );
            assert!(!format!("{error} {error:?} {:?}", error.hint_text()).contains("not the password"));
        }
        sasl(variable("KAFI_TEST_KAFKA_ADMIN_PASSWORD"), mechanism).identity(WAIT).unwrap();
    }
}

#[test]
fn a_certificate_of_a_stranger_is_told() {
    let server = variable("KAFI_TEST_KAFKA_SSL");
    let ssl = |ca: &str| {
        open(&[("bootstrap.servers", server), ("security.protocol", "ssl"), ("ssl.ca.location", variable(ca))])
    };
    ssl("KAFI_TEST_KAFKA_CA").identity(WAIT).unwrap();
    let error = ssl("KAFI_TEST_KAFKA_OTHER_CA").identity(WAIT).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Authentication, "{error:?}");
    let error = open(&[("bootstrap.servers", server)]).identity(WAIT).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(error.hint_text().unwrap().contains("security.protocol"), "{error}");
}

#[test]
fn what_one_may_not_do_is_told() {
    let storage = open(&[
        ("bootstrap.servers", variable("KAFI_TEST_KAFKA_SASL_PLAINTEXT")),
        ("security.protocol", "sasl_plaintext"),
        ("sasl.mechanism", "PLAIN"),
        ("sasl.username", "alice"),
        ("sasl.password", variable("KAFI_TEST_KAFKA_ALICE_PASSWORD")),
    ]);
    let owner = cluster(&[]);
    let topic = TestTopic::new(&owner, "forbidden", 1, &[]);
    let mut consumer = storage.consumer(&ConsumerOptions::default()).unwrap();
    let assignment = Assignment { topic: topic.name.clone(), partition: 0, start: 0, end: None };
    let error = consumer.assign(&[assignment], WAIT).unwrap_err();
    assert!(error.kind() == ErrorKind::PermissionDenied && error.to_string().contains(&topic.name), "{error:?}");
    let mut admin = storage.admin().unwrap();
    assert_eq!(admin.delete_topic(&topic.name, WAIT).unwrap_err().kind(), ErrorKind::PermissionDenied);
    let mut producer = storage.producer(&ProducerOptions::default()).unwrap();
    let mut batch = Batch::new();
    batch.push(Record::new(&topic.name, None, None));
    produce_all(producer.as_mut(), &batch, 1);
    let report = &producer.reports(Duration::ZERO).unwrap()[0];
    assert!(
        matches!(&report.delivery, kafi_core::Delivery::Failed(error) if error.kind() == ErrorKind::PermissionDenied),
        "{report:?}"
    );
}

#[test]
fn both_sides_survive_a_broker_that_goes_and_comes_back() {
    let mock = Mock::new();
    mock.set_up(true);
    let storage = open(&[("bootstrap.servers", &mock.servers())]);
    let mut producer = storage.producer(&ProducerOptions::default()).unwrap();
    let mut consumer = storage.consumer(&ConsumerOptions::default()).unwrap();
    consumer.assign(&[Assignment { topic: "t".into(), partition: 0, start: 0, end: Some(2) }], WAIT).unwrap();
    let (mut batch, mut read) = (Batch::new(), Batch::new());
    batch.push(Record { partition: 0, ..Record::new("t", None, Some(b"v")) });
    produce_all(producer.as_mut(), &batch, 1);
    assert_eq!(consumer.poll(&mut read, WAIT).unwrap(), Polled::Records);
    mock.set_up(false);
    assert_eq!(consumer.poll(&mut read, Duration::from_millis(500)).unwrap(), Polled::Timeout);
    assert_eq!(producer.produce(&batch, 0, 2, WAIT).unwrap(), 1);
    let error = producer.flush(Duration::from_millis(500)).unwrap_err();
    assert_eq!(error.retryable(), Retry::Later, "{error:?}");
    mock.set_up(true);
    producer.flush(WAIT).unwrap();
    assert_eq!(consumer.poll(&mut read, WAIT).unwrap(), Polled::Records);
    assert_eq!(consumer.poll(&mut read, WAIT).unwrap(), Polled::End);
    assert_eq!(consumer.positions()[0].offset, 2);
}

#[test]
fn a_writer_waits_for_a_broker_that_comes_back() {
    let mock = Mock::new();
    mock.set_up(true);
    let storage = open(&[("bootstrap.servers", &mock.servers())]);
    let mut writer = Writer::open(storage.as_ref(), &ProducerOptions::default(), Arc::default()).unwrap();
    let mut batch = Batch::new();
    batch.push(Record { partition: 0, ..Record::new("t", None, Some(b"v")) });
    writer.write(&batch).unwrap();
    writer.flush(None).unwrap();
    mock.set_up(false);
    writer.write(&batch).unwrap();
    let error = writer.flush(Some(Duration::from_millis(500))).unwrap_err();
    assert_eq!(error.retryable(), Retry::Later, "{error:?}");
    std::thread::scope(|scope| {
        let flushed = scope.spawn(|| writer.flush(None));
        // By then it has seen that the broker is away.
        std::thread::sleep(Duration::from_millis(500));
        mock.set_up(true);
        flushed.join().unwrap().unwrap();
    });
    assert_eq!(writer.close(None).unwrap(), 2);
}

struct Lines(Mutex<Vec<String>>);

impl log::Log for Lines {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        self.0.lock().unwrap().push(format!("{} {} {}", record.level(), record.target(), record.args()));
    }

    fn flush(&self) {}
}

static LINES: Lines = Lines(Mutex::new(Vec::new()));

/// Runs in a process of its own, with everything that librdkafka can say.
#[test]
#[ignore = "the test below runs it"]
fn talkative_child() {
    log::set_logger(&LINES).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    let storage = open(&[
        ("bootstrap.servers", &closed_address()),
        ("debug", "all"),
        ("sasl.mechanism", "PLAIN"),
        ("sasl.username", "admin"),
        ("sasl.password", "hunter2-secret"),
        ("security.protocol", "sasl_plaintext"),
        ("linger.ms", "7"),
    ]);
    assert_eq!(first_errors(&storage).len(), 6);
    let lines = LINES.0.lock().unwrap();
    assert!(
        lines.iter().any(|line| line.starts_with("INFO librdkafka FAIL:") && line.contains("Connection refused")),
        "{lines:?}"
    );
    assert!(lines.iter().all(|line| !line.contains("hunter2-secret")));
}

fn passes_without_a_word(child: &str) {
    let arguments = ["--exact", child, "--ignored", "--nocapture", "--test-threads=1"];
    let child = Command::new(std::env::current_exe().unwrap()).args(arguments).output().unwrap();
    let stderr = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success() && stderr.is_empty(), "{stderr}");
    assert!(String::from_utf8_lossy(&child.stdout).contains("1 passed"));
}

#[test]
fn lines_of_librdkafka_go_to_the_log_and_nowhere_else() {
    passes_without_a_word("trouble::talkative_child");
}

/// Runs in a process of its own, because it reads what librdkafka says.
#[test]
#[ignore = "the test below runs it"]
fn reading_child() {
    log::set_logger(&LINES).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    let storage = cluster(&[("debug", "topic")]);
    let topic = TestTopic::new(&storage, "stopped", 2, &[]);
    write(&storage, &[record(&topic.name, 0, "k", "v"), record(&topic.name, 1, "k", "v")]);
    let mut consumer = storage.consumer(&ConsumerOptions::default()).unwrap();
    consumer.assign(&whole(&storage, &topic.name, Isolation::ReadCommitted), WAIT).unwrap();
    assert_eq!(read_to_end(consumer.as_mut()).len(), 2);
    consumer.close(WAIT).unwrap();
    let lines = LINES.0.lock().unwrap();
    for partition in [0, 1] {
        let count = |word: &str| {
            lines.iter().filter(|line| line.contains(&format!("{word} consuming {} [{partition}]", topic.name))).count()
        };
        assert_eq!((count("Start"), count("Stop")), (1, 1), "{lines:?}");
    }
}

#[test]
fn every_read_that_was_started_is_stopped_before_its_client_goes() {
    passes_without_a_word("trouble::reading_child");
}

#[test]
fn what_is_dropped_or_closed_leaves_nothing_behind() {
    let storage = cluster(&[]);
    let topic = TestTopic::new(&storage, "dropped", 1, &[]);
    write(&storage, &(0..1000).map(|i| record(&topic.name, 0, "k", &i.to_string())).collect::<Vec<_>>());
    for _ in 0..20 {
        let mut consumer = storage.consumer(&ConsumerOptions::default()).unwrap();
        consumer.assign(&whole(&storage, &topic.name, Isolation::ReadCommitted), WAIT).unwrap();
        let mut batch = Batch::with_limits(1, 1);
        consumer.poll(&mut batch, WAIT).unwrap();
        drop(consumer);
        let mut consumer = storage.consumer(&ConsumerOptions::default()).unwrap();
        consumer.assign(&whole(&storage, &topic.name, Isolation::ReadCommitted), WAIT).unwrap();
        consumer.poll(&mut batch, WAIT).unwrap();
        consumer.close(WAIT).unwrap();
        consumer.close(WAIT).unwrap();
        assert!(consumer.positions().is_empty());
    }
    let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
    let deadline = std::time::Instant::now() + WAIT;
    // Other tests of this process run beside this one.
    while threads() > 60 {
        assert!(std::time::Instant::now() < deadline, "threads end: {}", threads());
        std::thread::sleep(Duration::from_millis(50));
    }
}
