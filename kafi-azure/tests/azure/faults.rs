//! Azure Blob Storage behind a network that fails, with wrong keys, and where things are missing.

use std::sync::Arc;

use kafi_core::ErrorKind;
use kafi_objects::{ObjectIo, Precondition};
use kafi_testkit::objects::faults::{Answers, Remote, put};
use kafi_testkit::servers::{scripted, variable};

#[test]
fn every_case_of_a_network_that_fails() {
    remote().run();
}

#[test]
fn wrong_keys() {
    let remote = Remote { secrets: vec!["d3Jvbmcta2V5".into(), "d3Jvbmctc2ln".into()], ..remote() };
    for proof in [
        ("account.key", "d3Jvbmcta2V5"),
        ("sas.token", "sv=2021-10-04&ss=b&srt=co&sp=rwl&se=2099-01-01T00:00:00Z&sig=d3Jvbmctc2ln"),
    ] {
        let io = open(&remote.server, &[proof]);
        let error = remote
            .check(&*io, ErrorKind::Authentication, "", |io, deadline| io.get("a", None, &mut Vec::new(), deadline));
        assert!(error.hint_text().unwrap().contains("key or signature"), "{error:?}");
        remote.check(&*io, ErrorKind::Authentication, "", |io, deadline| io.list("", "", false, deadline));
        remote.check(&*io, ErrorKind::Authentication, "", |io, deadline| {
            put(io, "a", b"1", Precondition::None, deadline)
        });
    }
    // The address of a request with a signature holds the secret.
    let io = open("127.0.0.1:1", &[("sas.token", "sig=d3Jvbmctc2ln")]);
    remote.check(&*io, ErrorKind::Unavailable, "refused", |io, deadline| io.stat("a", deadline));
}

#[test]
fn a_missing_container() {
    let remote = remote();
    let io = || {
        open(&remote.server, &[account_key(), ("container.name", "kafi-test-missing"), ("container.create", "false")])
    };
    let (kind, part) = (ErrorKind::NotFound, "there is no such container");
    let errors = [
        remote.check(&*io(), kind, part, |io, deadline| io.get("a", None, &mut Vec::new(), deadline)),
        remote.check(&*io(), kind, part, |io, deadline| io.stat("a", deadline)),
        remote.check(&*io(), kind, part, |io, deadline| io.list("", "", true, deadline)),
        remote.check(&*io(), kind, part, |io, deadline| put(io, "a", b"1", Precondition::Absent, deadline)),
        remote.check(&*io(), kind, part, |io, deadline| io.delete(&["a".into()], deadline)),
    ];
    for error in errors {
        assert!(error.hint_text().unwrap().contains("kafi-test-missing"), "{error:?}");
    }
}

fn remote() -> Remote {
    let server = variable("KAFI_TEST_AZURE").trim_start_matches("http://").split('/').next().unwrap();
    Remote {
        open: |address| open(address, &[account_key()]),
        server: server.to_string(),
        toxiproxy: variable("KAFI_TEST_TOXIPROXY").to_string(),
        secrets: vec![variable("KAFI_TEST_AZURE_KEY").to_string()],
        answers: answers(),
    }
}

fn answers() -> Answers {
    let busy = "<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>ServerBusy</Code><Message>The server is busy.\nRequestId:1</Message></Error>";
    let head = "ETag: \"0x1\"\r\nLast-Modified: Thu, 01 Jul 2021 10:44:59 GMT\r\nDate: Thu, 01 Jul 2021 10:44:59 GMT\r\n\
        x-ms-request-id: 00000000-0000-0000-0000-000000000001\r\nx-ms-request-server-encrypted: true\r\n";
    let (beginning, rest) = listing("<NextMarker>m</NextMarker>")
        .split_once("<Blobs>")
        .map(|(a, b)| (a.to_string(), b.to_string()))
        .unwrap();
    Answers {
        busy: scripted::answer(
            "503 The server is busy.",
            "Content-Type: application/xml\r\nx-ms-error-code: ServerBusy\r\n",
            busy,
        ),
        written: scripted::answer("201 Created", head, ""),
        listing: listing("<NextMarker/>"),
        odd_listings: vec![format!("{beginning}<Blobs/>{}", rest.split_once("</Blobs>").unwrap().1)],
    }
}

fn account_key() -> (&'static str, &'static str) {
    ("account.key", variable("KAFI_TEST_AZURE_KEY"))
}

fn open(address: &str, properties: &[(&str, &str)]) -> Arc<dyn ObjectIo> {
    let account = variable("KAFI_TEST_AZURE_ACCOUNT");
    let endpoint = format!("http://{address}/{account}");
    let own = [
        ("endpoint", endpoint.as_str()),
        ("account.name", account),
        ("container.name", "kafi-test-faults"),
        ("container.create", "true"),
    ];
    let all =
        own.iter().chain(properties).map(|(name, value)| (name.to_string(), value.to_string())).collect::<Vec<_>>();
    kafi_azure::open_objects("azure", &all).unwrap()
}

/// A listing with a and b, and what stands before its end.
fn listing(end: &str) -> String {
    let object = |name: &str| {
        format!(
            "<Blob><Name>{name}</Name><Properties><Creation-Time>Tue, 26 Nov 2024 10:00:00 GMT</Creation-Time><Last-Modified>Tue, 26 Nov 2024 10:00:00 GMT</Last-Modified><Etag>0x1</Etag>\
             <Content-Length>1</Content-Length><Content-Type>application/octet-stream</Content-Type><BlobType>BlockBlob</BlobType><LeaseStatus>unlocked</LeaseStatus>\
             <LeaseState>available</LeaseState><ServerEncrypted>true</ServerEncrypted><AccessTier>Hot</AccessTier></Properties></Blob>"
        )
    };
    let (a, b) = (object("a"), object("b"));
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults ServiceEndpoint=\"http://h/\" ContainerName=\"c\"><Prefix/><Marker/><MaxResults>5000</MaxResults><Blobs>{a}{b}</Blobs>{end}</EnumerationResults>"
    )
}
