//! Joins, and what people do with whole topics, on a real broker.

use crate::broker::Broker;

#[test]
fn topics_of_a_broker_and_a_folder_are_joined_compacted_and_made_anew() {
    let broker = Broker::new();
    broker.text("kafi touch k:@l --partitions 2 && printf 'a:{\"n\":1}\\nb:{\"n\":2}\\na:{\"n\":3}\\n' | kafi produce k:@l -K: -q");
    broker.text("kafi touch ./f/r -q && printf 'a:{\"r\":1}\\nc:{\"r\":2}\\n' | kafi produce ./f/r -K: -q");
    let joined =
        broker.text("kafi join k:@l ./f/r --how full --left table --to k:@out -q && kafi cat k:@out -K: | sort");
    assert_eq!(joined, "a:{\"n\":3,\"r\":1}\nb:{\"n\":2}\nc:{\"r\":2}\n");
    assert_eq!(broker.text("kafi compact k:@l -K: -q | sort"), "a:{\"n\":3}\nb:{\"n\":2}\n");
    assert_eq!(
        broker.text("kafi stat k:@l --sizes --json | grep -o '\"messages\":[0-9]*,\"bytes\":[0-9]*'"),
        "\"messages\":3,\"bytes\":24\n"
    );
    broker.text("kafi repeat k:@l -n 1 -q && kafi config k:@l cleanup.policy=compact -q");
    assert_eq!(broker.text("kafi wc k:@l -q --json | grep -o '\"messages\":[0-9]*'"), "\"messages\":4\n");
    // What brokers would not make is found while the topic is still there.
    for wrong in ["--partitions 1000000", "--config cleanup.policy=x", "--config retention=7"] {
        let said = broker.seen(&format!("kafi recreate k:@l -y {wrong}"));
        assert!(said.starts_with("! error: create topic: ") && !said.contains(".kafi-check"), "{said}");
        assert_eq!(broker.text("kafi wc k:@l -q --json | grep -o '\"messages\":[0-9]*'"), "\"messages\":4\n");
    }
    let said = broker.seen("kafi recreate k:@l -y --config retention.mss=7");
    assert!(said.contains("did you mean retention.ms?"), "{said}");
    let made = broker.seen("kafi recreate k:@l -y");
    assert!(made.contains("is made again with 2 partitions cleanup.policy=compact"), "{made}");
    assert_eq!(broker.text("kafi wc k:@l -q --json | grep -o '\"messages\":[0-9]*'"), "\"messages\":0\n");
}
