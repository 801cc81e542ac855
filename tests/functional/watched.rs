//! A storage that counts what it is asked, around another one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kafi::{
    Admin, Capabilities, Consumer, ConsumerOptions, CopyOptions, CopyResult, Kafi, Message, Producer, ProducerOptions,
    Result, Storage, shell,
};

use crate::support::{memory, numbers};

/// Counts what it is asked.
pub struct Watched {
    inner: Kafi,
    asked: Arc<AtomicUsize>,
}

/// A handle on a watched storage with the numbers from 0 to 4, and how often it was asked for anything since.
fn watched() -> (Kafi, Arc<AtomicUsize>) {
    let inner = memory();
    numbers(&inner, 5);
    let asked = Arc::new(AtomicUsize::new(0));
    (Kafi::new(Arc::new(Watched { inner: inner.clone(), asked: asked.clone() }), inner.settings().clone()), asked)
}

impl Watched {
    fn inner(&self) -> &dyn Storage {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.inner.storage()
    }
}

impl Storage for Watched {
    fn name(&self) -> &str {
        self.inner.storage().name()
    }

    fn scheme(&self) -> &str {
        self.inner.storage().scheme()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.storage().capabilities()
    }

    fn identity(&self, timeout: Duration) -> Result<String> {
        self.inner().identity(timeout)
    }

    fn consumer(&self, options: &ConsumerOptions) -> Result<Box<dyn Consumer>> {
        self.inner().consumer(options)
    }

    fn producer(&self, options: &ProducerOptions) -> Result<Box<dyn Producer>> {
        self.inner().producer(options)
    }

    fn admin(&self) -> Result<Box<dyn Admin>> {
        self.inner().admin()
    }
}

#[test]
fn nothing_is_asked_before_an_end_wants_a_message() {
    let (c, asked) = watched();
    let pipe = c.topic("t").map(Ok).filter(|_| Ok(true)).flatmap(|m| Ok([m.clone(), m]));
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    assert_eq!(pipe.collect().unwrap().len(), 10);
    assert!(asked.load(Ordering::Relaxed) > 0);
}

#[test]
fn nothing_to_copy_asks_nothing() {
    let (c, asked) = watched();
    let nothing = shell::cp(c.storage(), c.storage(), &[], &CopyOptions::default()).unwrap();
    assert_eq!((nothing, asked.load(Ordering::Relaxed)), (CopyResult::default(), 0));
}

#[test]
fn functions_are_not_called_for_what_is_not_wanted() {
    let (c, _) = watched();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let count = move |m: Message| {
        counted.fetch_add(1, Ordering::Relaxed);
        m.value.int()
    };
    let first: Vec<_> = c.topic("t").map(count).take(2).map(|value| value.unwrap()).collect();
    assert_eq!((first, calls.load(Ordering::Relaxed)), (vec![0, 1], 2));
}
