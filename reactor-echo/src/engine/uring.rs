//! The engine on io_uring(7), through compio: the kernel reads and sends, and a wait reports what has
//! ended.
//!
//! One system call, io_uring_enter(2), submits all operations that were started since the last wait,
//! and waits until one has ended. An idle connection has a read under way, with a small buffer of its
//! own. The next read starts when the bytes of the last one are taken. So a connection that isn't
//! read costs one buffer, and the rest of its input stays with the peer. (A *multishot* read would go
//! on by itself, and couldn't be paused.)
//!
//! Everything else is watched for readiness, by an epoll(7) descriptor that the ring polls. For
//! example, an accept under way could take a client that the connection limit no longer allows.
//!
//! Like the engine on tokio, it isn't used in a simulation, whose descriptors io_uring doesn't know.

use std::fmt;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use common::sys::{self, Descriptor, Interest, Readiness, Stream};
use compio_driver::ProactorBuilder;
use compio_driver::op::{self, OpCodeFlag, PollOnce};
use compio_runtime::{Runtime, RuntimeBuilder, Submit};
use slotmap::SecondaryMap;

use super::mio::Mio;
use super::wakers::Wakers;
use super::{Completion, Engine, Event, Watched};
use crate::Key;

mod operations;

use operations::Operations;

/// How often to look for the end of operations that are cancelled. One look has always been enough.
const MOST_LOOKS: usize = 8;

pub(super) struct Uring {
    /// Declared before the runtime, so that operations are dropped before it is.
    connections: SecondaryMap<Key, Operations>,
    wakers: Wakers,
    /// The connections to check for an operation that has ended.
    listed: Vec<Key>,
    others: Others,
    recv_size: usize,
    runtime: Runtime,
}

/// What is watched for readiness.
struct Others {
    engine: Mio,
    /// The engine's descriptor, and the operation that polls it.
    descriptor: Rc<OwnedFd>,
    poll: Option<Submit<PollOnce<Rc<OwnedFd>>>>,
}

impl Uring {
    /// Reads at most `recv_size` bytes at once.
    pub(super) fn new(recv_size: usize, most_events: usize) -> io::Result<Self> {
        let runtime = start().map_err(name_another_engine)?;
        let engine = Mio::new(most_events)?;
        let descriptor = Rc::new(engine.poll.to_os()?.try_clone_to_owned()?);
        Ok(Uring {
            connections: SecondaryMap::new(),
            wakers: Wakers::new(),
            listed: Vec::new(),
            others: Others {
                engine,
                descriptor,
                poll: None,
            },
            recv_size,
            runtime,
        })
    }

    /// Calls `start` with the operations of a connection, and lists it if one has already ended.
    fn start(
        &mut self,
        key: Key,
        socket: &Rc<Stream>,
        start: impl FnOnce(&mut Operations, &Runtime) -> bool,
    ) {
        if !self.connections.contains_key(key) {
            let (socket, waker) = (Rc::clone(socket), self.wakers.waker(key));
            let operations = Operations::new(socket, waker, self.recv_size);
            self.connections.insert(key, operations);
        }
        if let Some(operations) = self.connections.get_mut(key)
            && start(operations, &self.runtime)
        {
            self.listed.push(key);
        }
    }

    /// Submits, waits, and lists the connections to check. One system call handles only a part of what
    /// is ready, about twenty operations. So without time to wait, this repeats it until nothing
    /// has ended: when the reactor closes idle connections, it relies on having seen everything.
    fn enter(&mut self, timeout: Option<Duration>) {
        loop {
            let before = self.listed.len();
            self.runtime.poll_with(timeout);
            self.wakers.list(&mut self.listed, Waker::noop());
            if timeout != Some(Duration::ZERO) || self.listed.len() == before {
                return;
            }
        }
    }

    fn report(&mut self, events: &mut Vec<Event>) {
        for key in self.listed.drain(..) {
            let ready = self.connections.get_mut(key).map(Operations::check);
            if let Some(ready) = ready.filter(|ready| *ready != Readiness::default()) {
                events.push(Event { key, ready });
            }
        }
    }
}

impl Engine for Uring {
    fn watch(
        &mut self,
        key: Key,
        descriptor: Descriptor<'_>,
        was: Option<Interest>,
        wanted: Option<Interest>,
    ) -> io::Result<()> {
        self.others.engine.watch(key, descriptor, was, wanted)
    }

