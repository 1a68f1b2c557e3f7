//! The engine on tokio: the readiness of an [`AsyncFd`] for each descriptor, and one future that
//! waits for any of them.
//!
//! No task and no buffer belongs to a connection. Each has a waker of its own instead, which
//! records whose it is: so an iteration costs as much as is ready, however many are watched.
//!
//! An `AsyncFd` remembers readiness, too. The reactor does that for all engines, so this one takes
//! out of the `AsyncFd` what it reports, and reports edges.
//!
//! A runtime watches the operating system's descriptors. So this engine exists only on Unix, and
//! not in a simulation, whose descriptors tokio doesn't know.

use std::fmt;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, RawFd};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use common::sys::{self, Descriptor, Interest, Readiness};
use slotmap::SecondaryMap;
use tokio::io::unix::AsyncFd;
use tokio::runtime::{Builder, Runtime};
use tokio::task::{unconstrained, yield_now};
use tokio::time;

use super::{Engine, Event, Watched};
use crate::Key;

mod wakers;

use wakers::Wakers;

pub(super) struct Tokio {
    /// What is watched, before the runtime, so that it is dropped while the runtime still is.
    watchlist: Watchlist,
    runtime: Runtime,
}

struct Watchlist {
    descriptors: SecondaryMap<Key, Watch>,
    /// Those to check: what is wanted now and was not before, or has been woken.
    listed: Vec<Key>,
    /// So many events the runtime takes from the kernel at once.
    most_events: usize,
    wakers: Wakers,
}

struct Watch {
    fd: AsyncFd<Fd>,
    wanted: Interest,
    waker: Waker,
}

/// What an [`AsyncFd`] asks for. It doesn't outlive the descriptor: before one is closed, nothing
/// is wanted of it.
struct Fd(RawFd);

impl AsRawFd for Fd {
    fn as_raw_fd(&self) -> RawFd {
        self.0
    }
}

impl Tokio {
    pub(super) fn new(most_events: usize) -> io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .enable_io()
            .max_io_events_per_tick(most_events)
            .enable_time()
            .build()?;
        let watchlist = Watchlist {
            descriptors: SecondaryMap::new(),
            listed: Vec::new(),
            most_events,
            wakers: Wakers::new(),
        };
        Ok(Tokio { watchlist, runtime })
    }
}

impl Engine for Tokio {
    fn watch(
        &mut self,
        key: Key,
        descriptor: Descriptor<'_>,
        _: Option<Interest>,
        wanted: Option<Interest>,
    ) -> io::Result<()> {
        let _entered = self.runtime.enter();
        self.watchlist.watch(key, descriptor, wanted)
    }

    fn wait(
        &mut self,
        timeout: Option<Duration>,
        _: Watched<'_>,
        events: &mut Vec<Event>,
    ) -> io::Result<()> {
        let Tokio { watchlist, runtime } = self;
        sys::wait(timeout, |timeout| {
            // Unconstrained: tokio would have a task yield after some 128 checks, which is for
            // those with neighbours.
            runtime.block_on(unconstrained(watchlist.wait(timeout, events)));
            Ok(events.len())
        })?;
        Ok(())
    }
}

impl Watchlist {
    fn watch(
        &mut self,
        key: Key,
        descriptor: Descriptor<'_>,
        wanted: Option<Interest>,
    ) -> io::Result<()> {
        let Some(wanted) = wanted else {
            self.descriptors.remove(key);
            return Ok(());
        };
        match self.descriptors.get_mut(key) {
            Some(watch) => watch.wanted = wanted,
            None => {
                let (fd, waker) = (register(descriptor)?, self.wakers.waker(key));
                self.descriptors.insert(key, Watch { fd, wanted, waker });
            }
        }
        self.listed.push(key);
        Ok(())
    }

    /// One iteration of the runtime, which checks its descriptors once at least; and more while
    /// it may have more to report than it takes from the kernel in one.
    async fn wait(&mut self, timeout: Option<Duration>, events: &mut Vec<Event>) {
        self.check(events).await;
        if !events.is_empty() || timeout == Some(Duration::ZERO) {
            self.poll_once(events).await;
        } else {
            let something_is_ready = poll_fn(|cx| self.poll_readiness(cx, events));
            match timeout {
                None => something_is_ready.await,
                Some(timeout) => {
                    let _ = time::timeout(timeout, something_is_ready).await;
                }
            }
        }
        let mut reported = self.most_events;
        while reported <= events.len() {
            self.poll_once(events).await;
            reported += self.most_events;
        }
    }

    async fn poll_once(&mut self, events: &mut Vec<Event>) {
        yield_now().await;
        self.check(events).await;
    }

    async fn check(&mut self, events: &mut Vec<Event>) {
        poll_fn(|cx| {
            let _ = self.poll_readiness(cx, events);
            Poll::Ready(())
        })
        .await;
    }

    /// Checks what is listed. All of it will be woken when it is ready again.
    fn poll_readiness(&mut self, cx: &mut Context<'_>, events: &mut Vec<Event>) -> Poll<()> {
        self.wakers.list(&mut self.listed, cx.waker());
        for key in self.listed.drain(..) {
            let ready = self.descriptors.get(key).map(Watch::poll_ready);
            if let Some(ready) = ready.filter(|ready| *ready != Readiness::default()) {
                events.push(Event { key, ready });
            }
        }
        if events.is_empty() {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    }
}

impl Watch {
    /// What is ready of the wanted. A waker serves once, so each look leaves it again for the next
    /// time.
    fn poll_ready(&self) -> Readiness {
        let cx = &mut Context::from_waker(&self.waker);
        let (mut may_read, mut may_write, mut more_behind) = (false, false, false);
        if self.wanted.is_readable() {
            may_read = self.takes(READABLE);
            // A read stops before urgent data, and nothing clears the flag of an end.
            more_behind = may_read && self.takes(URGENT);
            more_behind |= self.fd.poll_read_ready(cx).is_ready();
        }
        if self.wanted.is_writable() {
            may_write = self.takes(WRITABLE);
            may_write |= self.fd.poll_write_ready(cx).is_ready();
        }
        match may_read || may_write || more_behind {
            true => Readiness::edge(may_read, may_write, more_behind),
            false => Readiness::default(),
        }
    }

    /// Whether that is ready. Has tokio forget it, as it does on meeting `WouldBlock`. No system
    /// call is made.
    fn takes(&self, what: tokio::io::Interest) -> bool {
        let mut is_ready = false;
        let _ = self.fd.try_io(what, |_| {
            is_ready = true;
            io::Result::<()>::Err(ErrorKind::WouldBlock.into())
        });
        is_ready
    }
}

const READABLE: tokio::io::Interest = tokio::io::Interest::READABLE;
const WRITABLE: tokio::io::Interest = tokio::io::Interest::WRITABLE;
/// Where the kernel reports urgent data, it is asked to.
#[cfg(any(target_os = "linux", target_os = "android"))]
const URGENT: tokio::io::Interest = tokio::io::Interest::PRIORITY;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const URGENT: tokio::io::Interest = tokio::io::Interest::ERROR;

#[expect(
    deprecated,
    reason = "it would take any number for a descriptor; this one is watched no longer than it is open, and the successor is `unsafe`"
)]
fn register(descriptor: Descriptor<'_>) -> io::Result<AsyncFd<Fd>> {
    let fd = descriptor.to_os()?.as_raw_fd();
    AsyncFd::with_interest(Fd(fd), READABLE.add(WRITABLE).add(URGENT))
}

impl fmt::Debug for Tokio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokio")
            .field("runtime", &self.runtime)
            .finish_non_exhaustive()
    }
}
