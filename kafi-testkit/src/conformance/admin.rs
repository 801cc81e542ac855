//! Topics, their partitions, and their settings; and who the storage is.

use kafi_core::{Capabilities, ConfigChange, ConfigEntry, ErrorKind, Isolation, TOPIC_NAME_LEN_MAX, Topic};

use super::check::{Checked, Failure, Verdict, check, equal, refused};
use super::context::{Context, message, numbers, partition, position, texts, unique, values};
use super::{Case, Needs, PLACED, READ_WRITE};

const TOPICS: Capabilities = Capabilities::ADMIN_TOPICS;
const CONFIG: Capabilities = TOPICS.union(Capabilities::ADMIN_CONFIG);

const BROKERS: Capabilities = Capabilities::ADMIN_BROKERS;

/// A setting that topics of every kind have.
const SETTING: &str = "max.message.bytes";

pub(super) const CASES: &[Case] = &[
    Case::new(
        "identity_is_stable",
        TOPICS,
        "identity stays the same for as long as it is the same storage.",
        identity_is_stable,
    ),
    Case::new(
        "name_and_scheme",
        Capabilities::from_bits(0),
        "A storage has a name and a scheme of one word.",
        name_and_scheme,
    ),
    Case::new(
        "capabilities_fit_together",
        Capabilities::from_bits(0),
        "Capabilities never change, and what builds on another has it.",
        capabilities_fit,
    ),
    Case::new(
        "create_describes",
        TOPICS,
        "create_topic makes the partitions that were asked for; topics describes them by number.",
        create_describes,
    ),
    Case::new(
        "create_takes_defaults",
        TOPICS,
        "A topic without a number of partitions gets the storage's default.",
        create_takes_defaults,
    ),
    Case::new(
        "create_returns_when_usable",
        PLACED,
        "create_topic returns when the topic can be used.",
        create_returns_when_usable,
    ),
    Case::new(
        "create_refuses_existing",
        PLACED,
        "A topic that exists is AlreadyExists, and stays as it is.",
        create_refuses_existing,
    ),
    Case::new(
        "create_refuses_bad_names",
        TOPICS,
        "A name is 1 to 249 of a-z A-Z 0-9 . _ -, and neither . nor ..; others are Usage.",
        create_refuses_bad_names,
    ),
    Case::new(
        "create_takes_odd_names",
        TOPICS,
        "Every name that follows the rule can be a topic.",
        create_takes_odd_names,
    ),
    Case::new(
        "create_refuses_bad_numbers",
        TOPICS,
        "A bad number of partitions or replicas is Usage.",
        create_refuses_bad_numbers,
    ),
    Case::new(
        "create_refuses_bad_settings",
        CONFIG,
        "An unknown setting or a bad value is Usage, and no topic is made.",
        create_refuses_bad_settings,
    ),
    Case::new(
        "topics_are_sorted",
        TOPICS,
        "topics lists all topics, or those of the names, sorted by name.",
        topics_are_sorted,
    ),
    Case::new("missing_topics_are_not_found", TOPICS, "NotFound for a missing topic.", missing_topics),
    Case::new("missing_partitions_are_not_found", TOPICS, "NotFound for a missing partition.", missing_partitions),
    Case::new(
        "delete_is_complete",
        PLACED,
        "delete_topic deletes a topic with all its messages, and returns when it is gone.",
        delete_is_complete,
    ),
    Case::new(
        "bytes_grow",
        READ_WRITE,
        "A partition's bytes are those that it takes, where the storage knows.",
        bytes_grow,
    ),
    Case::new(
        "partitions_are_added",
        PLACED.union(Capabilities::ADMIN_PARTITIONS),
        "create_partitions raises the number of partitions, and messages stay.",
        partitions_are_added,
    ),
    Case::new(
        "partitions_only_grow",
        TOPICS.union(Capabilities::ADMIN_PARTITIONS),
        "A number of partitions that is not larger than it was is Usage.",
        partitions_only_grow,
    ),
    Case::new(
        "config_is_listed",
        CONFIG,
        "topic_config lists a topic's settings, sorted by name; those that were set are told from defaults.",
        config_is_listed,
    ),
    Case::new(
        "config_is_altered",
        CONFIG,
        "alter_topic_config changes some settings and leaves the others; None goes back to the default.",
        config_is_altered,
    ),
    Case::new(
        "config_refuses_bad_changes",
        CONFIG,
        "An unknown setting or a bad value is Usage.",
        config_refuses_bad_changes,
    ),
    Case::new(
        "notes_are_kept",
        CONFIG.union(Capabilities::ADMIN_NOTES),
        "A topic keeps settings whose names begin with kafi., with any text, until they are removed.",
        notes_are_kept,
    ),
    Case::new(
        "brokers_are_described",
        BROKERS,
        "cluster names the brokers by id; broker_config lists the settings of one, sorted by name.",
        brokers_are_described,
    ),
    Case::new(
        "brokers_refuse_bad_changes",
        BROKERS,
        "A missing broker is NotFound; a setting that cannot be changed is Usage.",
        brokers_refuse_bad_changes,
    ),
    Case {
        name: "brokers_are_unsupported",
        needs: Needs::Without(Capabilities::from_bits(0), BROKERS),
        promise: "Calls about brokers are Unsupported where there are none, and the error names the storage.",
        run: brokers_are_unsupported,
    },
];

