//! Rules of access and users of a real broker, also as Apache Kafka's own tools see them.

use crate::broker::{Broker, kafka_tool, variable};
use crate::support::seen;

/// A configuration for the listener with passwords.
fn login(broker: &Broker, name: &str, mechanism: &str, user: &str, password: &str) {
    let servers = variable("KAFI_TEST_KAFKA_SASL_PLAINTEXT");
    let sasl = format!(
        "security.protocol: SASL_PLAINTEXT\n  sasl.mechanism: {mechanism}\n  sasl.username: {user}\n  sasl.password: {password}"
    );
    let path = format!("configs/clusters/{name}.yaml");
    broker.sandbox.write(&path, format!("kafka:\n  bootstrap.servers: {servers}\n  {sasl}\n"));
}

/// The rules of a principal as Kafka's own tool lists them, in the order in which Kafi does.
fn rules_of_the_tool(principal: &str) -> Vec<String> {
    let servers = variable("KAFI_TEST_KAFKA");
    let listed = kafka_tool(&[
        "org.apache.kafka.tools.AclCommand",
        "--bootstrap-server",
        servers,
        "--list",
        "--principal",
        principal,
    ]);
    let (mut resource, mut rules) = (String::new(), Vec::new());
    let field = |text: &str, name: &str| {
        let (_, rest) = text.split_once(&format!("{name}=")).unwrap();
        rest.split([',', ')']).next().unwrap().to_string()
    };
    let word = |text: String| text.to_lowercase().replace('_', "-");
    for line in listed.lines() {
        if line.contains("ResourcePattern(") {
            let (kind, name) = (word(field(line, "resourceType")), field(line, "name"));
            resource = format!("{kind} {name} {}", word(field(line, "patternType")));
        } else if line.contains("principal=") {
            let (principal, host) = (field(line, "principal"), field(line, "host"));
            let (operation, permission) = (word(field(line, "operation")), word(field(line, "permissionType")));
            rules.push(format!("{resource} {principal} {host} {operation} {permission}"));
        }
    }
    rules.sort();
    rules
}

/// The same, as Kafi lists them.
fn rules_of_kafi(broker: &Broker, principal: &str) -> Vec<String> {
    let listed = broker.sandbox.text(&format!("kafi acl ls k: --principal {principal}"));
    let mut rules: Vec<String> =
        listed.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    rules.sort();
    rules
}

#[test]
fn rules_are_planned_made_carried_over_and_deleted() {
    let broker = Broker::new();
    let principal = broker.line("User:@alice");
    let rule = "--principal User:@alice --operation read --operation describe-configs --resource topic --name @t";
    let planned = "{\"storage\":\"k\",\"change\":\"create\",\"resource\":\"topic\",\"name\":\"@t\",\"pattern\":\"literal\",\"principal\":\"User:@alice\",\"host\":\"*\",\"operation\":\"read\",\"permission\":\"allow\"}\n\
         {\"storage\":\"k\",\"change\":\"create\",\"resource\":\"topic\",\"name\":\"@t\",\"pattern\":\"literal\",\"principal\":\"User:@alice\",\"host\":\"*\",\"operation\":\"describe-configs\",\"permission\":\"allow\"}\n";
    let plan = broker.seen(&format!("kafi acl create k: {rule} --json"));
    assert_eq!(plan, format!("{planned}! nothing is changed yet; --execute does it\n"));
    assert_eq!(broker.text("kafi acl ls k: --principal User:@alice"), "", "a plan changes nothing");
    assert_eq!(broker.text(&format!("kafi acl create k: {rule} --json --execute")), planned);
    broker.text(
        "kafi acl create k: --principal User:@alice --operation ALL --resource group --name @g- --pattern prefixed --host 10.0.0.1 --permission deny --execute -q",
    );
    broker.text("kafi acl create k: --principal User:@alice --operation Create --resource cluster --execute -q");
    let rules = rules_of_kafi(&broker, &principal);
    assert_eq!((rules.len(), &rules), (4, &rules_of_the_tool(&principal)));
    // What is there is not made again.
    let again = broker.seen(&format!("kafi acl create k: {rule} --execute"));
    assert!(again.ends_with("! nothing to change\n") && again.contains("none    topic"), "{again}");
    // Of what is listed, other rules are made: for another user here.
    broker.text(
        "kafi acl ls k: --principal User:@alice --json | sed 's/alice/bob/' | kafi acl create k: --json --execute -q",
    );
    let bob: Vec<String> =
        rules_of_the_tool(&broker.line("User:@bob")).iter().map(|rule| rule.replace("-bob", "-alice")).collect();
    assert_eq!(bob, rules);
    // Filters: by operation, by the topic that a rule concerns, by whether it allows.
    let count =
        |filter: &str| broker.text(&format!("kafi acl ls k: --principal User:@alice {filter} --json")).lines().count();
    assert_eq!(count("--operation read --operation create"), 2);
    assert_eq!(count("--resource group --name @g-1 --pattern match"), 1);
    assert_eq!(count("--permission deny"), 1);
    let planned = broker.seen("kafi acl rm k: --principal User:@alice --permission allow");
    assert!(planned.ends_with("! nothing is changed yet; --execute does it\n"), "{planned}");
    assert_eq!(planned.lines().filter(|line| line.starts_with("delete ")).count(), 3, "{planned}");
    assert_eq!(rules_of_kafi(&broker, &principal).len(), 4);
    broker.text("kafi acl rm k: --principal User:@alice --permission allow --execute -q");
    let left = rules_of_the_tool(&principal);
    assert_eq!((left.len(), left[0].ends_with("all deny")), (1, true), "{left:?}");
    broker.text(
        "kafi acl ls k: --principal User:@alice --principal User:@bob --json | kafi acl rm k: --json --execute -q",
    );
    assert_eq!(rules_of_the_tool(&principal).len() + rules_of_the_tool(&broker.line("User:@bob")).len(), 0);
}

