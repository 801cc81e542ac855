use super::*;
use crate::admin::{
    AclAdmin, Admin, AdminBase, BrokerAdmin, ConfigAdmin, ElectionAdmin, GroupAdmin, OffsetAdmin, Topic, TopicAdmin,
    UserAdmin,
};

/// A storage whose partition p of any topic holds the offsets 10p+10 to 10p+20; the message at offset o has the
/// timestamp 100·o.
#[derive(Default)]
struct Fake {
    /// The questions, in order: watermarks, or a time, with how many partitions.
    asked: Vec<String>,
    /// Answers in the wrong order.
    shuffles: bool,
    /// The last stable offset is so far below the high watermark.
    open: i64,
    /// This partition cannot be asked about.
    broken: Option<i32>,
}

impl Fake {
    fn check(&self, mut asked: impl Iterator<Item = i32>) -> Result<()> {
        match self.broken.filter(|broken| asked.any(|partition| partition == *broken)) {
            None => Ok(()),
            Some(broken) => Err(Error::new(ErrorKind::Corrupt, "ask", "damaged").with("partition", broken)),
        }
    }
}

impl AdminBase for Fake {
    fn storage_name(&self) -> &str {
        "fake"
    }
}

impl TopicAdmin for Fake {
    fn topics(&mut self, _: &[String], _: Duration) -> Result<Vec<Topic>> {
        unreachable!("not asked")
    }
}

impl OffsetAdmin for Fake {
    fn watermarks(
        &mut self,
        partitions: &[TopicPartition],
        isolation: Isolation,
        _: Duration,
    ) -> Result<Vec<Watermarks>> {
        self.asked.push(format!("watermarks {}", partitions.len()));
        self.check(partitions.iter().map(|p| p.partition))?;
        let open = if isolation == Isolation::ReadCommitted { self.open } else { 0 };
        let answer = |p: &TopicPartition| {
            let low = 10 * i64::from(p.partition) + 10;
            Watermarks { topic: p.topic.clone(), partition: p.partition, low, high: low + 10 - open }
        };
        let mut answers: Vec<_> = partitions.iter().map(answer).collect();
        if self.shuffles {
            answers.reverse();
        }
        Ok(answers)
    }

    fn offsets_for_times(&mut self, times: &[Position], _: Duration) -> Result<Vec<Position>> {
        self.asked.push(format!("time {} {}", times[0].offset, times.len()));
        self.check(times.iter().map(|time| time.partition))?;
        let answer = |p: &Position| {
            let low = 10 * i64::from(p.partition) + 10;
            // The log start has moved since, and messages may have come: answers are not always within the watermarks.
            Position { offset: ((p.offset + 99) / 100).clamp(low - 2, low + 10), ..p.clone() }
        };
        Ok(times.iter().map(answer).collect())
    }
}

impl ConfigAdmin for Fake {}

impl BrokerAdmin for Fake {}

impl AclAdmin for Fake {}

impl UserAdmin for Fake {}

impl ElectionAdmin for Fake {}

impl GroupAdmin for Fake {}

impl Admin for Fake {}

fn partitions(numbers: &[i32]) -> Vec<TopicPartition> {
    numbers.iter().map(|partition| TopicPartition { topic: "t".into(), partition: *partition }).collect()
}

fn run(fake: &mut Fake, numbers: &[i32], specs: &[&str], follow: bool, allow_gap: bool) -> Result<Vec<Resolved>> {
    let offsets = Offsets::parse(specs, true).unwrap();
    resolve(fake, &partitions(numbers), ResolveOptions { follow, allow_gap, ..options(&offsets) })
}

fn options(offsets: &Offsets) -> ResolveOptions<'_> {
    let (isolation, timeout) = (Isolation::ReadCommitted, Duration::from_secs(1));
    ResolveOptions { offsets, isolation, follow: false, allow_gap: false, timeout }
}