fn identity_is_stable(c: &Context) -> Verdict {
    let identity = c.storage.identity(c.wait())?;
    check(!identity.is_empty(), "the identity is empty")?;
    c.topic(1)?;
    equal(&c.storage.identity(c.wait())?, &identity, "the identity after a topic was made")?;
    equal(&c.reopen()?.identity(c.wait())?, &identity, "the identity of another handle")
}

fn name_and_scheme(c: &Context) -> Verdict {
    let (name, scheme) = (c.storage.name(), c.storage.scheme());
    check(!name.is_empty() && !name.contains(['\n', '\r']), format_args!("the name {name:?} is one line"))?;
    let is_word = scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    check(is_word, format_args!("the scheme {scheme:?} is one word of a-z 0-9"))?;
    let other = c.reopen()?;
    equal(&(other.name(), other.scheme()), &(name, scheme), "name and scheme of another handle")
}

fn capabilities_fit(c: &Context) -> Verdict {
    let has = c.storage.capabilities();
    equal(&c.reopen()?.capabilities(), &has, "the capabilities of another handle")?;
    let builds_on = [
        (Capabilities::CONSUME_GROUP, Capabilities::CONSUME),
        (Capabilities::CONSUME_REBALANCE, Capabilities::CONSUME_GROUP),
        (Capabilities::CONSUME_TRANSACTIONS, Capabilities::CONSUME),
        (Capabilities::PRODUCE_PARTITION, Capabilities::PRODUCE),
        (Capabilities::PRODUCE_TIMESTAMP, Capabilities::PRODUCE),
        (Capabilities::PRODUCE_KEEP_TIMESTAMP_TYPE, Capabilities::PRODUCE_TIMESTAMP),
        (Capabilities::PRODUCE_KEEP_OFFSETS, Capabilities::PRODUCE_PARTITION),
        (Capabilities::PRODUCE_KEEP_FOREVER, Capabilities::PRODUCE),
        (Capabilities::PRODUCE_HEADERS, Capabilities::PRODUCE),
        (Capabilities::ADMIN_NOTES, Capabilities::ADMIN_CONFIG),
    ];
    builds_on.into_iter().try_for_each(|(upper, lower)| {
        check(!has.contains(upper) || has.contains(lower), format_args!("{upper} without {lower}"))
    })
}

fn describe(c: &Context, name: &str) -> Checked<Topic> {
    let mut topics = c.admin()?.topics(&[name.to_string()], c.wait())?;
    equal(&topics.len(), &1, format_args!("the topics of the name {name}"))?;
    Ok(topics.remove(0))
}

fn create_describes(c: &Context) -> Verdict {
    let name = c.topic(3)?;
    let topic = describe(c, &name)?;
    equal(
        &(topic.name.as_str(), topic.internal),
        &(name.as_str(), false),
        "the name, and whether it is the storage's own",
    )?;
    equal(
        &topic.partitions.iter().map(|partition| partition.partition).collect::<Vec<_>>(),
        &vec![0, 1, 2],
        "the partitions",
    )?;
    for partition in &topic.partitions {
        check(
            partition.leader >= 0 && partition.replicas.contains(&partition.leader),
            format_args!("it has a leader that holds it: {partition:?}"),
        )?;
        check(
            partition.in_sync.iter().all(|broker| partition.replicas.contains(broker)),
            format_args!("who is in sync holds it: {partition:?}"),
        )?;
    }
    let again = describe(c, &name)?;
    equal(&again.id, &topic.id, "the id of a topic stays")
}

