use super::*;

#[test]
fn defaults_are_as_documented() {
    let settings = Settings::default();
    for key in Settings::keys() {
        assert_eq!(settings.get(key.name).as_deref(), key.default, "{}", key.name);
    }
}

#[test]
fn every_key_is_read_back_as_set() {
    let values = [
        ("progress.num.messages", "0"),
        ("consume.batch.size", "1"),
        ("produce.batch.size", "2147483647"),
        ("consume.buffer.bytes.max", "1048576"),
        ("consume.batch.bytes.max", "2147483647"),
        ("verbose", "2"),
        ("auto.offset.reset", "latest"),
        ("consumer.group.prefix", "team a"),
        ("enable.auto.commit", "true"),
        ("commit.after.processing", "false"),
        ("key.type", "auto"),
        ("value.type", "pb"),
        ("flush.timeout", "0.25"),
        ("retention.ms", "-1"),
        ("consume.timeout", "-1.0"),
        ("session.timeout.ms", "3600000"),
        ("fetch.min.bytes", "100"),
        ("consumer.request.timeout.ms", "0"),
        ("consume.num.attempts", "7"),
        ("requests.num.retries", "0"),
        ("key.schema", "\"string\""),
        ("value.schema", "@order.avsc"),
        ("key.schema.id", "1"),
        ("value.schema.id", "2147483647"),
        ("key.subject", "a-key"),
        ("value.subject", ":.staging:b"),
        ("key.version", "latest"),
        ("value.version", "7"),
        ("key.message", "shop.Key"),
        ("value.message", "shop.Order.Line"),
        ("reader.schema", "@new.avsc"),
        ("subject.name.strategy", "topic-record"),
        ("auto.register.schemas", "false"),
        ("use.latest.version", "true"),
        ("normalize.schemas", "true"),
        ("schema.id.location", "header"),
        ("avro.json", "standard"),
    ];
    assert_eq!(values.map(|(key, _)| key).to_vec(), Settings::keys().map(|key| key.name).collect::<Vec<_>>());
    let mut settings = Settings::default();
    for (key, value) in values {
        settings.set(key, value).unwrap();
    }
    for (key, value) in values {
        assert_eq!(settings.get(key).as_deref(), Some(value), "{key}");
    }
    assert_eq!(settings.get("acks"), None);
}

#[test]
fn texts_become_what_they_mean() {
    let mut settings = Settings::default();
    for (key, value) in [
        ("flush.timeout", "-1"),
        ("consume.timeout", "1e1"),
        ("enable.auto.commit", "True"),
        ("fetch.min.bytes", "-1"),
        ("session.timeout.ms", "1500"),
    ] {
        settings.set(key, value).unwrap();
    }
    assert_eq!((settings.flush_timeout, settings.consume_timeout), (None, Some(Duration::from_secs(10))));
    assert_eq!(
        (settings.enable_auto_commit, settings.fetch_min_bytes, settings.session_timeout),
        (true, None, Duration::from_millis(1500))
    );
}

#[test]
fn bad_values_say_what_is_allowed() {
    let cases = [
        ("consume.batch.size", "0", "value 0: must be a whole number from 1 to 2147483647"),
        ("consume.batch.size", "2147483648", "from 1 to 2147483647"),
        ("consume.batch.size", "1e3", "value 1e3: must be a whole number"),
        ("consume.batch.size", "", "value \"\": must be a whole number"),
        ("consume.batch.size", "1 0", "value \"1 0\""),
        ("progress.num.messages", "-1", "must be a whole number, 0 or more"),
        ("consume.buffer.bytes.max", "1048575", "from 1048576 to 1099511627776"),
        ("consume.batch.bytes.max", "2147483648", "from 1048576 to 2147483647"),
        ("verbose", "256", "from 0 to 255"),
        ("auto.offset.reset", "Latest", "must be earliest or latest"),
        ("enable.auto.commit", "yes", "must be true or false"),
        ("key.type", "string", "must be one of bytes str json avro"),
        ("flush.timeout", "-2", "seconds from 0 to 1000000000, or -1 for ever"),
        ("flush.timeout", "1000000001", "seconds from 0 to 1000000000, or"),
        ("flush.timeout", "nan", "or -1 for ever"),
        ("consume.timeout", "inf", "or -1 for ever"),
        ("consume.timeout", "5s", "or -1 for ever"),
        ("retention.ms", "-2", "must be a whole number, -1 or more"),
        ("session.timeout.ms", "0", "from 1 to 3600000"),
        ("fetch.min.bytes", "-2", "from -1 to 2147483647"),
        ("consume.num.attempts", "0", "from 1 to"),
        (
            "consume.batchsize",
            "5",
            "set configuration: key consume.batchsize: unknown key, did you mean consume.batch.size?",
        ),
        ("xyz", "5", "unknown key; known: progress.num.messages consume.batch.size"),
    ];
    for (key, value, expected) in cases {
        let mut settings = Settings::default();
        let error = settings.set(key, value).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains(expected), "{key} {value}: {error}");
        assert_eq!(settings, Settings::default(), "{key}");
    }
}
