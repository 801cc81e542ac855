//! What was asked, counted, in the text format of Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The limits of the buckets of durations, in seconds.
const BUCKETS: [f64; 9] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];

/// The methods that are told apart.
const METHODS: [&str; 6] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"];

/// What is counted.
#[derive(Default)]
pub struct Metrics {
    /// Connections that are open.
    pub connections: AtomicI64,
    /// Requests that are being answered.
    pub in_flight: AtomicI64,
    requests: Mutex<Requests>,
}

#[derive(Default)]
struct Requests {
    /// By API, method, and status.
    counts: BTreeMap<(&'static str, &'static str, u16), u64>,
    durations: BTreeMap<&'static str, Durations>,
}

#[derive(Default)]
struct Durations {
    buckets: [u64; BUCKETS.len()],
    count: u64,
    seconds: f64,
}

impl Metrics {
    /// Counts a request that was answered.
    pub fn answered(&self, api: &'static str, method: &str, status: u16, took: Duration) {
        let method = METHODS.into_iter().find(|known| *known == method).unwrap_or("OTHER");
        let seconds = took.as_secs_f64();
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests.counts.entry((api, method, status)).or_default() += 1;
        let durations = requests.durations.entry(api).or_default();
        if let Some(at) = BUCKETS.iter().position(|limit| seconds <= *limit) {
            durations.buckets[at] += 1;
        }
        durations.count += 1;
        durations.seconds += seconds;
    }

    /// All of it as text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text).expect("a text takes everything");
        text
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        head(out, "kafi_http_requests_total", "counter", "Requests that were answered.")?;
        for ((api, method, status), count) in &requests.counts {
            writeln!(out, "kafi_http_requests_total{{api=\"{api}\",method=\"{method}\",status=\"{status}\"}} {count}")?;
        }
        let name = "kafi_http_request_duration_seconds";
        head(out, name, "histogram", "How long requests took.")?;
        for (api, durations) in &requests.durations {
            let mut sum = 0;
            for (limit, count) in BUCKETS.iter().zip(durations.buckets) {
                sum += count;
                writeln!(out, "{name}_bucket{{api=\"{api}\",le=\"{limit}\"}} {sum}")?;
            }
            writeln!(out, "{name}_bucket{{api=\"{api}\",le=\"+Inf\"}} {}", durations.count)?;
            writeln!(out, "{name}_sum{{api=\"{api}\"}} {}", durations.seconds)?;
            writeln!(out, "{name}_count{{api=\"{api}\"}} {}", durations.count)?;
        }
        for (name, value, about) in [
            ("kafi_http_connections", &self.connections, "Connections that are open."),
            ("kafi_http_requests_in_flight", &self.in_flight, "Requests that are being answered."),
        ] {
            head(out, name, "gauge", about)?;
            writeln!(out, "{name} {}", value.load(Ordering::Relaxed))?;
        }
        Ok(())
    }
}

fn head(out: &mut String, name: &str, kind: &str, about: &str) -> std::fmt::Result {
    writeln!(out, "# HELP {name} {about}\n# TYPE {name} {kind}")
}

/// A number that goes up, and down again when this is dropped.
pub struct Gauge<'a>(&'a AtomicI64);

impl<'a> Gauge<'a> {
    pub fn of(number: &'a AtomicI64) -> Self {
        number.fetch_add(1, Ordering::Relaxed);
        Self(number)
    }
}

impl Drop for Gauge<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_is_counted() {
        let metrics = Metrics::default();
        metrics.answered("registry", "GET", 200, Duration::from_millis(3));
        metrics.answered("registry", "GET", 200, Duration::from_secs(60));
        metrics.answered("registry", "BREW", 418, Duration::ZERO);
        let open = Gauge::of(&metrics.connections);
        let text = metrics.text();
        for line in [
            r#"kafi_http_requests_total{api="registry",method="GET",status="200"} 2"#,
            r#"kafi_http_requests_total{api="registry",method="OTHER",status="418"} 1"#,
            r#"kafi_http_request_duration_seconds_bucket{api="registry",le="0.001"} 1"#,
            r#"kafi_http_request_duration_seconds_bucket{api="registry",le="0.005"} 2"#,
            r#"kafi_http_request_duration_seconds_bucket{api="registry",le="+Inf"} 3"#,
            "kafi_http_connections 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
        drop(open);
        assert!(metrics.text().contains("kafi_http_connections 0"));
    }
}
