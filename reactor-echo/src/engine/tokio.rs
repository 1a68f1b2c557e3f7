//! The engine on tokio: the readiness of an [`AsyncFd`] for each descriptor, and one future that
//! waits for any of them.
//!
//! A connection has no task and no buffer. Instead, each descriptor has its own waker, which
//! records the descriptor's key. So an iteration's cost depends on how many are ready, not on how
//! many are watched.
//!
//! An `AsyncFd` remembers readiness, too. The reactor already does that for all engines, so this
//! engine clears what it reports in the `AsyncFd`, and reports edges.
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

use super::wakers::Wakers;
use super::{Engine, Event, Watched};
use crate::Key;

pub(super) struct Tokio {
    /// Declared before the runtime, so that the descriptors are dropped before it is.
    watchlist: Watchlist,
    runtime: Runtime,
}

struct Watchlist {
    descriptors: SecondaryMap<Key, Watch>,
    /// The descriptors to check: newly watched or woken.
    listed: Vec<Key>,
    /// How many events the runtime takes from the kernel at once.
    most_events: usize,
    wakers: Wakers,
}

struct Watch {
    fd: AsyncFd<Fd>,
    wanted: Interest,
    waker: Waker,
}

/// The type that an [`AsyncFd`] needs. It doesn't outlive the descriptor, since the reactor stops
/// watching a descriptor before it closes it.
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
            // Unconstrained: tokio would make the task yield after some 128 checks, to let other
            // tasks run. There are none.
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

    /// Runs one iteration of the runtime, which checks its descriptors at least once. Runs more
    /// while the kernel can have more events than one iteration takes.
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

    /// Checks the listed descriptors. Each will be woken when it is ready again.
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
    /// Returns the readiness that is wanted. A waker serves only once, so each check registers it
    /// again.
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

    /// Whether `what` is ready. Makes tokio forget it, as it does after `WouldBlock`. Makes no
    /// system call.
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
/// Urgent data, on systems where the kernel can report it.
#[cfg(any(target_os = "linux", target_os = "android"))]
const URGENT: tokio::io::Interest = tokio::io::Interest::PRIORITY;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const URGENT: tokio::io::Interest = tokio::io::Interest::ERROR;

#[expect(
    deprecated,
    reason = "it accepts any number as a descriptor, but this one stays open while it is watched; the successor is `unsafe`"
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
