//! What runs in a folder that somebody else filled: nothing of theirs.

use crate::support::{Sandbox, seen};

/// Properties that load, run, write, or send away, with values that would show it.
const POWERS: [(&str, &str, &str); 9] = [
    ("plugin.library.paths", "./evil.so", "loads a library"),
    ("ssl.engine.location", "./evil.so", "loads a library"),
    ("ssl.providers", "./evil", "loads a library"),
    ("sasl.kerberos.kinit.cmd", "touch ran", "runs a command"),
    ("sasl.kerberos.principal", "me; touch ran", "becomes part of a command"),
    ("offset.store.path", "written", "writes a file"),
    ("sasl.oauthbearer.assertion.file", "/etc/passwd", "sends a file to a server"),
    ("sasl.oauthbearer.assertion.private.key.file", "key.pem", "signs with a key of this machine"),
    (
        "sasl.oauthbearer.metadata.authentication.type",
        "azure_imds",
        "fetches a token of this machine and sends it to the brokers",
    ),
];

#[test]
fn a_configuration_of_the_working_directory_has_no_powers() {
    let sandbox = Sandbox::new();
    for (key, value, power) in POWERS {
        let config = format!("kafka:\n  bootstrap.servers: 127.0.0.1:1\n  {key}: '{value}'\n");
        for place in ["configs/clusters/prod.yaml", "prod.yaml"] {
            sandbox.write(place, &config);
            for line in [
                "kafi ls prod:",
                "cd . && kafi cat prod:t",
                "KAFI_STORAGE=prod: kafi ls",
                "KAFI_HOME= kafi storage check prod",
            ] {
                let refused = seen(&sandbox.run(line));
                let error = format!(
                    "! error: read configuration: file ./{place}, section kafka, key {key}: this property {power}, which is not done for a configuration that lies in the \
                     working directory\n! hint: set it with -X, or set KAFI_HOME to the folder if all of its configurations are yours\n? 2\n"
                );
                assert_eq!(refused, error, "{line}");
            }
            // Who says that the folder is his is believed; what librdkafka says then is its matter.
            for line in
                ["KAFI_HOME=. kafi ls prod:", "KAFI_HOME=$PWD kafi ls prod:", "cd / && KAFI_HOME=$OLDPWD kafi ls prod:"]
            {
                let asked = seen(&sandbox.run(&format!("OLDPWD=$PWD; {line}")));
                assert!(!asked.contains("working directory"), "{line}: {asked}");
            }
            std::fs::remove_file(sandbox.path(place)).unwrap();
        }
    }
    assert!(!sandbox.path("ran").exists() && !sandbox.path("written").exists());
}

#[test]
fn an_address_has_no_powers_and_whoever_types_has() {
    let sandbox = Sandbox::new();
    for (key, value, power) in POWERS {
        let value = value.replace(' ', "%20").replace(';', "%3B");
        for address in [
            format!("kafka://127.0.0.1:1/?{key}={value}"),
            format!("kafka://127.0.0.1:1/t?acks=all&{}={value}", key.replace('.', "%2E")),
        ] {
            let refused = seen(&sandbox.run(&format!("VALUE=x kafi ls '{address}'")));
            let is_refused = refused.contains(&format!("this property {power}, which is not done for an address"));
            assert!(
                (is_refused || refused.contains("a secret does not belong")) && refused.ends_with("? 2\n"),
                "{refused}"
            );
        }
    }
    // librdkafka looks for the library where it is told to.
    let typed = seen(&sandbox.run("kafi ls kafka://127.0.0.1:1/ -X plugin.library.paths=./not-there"));
    assert!(
        typed.contains("plugin.library.paths") && !typed.contains("not done") || typed.contains("not-there"),
        "{typed}"
    );
}

#[test]
fn libraries_of_the_working_directory_are_not_loaded() {
    let sandbox = Sandbox::new();
    sandbox.write("plugins/evil.so", "no library, which would be told if it was looked at");
    sandbox.write("configs/evils/evil.yaml", "evil:\n  a: b\n");
    sandbox.check(
        r#"
        $ kafi plugin ls; kafi plugin ls --load; kafi storage ls
        $ kafi ls evil://./x/
        ! error: read address: scheme evil: no such kind of storage; there are kafka://, s3://, azure://, rest://, file:, mem:
        ! hint: the folder plugins here is not searched; if you trust it: KAFI_PLUGINS=plugins, or --plugin with one file of it
        ? 2
        $ kafi ls evil:
        ! error: read configuration: storage evil, looked in .: no configuration has this name
        ! hint: configurations lie in $KAFI_HOME or the working directory, or in its folders configs/clusters, configs/locals, …
        ? 2
        $ mkdir -p kafi .local/share && ln -s ../plugins kafi/plugins && XDG_DATA_HOME=. kafi plugin ls && HOME=. kafi plugin ls && KAFI_HOME= KAFI_PLUGINS=: kafi plugin ls
        $ KAFI_PLUGINS=plugins kafi plugin ls
        FOUND BY      FILE
        KAFI_PLUGINS  plugins/evil.so
        $ KAFI_HOME=. kafi plugin ls; KAFI_HOME=. kafi plugin ls --json
        FOUND BY   FILE
        KAFI_HOME  ./plugins/evil.so
        {"plugin":null,"version":null,"schemes":null,"sections":null,"found_by":"KAFI_HOME","file":"./plugins/evil.so"}
        $ KAFI_HOME=. kafi plugin ls --load
        ! warning: load plugin: plugin ./plugins/evil.so: it is no library that this system can load: file too short
        $ XDG_DATA_HOME=$PWD kafi plugin ls | tail -n 1 | cut -d' ' -f 1-2
        user data
        $ kafi --plugin plugins/evil.so plugin ls
        FOUND BY  FILE
        --plugin  plugins/evil.so
        "#,
    );
}
