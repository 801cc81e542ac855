//! The trace context of messages, and the spans around them.

use std::sync::{Arc, Mutex, PoisonError};

use kafi_app::testing::TestApp;
use kafi_app::{App, Json, OnError, Output, Retries, Route};
use kafi_core::Message;
use kafi_shell::Outgoing;

use crate::support::{header, memory};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn parent(message: &Message) -> String {
    header(message, "traceparent")
}

#[test]
fn a_trace_goes_on_in_outputs_and_dead_letters() {
    for begins in [false, true] {
        let place = memory();
        let handler = |Json(n): Json<u32>| match n {
            0 => Err("zero"),
            _ => Ok(vec![Output::new("a"), Output::new("b"), Output::new("c").header("traceparent", "mine")]),
        };
        let raw = |input: &mut kafi_app::Input<'_>, outputs: &mut kafi_app::Outputs<'_>| {
            outputs.push_bytes(input.record().key, input.record().value)
        };
        let route = Route::new("in").publish_to("out").accepts("json").retry(Retries::none());
        let route = route.on_error(OnError::DeadLetter("dlq".into()));
        let app = App::new("traced", &place.kafi).begin_traces(begins).route(route.handle(handler));
        let app = app.route(Route::new("in").publish_to("raw").handle_raw(raw));
        let mut test = TestApp::new(app).unwrap();
        let traced = |n: u32| Outgoing::new(n).header("traceparent", PARENT).header("tracestate", "vendor=1");
        test.send("in", [traced(0), traced(1), Outgoing::new(2)]).unwrap();
        test.run_until_idle().unwrap();

        let (out, raw, letters) =
            (test.messages("out").unwrap(), test.messages("raw").unwrap(), test.messages("dlq").unwrap());
        let of_first: Vec<&Message> = out[..2].iter().chain(&raw[..2]).chain(&letters).collect();
        assert_eq!(of_first.len(), 5);
        assert!(of_first.iter().all(|m| parent(m) == PARENT && header(m, "tracestate") == "vendor=1"), "{of_first:?}");
        assert_eq!((parent(&out[2]).as_str(), parent(&out[5]).as_str()), ("mine", "mine"));

        // What belongs to no trace begins one only if the app says so.
        let of_last = [&out[3], &out[4], &raw[2]];
        if !begins {
            assert!(of_last.iter().all(|m| m.headers.as_headers().is_empty()), "{of_last:?}");
            continue;
        }
        let parents = of_last.map(parent);
        let form: Vec<usize> = parents[0].split('-').map(str::len).collect();
        assert_eq!((form, &parents[0][..3], &parents[0][52..]), (vec![2, 32, 16, 2], "00-", "-01"));
        assert!(parents[0].bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit()));
        assert_eq!(parents[0], parents[1], "outputs of a message share their trace");
        assert!(parents[0] != parents[2] && parents[0] != PARENT);
    }
}

/// The names of spans and events of one app, with their fields.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<String>>>);

/// What is said to `tracing`, as one line.
#[derive(Default)]
struct Line(String);

impl tracing::field::Visit for Line {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        self.0.push_str(&format!(" {}={value:?}", field.name()));
    }
}

impl Heard {
    fn say(&self, name: &str, record: impl FnOnce(&mut Line)) {
        let mut line = Line(name.to_string());
        record(&mut line);
        if line.0.contains("app=\"spanned\"") {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line.0);
        }
    }
}

impl tracing::Subscriber for Heard {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "kafi::app"
    }

    fn new_span(&self, span: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        self.say(span.metadata().name(), |line| span.record(line));
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _span: &tracing::span::Id, _values: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _span: &tracing::span::Id, _follows: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        self.say("event", |line| event.record(line));
    }

    fn enter(&self, _span: &tracing::span::Id) {}

    fn exit(&self, _span: &tracing::span::Id) {}
}

#[test]
fn who_listens_hears_of_each_message() {
    let heard = Heard::default();
    tracing::subscriber::set_global_default(heard.clone()).unwrap();
    let place = memory();
    let handler = |Json(n): Json<u32>| if n == 1 { Err("one") } else { Ok(Json(n)) };
    let app = App::new("spanned", &place.kafi).retry(Retries::none()).on_error(OnError::Skip);
    let mut test = TestApp::new(app.process("in", "out", "json", "json", handler)).unwrap();
    test.send("in", [Outgoing::new(0).header("traceparent", PARENT), Outgoing::new(1)]).unwrap();
    test.run_until_idle().unwrap();
    let heard = heard.0.lock().unwrap().clone();
    let has = |parts: &[&str]| heard.iter().any(|line| parts.iter().all(|part| line.contains(part)));
    assert!(
        has(&["handle", "topic=\"in\"", "offset=0", "attempt=1", &format!("traceparent=\"{PARENT}\"")]),
        "{heard:#?}"
    );
    assert!(has(&["handle", "offset=1", "traceparent=\"\""]), "{heard:#?}");
    assert!(has(&["event", "failed", "offset=1", "one"]), "{heard:#?}");
    assert!(has(&["produce", "outputs=1"]) && has(&["commit"]), "{heard:#?}");
}
