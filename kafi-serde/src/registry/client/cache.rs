//! What is kept of answers that do not change.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Keeps so many values; the one that came first goes first.
pub(super) struct Cache<K, V> {
    capacity: usize,
    kept: Mutex<Kept<K, V>>,
}

struct Kept<K, V> {
    values: HashMap<K, V>,
    order: VecDeque<K>,
}

impl<K: Clone + Eq + Hash, V: Clone> Cache<K, V> {
    pub fn new(capacity: usize) -> Self {
        Self { capacity, kept: Mutex::new(Kept { values: HashMap::new(), order: VecDeque::new() }) }
    }

    pub fn get(&self, key: &K) -> Option<V> {
        self.kept().values.get(key).cloned()
    }

    pub fn insert(&self, key: K, value: V) {
        if self.capacity == 0 {
            return;
        }
        let mut kept = self.kept();
        if kept.values.insert(key.clone(), value).is_some() {
            return;
        }
        kept.order.push_back(key);
        while kept.order.len() > self.capacity {
            let Some(first) = kept.order.pop_front() else { return };
            kept.values.remove(&first);
        }
    }

    pub fn clear(&self) {
        let mut kept = self.kept();
        kept.values.clear();
        kept.order.clear();
    }

    fn kept(&self) -> MutexGuard<'_, Kept<K, V>> {
        // Nobody panics while holding it; if somebody did, what is kept is whole still.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_no_more_than_it_may() {
        let cache = Cache::new(2);
        for key in [1, 2, 2, 3] {
            cache.insert(key, key * 10);
        }
        assert_eq!((cache.get(&1), cache.get(&2), cache.get(&3)), (None, Some(20), Some(30)));
        cache.clear();
        assert_eq!(cache.get(&2), None);
        let none = Cache::new(0);
        none.insert(1, 1);
        assert_eq!(none.get(&1), None);
    }
}
