//! Joins, against what a loop over all pairs gives.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

use kafi::{
    Batch, JoinEmit, JoinHow, JoinOptions, JoinPair, JoinRows, JoinSide, Joined, JoinedSide, Kafi, NewTopic,
    OwnedRecord, Record, Result, json, shell,
};
use tempfile::TempDir;

use crate::support::{Random, T, folder, memory, on_both, put};

/// The two topics of the README of Kafi for Python.
fn snacks(c: &Kafi) {
    c.touch("snacks").unwrap();
    let snacks = [
        json!({"name": "cookie", "calories": 500.0, "colour": "brown"}),
        json!({"name": "cake", "calories": 260.0, "colour": "white"}),
        json!({"name": "timtam", "calories": 80.0, "colour": "chocolate"}),
    ];
    c.produce("snacks", snacks).unwrap();
    c.touch("snacks_countries").unwrap();
    let countries =
        [json!({"snack_name": "timtam", "country": "Australia"}), json!({"snack_name": "cookie", "country": "US"})];
    c.produce("snacks_countries", countries).unwrap();
}

fn joined(c: &Kafi) -> kafi::Join {
    c.join("snacks", c, "snacks_countries")
        .left_key(|m| Ok(m.value["name"].clone()))
        .right_key(|m| Ok(m.value["snack_name"].clone()))
}

const COOKIE: &str = r#"{"name":"cookie","calories":500.0,"colour":"brown"}"#;
const CAKE: &str = r#"{"name":"cake","calories":260.0,"colour":"white"}"#;
const TIMTAM: &str =
    r#"{"name":"timtam","calories":80.0,"colour":"chocolate","snack_name":"timtam","country":"Australia"}"#;
const US: &str = r#"{"name":"cookie","calories":500.0,"colour":"brown","snack_name":"cookie","country":"US"}"#;
const AUSTRALIA: &str = r#"{"snack_name":"timtam","country":"Australia"}"#;

fn values(join: kafi::Join) -> Vec<String> {
    join.collect().unwrap().iter().map(|m| m.value.to_string()).collect()
}

#[test]
fn the_three_lists_of_the_python_library_come_of_an_eager_join() {
    on_both(|c| {
        snacks(&c);
        assert_eq!(values(joined(&c).eager()), [US, TIMTAM]);
        assert_eq!(values(joined(&c).eager().how(JoinHow::Left)), [COOKIE, CAKE, US, TIMTAM]);
        assert_eq!(values(joined(&c).eager().how(JoinHow::Right)), [AUSTRALIA, US, TIMTAM]);
        assert_eq!(values(joined(&c)), [US, TIMTAM]);
        assert_eq!(values(joined(&c).how(JoinHow::Left)), [US, CAKE, TIMTAM]);
        assert_eq!(values(joined(&c).how(JoinHow::Right)), [US, TIMTAM]);
        let anti = joined(&c).how(JoinHow::Anti).to(&c, "without").unwrap();
        assert_eq!((anti.left.read, anti.left.matched, anti.left.unmatched, anti.rows), (3, 2, 1, 1));
        let cake = c.cat("without").unwrap().remove(0);
        assert_eq!((cake.value.to_string().as_str(), cake.timestamp > 0), (CAKE, true));
    });
}

