//! Configuration: a text is one or one error, and secrets stay out of errors and debug prints.

use kafi_core::{Config, ErrorKind, expand_environment};

/// What no output may hold.
const SECRET: &str = "hunter2-fuzz";

/// Takes `data` for a YAML text, for the items of a section, and for a property.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    check(&text);
    check(&format!("local:\n  folder: f\nkafi:\n  {}\n", text.replace('\n', "\n  ")));
    // A quoted scalar holds any text as one value.
    let quoted = text.replace('\'', "''").replace(['\n', '\r'], " ");
    let with_secret = format!("kafka:\n  bootstrap.servers: '{quoted}'\n  sasl.password: {SECRET}\n");
    if let Ok(config) = Config::from_yaml("fuzz", &with_secret) {
        assert!(!format!("{config:?}").contains(SECRET), "{config:?}");
        assert_eq!(config.get("sasl.password"), Some(SECRET));
    }
    check(&with_secret);
    // Variables that are set depend on who runs this, and their values are nobody's business: none of them has such a
    // name.
    if let Err(error) = expand_environment("key", &text.replace("${", "${KAFI FUZZ ")) {
        assert_eq!(error.kind(), ErrorKind::Config);
    }
}

fn check(text: &str) {
    if let Err(error) = Config::from_yaml("fuzz", text) {
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
        let shown = format!("{error} {error:?} {:?}", error.hint_text());
        assert!(!shown.contains(SECRET), "{shown}");
        assert!(!error.to_string().contains('\n'), "{error}");
    }
}