fn create_takes_defaults(c: &Context) -> Verdict {
    let name = c.topic_name();
    c.admin()?.create_topic(&kafi_core::NewTopic { partitions: None, ..c.new_topic(&name, 1) }, c.wait())?;
    check(!describe(c, &name)?.partitions.is_empty(), "a topic has at least one partition")
}

fn create_returns_when_usable(c: &Context) -> Verdict {
    for _ in 0..5 {
        let name = c.topic(2)?;
        equal(&c.bounds(&name, 2)?, &vec![(0, 0); 2], "the offsets of a new topic")?;
        c.write(&numbers(&name, 1, 0, 3))?;
        equal(&values(&c.read(&name)?), &texts(0, 3), "what was written at once")?;
    }
    Ok(())
}

fn create_refuses_existing(c: &Context) -> Verdict {
    let name = c.topic(2)?;
    c.write(&numbers(&name, 0, 0, 3))?;
    refused(
        c.admin()?.create_topic(&c.new_topic(&name, 5), c.wait()),
        &[ErrorKind::AlreadyExists],
        "to make a topic twice",
    )?;
    equal(&describe(c, &name)?.partitions.len(), &2, "the partitions of the topic that was there")?;
    equal(&values(&c.read(&name)?), &texts(0, 3), "the messages of the topic that was there")
}

fn create_refuses_bad_names(c: &Context) -> Verdict {
    let too_long = "x".repeat(TOPIC_NAME_LEN_MAX + 1);
    for name in ["", ".", "..", "a/b", "../x", "/x", "a b", "ä", "a\n", "a:b", "a\0b", &too_long] {
        refused(
            c.admin()?.create_topic(&c.new_topic(name, 1), c.wait()),
            &[ErrorKind::Usage],
            format_args!("to make the topic {name:?}"),
        )?;
    }
    Ok(())
}

fn create_takes_odd_names(c: &Context) -> Verdict {
    let name = c.topic_name();
    let long = format!("{name}{}", "x".repeat(TOPIC_NAME_LEN_MAX - name.len()));
    let odd = [format!("{name}.A-b_C.9"), format!("...{name}"), format!("-{name}"), long];
    let mut admin = c.admin()?;
    for name in &odd {
        c.own_topic(name.clone());
        admin.create_topic(&c.new_topic(name, 1), c.wait())?;
    }
    equal(&admin.topics(&odd, c.wait())?.len(), &odd.len(), "the topics of these names")
}

fn create_refuses_bad_numbers(c: &Context) -> Verdict {
    let (name, mut admin) = (c.topic_name(), c.admin()?);
    for partitions in [0, -1, i32::MIN] {
        let what = format!("to make a topic of {partitions} partitions");
        refused(admin.create_topic(&c.new_topic(&name, partitions), c.wait()), &[ErrorKind::Usage], what)?;
    }
    for replication in [0, -1, 30_000] {
        let what = format!("to make a topic of {replication} replicas");
        refused(
            admin.create_topic(&c.new_topic(&name, 1).replication(replication), c.wait()),
            &[ErrorKind::Usage],
            what,
        )?;
    }
    refused(admin.topics(&[name], c.wait()), &[ErrorKind::NotFound], "to describe what was not made")?;
    Ok(())
}

fn create_refuses_bad_settings(c: &Context) -> Verdict {
    let (name, mut admin) = (c.topic_name(), c.admin()?);
    for (setting, value) in [("no.such.setting", "1"), (SETTING, "many"), (SETTING, "-5")] {
        let topic = c.new_topic(&name, 1).config(setting, value);
        refused(
            admin.create_topic(&topic, c.wait()),
            &[ErrorKind::Usage],
            format_args!("to make a topic with {setting}={value}"),
        )?;
    }
    refused(admin.topics(&[name], c.wait()), &[ErrorKind::NotFound], "to describe what was not made")?;
    Ok(())
}

