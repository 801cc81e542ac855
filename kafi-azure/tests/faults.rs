//! Azure Blob Storage behind a network that fails, with wrong keys, and where things are missing.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../../tests/objects/faults.rs"]
mod faults;
#[path = "../../tests/servers/scripted.rs"]
mod scripted;
#[path = "../../tests/servers/server.rs"]
mod server;
#[path = "../../tests/servers/toxiproxy.rs"]
mod toxiproxy;

use std::sync::Arc;

use faults::{Place, put};
use kafi_core::ErrorKind;
use kafi_objects::{ObjectIo, Precondition};

#[test]
fn a_server_that_is_not_there() {
    place().nobody_there();
}

#[test]
fn a_server_that_does_not_answer() {
    place().no_answer();
}

#[test]
fn reads_that_are_cut() {
    place().cut_reads_go_on();
}

#[test]
fn writes_that_are_cut() {
    place().cut_writes_leave_nothing();
}

#[test]
fn answers_that_are_lost() {
    place().lost_answers_are_refusals();
}

#[test]
fn throttling() {
    let busy = "<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>ServerBusy</Code><Message>The server is busy.\nRequestId:1</Message></Error>";
    let busy = scripted::answer("503 The server is busy.", "Content-Type: application/xml\r\nx-ms-error-code: ServerBusy\r\n", busy);
    let head = "ETag: \"0x1\"\r\nLast-Modified: Thu, 01 Jul 2021 10:44:59 GMT\r\nDate: Thu, 01 Jul 2021 10:44:59 GMT\r\n\
        x-ms-request-id: 00000000-0000-0000-0000-000000000001\r\nx-ms-request-server-encrypted: true\r\n";
    place().throttling(&busy, &scripted::answer("201 Created", head, ""));
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

#[test]
fn listings_that_are_cut() {
    place().cut_listings_are_made_again(&listing("<NextMarker/>"));
}

#[test]
fn listings_that_cannot_be() {
    let (beginning, rest) = listing("<NextMarker>m</NextMarker>").split_once("<Blobs>").map(|(a, b)| (a.to_string(), b.to_string())).unwrap();
    place().odd_listings_are_errors(&[format!("{beginning}<Blobs/>{}", rest.split_once("</Blobs>").unwrap().1)]);
}

#[test]
fn answers_without_end() {
    place().endless_answers_are_bounded(&listing("<NextMarker/>"));
}

#[test]
fn outages() {
    place().outages_are_ridden_out();
}

#[test]
fn wrong_keys() {
    let place = Place { secrets: vec!["d3Jvbmcta2V5".into(), "d3Jvbmctc2ln".into()], ..place() };
    for proof in [("account.key", "d3Jvbmcta2V5"), ("sas.token", "sv=2021-10-04&ss=b&srt=co&sp=rwl&se=2099-01-01T00:00:00Z&sig=d3Jvbmctc2ln")] {
        let io = open(&place.server, &[proof]);
        let error = place.check(&*io, ErrorKind::Authentication, "", |io, deadline| io.get("a", None, &mut Vec::new(), deadline));
        assert!(error.hint_text().unwrap().contains("key or signature"), "{error:?}");
        place.check(&*io, ErrorKind::Authentication, "", |io, deadline| io.list("", "", false, deadline));
        place.check(&*io, ErrorKind::Authentication, "", |io, deadline| put(io, "a", b"1", Precondition::None, deadline));
    }
    // The address of a request with a signature holds the secret.
    let io = open("127.0.0.1:1", &[("sas.token", "sig=d3Jvbmctc2ln")]);
    place.check(&*io, ErrorKind::Unavailable, "refused", |io, deadline| io.stat("a", deadline));
}

#[test]
fn a_missing_container() {
    let place = place();
    let io = || open(&place.server, &[account_key(), ("container.name", "kafi-test-missing"), ("container.create", "false")]);
    let (kind, part) = (ErrorKind::NotFound, "there is no such container");
    let errors = [
        place.check(&*io(), kind, part, |io, deadline| io.get("a", None, &mut Vec::new(), deadline)),
        place.check(&*io(), kind, part, |io, deadline| io.stat("a", deadline)),
        place.check(&*io(), kind, part, |io, deadline| io.list("", "", true, deadline)),
        place.check(&*io(), kind, part, |io, deadline| put(io, "a", b"1", Precondition::Absent, deadline)),
        place.check(&*io(), kind, part, |io, deadline| io.delete(&["a".into()], deadline)),
    ];
    for error in errors {
        assert!(error.hint_text().unwrap().contains("kafi-test-missing"), "{error:?}");
    }
}

fn place() -> Place {
    let server = server::variable("azure", "").trim_start_matches("http://").split('/').next().unwrap();
    Place {
        open: |address| open(address, &[account_key()]),
        server: server.to_string(),
        toxiproxy: server::variable("toxiproxy", "").to_string(),
        secrets: vec![server::variable("azure", "_KEY").to_string()],
    }
}

fn account_key() -> (&'static str, &'static str) {
    ("account.key", server::variable("azure", "_KEY"))
}

fn open(address: &str, properties: &[(&str, &str)]) -> Arc<dyn ObjectIo> {
    let account = server::variable("azure", "_ACCOUNT");
    let endpoint = format!("http://{address}/{account}");
    let own = [("endpoint", endpoint.as_str()), ("account.name", account), ("container.name", "kafi-test-faults"), ("container.create", "true")];
    let all = own.iter().chain(properties).map(|(name, value)| (name.to_string(), value.to_string())).collect::<Vec<_>>();
    kafi_azure::open_objects("azure", &all).unwrap()
}
