//! Calls to make later.
//!
//! | Twisted (`IReactorTime`, `IDelayedCall`) | here | difference |
//! |---|---|---|
//! | `callLater(delay, f, *args)` | [`Reactor::call_later`] | the closure gets the reactor, since there is no global one |
//! | `call.cancel()`, `reset`, `delay`, `active` | [`Reactor::cancel`], [`reset`](Reactor::reset), [`delay`](Reactor::delay), [`is_active`](Reactor::is_active) | methods of the reactor; return `false` for a call that was made or cancelled, where Twisted raises |
//! | `call.getTime()` | [`DelayedCall::time`] | |
//! | a heap, in which cancelled calls stay for a while | a `BTreeMap`, without cancelled calls | |
//! | `runUntilCurrent` comes before `doIteration` | the calls come after the events | after a late wake-up, a timeout sees the bytes that arrived in time |

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use common::sys;

use crate::Reactor;

/// A handle to a call that was requested with [`call_later`](Reactor::call_later), for cancelling
/// or moving it.
///
/// It can't be copied, since a copy would keep an old time.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
#[must_use = "this is the only handle for cancelling the call; use `let _ =` if you don't need it"]
pub struct DelayedCall {
    time: Instant,
    /// Distinguishes calls with the same time, and the calls that an iteration added from those
    /// that it found.
    number: u64,
}

impl DelayedCall {
    /// When the call is due.
    #[doc(alias = "getTime")]
    pub fn time(&self) -> Instant {
        self.time
    }
}

impl Reactor {
    /// Calls `call` once, after `delay` at the earliest, and never before the current
    /// callback has returned.
    #[doc(alias = "callLater")]
    pub fn call_later(
        &mut self,
        delay: Duration,
        call: impl FnOnce(&mut Reactor) + 'static,
    ) -> DelayedCall {
        // A delay of zero means the next iteration, however soon that comes.
        let from = if delay.is_zero() {
            self.iteration()
        } else {
            self.now()
        };
        self.timers.add(from, delay, Box::new(call))
    }

    /// Cancels a call. Returns `false` if it was made or cancelled before.
    #[doc(alias = "cancelCallLater")]
    #[doc(alias = "cancel_call_later")]
    pub fn cancel(&mut self, call: &DelayedCall) -> bool {
        self.timers.remove(call).is_some()
    }

    /// Moves a call to `delay` from now. Returns `false` if it was made or cancelled before.
    pub fn reset(&mut self, call: &mut DelayedCall, delay: Duration) -> bool {
        let now = self.now();
        self.move_call(call, now, delay)
    }

    /// Moves a call to `longer` after the time at which it is due. Returns `false` if it was made
    /// or cancelled before.
    pub fn delay(&mut self, call: &mut DelayedCall, longer: Duration) -> bool {
        let time = call.time();
        self.move_call(call, time, longer)
    }

    fn move_call(&mut self, call: &mut DelayedCall, from: Instant, delay: Duration) -> bool {
        let Some(what) = self.timers.remove(call) else {
            return false;
        };
        *call = self.timers.add(from, delay, what);
        true
    }

    /// Whether the call has still to be made.
    #[doc(alias = "active")]
    pub fn is_active(&self, call: &DelayedCall) -> bool {
        self.timers.contains(call)
    }

    /// Makes the due calls, except those that these calls add.
    #[doc(alias = "runUntilCurrent")]
    pub(crate) fn run_until_current(&mut self) {
        let mark = self.timers.mark();
        while let Some(call) = self.timers.take_due(mark, self.passed()) {
            call(self);
            self.apply_requests();
        }
    }

    /// Returns a function that tells whether a time has passed and what was ready by then is
    /// handled.
    pub(crate) fn passed(&self) -> impl Fn(Instant) -> bool + Copy + use<> {
        let (clock, ahead) = (self.clock, self.ahead);
        move |time| {
            let time = time.checked_sub(ahead);
            time.is_none_or(|time| clock.has_passed(time))
        }
    }

    /// The time of this iteration.
    pub(crate) fn iteration(&self) -> Instant {
        self.clock.now() + self.ahead
    }

    /// The time now, which is later than that of the iteration.
    fn now(&self) -> Instant {
        sys::now() + self.ahead
    }
}

/// All calls, in the order of their times. Calls with the same time are in the order in which
/// they were requested.
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
        // A time beyond the clock's range is never reached anyway.
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

    /// Returns the mark of an iteration: calls that were added before it belong to this iteration,
    /// later ones don't.
    pub(crate) fn mark(&self) -> u64 {
        self.next_number
    }

    /// Removes and returns the first call, if it is due and was added before the mark. Only one at
    /// a time, since a call can cancel the next.
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
