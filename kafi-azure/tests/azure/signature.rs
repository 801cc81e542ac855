//! Access by a shared access signature instead of a key.

use std::time::{Duration, Instant};

use azure_core::auth::Secret;
use azure_core::hmac::hmac_sha256;
use bytes::Bytes;
use kafi_core::ErrorKind;
use kafi_objects::{Precondition, PutRequest};
use kafi_testkit::servers::variable;

#[test]
fn what_a_signature_permits() {
    let io = |token: &str| {
        let own = [
            ("account.name", variable("KAFI_TEST_AZURE_ACCOUNT")),
            ("endpoint", variable("KAFI_TEST_AZURE")),
            ("sas.token", token),
        ];
        let all = own.iter().chain(&[("container.name", "kafi-test-signature"), ("container.create", "true")]);
        kafi_azure::open_objects(
            "azure",
            &all.map(|(name, value)| (name.to_string(), value.to_string())).collect::<Vec<_>>(),
        )
        .unwrap()
    };
    let soon = || Instant::now() + Duration::from_secs(60);
    let request =
        PutRequest { key: "a", bytes: Bytes::from_static(b"1"), precondition: Precondition::None, metadata: &[] };
    let full = io(&signature("rwdlc"));
    full.put(&request, soon()).unwrap();
    assert_eq!(full.list("", "", false, soon()).unwrap().objects.len(), 1);

    let token = signature("r");
    let reading = io(&format!("?{token}"));
    let mut bytes = Vec::new();
    reading.get("a", None, &mut bytes, soon()).unwrap().unwrap();
    assert_eq!(bytes, b"1");
    let error = reading.put(&request, soon()).unwrap_err();
    let secret = token.split("sig=").nth(1).unwrap();
    assert!(error.kind() == ErrorKind::PermissionDenied && !format!("{error:?}").contains(secret), "{error:?}");
}

/// A signature of the account for containers and blobs, which nothing but the key goes into.
fn signature(permissions: &str) -> String {
    let (account, version, end) = (variable("KAFI_TEST_AZURE_ACCOUNT"), "2021-10-04", "2099-01-01T00:00:00Z");
    let signed = format!("{account}\n{permissions}\nb\nsco\n\n{end}\n\n\n{version}\n\n");
    let signature = hmac_sha256(&signed, &Secret::new(variable("KAFI_TEST_AZURE_KEY"))).unwrap();
    let signature = signature.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    format!("sv={version}&ss=b&srt=sco&sp={permissions}&se={end}&sig={signature}")
}
