//! The engine on tokio: the readiness of an [`AsyncFd`] for each descriptor, and one future that
//! waits for any of them.
//!
//! No task and no buffer belongs to a connection. Each has a waker of its own instead, which
//! records whose it is: so an iteration costs as much as is ready, however many are watched.
//!
//! A runtime watches the operating system's descriptors. So this engine exists only on Unix, and
//! not in a simulation, whose descriptors tokio doesn't know.

use std::fmt;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, RawFd};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use common::sys;
use tokio::io::unix::AsyncFd;
use tokio::runtime::{Builder, Runtime};
use tokio::task::{unconstrained, yield_now};
use tokio::time;

use super::{Descriptor, Engine, Event, Interest};
use crate::Key;
use crate::key::SecondaryMap;

mod wakers;

use wakers::Wakers;

pub(super) struct Tokio {
    /// What is watched, before the runtime, so that it is dropped while the runtime still is.
    watched: Watchlist,
    runtime: Runtime,
}

struct Watchlist {
    watched: SecondaryMap<Watched>,
    /// Those to check: what was ready, is wanted anew or has been woken.
    listed: Vec<Key>,
    /// How often their readiness was checked.
    checks: u64,
    /// So many changes the runtime takes from the kernel at once.
    most_changes: usize,
    wakers: Wakers,
}

struct Watched {
    fd: AsyncFd<Fd>,
    wanted: Interest,
    waker: Waker,
    /// The last check of this one: being listed twice, it is checked once.
    last_check: u64,
}

/// What an [`AsyncFd`] asks for: a descriptor of the operating system.
struct Fd(Descriptor);

impl AsRawFd for Fd {
    fn as_raw_fd(&self) -> RawFd {
        self.0.descriptor().number()
    }
}

impl Tokio {
    pub(super) fn new(most_changes: usize) -> io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .enable_io()
            .max_io_events_per_tick(most_changes)
            .enable_time()
            .build()?;
        let watched = Watchlist {
            watched: SecondaryMap::new(),
            listed: Vec::new(),
            checks: 0,
            most_changes,
            wakers: Wakers::new(),
        };
        Ok(Tokio { watched, runtime })
    }
}

impl Engine for Tokio {
    fn watch(&mut self, key: Key, descriptor: &Descriptor, wanted: Interest) -> io::Result<()> {
        let _entered = self.runtime.enter();
        self.watched.watch(key, descriptor, wanted)
    }

    fn not_ready(&mut self, key: Key, what: Interest) {
        let Some(watched) = self.watched.watched.get_mut(key) else {
            return;
        };
        if what.reads() {
            watched.clear(READABLE);
            watched.clear(URGENT);
        }
        if what.writes() {
            watched.clear(WRITABLE);
        }
    }

    fn short_read(&mut self, key: Key) {
        // A read stops before urgent data. (Of the end of the stream tokio keeps a flag that
        // nothing clears.)
        if let Some(watched) = self.watched.watched.get_mut(key)
            && !watched.is(URGENT)
        {
            watched.clear(READABLE);
        }
    }

    fn wait(&mut self, timeout: Option<Duration>, ready: &mut Vec<Event>) -> io::Result<()> {
        let Tokio { watched, runtime } = self;
        sys::wait(timeout, |timeout| {
            // Unconstrained: tokio would have a task yield after some 128 checks, which is for
            // those with neighbours.
            runtime.block_on(unconstrained(watched.iterate(timeout, ready)));
            if sys::spurious() {
                watched.tell_all(ready);
            }
            Ok(ready.len())
        })?;
        Ok(())
    }
}

impl Watchlist {
    fn watch(&mut self, key: Key, descriptor: &Descriptor, wanted: Interest) -> io::Result<()> {
        if wanted == Interest::NOTHING {
            self.watched.remove(key);
            return Ok(());
        }
        if self.watched.get_mut(key).is_none() {
            let watched = Watched {
                fd: register(Rc::clone(descriptor))?,
                wanted,
                waker: self.wakers.waker(key),
                last_check: 0,
            };
            self.watched.insert(key, watched);
        }
        if let Some(watched) = self.watched.get_mut(key) {
            watched.wanted = wanted;
            self.listed.push(key);
        }
        Ok(())
    }