#[test]
fn projections_make_anything_of_the_two() {
    let c = memory();
    snacks(&c);
    let named = joined(&c).how(JoinHow::Full).project(|left, right| {
        let name = |m: &kafi::Message, member: &str| m.value[member].str().unwrap_or("").to_string();
        let sides = (left.as_ref().map(|m| name(m, "name")), right.as_ref().map(|m| name(m, "country")));
        Ok(kafi::Message::new("any", "k", format!("{sides:?}")))
    });
    let values: Vec<String> = named.collect().unwrap().iter().map(|m| m.value.str().unwrap().to_string()).collect();
    let expected =
        [r#"(Some("cookie"), Some("US"))"#, r#"(Some("cake"), None)"#, r#"(Some("timtam"), Some("Australia"))"#];
    assert_eq!(values, expected);
    let error = joined(&c).left_key(|m| m.value["name"].int()).collect().unwrap_err().to_string();
    assert!(error.contains("topic snacks") || error.contains("path .name"), "{error}");
    let refused = joined(&c).left(|t| t.follow()).collect().unwrap_err().to_string();
    assert!(refused.contains("what is followed has none"), "{refused}");
}

/// A topic of random keys, of which some are null, in random partitions.
fn keyed(c: &Kafi, topic: &str, random: &mut Random) -> Vec<OwnedRecord> {
    let partitions = 1 + random.below(3);
    c.create(&NewTopic::new(topic).partitions(partitions as i32)).unwrap();
    let keys = [1, 5, 100, 500][random.below(4) as usize];
    // Few keys make many pairs.
    let count = random.below(if keys < 10 { 60 } else { 300 });
    let mut next = [0; 3];
    let mut records = Vec::new();
    for time in 0..count {
        let partition = random.below(partitions) as usize;
        next[partition] += 1;
        let joined_by = random.below(keys);
        let value = match random.below(10) {
            0 => None,
            1 => Some("{\"k\":null}".to_string()),
            2 => Some(format!("{{\"k\":{joined_by}.0,\"pad\":\"{}\"}}", "x".repeat(random.below(300) as usize))),
            _ => Some(format!("{{\"k\":{joined_by}}}")),
        };
        records.push(OwnedRecord {
            partition: partition as i32,
            offset: next[partition] - 1,
            timestamp: time as i64,
            key: (random.below(10) > 0).then(|| format!("{}", random.below(keys * 2)).into_bytes()),
            value: value.map(String::into_bytes),
            ..Record::new(topic, None, None).to_owned()
        });
    }
    put(c, &records, true);
    records
}

/// What a message is joined by.
fn key_of(record: &OwnedRecord) -> Option<u64> {
    let text = String::from_utf8(record.value.clone()?).unwrap();
    let digits: String = text.trim_start_matches("{\"k\":").chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// Where a message lies.
type Place = (i32, i64);

/// The two places of a row.
type Row = (Option<Place>, Option<Place>);

fn place(record: &OwnedRecord) -> Place {
    (record.partition, record.offset)
}

/// The rows of a side, and what it is counted as besides.
fn rows_of(records: &[OwnedRecord], rows: JoinRows) -> (Vec<&OwnedRecord>, JoinedSide) {
    let mut counts = JoinedSide { read: records.len() as u64, ..JoinedSide::default() };
    let mut newest: BTreeMap<(&Option<Vec<u8>>, i32), &OwnedRecord> = BTreeMap::new();
    for record in records {
        let known = newest.entry((&record.key, record.partition)).or_insert(record);
        if record.offset > known.offset {
            *known = record;
        }
    }
    let mut best: HashMap<&Option<Vec<u8>>, &OwnedRecord> = HashMap::new();
    for ((key, _), record) in newest {
        let known = best.entry(key).or_insert(record);
        if record.timestamp > known.timestamp {
            *known = record;
        }
    }
    let is_row = |record: &&OwnedRecord| {
        rows == JoinRows::Log
            || record.key.is_some() && record.value.is_some() && place(best[&record.key]) == place(record)
    };
    let rows: Vec<&OwnedRecord> = records.iter().filter(is_row).collect();
    counts.superseded = counts.read - rows.len() as u64;
    counts.null_keys = rows.iter().filter(|record| key_of(record).is_none()).count() as u64;
    (rows, counts)
}

/// What a loop over all pairs gives, sorted.
fn expected(
    left: &[OwnedRecord],
    right: &[OwnedRecord],
    how: JoinHow,
    rows: [JoinRows; 2],
) -> (Vec<Row>, [JoinedSide; 2]) {
    let ((lefts, mut left_counts), (rights, mut right_counts)) = (rows_of(left, rows[0]), rows_of(right, rows[1]));
    let is_pair = |left: &OwnedRecord, right: &OwnedRecord| key_of(left).is_some() && key_of(left) == key_of(right);
    let mut out = Vec::new();
    for &left in &lefts {
        let partners = rights.iter().filter(|right| is_pair(left, right));
        let count = partners.clone().count();
        left_counts.matched += u64::from(count > 0);
        match how {
            JoinHow::Semi if count > 0 => out.push((Some(place(left)), None)),
            JoinHow::Semi | JoinHow::Anti if count > 0 => {}
            JoinHow::Left | JoinHow::Full | JoinHow::Anti if count == 0 => out.push((Some(place(left)), None)),
            _ => out.extend(partners.map(|right| (Some(place(left)), Some(place(right))))),
        }
    }
    for &right in &rights {
        let is_matched = lefts.iter().any(|left| is_pair(left, right));
        right_counts.matched += u64::from(is_matched);
        if !is_matched && matches!(how, JoinHow::Right | JoinHow::Full) {
            out.push((None, Some(place(right))));
        }
    }
    for counts in [&mut left_counts, &mut right_counts] {
        counts.unmatched = counts.read - counts.matched - counts.null_keys - counts.superseded;
    }
    out.sort();
    (out, [left_counts, right_counts])
}

/// What a join gives, sorted.
fn found(c: &Kafi, how: JoinHow, rows: [JoinRows; 2], memory: u64) -> Result<(Vec<Row>, Joined)> {
    let side = |topic, rows| JoinSide {
        storage: c.storage(),
        topic,
        read: c.read_options(),
        rows,
        key: Box::new(|record: &Record<'_>, key: &mut kafi::JoinKey| {
            let text = record.value.map_or("null", |value| std::str::from_utf8(value).unwrap());
            let json = kafi::Json::parse(text)?;
            key.set_json(&json["k"].text())
        }),
    };
    let mut out: Vec<Row> = Vec::new();
    let mut project = |pair: JoinPair<'_>, _: &mut Batch| {
        let place = |record: Option<Record<'_>>| record.map(|record| (record.partition, record.offset));
        out.push((place(pair.left), place(pair.right)));
        Ok(())
    };
    let options = JoinOptions { how, memory, emit: JoinEmit::Final, ..JoinOptions::default() };
    let sides = [side("left", rows[0]), side("right", rows[1])];
    let joined = shell::join(sides, &options, |_| Ok(()), &mut project, &mut |_| Ok(ControlFlow::Continue(())))?;
    out.sort();
    Ok((out, joined))
}

