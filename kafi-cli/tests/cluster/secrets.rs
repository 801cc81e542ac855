//! Whatever a command prints about a broker that wants a password, the password is not in it.

use crate::broker::{Broker, variable};
use crate::support::seen;

/// What no output may hold, besides the right password.
const WRONG: &str = "hunter2-wrong";

/// librdkafka's own log lines are asked for too.
const FLAGS: [&str; 3] = ["", "--verbose", "--verbose -X debug=security,broker,conf"];

#[test]
fn no_password_is_ever_shown() {
    let broker = Broker::new();
    let (servers, right) = (variable("KAFI_TEST_KAFKA_SASL_PLAINTEXT"), variable("KAFI_TEST_KAFKA_ADMIN_PASSWORD"));
    for (name, password) in [("right", right), ("wrong", WRONG), ("variable", "${SECRET}")] {
        let sasl = format!(
            "security.protocol: SASL_PLAINTEXT\n  sasl.mechanism: PLAIN\n  sasl.username: admin\n  sasl.password: {password}"
        );
        broker.sandbox.write(
            &format!("configs/clusters/{name}.yaml"),
            format!("kafka:\n  bootstrap.servers: {servers}\n  {sasl}\n"),
        );
    }
    let mut shown = 0;
    for line in [
        "ls right:".to_string(),
        "ls wrong:".to_string(),
        "ls variable:".to_string(),
        "storage check right".to_string(),
        "storage ls".to_string(),
        "touch right:@t".to_string(),
        "produce right:@t x".to_string(),
        "cat right:@t".to_string(),
        "cat wrong:@t".to_string(),
        format!("ls right: -X sasl.password={WRONG}"),
        format!("ls right: -X sasl.pasword={WRONG}"),
        format!(
            "ls 'kafka://{servers}?security.protocol=SASL_PLAINTEXT&sasl.mechanism=PLAIN&sasl.username=admin&sasl.password={WRONG}'"
        ),
    ] {
        for flag in FLAGS {
            let output = broker.sandbox.run(&broker.line(&format!("SECRET={right} timeout 60 kafi {line} {flag}")));
            let seen = seen(&output);
            assert!(output.status.code() != Some(124), "{line} {flag} ends");
            assert!(!seen.contains(right) && !seen.contains(WRONG), "{line} {flag}: {seen}");
            shown += seen.len();
        }
    }
    assert!(shown > 1_000, "there was something to look at");
}
