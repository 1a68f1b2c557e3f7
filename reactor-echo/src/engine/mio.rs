//! The engine on mio, behind [`sys::Poll`]: readiness comes in edges, each change is told once, so
//! this remembers what was told.

use std::fmt;
use std::io;
use std::time::Duration;

use common::sys::{self, Events, Poll, Token};

use super::{Descriptor, Engine, Event, Interest};
use crate::Key;
use crate::key::SecondaryMap;

pub(super) struct Mio {
    poll: Poll,
    /// Its capacity is `most_changes`.
    events: Events,
    most_changes: usize,
    watched: SecondaryMap<Watched>,
}

struct Watched {
    wanted: Interest,
    /// What the kernel told it to be ready for, and not yet seen to be no more.
    ready: Interest,
    /// What of it is in the reactor's list.
    told: Interest,
    /// A short read proves nothing: behind it is the end of the stream, or there may be more behind
    /// urgent data, before which a read stops. No further change will tell so.
    more_behind: bool,
}

impl Mio {
    /// Takes so many changes from the kernel with one call.
    pub(super) fn new(most_changes: usize) -> io::Result<Self> {
        Ok(Mio {
            poll: Poll::new()?,
            events: Events::with_capacity(most_changes),
            most_changes,
            watched: SecondaryMap::new(),
        })
    }
}

impl Engine for Mio {
    fn watch(&mut self, key: Key, descriptor: &Descriptor, wanted: Interest) -> io::Result<()> {
        let (descriptor, token) = (descriptor.descriptor(), Token(key.slot() as u64));
        let is_new = self.watched.remove(key).is_none();
        // Whatever it is ready for now, the kernel tells again after this.
        match to_mio(wanted) {
            Some(interest) if is_new => self.poll.register(descriptor, token, interest)?,
            Some(interest) => self.poll.reregister(descriptor, token, interest)?,
            None if is_new => return Ok(()),
            None => return self.poll.deregister(descriptor),
        }
        self.watched.insert(key, Watched::new(wanted));
        Ok(())
    }

    fn not_ready(&mut self, key: Key, what: Interest) {
        if let Some(watched) = self.watched.get_mut(key) {
            watched.ready = watched.ready.without(what);
            watched.more_behind &= !what.reads();
        }
    }

    // CONCEPT: level-and-edge
    fn short_read(&mut self, key: Key) {
        if let Some(watched) = self.watched.get_mut(key)
            && !watched.more_behind
        {
            watched.ready = watched.ready.without(Interest::READ);
        }
    }

    fn wait(&mut self, timeout: Option<Duration>, ready: &mut Vec<Event>) -> io::Result<()> {
        ready.retain_mut(|event| {
            let watched = self.watched.get_mut(event.key);
            watched.is_some_and(|watched| watched.still_tells(event))
        });
        let something_is_left = !ready.is_empty();
        let timeout = if something_is_left {
            Some(Duration::ZERO)
        } else {
            timeout
        };
        if self.take_changes(timeout, ready)? == self.most_changes {
            self.take_more_changes(ready)?;
        }
        Ok(())
    }
}

impl Mio {
    /// Waits once, and notes what changed. Returns how many changes there were.
    #[inline(always)] // As in `common::sys`.
    fn take_changes(
        &mut self,
        timeout: Option<Duration>,
        ready: &mut Vec<Event>,
    ) -> io::Result<usize> {
        let changes = self.poll.wait(&mut self.events, timeout)?;
        self.learn(ready);
        Ok(changes)
    }

    /// The kernel can have more changes than fit into the events. This takes them all.
    #[cold]
    fn take_more_changes(&mut self, ready: &mut Vec<Event>) -> io::Result<()> {
        let now = Some(Duration::ZERO);
        while self.take_changes(now, ready)? == self.most_changes {}
        Ok(())
    }

    /// Notes what the kernel has told.
    // CONCEPT: scaling
    #[inline(always)] // As in `common::sys`.
    fn learn(&mut self, ready: &mut Vec<Event>) {
        for event in self.events.iter() {
            // Of whom the slot is now: mio tells nothing of a descriptor that is no longer
            // registered.
            if let Some((key, watched)) = self.watched.in_slot(event.token().0 as usize) {
                watched.learn(event);
                watched.tell(key, ready);
            }
        }
        if sys::spurious() {
            for (key, watched) in self.watched.iter_mut() {
                watched.ready |= watched.wanted;
                watched.tell(key, ready);
            }
        }
    }
}

impl Watched {
    fn new(wanted: Interest) -> Self {
        Watched {
            wanted,
            ready: Interest::NOTHING,
            told: Interest::NOTHING,
            more_behind: false,
        }
    }

    /// Puts on the list what is ready and wanted, and not on it yet.
    fn tell(&mut self, key: Key, list: &mut Vec<Event>) {
        let ready = (self.ready & self.wanted).without(self.told);
        if ready != Interest::NOTHING {
            self.told |= ready;
            list.push(Event { key, ready });
        }
    }

    /// Takes out of an event what is over. Answers whether anything is left of it.
    fn still_tells(&mut self, event: &mut Event) -> bool {
        let over = event.ready.without(self.ready);
        self.told = self.told.without(over);
        event.ready = event.ready.without(over);
        event.ready != Interest::NOTHING
    }

    fn learn(&mut self, event: sys::Event<'_>) {
        // An error is met by whoever reads or writes next.
        let error = event.is_error();
        self.more_behind |= event.is_read_closed() || event.is_priority() || error;
        self.ready |= Interest::READ.when(event.is_readable() || self.more_behind);
        self.ready |= Interest::WRITE.when(event.is_writable() || event.is_write_closed() || error);
    }
}

fn to_mio(wanted: Interest) -> Option<sys::Interest> {
    let reading = sys::Interest::READABLE | sys::Interest::PRIORITY;
    match (wanted.reads(), wanted.writes()) {
        (false, false) => None,
        (true, false) => Some(reading),
        (false, true) => Some(sys::Interest::WRITABLE),
        (true, true) => Some(reading | sys::Interest::WRITABLE),
    }
}

impl fmt::Debug for Mio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mio")
            .field("poll", &self.poll)
            .finish_non_exhaustive()
    }
}