fn topics_are_sorted(c: &Context) -> Verdict {
    let mut made = vec![c.topic(1)?, c.topic(2)?, c.topic(1)?];
    made.sort();
    let mut admin = c.admin()?;
    let names = |topics: Vec<Topic>| topics.into_iter().map(|topic| topic.name).collect::<Vec<_>>();
    let reversed: Vec<_> = made.iter().rev().cloned().collect();
    equal(&names(admin.topics(&reversed, c.wait())?), &made, "the topics of these names")?;
    let all = names(admin.topics(&[], c.wait())?);
    check(
        all.windows(2).all(|pair| pair[0] < pair[1]),
        format_args!("all topics are sorted, and none is listed twice: {all:?}"),
    )?;
    check(made.iter().all(|name| all.contains(name)), format_args!("all topics are listed: {all:?}"))
}

fn missing_topics(c: &Context) -> Verdict {
    let (there, missing, mut admin) = (c.topic(1)?, unique("missing"), c.admin()?);
    let wait = c.wait();
    let not_found = &[ErrorKind::NotFound];
    let error = refused(admin.topics(std::slice::from_ref(&missing), wait), not_found, "topics")?;
    check(error.to_string().contains(&missing), format_args!("the error names the topic: {error}"))?;
    refused(admin.topics(&[there.clone(), missing.clone()], wait), not_found, "topics, beside one that is there")?;
    refused(admin.delete_topic(&missing, wait), not_found, "delete_topic")?;
    let asked = [partition(&there, 0), partition(&missing, 0)];
    refused(admin.watermarks(&asked, Isolation::ReadCommitted, wait), not_found, "watermarks")?;
    if c.has(Capabilities::ADMIN_PARTITIONS) {
        refused(admin.create_partitions(&missing, 3, wait), not_found, "create_partitions")?;
    }
    if c.has(Capabilities::ADMIN_TIMES) {
        refused(admin.offsets_for_times(&[position(&missing, 0, 0)], wait), not_found, "offsets_for_times")?;
    }
    if c.has(Capabilities::ADMIN_DELETE_RECORDS) {
        refused(admin.delete_records(&[position(&missing, 0, 0)], wait), not_found, "delete_records")?;
    }
    if c.has(Capabilities::ADMIN_CONFIG) {
        let change = ConfigChange { name: SETTING.into(), value: Some("1000".into()) };
        refused(admin.topic_config(&missing, wait), not_found, "topic_config")?;
        refused(admin.alter_topic_config(&missing, &[change], wait), not_found, "alter_topic_config")?;
    }
    check(!admin.topics(&[], wait)?.iter().any(|topic| topic.name == missing), "asking for a topic does not make it")
}

fn missing_partitions(c: &Context) -> Verdict {
    let (topic, mut admin) = (c.topic(2)?, c.admin()?);
    let not_found = &[ErrorKind::NotFound];
    for number in [2, 1_000_000] {
        refused(
            admin.watermarks(&[partition(&topic, number)], Isolation::ReadCommitted, c.wait()),
            not_found,
            "watermarks",
        )?;
        if c.has(Capabilities::ADMIN_TIMES) {
            refused(admin.offsets_for_times(&[position(&topic, number, 0)], c.wait()), not_found, "offsets_for_times")?;
        }
        if c.has(Capabilities::ADMIN_DELETE_RECORDS) {
            refused(admin.delete_records(&[position(&topic, number, 0)], c.wait()), not_found, "delete_records")?;
        }
    }
    Ok(())
}

fn delete_is_complete(c: &Context) -> Verdict {
    let (name, mut admin) = (c.topic(2)?, c.admin()?);
    let first = describe(c, &name)?;
    c.write(&numbers(&name, 0, 0, 3))?;
    admin.delete_topic(&name, c.wait())?;
    refused(
        admin.topics(std::slice::from_ref(&name), c.wait()),
        &[ErrorKind::NotFound],
        "to describe a deleted topic",
    )?;
    check(!admin.topics(&[], c.wait())?.iter().any(|topic| topic.name == name), "a deleted topic is still listed")?;
    refused(admin.delete_topic(&name, c.wait()), &[ErrorKind::NotFound], "to delete a topic twice")?;
    admin.create_topic(&c.new_topic(&name, 1), c.wait())?;
    let second = describe(c, &name)?;
    equal(&second.partitions.len(), &1, "the partitions of the new topic")?;
    check(first.id.is_empty() || first.id != second.id, "the new topic has the id of the deleted one")?;
    equal(&c.bounds(&name, 1)?, &vec![(0, 0)], "the new topic is empty")?;
    c.write(&[message(&name, 0, "new")])?;
    equal(&values(&c.read(&name)?), &vec!["new"], "the messages of the new topic")
}

