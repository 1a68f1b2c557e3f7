//! The poll of either kernel.

use std::io::{self, ErrorKind};
use std::os::fd::BorrowedFd;
use std::time::Duration;

use super::{Descriptor, is_running, os, sim};
use crate::sys::poll::{Interest, Token};

either!(Poll {});

impl Poll {
    pub fn new() -> io::Result<Self> {
        made!(Poll::new())
    }

    pub fn to_os(&self) -> io::Result<BorrowedFd<'_>> {
        match self {
            Poll::Os(poll) => poll.to_os(),
            Poll::Sim(_) => Err(ErrorKind::Unsupported.into()),
        }
    }

    pub fn register(
        &self,
        descriptor: Descriptor<'_>,
        token: Token,
        interest: Interest,
    ) -> io::Result<()> {
        match (self, descriptor) {
            (Poll::Os(poll), Descriptor::Os(fd)) => poll.register(fd, token, interest),
            (Poll::Sim(poll), Descriptor::Sim(fd)) => poll.register(fd, token, interest),
            _ => Err(ErrorKind::InvalidInput.into()),
        }
    }

    pub fn reregister(
        &self,
        descriptor: Descriptor<'_>,
        token: Token,
        interest: Interest,
    ) -> io::Result<()> {
        match (self, descriptor) {
            (Poll::Os(poll), Descriptor::Os(fd)) => poll.reregister(fd, token, interest),
            (Poll::Sim(poll), Descriptor::Sim(fd)) => poll.reregister(fd, token, interest),
            _ => Err(ErrorKind::InvalidInput.into()),
        }
    }

    pub fn deregister(&self, descriptor: Descriptor<'_>) -> io::Result<()> {
        match (self, descriptor) {
            (Poll::Os(poll), Descriptor::Os(fd)) => poll.deregister(fd),
            (Poll::Sim(poll), Descriptor::Sim(fd)) => poll.deregister(fd),
            _ => Err(ErrorKind::InvalidInput.into()),
        }
    }

    pub fn wait(&mut self, events: &mut Events, timeout: Option<Duration>) -> io::Result<usize> {
        match (self, events) {
            (Poll::Os(poll), Events::Os(events)) => poll.wait(events, timeout),
            (Poll::Sim(poll), Events::Sim(events)) => poll.wait(events, timeout),
            _ => Err(ErrorKind::InvalidInput.into()),
        }
    }
}

either!(Events {
    fn capacity() -> usize;
});

impl Events {
    pub fn with_capacity(capacity: usize) -> Self {
        if is_running() {
            Events::Sim(sim::Events::with_capacity(capacity))
        } else {
            Events::Os(os::Events::with_capacity(capacity))
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = Event<'_>> {
        let (os, sim) = match self {
            Events::Os(events) => (Some(events), None),
            Events::Sim(events) => (None, Some(events)),
        };
        let os = os
            .into_iter()
            .flat_map(|events| events.iter().map(Event::Os));
        let sim = sim
            .into_iter()
            .flat_map(|events| events.iter().map(Event::Sim));
        os.chain(sim)
    }
}

either!(
    #[derive(Clone, Copy)]
    Event<'a> {
        fn token() -> Token;
        fn is_readable() -> bool;
        fn is_writable() -> bool;
        fn is_error() -> bool;
        fn is_read_closed() -> bool;
        fn is_write_closed() -> bool;
        fn is_priority() -> bool;
    }
);
