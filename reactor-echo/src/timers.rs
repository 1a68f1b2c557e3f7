//! Calls that are to be made later.
//!
//! | Twisted (`IReactorTime`, `IDelayedCall`) | here | difference |
//! |---|---|---|
//! | `callLater(delay, f, *args)` | [`ReactorHandle::call_later`] | the closure is handed the reactor; there is no global reactor |
//! | `call.cancel()`, `reset`, `delay`, `active` | [`ReactorHandle::cancel`], [`reset`](ReactorHandle::reset), [`delay`](ReactorHandle::delay), [`is_active`](ReactorHandle::is_active) | asked of the reactor; `false` for a call that was made or cancelled, where Twisted raises |
//! | `call.getTime()` | [`DelayedCall::time`] | |
//! | a heap, cancelled calls stay in it for a while | a `BTreeMap`, they leave it at once | |
//! | `runUntilCurrent` comes before `doIteration` | the calls come after the events | after a late wake-up, a timeout finds what came in time |
//!
//! [`ReactorHandle`]: crate::ReactorHandle
//! [`ReactorHandle::call_later`]: crate::ReactorHandle::call_later
//! [`ReactorHandle::cancel`]: crate::ReactorHandle::cancel
//! [`ReactorHandle::reset`]: crate::ReactorHandle::reset
//! [`ReactorHandle::delay`]: crate::ReactorHandle::delay
//! [`ReactorHandle::is_active`]: crate::ReactorHandle::is_active

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A call that was asked for with [`call_later`](crate::ReactorHandle::call_later): what to cancel
/// or to move it by.
///
/// It cannot be copied, so none is left that tells an old time.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
#[must_use = "it is the only handle to cancel the call by; `let _ =` says that it is not needed"]
pub struct DelayedCall {
    time: Instant,
    /// Tells calls apart that are due at the same time, and those that an iteration found from
    /// those that it added.
    number: u64,
}

impl DelayedCall {
    /// When the call is to be made.
    #[doc(alias = "getTime")]
    pub fn time(&self) -> Instant {
        self.time
    }
}

/// The calls to be made, in the order of their times; calls for the same time in the order in which
/// they were asked for.
#[derive(Debug)]
pub(crate) struct Timers<C> {
    calls: BTreeMap<DelayedCall, C>,
    next_number: u64,
}

impl<C> Timers<C> {
    pub(crate) fn new() -> Self {
        let (calls, next_number) = (BTreeMap::new(), 0);
        Timers { calls, next_number }
    }

    pub(crate) fn add(&mut self, now: Instant, delay: Duration, call: C) -> DelayedCall {
        // A time beyond what the clock can tell is never reached either way.
        const NEVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
        let time = now.checked_add(delay).unwrap_or_else(|| now + NEVER);
        let number = self.next_number;
        self.next_number += 1;
        self.calls.insert(DelayedCall { time, number }, call);
        DelayedCall { time, number }
    }

    pub(crate) fn remove(&mut self, call: &DelayedCall) -> Option<C> {
        self.calls.remove(call)
    }

    pub(crate) fn contains(&self, call: &DelayedCall) -> bool {
        self.calls.contains_key(call)
    }

    /// When the next call is due.
    pub(crate) fn next_time(&self) -> Option<Instant> {
        let (first, _) = self.calls.first_key_value()?;
        Some(first.time)
    }

    /// The mark that tells the calls of this iteration, which were added before it, from those that
    /// are added from now on.
    pub(crate) fn mark(&self) -> u64 {
        self.next_number
    }

    /// Takes out the first call if it is due and was added before the mark. Only one at a time: a
    /// call may cancel the next.
    pub(crate) fn take_due(
        &mut self,
        mark: u64,
        is_due: impl FnOnce(Instant) -> bool,
    ) -> Option<C> {
        let first = self.calls.first_entry()?;
        let &DelayedCall { time, number } = first.key();
        (number < mark && is_due(time)).then(|| first.remove())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_made_in_order_of_time_then_of_registration() {
        let (mut timers, now) = (Timers::new(), Instant::now());
        for (milliseconds, name) in [(20, "c"), (10, "a"), (10, "b"), (99, "d")] {
            let _ = timers.add(now, Duration::from_millis(milliseconds), name);
        }
        assert_eq!(timers.next_time(), Some(now + Duration::from_millis(10)));
        let (mark, end) = (timers.mark(), now + Duration::from_millis(20));
        let mut made = Vec::new();
        while let Some(call) = timers.take_due(mark, |time| time <= end) {
            made.push(call);
        }
        assert_eq!(made, ["a", "b", "c"]);
    }

    #[test]
    fn a_call_that_is_added_in_an_iteration_waits_for_the_next() {
        let (mut timers, now) = (Timers::new(), Instant::now());
        let mark = timers.mark();
        let call = timers.add(now, Duration::ZERO, "no delay");
        assert_eq!(timers.take_due(mark, |_| true), None);
        assert!(timers.contains(&call));
        let mark = timers.mark();
        assert_eq!(timers.take_due(mark, |time| time <= now), Some("no delay"));
        assert!(!timers.contains(&call));
        assert_eq!(timers.remove(&call), None);
    }

    #[test]
    fn a_delay_beyond_the_clock_is_far_away_and_no_panic() {
        let (mut timers, now) = (Timers::new(), Instant::now());
        let call = timers.add(now, Duration::MAX, ());
        assert!(call.time() > now + Duration::from_secs(1 << 30));
    }
}