#[test]
fn any_two_topics_are_joined_as_a_loop_over_all_pairs_would() {
    let mut random = Random(11);
    let mut spilled = 0;
    for round in 0..16 {
        let (c, _folder) = if round % 10 == 0 { folder() } else { (memory(), TempDir::new().unwrap()) };
        let (left, right) = (keyed(&c, "left", &mut random), keyed(&c, "right", &mut random));
        for how in [JoinHow::Inner, JoinHow::Left, JoinHow::Right, JoinHow::Full, JoinHow::Semi, JoinHow::Anti] {
            let rows = [JoinRows::Log, JoinRows::Table]
                .map(|_| if random.below(3) == 0 { JoinRows::Table } else { JoinRows::Log });
            for memory in [1 << 28, 20_000, 2_000] {
                let (found, joined) = found(&c, how, rows, memory).unwrap();
                let (expected, counts) = expected(&left, &right, how, rows);
                let case = format!("round {round}, {how:?}, {rows:?}, memory {memory}");
                assert_eq!([joined.left, joined.right], counts, "{case}");
                assert!(found == expected, "{case}: {} rows, expected {}", found.len(), expected.len());
                assert_eq!(joined.rows, expected.len() as u64);
                spilled += u64::from(joined.spilled_bytes > 0);
                assert!(memory < 1 << 20 || joined.spilled_bytes == 0);
            }
        }
    }
    assert!(spilled > 20, "only {spilled} joins needed a file");
}

