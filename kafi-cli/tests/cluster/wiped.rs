//! Copies that are resumed into targets that were deleted, made anew, or emptied since, and from sources that were.

use crate::broker::Broker;

const SET: &str = "--config retention.ms=-1";

/// A broker with two sources of ten messages, one in a folder and one on it.
fn sources() -> Broker {
    let broker = Broker::new();
    broker.text(&format!(
        "kafi touch k:@s {SET} && seq 10 | kafi produce k:@s -q && seq 10 | kafi produce ./f/@s --create -q"
    ));
    broker
}

fn count(broker: &Broker, topic: &str) -> usize {
    broker.text(&format!("kafi cat {topic}")).lines().count()
}

#[test]
fn a_target_that_was_deleted_is_copied_anew() {
    let broker = sources();
    for source in ["k:@s", "./f/@s"] {
        broker.text(&format!("kafi cp --resume {source} k:@t {SET} -q && kafi rm -y k:@t"));
        let again = broker.seen(&format!("kafi cp --resume {source} k:@t {SET}"));
        let warned = "! warning: topic @t was deleted since the copy stopped: everything is copied again\n! 10 read, 10 written, 0 failed in 0.0 s\n";
        assert_eq!(again, warned, "{source}");
        assert_eq!(count(&broker, "k:@t"), 10, "{source}");
        // Also where somebody has made it again, and it is empty.
        broker.text(&format!("kafi rm -y k:@t; kafi touch k:@t {SET}"));
        assert!(broker.seen(&format!("kafi cp --resume {source} k:@t")).contains("was made anew since"), "{source}");
        assert_eq!(count(&broker, "k:@t"), 10, "{source}");
        // It is resumed as ever.
        broker.text(&format!("seq 5 | kafi produce {source} -q"));
        assert_eq!(
            broker.seen(&format!("kafi cp --resume {source} k:@t")),
            "! 5 read, 5 written, 0 failed in 0.0 s\n",
            "{source}"
        );
        broker.text("kafi rm -y k:@t");
    }
}

#[test]
fn a_target_that_is_another_topic_or_was_emptied_is_refused_with_the_way_out() {
    let broker = sources();
    for source in ["k:@s", "./f/@s"] {
        let cp = format!("kafi cp --resume {source} k:@t {SET}");
        broker.text(&format!("{cp} -q && kafi rm -y k:@t && kafi touch k:@t {SET} && kafi produce k:@t mine -q"));
        let refused = broker.seen(&format!("{cp}; echo $?"));
        assert!(
            refused.starts_with(
                "1\n! error: resume: topic @t: the target was made anew since the copy stopped, and holds 1 messages"
            ),
            "{refused}"
        );
        assert!(refused.contains("! hint: kafi group rm of kafi-cp."), "{refused}");
        assert_eq!(count(&broker, "k:@t"), 1);

        // What the hint says.
        broker.text("kafi group ls k: | grep kafi-cp.$(echo @s)\\. | sed 's/^/k:/' | xargs -r kafi group rm -y; kafi group ls ./f/ | sed 's!^!./f/!' | xargs -r kafi group rm -y; kafi rm -y k:@t");
        broker.text(&format!("{cp} -q && kafi delete-records -y k:@t -o end -q"));
        let refused = broker.seen(&format!("{cp}; echo $?"));
        assert!(
            refused.starts_with("1\n! error: resume: topic @t: the target holds nothing of what was copied any more"),
            "{refused}"
        );
        assert!(broker.seen(&format!("{cp} --allow-gap")).contains("going on behind it"));
        broker.text(&format!("seq 3 | kafi produce {source} -q"));
        assert!(broker.seen(&format!("{cp} --allow-gap")).ends_with("! 3 read, 3 written, 0 failed in 0.0 s\n"));
        // A part that was deleted, though the settings keep everything.
        broker.text("kafi delete-records -y k:@t -o +1 -q");
        assert!(broker.seen(&format!("{cp}; echo $?")).starts_with(
            "1\n! error: resume: topic @t: of what the target held when the copy stopped 1 offsets were deleted since"
        ));
        broker.text("kafi rm -y k:@t");
    }
}

#[test]
fn a_source_that_was_made_anew_is_copied_from_its_start() {
    let broker = sources();
    for source in ["k:@s", "./f/@s"] {
        broker.text(&format!("kafi cp --resume {source} k:@t {SET} -q && kafi rm -y {source} && kafi touch {source} && seq 12 | kafi produce {source} -q"));
        assert!(
            broker
                .seen(&format!("kafi cp --resume {source} k:@t"))
                .ends_with("! 12 read, 12 written, 0 failed in 0.0 s\n"),
            "{source}"
        );
        assert_eq!(count(&broker, "k:@t"), 22);
        broker.text("kafi rm -y k:@t");
    }
}

#[test]
fn a_group_does_not_go_on_into_a_target_that_lost_what_it_has_read() {
    let broker = sources();
    for (source, target) in [("k:@s", "k:@t"), ("./f/@s", "k:@t"), ("k:@s", "./g/@t"), ("./f/@s", "./g/@t")] {
        let cp = format!("kafi cp -g @g {source} {target} {SET}");
        broker.text(&format!("kafi cat -g @g {source} -n 2 -q"));
        // A group that has read elsewhere goes on, which is said.
        let first = broker.seen(&cp);
        assert!(
            first.contains("is new, and gets only what group @g has not read\n")
                && first.ends_with("8 read, 8 written, 0 failed in 0.0 s\n"),
            "{first}"
        );
        broker.text(&format!("seq 2 | kafi produce {source} -q"));
        assert!(broker.seen(&cp).ends_with("! 2 read, 2 written, 0 failed in 0.0 s\n"));
        broker.text(&format!("kafi rm -y {target}"));
        let refused = broker.seen(&format!("{cp}; echo $?"));
        assert!(
            refused.starts_with("1\n! error: resume: topic @t: the target was deleted since the copy stopped"),
            "{source} {target}: {refused}"
        );
        assert!(refused.contains("kafi group reset of @g on "), "{refused}");
        assert!(
            !broker.seen(&format!("kafi ls {}", target.trim_end_matches("@t"))).contains("@t\n"),
            "nothing is left behind"
        );
        let storage = source.trim_end_matches("@s");
        broker.text(&format!("kafi group reset {storage}@g -o start --execute -q"));
        assert!(broker.seen(&cp).ends_with("12 read, 12 written, 0 failed in 0.0 s\n"));
        broker.text(&format!("kafi rm -y {target} {source}; kafi group rm -y {storage}@g -q; kafi touch {source}; seq 10 | kafi produce {source} -q"));
    }
}
