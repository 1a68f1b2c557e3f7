//! The handle's other side: for the loop, and for what stands in for it in tests.

use std::collections::VecDeque;
use std::mem;
use std::time::{Duration, Instant};

use common::{Clock, sys};

use super::{Entry, ReactorHandle};
use crate::connection::Connection;
use crate::key::SlotMap;
use crate::producer::Registered;
use crate::timers::Timers;
use crate::{DelayedCall, Key, Reason};

impl ReactorHandle {
    pub(crate) fn new() -> Self {
        ReactorHandle {
            entries: SlotMap::new(),
            dirty: VecDeque::new(),
            timers: Timers::new(),
            recycled: None,
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
        self.mark_dirty(key);
        key
    }

    /// Records that this entry has requests to be applied.
    pub(crate) fn mark_dirty(&mut self, key: Key) {
        if let Some(connection) = self.connection_mut(key)
            && mem::replace(&mut connection.dirty, true)
        {
            return;
        }
        self.dirty.push_back(key);
    }

    #[inline]
    pub(crate) fn connection(&self, key: Key) -> Option<&Connection> {
        match self.entries.get(key) {
            Some(Entry::Connection(connection)) => Some(connection),
            _ => None,
        }
    }

    #[inline]
    pub(crate) fn connection_mut(&mut self, key: Key) -> Option<&mut Connection> {
        match self.entries.get_mut(key) {
            Some(Entry::Connection(connection)) => Some(connection),
            _ => None,
        }
    }

    /// Records a request for a connection.
    pub(crate) fn request(&mut self, key: Key, request: impl FnOnce(&mut Connection)) {
        if let Some(connection) = self.connection_mut(key) {
            request(connection);
            self.mark_dirty(key);
        }
    }

    pub(crate) fn write(&mut self, key: Key, data: &[u8]) {
        let Some(Entry::Connection(connection)) = self.entries.get_mut(key) else {
            return;
        };
        if connection.takes_data() {
            connection.pending_output.push(data, &mut self.recycled);
            if !mem::replace(&mut connection.dirty, true) {
                self.dirty.push_back(key);
            }
        }
    }

    /// Pauses or resumes a connection's producer by pending output.
    // CONCEPT: back-pressure
    pub(crate) fn update_producer(&mut self, key: Key, is_writable: bool) {
        let Some(connection) = self.connection_mut(key) else {
            return;
        };
        let (reading_paused, sent_all) = (
            connection.reading_paused,
            connection.pending_output.is_empty(),
        );
        let Some(registered) = &mut connection.producer else {
            return;
        };
        let paused = if registered.streaming {
            reading_paused
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
            self.request(key, |connection| {
                // Unless it has unregistered, or has registered another.
                if let Some(registered) = &mut connection.producer {
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
        if let Some(Entry::PendingConnect(pending)) = self.entries.get_mut(key) {
            pending.failure.get_or_insert(reason);
            self.mark_dirty(key);
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

    /// Makes a call that was asked for [when running](ReactorHandle::call_when_running).
    pub(crate) fn call_now(&mut self, key: Key) {
        if let Some(Entry::Call(_)) = self.entries.get(key)
            && let Some(Entry::Call(call)) = self.entries.remove(key)
        {
            call(self);
        }
    }

    pub(crate) fn set_deadline(&mut self, key: Key, call: Option<DelayedCall>) {
        let Some(connection) = self.connection_mut(key) else {
            return;
        };
        if let Some(former) = mem::replace(&mut connection.deadline, call) {
            self.cancel(&former);
        }
    }

    /// Closes a connection after `time` unless its peer does before.
    pub(crate) fn drain(&mut self, key: Key, time: Duration) {
        let call = self.call_later(time, move |reactor| {
            reactor.request(key, |connection| connection.end(Reason::ConnectionDone));
        });
        self.set_deadline(key, Some(call));
    }

    /// Closes a connection once no byte has moved for `limit`, counted from `since`; if something
    /// is pending then, once nothing is or no byte has moved for as long again.
    // CONCEPT: timers
    pub(crate) fn close_when_silent(
        &mut self,
        key: Key,
        since: Instant,
        limit: Duration,
    ) -> DelayedCall {
        let check = move |reactor: &mut ReactorHandle| {
            let Some(connection) = reactor.connection(key) else {
                return;
            };
            let mut since = connection.last_active.max(since);
            let has_passed = reactor.passed();
            if has_passed(since + limit) {
                reactor.request(key, Connection::time_out);
                since = reactor.iteration();
            }
            let call = reactor.close_when_silent(key, since, limit);
            reactor.set_deadline(key, Some(call));
        };
        self.timers.add(since, limit, Box::new(check))
    }
}