#[test]
fn rules_that_make_no_sense_are_refused_and_hide_no_other() {
    let broker = Broker::new();
    for (line, refusal) in [
        ("kafi acl create k:", "! error: create ACLs: a rule says what it is about\n"),
        ("kafi acl create k: --resource topic --name t --operation read", "! error: create ACLs: a rule says who\n"),
        ("kafi acl rm k: --execute", "! error: delete ACLs: it was not said which\n"),
        (
            "kafi acl ls k: --operation reed",
            "! error: read arguments: invalid value 'reed' for '--operation <OPERATION>': there is no such operation: there are all, read, write, create, delete, alter, describe, cluster-action, describe-configs, alter-configs, idempotent-write\n",
        ),
        ("echo '{}' | kafi acl create k: --json", "! error: create ACLs: line 1: a rule has a text resource\n"),
    ] {
        let seen = broker.seen(line);
        assert!(seen.starts_with(refusal) && seen.ends_with("? 2\n"), "{line}: {seen}");
    }
    let rules = "--principal @nobody --principal User:@alice --operation read --resource topic --name @t";
    let seen = broker.seen(&format!("kafi acl create k: {rules} --execute -q"));
    assert!(seen.contains("! error: create ACLs: acl allow @nobody to read topic @t, storage k: "), "{seen}");
    assert!(seen.ends_with("? 1\n"), "{seen}");
    assert_eq!(rules_of_kafi(&broker, &broker.line("User:@alice")).len(), 1, "the other one is made");
    broker.text("kafi acl rm k: --principal User:@alice --execute -q");
}

