//! The engine on mio, through [`Poll`]: the kernel remembers what is watched, and reports edges.

use std::io;
use std::time::Duration;

use common::sys::{Descriptor, Events, Interest, Poll, Token};
use slotmap::{Key as _, KeyData};

use super::{Engine, Event, Watched};
use crate::Key;

#[derive(Debug)]
pub(super) struct Mio {
    pub(super) poll: Poll,
    events: Events,
}

impl Mio {
    /// Takes at most `most_events` from the kernel with one call.
    pub(super) fn new(most_events: usize) -> io::Result<Self> {
        let (poll, events) = (Poll::new()?, Events::with_capacity(most_events));
        Ok(Mio { poll, events })
    }
}

impl Engine for Mio {
    fn watch(
        &mut self,
        key: Key,
        descriptor: Descriptor<'_>,
        was: Option<Interest>,
        wanted: Option<Interest>,
    ) -> io::Result<()> {
        let token = Token(key.data().as_ffi());
        match (was, wanted) {
            (None, Some(wanted)) => self.poll.register(descriptor, token, wanted),
            (Some(_), Some(wanted)) => self.poll.reregister(descriptor, token, wanted),
            (Some(_), None) => self.poll.deregister(descriptor),
            (None, None) => Ok(()),
        }
    }

    // CONCEPT: scaling
    fn wait(
        &mut self,
        mut timeout: Option<Duration>,
        _: Watched<'_>,
        events: &mut Vec<Event>,
    ) -> io::Result<()> {
        // The kernel can have more events than fit into the buffer. This takes them all.
        while self.take_events(timeout, events)? == self.events.capacity() {
            timeout = Some(Duration::ZERO);
        }
        Ok(())
    }
}

impl Mio {
    #[inline(always)] // As in `common::sys`.
    fn take_events(
        &mut self,
        timeout: Option<Duration>,
        events: &mut Vec<Event>,
    ) -> io::Result<usize> {
        let count = self.poll.wait(&mut self.events, timeout)?;
        events.extend(self.events.iter().map(|event| Event {
            key: KeyData::from_ffi(event.token().0).into(),
            ready: event.into(),
        }));
        Ok(count)
    }
}
