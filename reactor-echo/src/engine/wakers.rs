//! The wakers of descriptors, and which of them tokio has woken.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};

use crate::Key;

/// Creates the wakers, and keeps the keys that were woken since the last check.
pub(super) struct Wakers(Arc<Mutex<WokenKeys>>);

struct WokenKeys {
    keys: Vec<Key>,
    /// Wakes the future that waits for all descriptors.
    engine: Waker,
}

impl Wakers {
    pub(super) fn new() -> Self {
        let (keys, engine) = (Vec::new(), Waker::noop().clone());
        Wakers(Arc::new(Mutex::new(WokenKeys { keys, engine })))
    }

    /// Returns a waker for one descriptor. It records the descriptor's key.
    pub(super) fn waker(&self, key: Key) -> Waker {
        let woken = Arc::clone(&self.0);
        Waker::from(Arc::new(KeyWaker { key, woken }))
    }

    /// Moves the keys of all woken descriptors to `list`. The next wake-up wakes `engine`.
    pub(super) fn list(&self, list: &mut Vec<Key>, engine: &Waker) {
        let mut woken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        woken.engine.clone_from(engine);
        list.append(&mut woken.keys);
    }
}

struct KeyWaker {
    key: Key,
    woken: Arc<Mutex<WokenKeys>>,
}

impl Wake for KeyWaker {
    fn wake(self: Arc<Self>) {
        let mut woken = self.woken.lock().unwrap_or_else(PoisonError::into_inner);
        if woken.keys.is_empty() {
            woken.engine.wake_by_ref();
        }
        woken.keys.push(self.key);
    }
}