#[test]
fn users_log_in_with_their_passwords() {
    let broker = Broker::new();
    let user = broker.line("@carol");
    broker.sandbox.write("secret", "correct horse\n");
    broker.text("kafi user create k:@carol --password-file secret");
    broker.text(
        "PASSWORD='battery staple' kafi user create k:@carol --mechanism sha-256 --iterations 8192 --password-env PASSWORD",
    );
    assert_eq!(
        broker.text("kafi user ls k:@carol --json"),
        "{\"storage\":\"k\",\"user\":\"@carol\",\"mechanism\":\"SCRAM-SHA-256\",\"iterations\":8192}\n\
         {\"storage\":\"k\",\"user\":\"@carol\",\"mechanism\":\"SCRAM-SHA-512\",\"iterations\":4096}\n"
    );
    let described = kafka_tool(&[
        "kafka.admin.ConfigCommand",
        "--bootstrap-server",
        variable("KAFI_TEST_KAFKA"),
        "--describe",
        "--entity-type",
        "users",
        "--entity-name",
        &user,
    ]);
    assert!(
        described.contains("SCRAM-SHA-256=iterations=8192") && described.contains("SCRAM-SHA-512=iterations=4096"),
        "{described}"
    );
    login(&broker, "right", "SCRAM-SHA-512", &user, "correct horse");
    login(&broker, "other", "SCRAM-SHA-256", &user, "battery staple");
    login(&broker, "wrong", "SCRAM-SHA-512", &user, "battery staple");
    // Nothing is allowed to carol, so that she sees no topics; but she is let in.
    assert_eq!((broker.text("kafi ls right:"), broker.text("kafi ls other:")), (String::new(), String::new()));
    let refused = broker.seen("kafi ls wrong:");
    assert!(refused.contains("uthentication failed") && refused.ends_with("? 1\n"), "{refused}");
    // A prompt on a terminal shows nothing of what is typed.
    let typed = broker.line("script -qec 'kafi user create k:@carol' /dev/null");
    let shown = String::from_utf8(broker.sandbox.run_with(&typed, b"new secret\nnew secret\n").stdout).unwrap();
    assert!(shown.contains("password of") && shown.contains("once more: "), "{shown}");
    login(&broker, "new", "SCRAM-SHA-512", &user, "new secret");
    assert_eq!(broker.text("kafi ls new:"), "");
    // One mechanism, and then all.
    broker.text("kafi user rm k:@carol --mechanism SCRAM-SHA-512 -y");
    assert_eq!(broker.text("kafi user ls k:@carol --json").lines().count(), 1);
    broker.text("kafi user rm k:@carol -y");
    assert_eq!(broker.text("kafi user ls k:@carol"), "");
    let gone = broker.seen("kafi user rm k:@carol -y");
    assert_eq!(gone, "! error: delete user: user @carol, storage k: no such user\n? 1\n");
    for (line, refusal) in [
        ("kafi user create k:@carol", "nobody can be asked for the password here\n"),
        ("kafi user create k:@carol --password-env KAFI_UNSET", "the environment variable is not set\n"),
        ("kafi user create k:@carol --password-file /dev/null", "the password is empty\n"),
        ("kafi user create k: --password-file secret", "this names a storage, where a user is wanted\n"),
    ] {
        let seen = broker.seen(line);
        assert!(seen.contains(refusal) && seen.ends_with("? 2\n"), "{line}: {seen}");
    }
}

#[test]
fn without_the_right_what_was_refused_is_named() {
    let broker = Broker::new();
    login(&broker, "alice", "PLAIN", "alice", variable("KAFI_TEST_KAFKA_ALICE_PASSWORD"));
    let rule = "--principal User:@x --operation read --resource topic --name @t";
    for (line, operation, right) in [
        ("kafi acl ls alice:".to_string(), "list ACLs", "describe"),
        ("kafi acl rm alice: --principal User:@x --execute".to_string(), "list ACLs", "describe"),
        ("kafi acl rm alice: --operation read".to_string(), "list ACLs", "describe"),
        (format!("kafi acl create alice: {rule} --execute"), "list ACLs", "describe"),
        ("kafi user ls alice:".to_string(), "list users", "describe"),
        ("PASSWORD=x kafi user create alice:@x --password-env PASSWORD".to_string(), "create user", "alter"),
    ] {
        let seen = broker.seen(&line);
        let expected = format!("! error: {operation}: ");
        assert!(seen.starts_with(&expected) && seen.contains("resource cluster, storage alice: "), "{line}: {seen}");
        let hint = format!("! hint: it needs the right to {right} the cluster\n? 1\n");
        assert!(seen.ends_with(&hint), "{line}: {seen}");
    }
}

#[test]
fn storages_without_access_control_say_so() {
    let broker = Broker::new();
    for (line, what) in [
        ("kafi acl ls ./f/", "list ACLs: storage ./f/: this kind of storage has no access control of its own"),
        ("kafi user ls ./f/", "list users: storage ./f/: this kind of storage has no users"),
    ] {
        assert_eq!(seen(&broker.sandbox.run(line)), format!("! error: {what}\n? 2\n"));
    }
}
