//! No output holds a secret, whatever is written wrongly and wherever the secret stands.

use crate::support::{Sandbox, seen};

/// What no output may hold.
const SECRET: &str = "hunter2";

/// Runs each line as it is, with all that can be said, and for a machine.
fn check(sandbox: &Sandbox, lines: &[String]) {
    for line in lines {
        for flag in ["", "--verbose", "--json"] {
            let output = sandbox.run(&format!("SECRET={SECRET} timeout 60 {line} {flag}"));
            let seen = seen(&output);
            assert_ne!(output.status.code(), Some(124), "{line} {flag} ends");
            assert!(!seen.contains(SECRET) && !seen.contains("panicked"), "{line} {flag}: {seen}");
        }
    }
}

fn with_configs() -> Sandbox {
    let sandbox = Sandbox::new();
    let files = [
        (
            "clusters/prod",
            "kafka:\n  bootstrap.servers: 127.0.0.1:1\n  sasl.password: hunter2\n  sasl.jaas.config: hunter2\n  nonsense.key: ${SECRET}\n",
        ),
        (
            "clusters/pem",
            "kafka:\n  bootstrap.servers: 127.0.0.1:1\n  security.protocol: ssl\n  ssl.key.pem: |\n    -----BEGIN PRIVATE KEY-----\n    hunter2hunter2\n",
        ),
        (
            "clusters/key",
            "kafka:\n  bootstrap.servers: 127.0.0.1:1\n  security.protocol: ssl\n  ssl.key.location: none.pem\n  ssl.key.password: hunter2\n",
        ),
        (
            "clusters/store",
            "kafka:\n  bootstrap.servers: 127.0.0.1:1\n  security.protocol: ssl\n  ssl.keystore.location: none.p12\n  ssl.keystore.password: hunter2\n",
        ),
        (
            "clusters/oauth",
            "kafka:\n  bootstrap.servers: 127.0.0.1:1\n  security.protocol: sasl_plaintext\n  sasl.mechanism: OAUTHBEARER\n  sasl.oauthbearer.config: principal=hunter2\n  \
             sasl.oauthbearer.client.secret: hunter2\n",
        ),
        ("clusters/user", "kafka:\n  bootstrap.servers: me:hunter2@127.0.0.1:1\n"),
        ("clusters/typo", "kafka:\n  bootstrap.servers: 127.0.0.1:1\n  sasl.pasword: hunter2\n"),
        ("clusters/equals", "kafka:\n  bootstrap.servers: 127.0.0.1:1\n  sasl.password=hunter2: x\n"),
        ("clusters/colon", "kafka:\n  bootstrap.servers: 127.0.0.1:1\n  sasl.password:hunter2\n"),
        ("clusters/scalar", "kafka: sasl.password=hunter2\n"),
        ("clusters/list", "kafka:\n  sasl.password: [hunter2, x]\n"),
        ("clusters/nested", "kafka:\n  sasl:\n    password: hunter2\n"),
        ("clusters/twice", "kafka:\n  sasl.password: hunter2\n  sasl.password: hunter2\n"),
        ("clusters/brace", "kafka:\n  sasl.password: hunter2${\n"),
        (
            "clusters/registry",
            "kafka:\n  bootstrap.servers: 127.0.0.1:1\nschema_registry:\n  schema.registry.url: http://me:hunter2@127.0.0.1:1\n  basic.auth.user.info: me:hunter2\n",
        ),
        (
            "clusters/registry-typo",
            "kafka:\n  bootstrap.servers: h\nschema_registry:\n  basic.auth.userinfo: me:hunter2\n",
        ),
        ("clusters/settings", "kafka:\n  bootstrap.servers: h\nkafi:\n  consume.batch.size: ${SECRET}\n"),
        (
            "restproxies/rest",
            "rest_proxy:\n  rest.proxy.url: http://me:hunter2@127.0.0.1:1\n  basic.auth.user.info: me:hunter2\n",
        ),
        ("s3s/half", "s3:\n  secret.key: hunter2\n"),
        ("s3s/token", "s3:\n  session.token: hunter2\n"),
        ("s3s/user", "s3:\n  endpoint: http://me:hunter2@127.0.0.1:1\n"),
        ("s3s/typo", "s3:\n  secret.kye: hunter2\n"),
        ("s3s/profile", "s3:\n  access.key: hunter2\n  secret.key: hunter2\n  profile: p\n"),
        ("azureblobs/string", "azure_blob:\n  connection.string: AccountName=a;AccountKey=hunter2!\n"),
        ("azureblobs/signature", "azure_blob:\n  sas.token: sv=1&sig=hunter2\n"),
        ("azureblobs/both", "azure_blob:\n  account.name: a\n  account.key: hunter2\n  sas.token: sig=hunter2\n"),
        (
            "azureblobs/endpoint",
            "azure_blob:\n  account.name: a\n  account.key: aHVudGVyMg==\n  endpoint: http://me:hunter2@127.0.0.1:1/a\n",
        ),
        ("locals/typo", "local:\n  secret.key: hunter2\n"),
    ];
    for (name, text) in files {
        sandbox.write(&format!("configs/{name}.yaml"), text);
    }
    sandbox
}