    /// One iteration of the runtime, which checks its descriptors once at least; and more while
    /// it may have more to tell than it takes from the kernel in one.
    async fn iterate(&mut self, timeout: Option<Duration>, ready: &mut Vec<Event>) {
        self.check_readiness(ready).await;
        if !ready.is_empty() || timeout == Some(Duration::ZERO) {
            self.poll_once(ready).await;
        } else {
            let something_is_ready = poll_fn(|cx| self.poll_readiness(cx, ready));
            match timeout {
                None => something_is_ready.await,
                Some(timeout) => {
                    let _ = time::timeout(timeout, something_is_ready).await;
                }
            }
        }
        let mut told = self.most_changes;
        while told <= ready.len() {
            self.poll_once(ready).await;
            told += self.most_changes;
        }
    }

    async fn poll_once(&mut self, ready: &mut Vec<Event>) {
        yield_now().await;
        self.check_readiness(ready).await;
    }

    async fn check_readiness(&mut self, list: &mut Vec<Event>) {
        poll_fn(|cx| {
            let _ = self.poll_readiness(cx, list);
            Poll::Ready(())
        })
        .await;
    }

    /// Checks what is listed. What is ready will be checked again, and the others will wake
    /// when they are.
    fn poll_readiness(&mut self, cx: &mut Context<'_>, list: &mut Vec<Event>) -> Poll<()> {
        self.wakers.list(&mut self.listed, cx.waker());
        self.listed.extend(list.drain(..).map(|event| event.key));
        self.checks += 1;
        for key in self.listed.drain(..) {
            let watched = self.watched.get_mut(key);
            let ready = watched.map_or(Interest::NOTHING, |watched| {
                watched.check_readiness(self.checks)
            });
            if ready != Interest::NOTHING {
                list.push(Event { key, ready });
            }
        }
        if list.is_empty() {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    }

    fn tell_all(&mut self, list: &mut Vec<Event>) {
        list.clear();
        list.extend(self.watched.iter_mut().map(|(key, watched)| {
            let ready = watched.wanted;
            Event { key, ready }
        }));
    }
}

impl Watched {
    /// What is ready, the first time that this check asks for it.
    fn check_readiness(&mut self, check: u64) -> Interest {
        if std::mem::replace(&mut self.last_check, check) == check {
            return Interest::NOTHING;
        }
        self.poll_ready()
    }

    /// What is ready of the wanted; of the rest, tokio will wake the waker. A waker serves once,
    /// and is left only where it has to be: to see that something is ready is cheaper than to poll.
    fn poll_ready(&self) -> Interest {
        let cx = &mut Context::from_waker(&self.waker);
        let Watched { fd, wanted, .. } = self;
        let reads = wanted.reads() && (self.is(READABLE) || fd.poll_read_ready(cx).is_ready());
        let writes = wanted.writes() && (self.is(WRITABLE) || fd.poll_write_ready(cx).is_ready());
        Interest::READ.when(reads) | Interest::WRITE.when(writes)
    }

    fn is(&self, what: tokio::io::Interest) -> bool {
        self.fd.try_io(what, |_| Ok(())).is_ok()
    }

    /// Has tokio forget a readiness, as it does on meeting `WouldBlock`. No system call is made.
    fn clear(&self, what: tokio::io::Interest) {
        let _ = self.fd.try_io(what, |_| {
            io::Result::<()>::Err(ErrorKind::WouldBlock.into())
        });
    }
}

const READABLE: tokio::io::Interest = tokio::io::Interest::READABLE;
const WRITABLE: tokio::io::Interest = tokio::io::Interest::WRITABLE;
/// Where the kernel tells of urgent data, it is asked to.
#[cfg(any(target_os = "linux", target_os = "android"))]
const URGENT: tokio::io::Interest = tokio::io::Interest::PRIORITY;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const URGENT: tokio::io::Interest = tokio::io::Interest::ERROR;

#[expect(
    deprecated,
    reason = "it would take any number for a descriptor; this one is owned for as long, and the successor is `unsafe`"
)]
fn register(descriptor: Descriptor) -> io::Result<AsyncFd<Fd>> {
    descriptor.descriptor().to_os()?;
    AsyncFd::with_interest(Fd(descriptor), READABLE.add(WRITABLE).add(URGENT))
}

impl fmt::Debug for Tokio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokio")
            .field("runtime", &self.runtime)
            .finish_non_exhaustive()
    }
}
