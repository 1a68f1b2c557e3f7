//! epoll(7) as mio offers it.

use std::io;
use std::time::Duration;

use fastrand::Rng;

use super::Descriptor;
use crate::sys::faults::draw_below;
use crate::sys::poll::{Interest, Token};
use crate::sys::sim::epoll::RawEvent;
use crate::sys::sim::kernel::Kernel;
use crate::sys::sim::tcp::bits;
use crate::sys::sim::world::ReadinessCheck;
use crate::sys::sim::{Handle, here};

#[derive(Debug)]
pub struct Poll(Handle);

#[derive(Debug)]
pub struct Events {
    capacity: usize,
    events: Vec<RawEvent>,
}

#[derive(Debug, Clone, Copy)]
pub struct Event<'a>(&'a RawEvent);

impl Poll {
    pub fn new() -> io::Result<Self> {
        here(|kernel, _| kernel.create_poll()).map(Poll)
    }

    pub fn register(&self, fd: Descriptor<'_>, token: Token, wanted: Interest) -> io::Result<()> {
        self.watch(fd, token, wanted, false)
    }

    pub fn reregister(&self, fd: Descriptor<'_>, token: Token, wanted: Interest) -> io::Result<()> {
        self.watch(fd, token, wanted, true)
    }

    fn watch(
        &self,
        fd: Descriptor<'_>,
        token: Token,
        wanted: Interest,
        again: bool,
    ) -> io::Result<()> {
        let event = RawEvent {
            token: token.0,
            bits: bits_of(wanted),
        };
        self.0
            .call(|kernel, poll| kernel.watch(poll, fd.fd, again, event))
    }

    pub fn deregister(&self, fd: Descriptor<'_>) -> io::Result<()> {
        self.0
            .call(|kernel, poll| kernel.stop_watching(poll, fd.fd))
    }

    pub fn wait(&mut self, events: &mut Events, timeout: Option<Duration>) -> io::Result<usize> {
        // mio rounds up: epoll_wait(2) counts in milliseconds.
        let rounded = |timeout: Duration| {
            let milliseconds = timeout.as_nanos().div_ceil(1_000_000);
            Duration::from_millis(u64::try_from(milliseconds).unwrap_or(u64::MAX))
        };
        events.events.clear();
        let mut wait = Wait {
            poll: self.0.fd,
            events,
        };
        self.0
            .with(|world| world.wait(timeout.map(rounded), &mut wait))?
    }
}

/// An epoll_wait that waits.
struct Wait<'a> {
    poll: i32,
    events: &'a mut Events,
}

impl ReadinessCheck for Wait<'_> {
    fn check_readiness(&mut self, kernel: &mut Kernel, rng: Option<&mut Rng>) -> usize {
        let events = &mut self.events.events;
        *events = kernel.take_events(self.poll, self.events.capacity);
        if let Some(rng) = rng {
            // Fisher and Yates's shuffle.
            for place in 1..events.len() {
                events.swap(place, draw_below(rng, place + 1));
            }
        }
        events.len()
    }
}

/// The events that mio requests from epoll (mio 1.2, src/sys/unix/selector/epoll.rs).
fn bits_of(interest: Interest) -> u32 {
    let each = [
        (Interest::READABLE, bits::IN | bits::RDHUP),
        (Interest::WRITABLE, bits::OUT),
        (Interest::PRIORITY, bits::PRI),
    ];
    let wanted = each.into_iter().filter(|(one, _)| interest.includes(*one));
    wanted.fold(0, |all, (_, bits)| all | bits)
}

impl Events {
    pub fn with_capacity(capacity: usize) -> Self {
        let events = Vec::new();
        Events { capacity, events }
    }

    pub fn capacity(&self) -> usize {
        self.capacity
    }

    pub fn iter(&self) -> impl Iterator<Item = Event<'_>> {
        self.events.iter().map(Event)
    }
}

/// How mio interprets the bits (the same file).
impl Event<'_> {
    fn has(self, bits: u32) -> bool {
        self.0.bits & bits == bits
    }

    pub fn token(self) -> Token {
        Token(self.0.token)
    }

    pub fn is_readable(self) -> bool {
        self.has(bits::IN) || self.has(bits::PRI)
    }

    pub fn is_writable(self) -> bool {
        self.has(bits::OUT)
    }

    pub fn is_error(self) -> bool {
        self.has(bits::ERR)
    }

    pub fn is_read_closed(self) -> bool {
        self.has(bits::HUP) || self.has(bits::IN | bits::RDHUP)
    }

    pub fn is_write_closed(self) -> bool {
        let is_error_alone = self.0.bits == bits::ERR;
        self.has(bits::HUP) || self.has(bits::OUT | bits::ERR) || is_error_alone
    }

    pub fn is_priority(self) -> bool {
        self.has(bits::PRI)
    }
}