fn bytes_grow(c: &Context) -> Verdict {
    let name = c.topic(1)?;
    let bytes = || Ok::<_, Failure>(describe(c, &name)?.partitions[0].bytes);
    let before = bytes()?;
    // Nothing that compresses to less than it is worth.
    let value: Vec<u8> = (0..50_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    c.write(&[message(&name, -1, value)])?;
    let after = bytes()?;
    equal(&after.is_some(), &before.is_some(), "whether the bytes are known")?;
    check(
        after.is_none() || after > before,
        format_args!("the bytes were {before:?}, and after 50 kB were written {after:?}"),
    )
}

fn partitions_are_added(c: &Context) -> Verdict {
    let name = c.topic(1)?;
    c.write(&numbers(&name, 0, 0, 3))?;
    c.admin()?.create_partitions(&name, 3, c.wait())?;
    equal(&describe(c, &name)?.partitions.len(), &3, "the number of partitions")?;
    equal(&c.bounds(&name, 3)?, &vec![(0, 3), (0, 0), (0, 0)], "the offsets of the partitions")?;
    c.write(&numbers(&name, 2, 3, 5))?;
    equal(&values(&c.read(&name)?), &texts(0, 5), "what was written before and after")
}

fn partitions_only_grow(c: &Context) -> Verdict {
    let name = c.topic(3)?;
    for partitions in [3, 1, 0, -1] {
        refused(
            c.admin()?.create_partitions(&name, partitions, c.wait()),
            &[ErrorKind::Usage],
            format_args!("to go from 3 partitions to {partitions}"),
        )?;
    }
    equal(&describe(c, &name)?.partitions.len(), &3, "the number of partitions")
}

fn entry(c: &Context, topic: &str, name: &str) -> Checked<ConfigEntry> {
    let entries = c.admin()?.topic_config(topic, c.wait())?;
    check(
        entries.windows(2).all(|pair| pair[0].name < pair[1].name),
        "the settings are sorted by name, and none is listed twice",
    )?;
    let found = entries.into_iter().find(|entry| entry.name == name);
    found.ok_or_else(|| Failure::new(format_args!("the setting {name} is not listed")))
}

fn config_is_listed(c: &Context) -> Verdict {
    let plain = entry(c, &c.topic(1)?, SETTING)?;
    check(
        plain.default && plain.value.is_some() && !plain.read_only,
        format_args!("a setting that nobody set: {plain:?}"),
    )?;
    let name = c.topic_name();
    c.admin()?.create_topic(&c.new_topic(&name, 1).config(SETTING, "54321"), c.wait())?;
    let set = entry(c, &name, SETTING)?;
    equal(&(set.value.as_deref(), set.default), &(Some("54321"), false), "a setting that the topic was made with")
}

fn config_is_altered(c: &Context) -> Verdict {
    let (name, other, mut admin) = (c.topic(1)?, "segment.bytes", c.admin()?);
    let default = entry(c, &name, SETTING)?.value;
    let change = |name: &str, value: Option<&str>| ConfigChange { name: name.into(), value: value.map(String::from) };
    admin.alter_topic_config(&name, &[change(SETTING, Some("54321")), change(other, Some("10485760"))], c.wait())?;
    equal(&entry(c, &name, SETTING)?.value.as_deref(), &Some("54321"), "the first setting")?;
    equal(&entry(c, &name, other)?.value.as_deref(), &Some("10485760"), "the second setting")?;
    admin.alter_topic_config(&name, &[change(SETTING, None)], c.wait())?;
    let back = entry(c, &name, SETTING)?;
    equal(&(back.value, back.default), &(default, true), "a setting that went back to its default")?;
    equal(&entry(c, &name, other)?.value.as_deref(), &Some("10485760"), "a setting that was left alone")
}

fn notes_are_kept(c: &Context) -> Verdict {
    let (name, note, mut admin) = (c.topic_name(), "kafi.testkit.note", c.admin()?);
    admin.create_topic(&c.new_topic(&name, 1).config(note, "any: 1 \u{e4}"), c.wait())?;
    equal(&entry(c, &name, note)?.value.as_deref(), &Some("any: 1 \u{e4}"), "the note that the topic was made with")?;
    let change = |value: Option<&str>| [ConfigChange { name: note.into(), value: value.map(String::from) }];
    admin.alter_topic_config(&name, &change(Some("another")), c.wait())?;
    equal(&entry(c, &name, note)?.value.as_deref(), &Some("another"), "the note that was changed")?;
    admin.alter_topic_config(&name, &change(None), c.wait())?;
    check(entry(c, &name, note).is_err(), "a note that was removed is gone")
}

fn config_refuses_bad_changes(c: &Context) -> Verdict {
    let (name, mut admin) = (c.topic(1)?, c.admin()?);
    let before = admin.topic_config(&name, c.wait())?;
    for (setting, value) in
        [("no.such.setting", Some("1")), ("no.such.setting", None), (SETTING, Some("many")), (SETTING, Some("-5"))]
    {
        let change = ConfigChange { name: setting.into(), value: value.map(String::from) };
        refused(
            admin.alter_topic_config(&name, &[change], c.wait()),
            &[ErrorKind::Usage],
            format_args!("to set {setting} to {value:?}"),
        )?;
    }
    equal(&admin.topic_config(&name, c.wait())?, &before, "the settings after refused changes")
}

fn brokers_are_described(c: &Context) -> Verdict {
    let mut admin = c.admin()?;
    let cluster = admin.cluster(c.wait())?;
    equal(&cluster.id, &c.storage.identity(c.wait())?, "the id of the cluster, which is the identity of the storage")?;
    check(
        !cluster.brokers.is_empty() && cluster.brokers.is_sorted_by(|a, b| a.id < b.id),
        format_args!("there are brokers, by id: {cluster:?}"),
    )?;
    let has_controller = cluster.brokers.iter().any(|broker| broker.id == cluster.controller);
    check(
        cluster.controller == -1 || has_controller,
        format_args!("the controller is a broker, or there is none: {cluster:?}"),
    )?;
    check(
        cluster.brokers.iter().all(|broker| !broker.host.is_empty() && broker.port > 0),
        format_args!("it is known where brokers are: {cluster:?}"),
    )?;
    for broker in cluster.brokers {
        let settings = admin.broker_config(broker.id, c.wait())?;
        check(
            !settings.is_empty() && settings.is_sorted_by(|a, b| a.name < b.name),
            "the settings are sorted by name, and none is listed twice",
        )?;
    }
    Ok(())
}

fn brokers_refuse_bad_changes(c: &Context) -> Verdict {
    const MISSING: i32 = i32::MAX;
    let mut admin = c.admin()?;
    let change = |name: &str| [ConfigChange { name: name.into(), value: Some("1".into()) }];
    refused(admin.broker_config(MISSING, c.wait()), &[ErrorKind::NotFound], "the settings of a missing broker")?;
    refused(
        admin.alter_broker_config(MISSING, &change("background.threads"), c.wait()),
        &[ErrorKind::NotFound],
        "to change a missing broker",
    )?;
    let broker = admin.cluster(c.wait())?.brokers[0].id;
    let Some(fixed) = admin.broker_config(broker, c.wait())?.into_iter().find(|entry| entry.read_only) else {
        return Ok(());
    };
    refused(
        admin.alter_broker_config(broker, &change(&fixed.name), c.wait()),
        &[ErrorKind::Usage],
        format_args!("to change {}", fixed.name),
    )?;
    Ok(())
}

fn brokers_are_unsupported(c: &Context) -> Verdict {
    let (mut admin, unsupported) = (c.admin()?, &[ErrorKind::Unsupported]);
    let change = ConfigChange { name: "background.threads".into(), value: Some("1".into()) };
    let errors = [
        refused(admin.cluster(c.wait()), unsupported, "cluster")?,
        refused(admin.broker_config(0, c.wait()), unsupported, "broker_config")?,
        refused(admin.alter_broker_config(0, &[change], c.wait()), unsupported, "alter_broker_config")?,
    ];
    errors.iter().try_for_each(|error| {
        check(error.to_string().contains(c.storage.name()), format_args!("the error names the storage: {error}"))
    })
}
