//! Copies into a store of objects that are killed, and resumed.

use std::process::Stdio;

use crate::places::{Place, on_both};
use crate::support::wait_until;

/// The messages of the topic that is copied.
const MESSAGES: usize = 20_000;

/// How many copies are killed.
const ROUNDS: u64 = 5;

const PARTITIONS: usize = 3;

/// The lines of each partition, in order; reading prints partitions one after another or mixed.
fn partitions(place: &Place, address: &str) -> Vec<Vec<String>> {
    let text = place.text(&format!("kafi cat {address} -F '%p %o %T %k %v\\n'"));
    let mut partitions = vec![Vec::new(); PARTITIONS];
    for line in text.lines() {
        partitions[line[..1].parse::<usize>().unwrap()].push(line.to_string());
    }
    partitions
}

/// The end offsets of all partitions together, which is what was copied.
fn copied(place: &Place) -> usize {
    let seen = place.sandbox.run("kafi watermarks o:t --json 2> /dev/null");
    let text = String::from_utf8(seen.stdout).unwrap();
    text.lines()
        .map(|line| line.split_once("\"high\":").unwrap().1.split(',').next().unwrap().parse::<usize>().unwrap())
        .sum()
}

#[test]
fn a_copy_that_is_killed_goes_on_exactly_where_it_was() {
    on_both(|place| {
        place.text(&format!("kafi touch ./from/t --partitions {PARTITIONS} && seq {MESSAGES} | sed 's/.*/&:message &/' | kafi produce ./from/t -K: -q"));
        let expected = partitions(place, "./from/t");
        assert_eq!(expected.iter().map(Vec::len).sum::<usize>(), MESSAGES);
        for round in 0..ROUNDS {
            let before = copied(place);
            let mut child = place.sandbox.start(
                &["cp", "./from/t", "o:t", "--resume", "--rate", "400"],
                Stdio::null(),
                "out",
                "err",
            );
            // Each round dies at another place, the first before or behind the first object.
            wait_until("something to be copied", || copied(place) > before + 300 * (round as usize % 3));
            child.0.kill().unwrap();
            child.0.wait().unwrap();
            let reached = partitions(place, "o:t");
            assert!(
                reached.iter().map(Vec::len).sum::<usize>() < MESSAGES,
                "round {round}: the copy was killed too late"
            );
            for (partition, (expected, reached)) in expected.iter().zip(&reached).enumerate() {
                assert!(expected.starts_with(reached), "round {round}, partition {partition}");
            }
        }
        let said = place.seen("kafi cp ./from/t o:t --resume");
        assert!(
            said.starts_with("! ") && said.contains(" written, 0 failed in ") && !said.contains("! 0 read"),
            "{said}"
        );
        assert!(partitions(place, "o:t") == expected);
        assert_eq!(place.seen("kafi cp ./from/t o:t --resume"), "! 0 read, 0 written, 0 failed in 0.0 s\n");
    });
}
