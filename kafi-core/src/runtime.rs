//! For storages on an asynchronous library: a runtime of their own behind blocking calls, and trying again until a
//! deadline.

use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Handle};

use crate::{Error, Result, Retry};

/// The first pause between two attempts; each later one is twice as long, up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(3);

/// A runtime for the requests of one storage, with two threads that do the input and output.
///
/// It can be used from any thread, also from one that belongs to another runtime, whose worker it blocks: from
/// asynchronous code, use `spawn_blocking`.
pub struct Runtime(Option<tokio::runtime::Runtime>);

impl Runtime {
    /// Starts the threads, named `name`.
    ///
    /// # Errors
    /// `Io` when the system gives no threads.
    pub fn new(name: &str) -> Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(2).thread_name(name).enable_all().build();
        Ok(Self(Some(runtime.map_err(|error| Error::io("start runtime", error))?)))
    }

    /// Waits for `future`, which it runs on the calling thread.
    pub fn block_on<F>(&self, future: F) -> F::Output
    where
        F: Future + Send,
        F::Output: Send,
    {
        let runtime = self.0.as_ref().expect("the runtime is there until it is dropped");
        if Handle::try_current().is_err() {
            return runtime.block_on(future);
        }
        // A thread of a runtime may not wait for another one; a thread of its own may.
        thread::scope(|scope| match scope.spawn(|| runtime.block_on(future)).join() {
            Ok(output) => output,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    }
}

impl Drop for Runtime {
    /// Waits for nothing: what is still under way is dropped.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// What an attempt knows of the others.
#[derive(Debug)]
pub struct Attempts {
    /// How many there were, this one included.
    pub number: u32,
    /// When this one, and all others, have to end.
    pub deadline: Instant,
    start: Instant,
}

impl Attempts {
    /// Brings the deadline forward, to `limit` after the first attempt began: where waiting seldom helps.
    pub fn end_after(&mut self, limit: Duration) {
        self.deadline = self.deadline.min(self.start + limit);
    }
}

/// Makes attempts until one succeeds, fails for good, or `deadline` has come. Between two of them it waits, longer each
/// time, and not quite the same time as others do. What may succeed later is an error with [`Retry::Later`]; when there
/// is no time left for another attempt, the last one's error says how many there were and how long they took, and is
/// [`Retry::Exhausted`]. An attempt gets at least as long as the pause before it: one that the deadline cuts off at once
/// would say that nobody answered, where the one before it said what is wrong.
///
/// # Errors
/// That of the last attempt.
pub fn retry_until<T>(deadline: Instant, mut attempt: impl FnMut(&mut Attempts) -> Result<T>) -> Result<T> {
    let mut attempts = Attempts { number: 0, deadline, start: Instant::now() };
    let mut pause = PAUSE_MIN;
    loop {
        attempts.number += 1;
        let error = match attempt(&mut attempts) {
            Ok(done) => return Ok(done),
            Err(error) if error.retryable() == Retry::Later => error,
            Err(error) => return Err(error),
        };
        let wait = jittered(pause, &attempts);
        if Instant::now() + wait * 2 >= attempts.deadline {
            return Err(exhausted(error, &attempts));
        }
        log::debug!("attempt {} failed, the next one comes in {} ms: {error}", attempts.number, wait.as_millis());
        thread::sleep(wait);
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// Between a half and the whole of a pause: processes that were refused together do not come back together.
fn jittered(pause: Duration, attempts: &Attempts) -> Duration {
    let random = RandomState::new().hash_one((attempts.start, attempts.number));
    pause / 2 + (pause / 2).mul_f64((random % 1024) as f64 / 1024.0)
}

fn exhausted(error: Error, attempts: &Attempts) -> Error {
    let times = if attempts.number == 1 { "1 attempt".to_string() } else { format!("{} attempts", attempts.number) };
    let message =
        format!("{} (given up after {times} in {:.1} s)", error.message(), attempts.start.elapsed().as_secs_f64());
    let mut told = Error::new(error.kind(), error.operation().to_string(), message).retry(Retry::Exhausted);
    for (key, value) in error.context() {
        told = told.with(key.to_string(), value);
    }
    match error.hint_text().map(str::to_string) {
        Some(hint) => told.hint(hint).source(error),
        None => told.source(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn later() -> Error {
        Error::new(ErrorKind::Unavailable, "write", "slow down")
            .with("object", "s3://b/k")
            .hint("wait")
            .retry(Retry::Later)
    }

    #[test]
    fn attempts_end_with_success_with_a_lasting_error_or_with_the_time() {
        let deadline = Instant::now() + Duration::from_secs(60);
        assert_eq!(
            retry_until(deadline, |attempts| if attempts.number < 3 { Err(later()) } else { Ok(attempts.number) })
                .unwrap(),
            3
        );

        let error = retry_until::<()>(deadline, |attempts| {
            Err(if attempts.number < 2 { later() } else { Error::new(ErrorKind::Corrupt, "read", "no") })
        })
        .unwrap_err();
        assert_eq!(error.to_string(), "read: no");

        let error = retry_until::<()>(Instant::now(), |_| Err(later())).unwrap_err();
        assert!(
            error.to_string().starts_with("write: object s3://b/k: slow down (given up after 1 attempt in 0."),
            "{error}"
        );
        assert_eq!(
            (error.kind(), error.retryable(), error.hint_text()),
            (ErrorKind::Unavailable, Retry::Exhausted, Some("wait"))
        );
    }

    #[test]
    fn no_attempt_has_less_time_than_the_pause_before_it() {
        let run = |limit: u64| {
            let deadline = Instant::now() + Duration::from_millis(limit);
            // When the next attempt may begin at all: the shortest pause comes first, and as much time is left.
            let (mut pause, mut latest) = (PAUSE_MIN, None);
            let error = retry_until::<()>(deadline, |_| {
                assert!(latest.is_none_or(|latest| latest < deadline), "an attempt too many");
                latest = Some(Instant::now() + pause);
                pause *= 2;
                Err(later())
            });
            assert!(error.unwrap_err().to_string().contains("slow down (given up after "));
        };
        thread::scope(|scope| (0..24).for_each(|step| drop(scope.spawn(move || run(40 + 20 * step)))));
    }

    #[test]
    fn an_attempt_can_bring_the_deadline_forward() {
        let failed = retry_until::<()>(Instant::now() + Duration::from_secs(3600), |attempts| {
            attempts.end_after(Duration::ZERO);
            Err(later())
        });
        assert!(failed.unwrap_err().to_string().contains("after 1 attempt in"));
    }

    #[test]
    fn a_thread_of_another_runtime_can_wait_and_drop() {
        let outer = Runtime::new("outer").unwrap();
        let waited = outer.block_on(async {
            let inner = Runtime::new("inner").unwrap();
            inner.block_on(async { 7 })
        });
        assert_eq!(waited, 7);
    }
}