/// Start and end in partition 0, which holds 10 to 20.
fn bounds(spec: &str, follow: bool, allow_gap: bool) -> Result<(i64, Option<i64>)> {
    let resolved = run(&mut Fake::default(), &[0], &[spec], follow, allow_gap)?;
    assert_eq!((resolved.len(), resolved[0].low, resolved[0].high), (1, 10, 20));
    Ok((resolved[0].assignment.start, resolved[0].assignment.end))
}

#[test]
fn resolves_specs() {
    // spec, start, end without following, end with following
    let cases = [
        ("start", 10, 20, None),
        ("end", 20, 20, None),
        ("10", 10, 20, None),
        ("20", 20, 20, None),
        ("-3", 17, 20, None),
        ("-0", 20, 20, None),
        ("-99", 10, 20, None),
        ("-9223372036854775807", 10, 20, None),
        ("+3", 13, 20, None),
        ("+99", 20, 20, None),
        ("+9223372036854775807", 20, 20, None),
        ("12:15", 12, 15, Some(15)),
        ("10:20", 10, 20, Some(20)),
        ("20:20", 20, 20, Some(20)),
        (":15", 10, 15, Some(15)),
        (":10", 10, 10, Some(10)),
        ("@1500", 15, 20, None),
        ("@1501", 16, 20, None),
        ("@0", 10, 20, None),
        ("@99999", 20, 20, None),
        ("@1200:1500", 12, 15, Some(15)),
        ("@1500:1500", 15, 15, Some(15)),
        ("@0:99999", 10, 20, Some(20)),
        ("@1960-01-01:1970-01-01T00:00:01.2", 10, 12, Some(12)),
    ];
    for (spec, start, finite, following) in cases {
        assert_eq!(bounds(spec, false, false).unwrap(), (start, Some(finite)), "{spec}");
        assert_eq!(bounds(spec, true, false).unwrap(), (start, following), "{spec} following");
    }
    assert_eq!(bounds("15:99", true, false).unwrap(), (15, Some(99)), "following may reach what is not there yet");
}

#[test]
fn specs_from_code_may_be_anything() {
    let cases = [
        (OffsetSpec::Last(u64::MAX), (10, Some(20))),
        (OffsetSpec::Skip(u64::MAX), (20, Some(20))),
        (OffsetSpec::Range { from: Some(15), to: 12 }, (15, Some(15))),
    ];
    for (spec, expected) in cases {
        let offsets = Offsets::all(spec.clone());
        let resolved = resolve(&mut Fake::default(), &partitions(&[0]), options(&offsets)).unwrap();
        assert_eq!((resolved[0].assignment.start, resolved[0].assignment.end), expected, "{spec:?}");
    }
}

#[test]
fn absolute_offsets_out_of_range() {
    // spec, what the error says, and the bounds where gaps are allowed
    let cases = [
        ("9", "asked 9, available 10 to 20: the offsets 9 to 9 are no longer there", (10, Some(20))),
        ("0", "the offsets 0 to 9 are no longer there", (10, Some(20))),
        ("21", "asked 21, available 10 to 20: the offsets 20 to 20 are not there yet", (20, Some(20))),
        ("0:15", "the offsets 0 to 9 are no longer there", (10, Some(15))),
        ("2:5", "the offsets 2 to 4 are no longer there", (10, Some(10))),
        ("2:2", "the offsets 2 to 2 are no longer there", (10, Some(10))),
        ("15:30", "asked 30, available 10 to 20: the offsets 20 to 29 are not there yet", (15, Some(20))),
        ("25:30", "the offsets 20 to 24 are not there yet", (20, Some(20))),
        (":5", "asked 5, available 10 to 20: the offsets before 5 are no longer there", (10, Some(10))),
    ];
    for (spec, expected, clamped) in cases {
        let error = bounds(spec, false, false).unwrap_err();
        assert_eq!(
            (error.kind(), error.hint_text()),
            (ErrorKind::OutOfRange, Some("--allow-gap takes what is there")),
            "{spec}"
        );
        let text = error.to_string();
        assert!(
            text.starts_with("resolve offsets: topic t, partition 0, asked ") && text.contains(expected),
            "{spec}: {text}"
        );
        assert_eq!(bounds(spec, false, true).unwrap(), clamped, "{spec}");
    }
    assert_eq!(
        bounds("21", true, false).unwrap_err().kind(),
        ErrorKind::OutOfRange,
        "a start beyond the end, also when following"
    );
    assert_eq!(bounds("21", true, true).unwrap(), (20, None));
}

