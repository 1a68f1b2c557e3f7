//! The loop's clock: the time, and whether a deadline has passed.

use std::time::{Duration, Instant};

use crate::sys;

/// The time of an iteration of a loop: [`waited`](Self::waited) reads it, right after the wait
/// returns. Only [`until`](Self::until) reads it again, right before the next wait.
///
/// A loop can wake up late, because it was stopped (SIGSTOP) or the machine was busy. By then,
/// deadlines have passed while bytes that arrived in time are still unread in the sockets. A loop that
/// checks its deadlines first closes connections that did nothing wrong. So a deadline counts as passed
/// only once the loop has seen everything that was ready *after* it: after a late wake-up, the loop
/// polls once more, with a timeout of zero, and handles what it finds.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    now: Instant,
    /// When the last wait that reported everything began, or a moment before that.
    seen_until: Instant,
}

impl Default for Clock {
    fn default() -> Self {
        let now = sys::now();
        Clock {
            now,
            seen_until: now,
        }
    }
}

impl Clock {
    /// Reads the time. Call it after each wait. `saw_all` says whether the wait reported everything
    /// that was ready, and not only a part of it because a signal interrupted it (EINTR) or the
    /// list of events was full.
    pub fn waited(&mut self, saw_all: bool) {
        if saw_all {
            self.seen_until = self.now;
        }
        self.now = sys::now();
    }

    /// When the last wait ended.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Whether `deadline` has passed, and everything that was ready by then has been handled.
    pub fn has_passed(&self, deadline: Instant) -> bool {
        deadline <= self.seen_until
    }

    /// How long to wait for `deadline`, from this moment on and not from [`now`](Self::now): the
    /// handlers have taken time since. Zero if it's over.
    pub fn until(&self, deadline: Instant) -> Duration {
        deadline.saturating_duration_since(sys::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_has_passed_when_a_later_wait_has_seen_all() {
        let mut clock = Clock::default();
        let deadline = sys::now();
        assert!(!clock.has_passed(deadline));
        clock.waited(true); // It began before the deadline.
        assert!(!clock.has_passed(deadline));
        assert!(clock.now() >= deadline);
        clock.waited(false); // It was interrupted.
        assert!(!clock.has_passed(deadline));
        clock.waited(true);
        assert!(clock.has_passed(deadline));
        assert_eq!(clock.until(deadline), Duration::ZERO);
    }
}
