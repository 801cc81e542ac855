//! Functions and programs between a real broker and what is done with its messages.

use crate::broker::Broker;

/// Makes the topic `@t` with messages of which every third is odd.
fn orders() -> Broker {
    let broker = Broker::new();
    broker.sandbox.write(
        "lines",
        (1..=9)
            .map(|id| format!("{{\"id\":{id},\"country\":\"{}\"}}\n", ["DE", "FR", "US"][id % 3]))
            .collect::<String>(),
    );
    broker.text("kafi touch k:@t --config retention.ms=-1 && kafi produce k:@t -l lines --map '.key = (.value.id | tostring)' -q");
    broker
}

#[test]
fn a_group_commits_what_came_of_functions_once_it_is_delivered() {
    let broker = orders();
    broker.text("kafi touch k:@u --config retention.ms=-1");
    assert_eq!(
        broker.text("kafi cat k:@t -g @g -o start -n 2 --filter '.value.country == \"DE\"' --jq .offset"),
        "2\n5\n"
    );
    assert_eq!(broker.text("kafi cat k:@t -g @g --no-commit -n 1 -F '%o\\n'"), "6\n");
    broker.text("kafi cp k:@t k:@u -g @g --flatmap '., .' -q");
    assert_eq!(broker.text("kafi cat k:@u --jq .value.id").lines().collect::<Vec<_>>(), ["7", "7", "8", "8", "9", "9"]);
    assert_eq!(broker.text("kafi cat k:@t -g @g -F '%o\\n'"), "");
    assert_eq!(broker.text("kafi fold '. + $m.value.id' k:@t -g @h -o start -q"), "45\n");
    assert_eq!(broker.text("kafi fold '. + $m.value.id' k:@t -g @h -q --init 0"), "0\n");
}

#[test]
fn copies_into_a_broker_are_resumed_behind_what_functions_made() {
    let broker = orders();
    broker.text("kafi touch k:@u k:@dead --config retention.ms=-1");
    let copy = "kafi cp k:@t k:@u --resume --filter '.value.country == \"DE\"' -q";
    broker.text(&format!("{copy} -n 1; {copy}; {copy}"));
    assert_eq!(broker.text("kafi cat k:@u --jq .value.id"), "3\n6\n9\n");
    broker.text("printf 'no json\\n{\"id\":10}\\n' | kafi produce k:@u -q");
    broker.text("kafi cp k:@u ./made/@u --map '.value.id += 1' --on-error dlq=k:@dead --tolerate -q 2> /dev/null");
    assert_eq!(broker.text("kafi cat ./made/@u --jq .value.id"), "4\n7\n10\n11\n");
    assert_eq!(broker.text("kafi cat k:@dead"), "no json\n");
}

#[test]
fn a_program_that_dies_leaves_the_rest_to_the_next_member() {
    let broker = orders();
    let dies = "for i in 1 2 3; do read -r line; echo \"took $i\"; echo; done; exit 3";
    let seen = broker.seen(&format!("kafi foreach k:@t -g @g -o start -q -- bash -c '{dies}'"));
    assert!(seen.starts_with("took 1\ntook 2\ntook 3\n") && seen.contains("it ended (exit status: 3)"), "{seen}");
    assert_eq!(broker.text("kafi cat k:@t -g @g -n 1 --no-commit -F '%o\\n'"), "3\n");
    broker.text("kafi cp k:@t ./made/@t -g @g --through 'sed -u G' -q");
    assert_eq!(broker.text("kafi cat ./made/@t --jq .value.id").lines().count(), 6);
}
