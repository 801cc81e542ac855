//! The grammar of offsets and times, names of topics, and partitioning.

use kafi_core::{ErrorKind, OffsetSpec, Offsets, TimeFormat, check_topic_name, format_local, parse_time, partition_of};

/// Takes `data` for an offset, a time, a pattern of a time, a number of milliseconds, the name of a topic, and a key.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for utc in [true, false] {
        times(&text, utc);
        specs(&text, utc);
    }
    if let Err(error) = check_topic_name(&text) {
        assert!(!error.to_string().contains('\n'), "{error}");
    }
    for partitions in [1, 2, 3, i32::MAX] {
        assert!((0..partitions).contains(&partition_of(data, partitions)));
    }
}

fn times(text: &str, utc: bool) {
    match parse_time(text, utc) {
        Ok(time) => {
            // The number is a time itself.
            assert_eq!(parse_time(&time.to_string(), utc).ok().filter(|_| time >= 0), (time >= 0).then_some(time));
        }
        Err(error) => assert!(error.kind() == ErrorKind::Usage && !error.to_string().contains('\n'), "{error}"),
    }
    let mut number = [0; 8];
    let len = text.len().min(8);
    number[..len].copy_from_slice(&text.as_bytes()[..len]);
    let number = i64::from_le_bytes(number);
    assert!(!format_local(number, utc).is_empty());
    let mut out = Vec::new();
    TimeFormat::rfc3339(utc).write(number, &mut out);
    if let Ok(format) = TimeFormat::new(text, utc) {
        format.write(number, &mut out);
        format.write(0, &mut out);
    }
}

fn specs(text: &str, utc: bool) {
    let offsets = match Offsets::parse(&text.split(',').collect::<Vec<_>>(), utc) {
        Ok(offsets) => offsets,
        Err(error) => {
            assert!(error.kind() == ErrorKind::Usage && !error.to_string().contains('\n'), "{error}");
            return;
        }
    };
    for partition in [0, 1, i32::MAX] {
        if let OffsetSpec::Range { from: Some(from), to } = offsets.of(partition) {
            assert!(from <= to, "{text}: {from} {to}");
        }
    }
}
