//! Apps from files of YAML, whose handlers are functions in jq and programs.

use std::sync::Arc;
use std::time::Duration;

use kafi_core::functional::Place;
use kafi_core::{Batch, Error, ErrorKind, Failures, Result, Serdes, Type};
use kafi_jq::{BatchSteps, Function, Program, Step, Steps};
use serde::Deserialize;

use crate::app::App;
use crate::handler::{Each, Fault};
use crate::policy::{OnError, Order, Retries};
use crate::route::Route;

/// An app as a file of YAML describes it.
///
/// ```
/// use kafi_app::AppFile;
/// let file = AppFile::parse("
/// name: adder
/// consumer: local
/// handlers:
///   - topic: foo
///     publish_to: bar
///     accepts: json
///     map: '{value: (.value.number + 1)}'
///     on_error: dlq=foo.dlq
/// ")?;
/// assert_eq!(file.name(), "adder");
/// # Ok::<(), kafi_core::Error>(())
/// ```
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppFile {
    name: String,
    /// The storage that messages are read from: its name or address.
    consumer: String,
    /// The storage that is published to; without it that of the consumer.
    producer: Option<String>,
    group: Option<String>,
    /// HOST:PORT of metrics and health.
    http: Option<String>,
    transactional_id: Option<String>,
    handlers: Vec<HandlerFile>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HandlerFile {
    topic: String,
    publish_to: Option<String>,
    accepts: Option<String>,
    returns: Option<String>,
    filter: Option<String>,
    map: Option<String>,
    flatmap: Option<String>,
    through: Option<String>,
    order: Option<OrderFile>,
    concurrency: Option<usize>,
    retry: Option<RetryFile>,
    on_error: Option<String>,
    on_decode_error: Option<String>,
    time_out_ms: Option<u64>,
    rate: Option<f64>,
    #[serde(default)]
    exactly_once: bool,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum OrderFile {
    Partition,
    Key,
    None,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RetryFile {
    attempts: u32,
    backoff_ms: Option<u64>,
    max_backoff_ms: Option<u64>,
}

impl AppFile {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// `Config`, with the line, for what is no app.
    pub fn parse(text: &str) -> Result<Self> {
        serde_yaml::from_str(text)
            .map_err(|error| Error::new(ErrorKind::Config, "read app", error.to_string()).source(error))
    }

    /// The app's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The topics that it reads.
    pub fn topics(&self) -> Vec<&str> {
        self.handlers.iter().map(|handler| handler.topic.as_str()).collect()
    }

    /// The app, over storages that `open` opens by their names or addresses. Speaks to no server.
    ///
    /// # Errors
    /// Those of `open`; `Usage` and `Config` for a function, a type, or a policy that is none.
    pub fn app<P: Into<Place>>(&self, open: impl Fn(&str) -> Result<P>) -> Result<App> {
        let consumer: Place = open(&self.consumer)?.into();
        let producer = match &self.producer {
            Some(producer) => open(producer)?.into(),
            None => consumer.clone(),
        };
        let mut app = App::new(&self.name, consumer.clone()).producer(producer.clone());
        if let Some(group) = &self.group {
            app = app.group(group);
        }
        if let Some(address) = &self.http {
            app = app.http(address);
        }
        let exactly_once = self.handlers.iter().filter(|handler| handler.exactly_once).count();
        if exactly_once > 0 && exactly_once < self.handlers.len() {
            let why = "some handlers have exactly_once, and others do not, but they commit together";
            return Err(Error::new(ErrorKind::Config, "read app", why).hint("say it for all of them, or make two apps"));
        }
        if exactly_once > 0 {
            app = app.exactly_once();
        }
        if let Some(id) = &self.transactional_id {
            app = app.transactional_id(id);
        }
        for handler in &self.handlers {
            let route = handler.route(&consumer, &producer);
            app = app.route(route.map_err(|error| error.with("handler of", &handler.topic))?);
        }
        app.check()?;
        Ok(app)
    }
}

impl HandlerFile {
    fn route(&self, consumer: &Place, producer: &Place) -> Result<Route> {
        let mut route = Route::new(&self.topic).publish_to(self.publish_to.as_deref());
        route = match self.order {
            Some(OrderFile::Key) => route.order(Order::Key),
            Some(OrderFile::None) => route.order(Order::None),
            Some(OrderFile::Partition) | None => route,
        };
        if let Some(threads) = self.concurrency {
            route = route.concurrency(threads);
        }
        if let Some(RetryFile { attempts, backoff_ms, max_backoff_ms }) = self.retry {
            let retries = Retries::exponential(attempts, Duration::from_millis(backoff_ms.unwrap_or(500)));
            route = route.retry(match max_backoff_ms {
                Some(max) => retries.cap(Duration::from_millis(max)),
                None => retries,
            });
        }
        if let Some(limit) = self.time_out_ms {
            route = route.time_out(Duration::from_millis(limit));
        }
        if let Some(rate) = self.rate {
            route = route.rate(rate);
        }
        if let Some(policy) = &self.on_error {
            route = route.on_error(on_error("on_error", policy)?);
        }
        if let Some(policy) = &self.on_decode_error {
            route = route.on_decode_error(on_error("on_decode_error", policy)?);
        }
        Ok(route.handle_each(self.each(consumer, producer)?))
    }

    /// What runs the functions, in the order filter, map, flatmap, through.
    fn each(&self, consumer: &Place, producer: &Place) -> Result<Each> {
        let mut steps = Vec::new();
        let compiled =
            |name: &'static str, text: &String| Function::compile(text).map_err(|error| error.with("function", name));
        if let Some(text) = &self.filter {
            steps.push(Step::Filter(compiled("filter", text)?));
        }
        if let Some(text) = &self.map {
            steps.push(Step::Map(compiled("map", text)?));
        }
        if let Some(text) = &self.flatmap {
            steps.push(Step::Flatmap(compiled("flatmap", text)?));
        }
        if let Some(command) = &self.through {
            steps.push(Step::Through(Program::shell(command)));
        }
        if self.returns != self.accepts && steps.iter().all(|step| matches!(step, Step::Filter(_))) {
            // Messages become another type, so that something has to make them anew.
            steps.push(Step::Map(Function::compile(".")?));
        }
        let serdes = |name: &Option<String>| -> Result<Serdes> {
            let mut serdes = Serdes::default();
            serdes.value.type_ = name.as_deref().map(str::parse::<Type>).transpose()?;
            Ok(serdes)
        };
        let (accepts, returns) = (serdes(&self.accepts)?, serdes(&self.returns)?);
        let steps = BatchSteps::open(&Steps::new(steps, true), consumer, &accepts, &Failures::stop())?;
        let steps = steps.writing(producer, &returns)?;
        Ok(Arc::new(move |input, outputs| {
            let mut batch = Batch::with_limits(1, Batch::BYTES_MAX);
            batch.push(input.record());
            steps.apply(&mut batch).map_err(|error| match error.kind() {
                ErrorKind::Corrupt => Fault::Decode(error),
                _ => Fault::Handle(error),
            })?;
            batch.iter().try_for_each(|record| outputs.push_record(record)).map_err(Fault::Handle)
        }))
    }
}

/// What becomes of messages that fail, as it is written.
fn on_error(key: &'static str, text: &str) -> Result<OnError> {
    match text {
        "skip" => Ok(OnError::Skip),
        "stop" => Ok(OnError::Stop),
        text => match text.strip_prefix("dlq=").filter(|topic| !topic.is_empty()) {
            Some(topic) => Ok(OnError::DeadLetter(topic.to_string())),
            None => Err(Error::new(ErrorKind::Config, "read app", format!("{key} {text} is not known"))
                .hint("it is dlq=TOPIC, skip, or stop")),
        },
    }
}
