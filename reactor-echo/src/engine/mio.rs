//! The engine on mio, whose readiness comes in edges: a change is told once, so this remembers what
//! was told.

use std::fmt;
use std::io;
use std::os::fd::AsRawFd;
use std::time::Duration;

use common::sys;
use mio::unix::SourceFd;
use mio::{Events, Poll, Token};

use super::{Descriptor, Engine, Event, Interest};
use crate::Key;
use crate::key::ByKey;

/// As many changes are taken from the kernel at once; what is left comes with the next wait.
const EVENTS: usize = 1024;

pub(super) struct Mio {
    poll: Poll,
    events: Events,
    watched: ByKey<Watched>,
    /// Those that may be ready for what is wanted of them, each once.
    listed: Vec<Key>,
}

struct Watched {
    wanted: Interest,
    /// What it was told to be ready for, and not yet seen to be no more.
    ready: Interest,
    /// A short read proves nothing: behind it is the end of the stream, or there may be more behind
    /// urgent data, before which a read stops. No further change will tell so.
    more_behind: bool,
    listed: bool,
}

impl Mio {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Mio {
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS),
            watched: ByKey::new(),
            listed: Vec::new(),
        })
    }
}

impl Engine for Mio {
    fn watch(&mut self, key: Key, descriptor: &Descriptor, wanted: Interest) -> io::Result<()> {
        let (registry, token) = (self.poll.registry(), Token(key.slot()));
        let fd = descriptor.as_fd().as_raw_fd();
        let source = &mut SourceFd(&fd);
        match (self.watched.get_mut(key), to_mio(wanted)) {
            (None, None) => {}
            (Some(_), None) => {
                self.watched.remove(key);
                registry.deregister(source)?;
            }
            (None, Some(interest)) => {
                registry.register(source, token, interest)?;
                self.watched.insert(key, Watched::new(wanted));
            }
            (Some(watched), Some(interest)) => {
                registry.reregister(source, token, interest)?;
                watched.wanted = wanted;
                watched.list(key, &mut self.listed);
            }
        }
        Ok(())
    }

    fn not_ready(&mut self, key: Key, what: Interest) {
        if let Some(watched) = self.watched.get_mut(key) {
            watched.ready = watched.ready.without(what);
            watched.more_behind &= !what.reads();
        }
    }

    fn short_read(&mut self, key: Key) {
        if let Some(watched) = self.watched.get_mut(key)
            && !watched.more_behind
        {
            watched.ready = watched.ready.without(Interest::READ);
        }
    }

    fn wait(&mut self, timeout: Option<Duration>, ready: &mut Vec<Event>) -> io::Result<()> {
        self.unlist_unready();
        let something_is_left = !self.listed.is_empty();
        let timeout = if something_is_left {
            Some(Duration::ZERO)
        } else {
            timeout
        };
        sys::wait(timeout, |timeout| {
            self.poll.poll(&mut self.events, timeout)?;
            self.learn();
            self.tell(ready);
            Ok(ready.len())
        })?;
        Ok(())
    }
}

impl Mio {
    fn unlist_unready(&mut self) {
        let watched = &mut self.watched;
        self.listed.retain(|key| {
            watched.get_mut(*key).is_some_and(|watched| {
                watched.listed = watched.has_what_is_wanted();
                watched.listed
            })
        });
    }

    fn learn(&mut self) {
        for event in &self.events {
            // Of whom the slot is now: mio tells nothing of a descriptor that is no longer
            // registered.
            if let Some((key, watched)) = self.watched.in_slot(event.token().0) {
                watched.learn(event);
                watched.list(key, &mut self.listed);
            }
        }
        if sys::spurious() {
            for (key, watched) in self.watched.iter_mut() {
                watched.ready |= watched.wanted;
                watched.list(key, &mut self.listed);
            }
        }
    }

    fn tell(&mut self, ready: &mut Vec<Event>) {
        for &key in &self.listed {
            if let Some(watched) = self.watched.get_mut(key) {
                let ready_for = watched.ready & watched.wanted;
                ready.push(Event {
                    key,
                    ready: ready_for,
                });
            }
        }
    }
}

impl Watched {
    fn new(wanted: Interest) -> Self {
        Watched {
            wanted,
            ready: Interest::NOTHING,
            more_behind: false,
            listed: false,
        }
    }

    fn has_what_is_wanted(&self) -> bool {
        self.ready & self.wanted != Interest::NOTHING
    }

    /// Puts it on the list if it is ready for what is wanted of it.
    fn list(&mut self, key: Key, listed: &mut Vec<Key>) {
        if !self.listed && self.has_what_is_wanted() {
            self.listed = true;
            listed.push(key);
        }
    }

    fn learn(&mut self, event: &mio::event::Event) {
        // An error is met by whoever reads or writes next.
        let error = event.is_error();
        self.more_behind |= event.is_read_closed() || event.is_priority() || error;
        self.ready |= Interest::READ.when(event.is_readable() || self.more_behind);
        self.ready |= Interest::WRITE.when(event.is_writable() || event.is_write_closed() || error);
    }
}

fn to_mio(wanted: Interest) -> Option<mio::Interest> {
    match (wanted.reads(), wanted.writes()) {
        (false, false) => None,
        (true, false) => Some(READING),
        (false, true) => Some(mio::Interest::WRITABLE),
        (true, true) => Some(READING.add(mio::Interest::WRITABLE)),
    }
}

/// Where the kernel tells of urgent data, it is asked to.
#[cfg(any(target_os = "linux", target_os = "android"))]
const READING: mio::Interest = mio::Interest::READABLE.add(mio::Interest::PRIORITY);
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const READING: mio::Interest = mio::Interest::READABLE;

impl fmt::Debug for Mio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mio")
            .field("listed", &self.listed)
            .finish_non_exhaustive()
    }
}