#[test]
fn asks_once_for_all_partitions() {
    let mut fake = Fake::default();
    let resolved = run(&mut fake, &[2, 0, 1, 3], &["@1500:2500", "0=start", "3=@2500"], false, false).unwrap();
    let found: Vec<_> = resolved
        .iter()
        .map(|r| (r.assignment.partition, r.assignment.start, r.assignment.end.unwrap(), r.low, r.high))
        .collect();
    assert_eq!(found, [(2, 30, 30, 30, 40), (0, 10, 20, 10, 20), (1, 20, 25, 20, 30), (3, 40, 50, 40, 50)]);
    assert_eq!(fake.asked, ["time 1500 2", "time 2500 3", "watermarks 4"]);

    let mut fake = Fake::default();
    run(&mut fake, &[0], &["@1960-01-01"], false, false).unwrap();
    assert_eq!(fake.asked[0], "time 0 1", "Kafka gives negative times other meanings");

    let mut fake = Fake::default();
    assert_eq!(run(&mut fake, &[], &["@5"], false, false).unwrap(), []);
    assert_eq!(fake.asked, Vec::<String>::new());
}

#[test]
fn stops_at_the_last_stable_offset() {
    let offsets = Offsets::all(OffsetSpec::Time { from: 1900, to: None });
    let both = |isolation, follow| {
        let fake = &mut Fake { open: 4, ..Fake::default() };
        let resolved =
            resolve(fake, &partitions(&[0]), ResolveOptions { isolation, follow, ..options(&offsets) }).unwrap();
        (resolved[0].assignment.start, resolved[0].assignment.end, resolved[0].high)
    };
    assert_eq!(both(Isolation::ReadCommitted, false), (16, Some(16), 16));
    assert_eq!(both(Isolation::ReadCommitted, true), (19, None, 16), "what was found is read once it is committed");
    assert_eq!(both(Isolation::ReadUncommitted, false), (19, Some(20), 20));
}

#[test]
fn refuses_what_does_not_fit() {
    let error = run(&mut Fake::default(), &[0, 1], &["7=start"], false, false).unwrap_err();
    assert!(
        error.kind() == ErrorKind::Usage && error.to_string().contains("partition 7: an offset names this partition"),
        "{error}"
    );
    let error = run(&mut Fake { shuffles: true, ..Fake::default() }, &[0, 1], &["start"], false, false).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unexpected);
}

#[test]
fn a_partition_that_cannot_be_asked_about_hides_no_other() {
    for (spec, last) in [("12:", "watermarks 1"), ("@1500", "watermarks 2")] {
        let mut fake = Fake { broken: Some(1), ..Fake::default() };
        let offsets = Offsets::parse(&[spec, "2=start"], true).unwrap();
        let resolved = resolve_each(&mut fake, &partitions(&[0, 1, 2]), options(&offsets)).unwrap();
        let starts: Vec<_> = resolved
            .iter()
            .map(|resolved| resolved.as_ref().map(|r| r.assignment.start).map_err(Error::kind))
            .collect();
        assert_eq!(starts[1..], [Err(ErrorKind::Corrupt), Ok(30)], "{spec}");
        assert!(starts[0].is_ok() && fake.asked.last().is_some_and(|asked| asked == last), "{spec}: {:?}", fake.asked);
        assert_eq!(
            resolve(&mut fake, &partitions(&[0, 1, 2]), options(&offsets)).unwrap_err().kind(),
            ErrorKind::Corrupt
        );
    }
}