    // CONCEPT: scaling
    fn wait(
        &mut self,
        timeout: Option<Duration>,
        watched: Watched<'_>,
        events: &mut Vec<Event>,
    ) -> io::Result<()> {
        self.others.submit(&self.runtime);
        self.wakers.list(&mut self.listed, Waker::noop());
        let timeout = match self.listed.is_empty() {
            true => timeout,
            false => Some(Duration::ZERO),
        };
        sys::wait(timeout, |timeout| {
            self.enter(timeout);
            self.report(events);
            Ok(events.len())
        })?;
        if self.others.is_ready() {
            let no_time = Some(Duration::ZERO);
            self.others.engine.wait(no_time, watched, events)?;
        }
        Ok(())
    }
}

impl Completion for Uring {
    fn start_recv(&mut self, key: Key, socket: &Rc<Stream>) {
        self.start(key, socket, Operations::start_recv);
    }

    fn finish_recv(&mut self, key: Key, window: &mut [u8]) -> io::Result<usize> {
        let operations = self.connections.get_mut(key);
        operations.map_or(Err(ErrorKind::WouldBlock.into()), |operations| {
            operations.finish_recv(window)
        })
    }

    fn start_send(&mut self, key: Key, socket: &Rc<Stream>, data: &[u8]) {
        self.start(key, socket, |operations, runtime| {
            operations.start_send(runtime, data)
        });
    }

    fn finish_send(&mut self, key: Key) -> io::Result<usize> {
        let operations = self.connections.get_mut(key);
        operations.map_or(Err(ErrorKind::WouldBlock.into()), Operations::finish_send)
    }

    fn cancel(&mut self, key: Key) {
        let Some(socket) = self.connections.remove(key).map(Operations::cancel) else {
            return;
        };
        // Each operation has a part in the socket until the kernel has ended it. The caller has one
        // for itself.
        for _ in 0..MOST_LOOKS {
            if Rc::strong_count(&socket) <= 2 {
                return;
            }
            self.runtime.poll_with(Some(Duration::ZERO));
        }
    }
}

impl Others {
    /// Submits a poll of the descriptor, unless one is under way.
    fn submit(&mut self, runtime: &Runtime) {
        if self.poll.is_none() {
            let poll = PollOnce::new(Rc::clone(&self.descriptor), op::Interest::Readable);
            self.poll = Some(runtime.submit(poll));
            self.is_ready(); // The first check submits it.
        }
    }

    /// Whether the poll has ended: something is ready.
    fn is_ready(&mut self) -> bool {
        let cx = &mut Context::from_waker(Waker::noop());
        let ended = self.poll.take_if(|poll| Pin::new(poll).poll(cx).is_ready());
        ended.is_some()
    }
}

/// Starts a runtime with a ring that only this thread uses, and whose operations the kernel continues
/// only during a wait.
///
/// When a ring is closed, the kernel frees it a little later, and wakes the thread that has used it. So
/// a thread of its own does what needs more rings: if it has ended, there is nothing to wake.
fn start() -> io::Result<Runtime> {
    let mut ring = ProactorBuilder::new();
    ring.single_issuer(true).defer_taskrun(true);
    thread::scope(|scope| {
        let tried = thread::Builder::new().spawn_scoped(scope, || try_out(ring.clone()))?;
        tried
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("io_uring can't be tried out")))
    })?;
    RuntimeBuilder::new().with_proactor(ring).build()
}

/// Checks that the kernel allows such a ring, and that it has the operations. The driver remembers for
/// the whole process which operations there are.
fn try_out(mut ring: ProactorBuilder) -> io::Result<()> {
    ring.build()?; // Returns the kernel's own error, unlike the check that comes next.
    ring.detect_opcode_support(OpCodeFlag::Recv | OpCodeFlag::Send | OpCodeFlag::PollAdd);
    ring.build().map(drop)
}

/// Names an engine that works if io_uring is forbidden (EPERM, by seccomp(2) or by
/// `kernel.io_uring_disabled`), missing (ENOSYS), or too old (EINVAL, before Linux 6.1).
fn name_another_engine(error: io::Error) -> io::Error {
    let unusable = [
        ErrorKind::PermissionDenied,
        ErrorKind::Unsupported,
        ErrorKind::InvalidInput,
    ];
    match error.kind() {
        kind if unusable.contains(&kind) => {
            let message = format!("io_uring can't be used here ({error}), use --reactor mio");
            io::Error::new(kind, message)
        }
        _ => error,
    }
}

impl fmt::Debug for Uring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Uring")
            .field("runtime", &self.runtime)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
