//! The agenda's other side: for the loop, and for what stands in for it in tests.

use std::collections::VecDeque;
use std::mem;
use std::time::{Duration, Instant};

use common::{Clock, sys};

use super::{Agenda, Entry};
use crate::key::Keyed;
use crate::link::Link;
use crate::producer::Registered;
use crate::timers::Timers;
use crate::{DelayedCall, Key, Reason};

impl Agenda {
    pub(crate) fn new() -> Self {
        Agenda {
            entries: Keyed::new(),
            touched: VecDeque::new(),
            timers: Timers::new(),
            spare: None,
            clock: Clock::default(),
            ahead: Duration::ZERO,
            stopping: false,
        }
    }

    /// The time now, which is later than that of the iteration.
    pub(crate) fn now(&self) -> Instant {
        sys::now() + self.ahead
    }

    pub(crate) fn insert(&mut self, entry: Entry) -> Key {
        let key = self.entries.insert(entry);
        self.touch(key);
        key
    }

    /// Notes that something was asked of this one.
    pub(crate) fn touch(&mut self, key: Key) {
        if let Some(link) = self.link_mut(key)
            && mem::replace(&mut link.touched, true)
        {
            return;
        }
        self.touched.push_back(key);
    }

    #[inline]
    pub(crate) fn link(&self, key: Key) -> Option<&Link> {
        match self.entries.get(key) {
            Some(Entry::Link(link)) => Some(link),
            _ => None,
        }
    }

    #[inline]
    pub(crate) fn link_mut(&mut self, key: Key) -> Option<&mut Link> {
        match self.entries.get_mut(key) {
            Some(Entry::Link(link)) => Some(link),
            _ => None,
        }
    }

    /// Notes what was asked of a connection.
    pub(crate) fn ask(&mut self, key: Key, note: impl FnOnce(&mut Link)) {
        if let Some(link) = self.link_mut(key) {
            note(link);
            self.touch(key);
        }
    }

    pub(crate) fn write(&mut self, key: Key, data: &[u8]) {
        let Some(Entry::Link(link)) = self.entries.get_mut(key) else {
            return;
        };
        if link.takes_data() {
            link.pending.push(data, &mut self.spare);
            if !mem::replace(&mut link.touched, true) {
                self.touched.push_back(key);
            }
        }
    }

    /// Pauses or resumes a connection's producer by what is pending.
    // CONCEPT: back-pressure
    pub(crate) fn settle_producer(&mut self, key: Key, is_writable: bool) {
        let Some(link) = self.link_mut(key) else {
            return;
        };
        let (full, sent_all) = (link.full, link.pending.is_empty());
        let Some(registered) = &mut link.producer else {
            return;
        };
        let paused = if registered.streaming {
            full
        } else {
            registered.paused && !(is_writable && sent_all)
        };
        if mem::replace(&mut registered.paused, paused) == paused {
            return;
        }
        let producer = registered.producer.take();
        if let (Some(mut producer), Some(mut consumer)) = (producer, self.transport(key)) {
            if paused {
                producer.pause_producing(&mut consumer);
            } else {
                producer.resume_producing(&mut consumer);
            }
            self.ask(key, |link| {
                // Unless it has unregistered, or has registered another.
                if let Some(registered) = &mut link.producer {
                    registered.producer.get_or_insert(producer);
                }
            });
        }
    }

    /// Tells a connection's producer that nothing more will be sent.
    pub(crate) fn stop_producer(&mut self, producer: Option<Box<Registered>>) {
        if let Some(mut producer) = producer.and_then(|registered| registered.producer) {
            producer.stop_producing(self);
        }
    }

    /// Ends an attempt to connect.
    pub(crate) fn fail(&mut self, key: Key, reason: Reason) {
        if let Some(Entry::Attempt(attempt)) = self.entries.get_mut(key) {
            attempt.over.get_or_insert(reason);
            self.touch(key);
        }
    }

    /// The time of this iteration.
    pub(crate) fn iteration(&self) -> Instant {
        self.clock.now() + self.ahead
    }

    /// Tells of a time whether it has passed, and what was ready by then has been handled.
    fn passed(&self) -> impl Fn(Instant) -> bool + Copy + use<> {
        let (clock, ahead) = (self.clock, self.ahead);
        move |time| {
            let time = time.checked_sub(ahead);
            time.is_none_or(|time| clock.has_passed(time))
        }
    }

    /// Makes the next call that is due and was asked for before the mark. Returns whether there was
    /// one.
    pub(crate) fn call_next(&mut self, mark: u64) -> bool {
        let call = self.timers.take_due(mark, self.passed());
        call.map(|call| call(self)).is_some()
    }

    /// Makes a call that was asked for [when running](Agenda::call_when_running).
    pub(crate) fn call_now(&mut self, key: Key) {
        if let Some(Entry::Call(_)) = self.entries.get(key)
            && let Some(Entry::Call(call)) = self.entries.remove(key)
        {
            call(self);
        }
    }

    pub(crate) fn set_deadline(&mut self, key: Key, call: Option<DelayedCall>) {
        let Some(link) = self.link_mut(key) else {
            return;
        };
        if let Some(former) = mem::replace(&mut link.deadline, call) {
            self.cancel(&former);
        }
    }

    /// Closes a connection after `time` unless its peer does before.
    pub(crate) fn drain_for(&mut self, key: Key, time: Duration) {
        let call = self.call_later(time, move |agenda| {
            agenda.ask(key, |link| link.end(Reason::ConnectionDone));
        });
        self.set_deadline(key, Some(call));
    }

    /// Closes a connection once no byte has moved for `limit`, counted from `since`; if something is
    /// pending then, once nothing is or no byte has moved for as long again.
    // CONCEPT: timers
    pub(crate) fn close_when_silent(
        &mut self,
        key: Key,
        since: Instant,
        limit: Duration,
    ) -> DelayedCall {
        let look = move |agenda: &mut Agenda| {
            let Some(link) = agenda.link(key) else { return };
            let mut since = link.last_active.max(since);
            let has_passed = agenda.passed();
            if has_passed(since + limit) {
                agenda.ask(key, Link::time_out);
                since = agenda.iteration();
            }
            let call = agenda.close_when_silent(key, since, limit);
            agenda.set_deadline(key, Some(call));
        };
        self.timers.add(since, limit, Box::new(look))
    }
}
