//! Answers that are given again for a moment, so that asking the same often costs the storage little, and no thread that
//! may wait.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::header::{ACCEPT, HOST};
use axum::http::{Method, Request};

/// The bytes of all answers that are kept, and of what they answer.
const BYTES_MAX: usize = 16 << 20;

/// How many are kept.
const COUNT_MAX: usize = 10_000;

/// What was asked: the API, the host, which links in answers name, the type that is wanted, and the path with its query.
#[derive(Clone)]
pub struct Question(String);

/// What was answered.
#[derive(Clone)]
pub struct KeptAnswer {
    pub content_type: &'static str,
    pub body: Bytes,
}

/// When something was asked, and how much had been changed then.
#[derive(Clone, Copy)]
pub struct Moment {
    at: Instant,
    changes: u64,
}

/// The answers. One is given again for as long as nothing was changed through this server since it was asked for, and
/// until its time is over, since others may have changed something.
pub struct KeptAnswers {
    time: Duration,
    changes: AtomicU64,
    started: Instant,
    /// When the last change was made, in nanoseconds since it started.
    changed_at: AtomicU64,
    answers: Mutex<Answers>,
}

#[derive(Default)]
struct Answers {
    all: HashMap<String, (Moment, KeptAnswer)>,
    bytes: usize,
}

impl Question {
    /// What a request asks; nothing where it may change something.
    pub fn of<B>(api: &str, request: &Request<B>) -> Option<Self> {
        if request.method() != Method::GET {
            return None;
        }
        let header = |name| request.headers().get(name).map_or("", |value| value.to_str().unwrap_or_default());
        let path = request.uri().path_and_query()?.as_str();
        Some(Self([api, header(HOST), header(ACCEPT), path].join("\n")))
    }
}

impl KeptAnswers {
    /// Keeps answers for so long.
    pub fn new(time: Duration) -> Self {
        let (changes, changed_at) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { time, changes, started: Instant::now(), changed_at, answers: Mutex::default() }
    }

    /// Now, to be remembered before something is asked.
    pub fn now(&self) -> Moment {
        Moment { at: Instant::now(), changes: self.changes.load(Ordering::Acquire) }
    }

    /// Something was changed, or may have been: what was asked before does not count any more. To be called before whoever
    /// changed it is told.
    pub fn changed(&self) {
        let now = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.changed_at.fetch_max(now, Ordering::AcqRel);
        self.changes.fetch_add(1, Ordering::Release);
    }

    /// What was asked for later than this still counts; nothing where nothing is kept.
    pub fn since(&self) -> Option<Instant> {
        if self.time.is_zero() {
            return None;
        }
        let changed = self.started + Duration::from_nanos(self.changed_at.load(Ordering::Acquire));
        Some(Instant::now().checked_sub(self.time).map_or(changed, |oldest| oldest.max(changed)))
    }

    /// The answer to a question, if there is one that counts.
    pub fn find(&self, question: &Question) -> Option<KeptAnswer> {
        let answers = self.lock();
        let (moment, answer) = answers.all.get(&question.0)?;
        self.counts(*moment).then(|| answer.clone())
    }

    /// Keeps what was answered to what was asked at a moment.
    pub fn keep(&self, Question(question): Question, asked: Moment, answer: KeptAnswer) {
        let bytes = question.len() + answer.body.len();
        if !self.counts(asked) || bytes > BYTES_MAX {
            return;
        }
        let mut answers = self.lock();
        if answers.bytes + bytes > BYTES_MAX || answers.all.len() >= COUNT_MAX {
            // None of them would count for long.
            *answers = Answers::default();
        }
        answers.bytes += bytes;
        let length = question.len();
        if let Some((_, old)) = answers.all.insert(question, (asked, answer)) {
            answers.bytes -= length + old.body.len();
        }
    }

    fn counts(&self, asked: Moment) -> bool {
        asked.changes == self.changes.load(Ordering::Acquire) && asked.at.elapsed() < self.time
    }

    fn lock(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn question(path: &str) -> Question {
        Question(path.into())
    }

    fn answer(bytes: usize) -> KeptAnswer {
        KeptAnswer { content_type: "text/plain", body: vec![b'x'; bytes].into() }
    }

    #[test]
    fn answers_count_until_something_is_changed() {
        let kept = KeptAnswers::new(HOUR);
        kept.keep(question("/a"), kept.now(), answer(1));
        assert!(kept.find(&question("/a")).is_some() && kept.find(&question("/b")).is_none());
        let before = kept.now();
        kept.changed();
        assert!(kept.find(&question("/a")).is_none());
        // It was asked before the change, and may not know it.
        kept.keep(question("/a"), before, answer(1));
        assert!(kept.find(&question("/a")).is_none());
        kept.keep(question("/a"), kept.now(), answer(1));
        assert!(kept.find(&question("/a")).is_some());
        // What is remembered elsewhere counts as long.
        let since = kept.since().unwrap();
        assert!(since <= Instant::now());
        kept.changed();
        assert!(kept.since().unwrap() > since);
        let none = KeptAnswers::new(Duration::ZERO);
        assert!(none.since().is_none());
        none.keep(question("/a"), none.now(), answer(1));
        assert!(none.find(&question("/a")).is_none());
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let kept = KeptAnswers::new(HOUR);
        let bytes = |kept: &KeptAnswers| {
            let answers = kept.lock();
            let sum: usize = answers.all.iter().map(|(question, (_, answer))| question.len() + answer.body.len()).sum();
            assert_eq!(sum, answers.bytes);
            sum
        };
        for number in 0..100 {
            kept.keep(question(&format!("/{}", number % 40)), kept.now(), answer(1 << 20));
            assert!(bytes(&kept) <= BYTES_MAX);
        }
        for number in 0..2 * COUNT_MAX {
            kept.keep(question(&number.to_string()), kept.now(), answer(1));
        }
        assert!(kept.lock().all.len() <= COUNT_MAX && bytes(&kept) > 0);
        kept.keep(question("/large"), kept.now(), answer(BYTES_MAX));
        assert!(kept.find(&question("/large")).is_none());
    }

    #[test]
    fn only_what_changes_nothing_is_a_question() {
        let of = |method: &str, host: &str, path: &str| {
            let request = Request::builder().method(method).uri(path).header(HOST, host).body(()).unwrap();
            Question::of("rest", &request).map(|question| question.0)
        };
        assert_eq!(of("GET", "a:1", "/topics?x=1"), Some("rest\na:1\n\n/topics?x=1".into()));
        assert_ne!(of("GET", "a:1", "/topics"), of("GET", "b:1", "/topics"));
        assert_eq!(of("POST", "a:1", "/topics/t"), None);
    }
}