#[test]
fn bad_addresses_are_shown_without_their_secrets() {
    let sandbox = Sandbox::new();
    let mut lines = Vec::new();
    for scheme in ["kafka", "rest", "s3", "azure", "other", "KAFKA"] {
        let rests = [
            "//me:hunter2@h/t",
            "//me:hun%74er2@h:hunter2/t",
            "//me%3Ahunter2%40h/t",
            "//me%3Ahun%74er2%40h/hunter2=",
            "//h1:9092,me:hunter2@h2:9092/t",
            "///t?secret.key=hunter2",
            "///t?%73ecret.key=hunter2",
            "//bucket/t?secret.key=hunter2",
            "//bucket/t?secret%2Ekey=hunter2",
            "//bucket/t?sasl.password=${SECRET}hunter2${SECRET}",
            "//bucket/t?sasl.password:hunter2",
            "//bucket/t?session.token=hunter2&sasl.password",
            "//bucket/t?hunter2",
            "//bucket/t?sas.token=sv=1%26sig=hunter2",
            "//bucket/t?connection.string=AccountKey=hunter2",
            "//bucket/t?ssl.key.pem=hunter2",
            "//bucket/t?ssl.key.password=hunter2",
            "//bucket/t?sasl.jaas.config=password=hunter2",
            "//bucket/t?sasl.oauthbearer.client.secret=hunter2",
            "//bucket/t?basic.auth.user.info=me:hunter2",
            "//::1:hunter2/t?secret.key=hunter2",
            "/bucket/t?secret.key=hunter2",
            "bucket/t?secret.key=hunter2",
            "/t&secret.key=hunter2",
            "me:hunter2@h/t",
            "/me:hunter2@h/t",
            "?secret.key=hunter2",
        ];
        lines.extend(rests.map(|rest| format!("kafi ls '{scheme}:{rest}'")));
        lines.push(format!("kafi cat '{scheme}://h:hunter2'"));
    }
    for scheme in ["kafka", "rest"] {
        lines.extend(
            ["me:hunter2/t", "me:hunter2", "[::1]:hunter2/t", "me:hun/ter2@h/hunter2"]
                .map(|rest| format!("kafi ls '{scheme}://{rest}'")),
        );
    }
    lines.extend(
        [
            "kafi cat './x?secret.key=hunter2'",
            "kafi cat 'mem://me:hunter2@h/t'",
            "kafi cat 'mem:t?secret.key=hunter2'",
            "kafi cat 'file://me:hunter2@h/t'",
            "kafi cat 'file://me%3Ahunter2%40h/t'",
            "kafi cat 'secret.key=hunter2'",
            "kafi cat 'a/t?secret.key=hunter2'",
            "kafi cp 's3:///t?secret.key=hunter2' ./x/",
            "kafi cp ./x/t 's3:///t?secret.key=hunter2'",
            "kafi diff ./x/t 's3:///t?secret.key=hunter2'",
            "kafi group ls 's3:///?secret.key=hunter2'",
            "kafi storage check 's3:///?secret.key=hunter2'",
            "kafi cluster 'kafka:///?sasl.password=hunter2'",
            "env KAFI_STORAGE=kafka://me:hunter2@h kafi ls",
            "env KAFI_STORAGE='s3:///?secret.key=hunter2' kafi ls",
            "env KAFI_STORAGE='kafka://h?sasl.password=hunter2' kafi ls",
            "env AZURE_STORAGE_CONNECTION_STRING='AccountName=a;AccountKey=hunter2!' kafi ls azure://container/",
            "env AZURE_STORAGE_CONNECTION_STRING='hunter2' kafi ls azure://container/",
        ]
        .map(str::to_string),
    );
    check(&sandbox, &lines);
}

#[test]
fn bad_configurations_are_shown_without_their_secrets() {
    let sandbox = with_configs();
    let mut lines = vec!["kafi storage ls".to_string()];
    for entry in std::fs::read_dir(sandbox.path("configs"))
        .unwrap()
        .flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap())
    {
        let path = entry.unwrap().path();
        let [name, folder] = [path.file_stem().unwrap(), path.parent().unwrap().file_name().unwrap()]
            .map(|part| part.to_str().unwrap().to_string());
        lines.push(format!("kafi ls {folder}/{name}:"));
    }
    lines.extend(
        [
            "cat prod:t",
            "storage check prod",
            "produce clusters/pem:t x",
            "cat registry:t -t avro",
            "topic clusters/user",
        ]
        .map(|line| format!("kafi {line}")),
    );
    check(&sandbox, &lines);
}

#[test]
fn bad_arguments_are_shown_without_their_secrets() {
    let sandbox = with_configs();
    let lines = [
        "kafi ls prod: -X sasl.password=hunter2",
        "kafi ls prod: -X sasl.pasword=hunter2",
        "kafi ls prod: -X sasl.password:hunter2",
        "kafi ls prod: -X hunter2",
        "kafi ls prod: -X =hunter2",
        "kafi ls prod: -Xhunter2",
        "kafi ls prod: --property=hunter2",
        "kafi ls prod: -X 'sasl.password=${NOT_SET}hunter2'",
        "kafi ls prod: -X 'sasl.password=hunter2${'",
        "kafi ls prod: -X ssl.key.pem=hunter2",
        "kafi ls prod: -X sasl.oauthbearer.config=hunter2",
        "kafi ls 'kafka://127.0.0.1:1' -X security.protocol=sasl_plaintext -X sasl.mechanism=PLAIN -X sasl.username=me -X sasl.password=hunter2 -X debug=all",
        "kafi ls --sasl.password=hunter2",
        "kafi ls --pasword=hunter2",
        "kafi touch ./d/t --config ssl.keystore.password=hunter2",
        "kafi config ./d/t ssl.keystore.password=hunter2",
        "kafi cp ./d/t ./e/t --config ssl.keystore.password=hunter2",
    ];
    check(&sandbox, &lines.map(str::to_string));
}
