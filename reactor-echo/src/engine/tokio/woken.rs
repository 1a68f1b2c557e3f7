//! Which descriptors tokio has woken.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};

use crate::Key;

/// What the wakers have told since the last look.
pub(super) struct Woken(Arc<Mutex<Notes>>);

struct Notes {
    keys: Vec<Key>,
    /// Wakes the future that waits for all.
    turn: Waker,
}

impl Woken {
    pub(super) fn new() -> Self {
        let (keys, turn) = (Vec::new(), Waker::noop().clone());
        Woken(Arc::new(Mutex::new(Notes { keys, turn })))
    }

    /// The waker of one descriptor, which notes its key.
    pub(super) fn waker(&self, key: Key) -> Waker {
        let notes = Arc::clone(&self.0);
        Waker::from(Arc::new(Note { key, notes }))
    }

    /// Puts those who have been woken on the list. The next one wakes `turn`.
    pub(super) fn list(&self, list: &mut Vec<Key>, turn: &Waker) {
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        notes.turn.clone_from(turn);
        list.append(&mut notes.keys);
    }
}

struct Note {
    key: Key,
    notes: Arc<Mutex<Notes>>,
}

impl Wake for Note {
    fn wake(self: Arc<Self>) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if notes.keys.is_empty() {
            notes.turn.wake_by_ref();
        }
        notes.keys.push(self.key);
    }
}