#[test]
fn one_key_with_more_rows_than_fit_is_joined_in_blocks() {
    let c = memory();
    for topic in ["left", "right"] {
        c.touch(topic).unwrap();
        c.produce(topic, (0..300).map(|n| json!({"k": (if n % 100 == 7 { n } else { 1000 }), "pad": "a long text"})))
            .unwrap();
    }
    let rows = [JoinRows::Log; 2];
    let (pairs, joined) = found(&c, JoinHow::Full, rows, 4_000).unwrap();
    assert_eq!((pairs.len(), joined.left.matched, joined.right.matched), (297 * 297 + 3, 300, 300));
    assert!(joined.spilled_bytes > 0);
    assert_eq!(found(&c, JoinHow::Anti, rows, 4_000).unwrap().0, []);
    assert_eq!(found(&c, JoinHow::Semi, rows, 4_000).unwrap().0.len(), 300);
}

#[test]
fn a_join_is_repeated_with_the_offsets_that_it_names() {
    let c = memory();
    snacks(&c);
    assert_eq!(joined(&c).to(&c, "snacks").unwrap_err().kind(), kafi::ErrorKind::Usage);
    let first = joined(&c).to(&c, T).unwrap();
    assert_eq!((Joined::offsets_text(&first.left_offsets), first.rows), ("0=0:3".to_string(), 2));
    c.produce("snacks", [json!({"name": "cookie"})]).unwrap();
    let offsets = Joined::offsets_text(&first.left_offsets);
    let again = joined(&c).left(|t| t.offsets(&offsets.split(',').collect::<Vec<_>>()).unwrap());
    assert_eq!(again.collect().unwrap().len(), 2);
    assert_eq!(joined(&c).collect().unwrap().len(), 3);
}

#[test]
fn eager_tables_forget_what_is_replaced() {
    let c = memory();
    for topic in ["l", "r"] {
        c.touch(topic).unwrap();
    }
    c.produce("l", [("a", json!({"k": 1})), ("a", json!({"k": 2})), ("b", json!({"k": 2}))]).unwrap();
    c.produce("r", [("x", json!({"k": 9, "r": 0})), ("y", json!({"k": 1, "r": 1})), ("z", json!({"k": 2, "r": 2}))])
        .unwrap();
    let by_k =
        |join: kafi::Join| join.left_key(|m| Ok(m.value["k"].clone())).right_key(|m| Ok(m.value["k"].clone())).eager();
    assert_eq!(values(by_k(c.join("l", &c, "r"))).len(), 3);
    let joined = by_k(c.join("l", &c, "r")).left_table().foreach(|_| Ok(())).unwrap();
    assert_eq!((joined.rows, joined.left.superseded, joined.left.matched, joined.right.matched), (2, 1, 2, 1));
}

#[test]
fn a_table_that_changes_often_needs_no_more_memory() {
    let c = memory();
    for topic in ["l", "r"] {
        c.touch(topic).unwrap();
    }
    c.produce("l", (0..20_000).map(|n| (format!("{}", n % 10), json!({"k": n})))).unwrap();
    c.produce("r", (0..20_000).map(|n| json!({"k": (n + 19_990), "r": n}))).unwrap();
    let join =
        || c.join("l", &c, "r").left_key(|m| Ok(m.value["k"].clone())).right_key(|m| Ok(m.value["k"].clone())).eager();
    let joined = join().left_table().memory(6 << 20).foreach(|_| Ok(())).unwrap();
    assert_eq!((joined.left.superseded, joined.left.read), (19_990, 20_000));
    let error = join().memory(3 << 20).foreach(|_| Ok(())).unwrap_err();
    assert_eq!(error.kind(), kafi::ErrorKind::TooLarge);
}
