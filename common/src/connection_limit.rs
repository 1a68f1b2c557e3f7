//! Limits how many connections a server holds, and decides when it can accept the next one.

use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::{info, warn};

use crate::net::{ACCEPTS_PER_ITERATION, AcceptError};
use crate::sys;

/// How long a loop waits after a lasting error of accept(2) before it tries again, unless a
/// connection closes earlier.
pub const RETRY_AFTER: Duration = Duration::from_millis(500);

/// Least time between two warnings about accept(2).
const WARN_AFTER: Duration = Duration::from_secs(1);

/// Counts the connections of a server. Clones share the count.
///
/// While [`is_open`](Self::is_open) is false, the loop doesn't watch its listener: clients wait in
/// the backlog, and the loop doesn't spin over a connection that it can't take.
#[derive(Debug, Clone)]
pub struct ConnectionLimit(Arc<SharedCount>);

#[derive(Debug)]
struct SharedCount {
    most: AtomicUsize,
    connections: AtomicUsize,
    backoff: Mutex<Backoff>,
    process: ProcessTotals,
}

#[derive(Debug, Default)]
struct Backoff {
    retry_at: Option<Instant>,
    /// Calls of accept(2) that failed in a row, each for its own connection.
    failures: usize,
}

/// What the log says about a process whose loops run on several threads: how many connections they
/// hold together, and when one of them last warned about accept(2). Clones share both.
#[derive(Debug, Clone, Default)]
pub struct ProcessTotals(Arc<Totals>);

#[derive(Debug, Default)]
struct Totals {
    connections: AtomicUsize,
    warned_at: Mutex<Option<Instant>>,
}

thread_local! {
    static TOTALS: RefCell<Option<ProcessTotals>> = const { RefCell::new(None) };
}

impl ProcessTotals {
    /// From now on, the limits that this thread creates count here. Otherwise, a limit counts alone.
    pub fn use_on_this_thread(&self) {
        TOTALS.replace(Some(self.clone()));
    }

    /// Whether no loop has warned in the last second. If so, the caller warns now.
    fn may_warn(&self, now: Instant) -> bool {
        let mut warned_at = locked(&self.0.warned_at);
        let may_warn = warned_at.is_none_or(|at| now - at >= WARN_AFTER);
        if may_warn {
            *warned_at = Some(now);
        }
        may_warn
    }
}

impl ConnectionLimit {
    /// Allows at most `most` connections at once.
    pub fn new(most: usize) -> Self {
        ConnectionLimit(Arc::new(SharedCount {
            most: AtomicUsize::new(most),
            connections: AtomicUsize::new(0),
            backoff: Mutex::default(),
            process: TOTALS.with_borrow(Clone::clone).unwrap_or_default(),
        }))
    }

    /// Whether the loop can accept now.
    pub fn is_open(&self) -> bool {
        self.connections() < self.0.most.load(Ordering::Relaxed) && self.retry_at().is_none()
    }

    /// When to call [`retry_if_due`](Self::retry_if_due); `None` if the loop isn't backing off.
    pub fn retry_at(&self) -> Option<Instant> {
        self.0.backoff().retry_at
    }

    /// Ends the back-off if its time is over by `now`, and returns whether it did.
    pub fn retry_if_due(&self, now: Instant) -> bool {
        self.0.backoff().retry_at.take_if(|at| *at <= now).is_some()
    }

    /// The number of permits, which is the number of descriptors that the server holds for clients.
    pub fn connections(&self) -> usize {
        self.0.connections.load(Ordering::Relaxed)
    }

    /// Counts a connection that accept(2) has returned, until the permit is dropped.
    pub fn accepted(&self, peer: SocketAddr) -> Permit {
        self.0.connections.fetch_add(1, Ordering::Relaxed);
        let totals = &self.0.process.0;
        let connections = totals.connections.fetch_add(1, Ordering::Relaxed) + 1;
        let mut backoff = self.0.backoff();
        (backoff.retry_at, backoff.failures) = (None, 0);
        info!(%peer, connections, "connected");
        Permit {
            shared: Arc::clone(&self.0),
            peer,
            error: None,
        }
    }

    /// Classifies an error of accept(2), and backs off if it will last. An error that concerns one
    /// connection counts as lasting if a whole iteration of the loop finds nothing but such
    /// errors.
    pub fn accept_failed(&self, error: &io::Error) -> AcceptError {
        let kind = AcceptError::from(error);
        let is_lasting = match kind {
            AcceptError::WouldBlock => false,
            AcceptError::Lasting => true,
            AcceptError::Transient => {
                let mut backoff = self.0.backoff();
                backoff.failures += 1;
                backoff.failures >= ACCEPTS_PER_ITERATION
            }
        };
        if !is_lasting {
            return kind;
        }
        self.back_off(error);
        AcceptError::Lasting
    }

    /// Ends the back-off early: the loop is about to stop, and tries once more.
    pub fn retry_now(&self) {
        self.0.backoff().retry_at = None;
    }

    /// Call this if the loop can't watch the descriptor of an accepted connection, and so closes it.
    /// If the descriptor doesn't fit into a set of select(2) (`InvalidInput`), the limit is lowered to
    /// the present number of connections. Other errors, such as too little memory, don't last.
    pub fn cannot_watch(&self, peer: SocketAddr, error: &io::Error) {
        let connections = self.connections();
        if connections == 0 || error.kind() != ErrorKind::InvalidInput {
            return self.back_off(error);
        }
        self.0.most.fetch_min(connections, Ordering::Relaxed);
        warn!(%peer, %error, connections, "cannot watch this descriptor: from now on, at most this many connections");
    }

    /// Stops accepting for [`RETRY_AFTER`] or until a connection closes. Warns at most once a
    /// second.
    fn back_off(&self, error: &io::Error) {
        let now = sys::now();
        let mut backoff = self.0.backoff();
        (backoff.retry_at, backoff.failures) = (Some(now + RETRY_AFTER), 0);
        drop(backoff);
        let process = &self.0.process;
        if process.may_warn(now) {
            let connections = process.0.connections.load(Ordering::Relaxed);
            warn!(%error, connections, "cannot accept: trying again when a connection closes, or in 0.5 s");
        }
    }
}

impl SharedCount {
    fn backoff(&self) -> MutexGuard<'_, Backoff> {
        locked(&self.backoff)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One connection's place within the limit. A permit lives exactly as long as the connection's
/// descriptor, draining included. Keep it where it is dropped right after the socket.
#[derive(Debug)]
pub struct Permit {
    shared: Arc<SharedCount>,
    peer: SocketAddr,
    error: Option<io::Error>,
}

impl Permit {
    /// The client's address, as accept(2) returned it: after a reset, the socket no longer knows it.
    /// Behind a proxy, the address that the proxy has sent, once it has arrived.
    #[inline]
    pub fn peer(&self) -> SocketAddr {
        sys::client_of(self.peer)
    }

    /// Keeps the first reason why the connection ended early, for the log.
    pub fn failed(&mut self, error: io::Error) {
        self.error.get_or_insert(error);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.shared.connections.fetch_sub(1, Ordering::Relaxed);
        let totals = &self.shared.process.0;
        let connections = totals.connections.fetch_sub(1, Ordering::Relaxed) - 1;
        self.shared.backoff().retry_at = None;
        let why = self.error.as_ref();
        let why = why.map_or("finished".to_owned(), io::Error::to_string);
        let peer = sys::take_client_of(self.peer);
        info!(%peer, connections, %why, "disconnected");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::errno::Errno;

    fn peer() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 1))
    }

    #[test]
    fn a_permit_takes_a_place_until_it_is_dropped() {
        let limit = ConnectionLimit::new(1);
        assert!(limit.is_open());
        let permit = limit.accepted(peer());
        assert!(!limit.is_open());
        assert_eq!(limit.retry_at(), None);
        drop(permit);
        assert!(limit.is_open());
        assert_eq!(limit.connections(), 0);
    }

    #[test]
    fn limits_of_one_process_warn_once_a_second_together() {
        let totals = ProcessTotals::default();
        totals.use_on_this_thread();
        let limits = [ConnectionLimit::new(9), ConnectionLimit::new(9)];
        TOTALS.replace(None);
        let permits = limits.each_ref().map(|limit| limit.accepted(peer()));
        assert_eq!(totals.0.connections.load(Ordering::Relaxed), 2);
        assert_eq!(limits[0].connections(), 1, "its own");
        drop(permits);
        assert_eq!(totals.0.connections.load(Ordering::Relaxed), 0);

        let now = Instant::now();
        assert!(limits[0].0.process.may_warn(now));
        assert!(!limits[1].0.process.may_warn(now + WARN_AFTER / 2));
        assert!(limits[1].0.process.may_warn(now + WARN_AFTER));
        assert!(
            ConnectionLimit::new(9).0.process.may_warn(now),
            "it is alone"
        );
    }

    #[test]
    fn cannot_watch_lowers_the_limit_but_not_to_zero() {
        let limit = ConnectionLimit::new(usize::MAX);
        let error = io::Error::new(ErrorKind::InvalidInput, "beyond FD_SETSIZE");
        limit.cannot_watch(peer(), &error);
        assert!(limit.retry_at().is_some());
        limit.retry_now();
        assert!(limit.is_open());
        let permit = limit.accepted(peer());
        limit.cannot_watch(peer(), &error);
        assert!(!limit.is_open());
        drop(permit);
        assert!(limit.is_open());
    }

    #[test]
    fn out_of_memory_does_not_lower_the_limit() {
        let limit = ConnectionLimit::new(9);
        let _permits = [limit.accepted(peer()), limit.accepted(peer())];
        limit.cannot_watch(peer(), &io::Error::from(Errno::ENOMEM));
        assert!(!limit.is_open());
        limit.retry_now();
        assert!(limit.is_open(), "two of nine");
    }

    #[test]
    fn a_lasting_error_backs_off_until_a_connection_closes_or_time_has_passed() {
        let limit = ConnectionLimit::new(9);
        for errno in [Errno::EMFILE, Errno::EACCES, Errno::EINVAL] {
            let permit = limit.accepted(peer());
            let error = io::Error::from(errno);
            assert_eq!(limit.accept_failed(&error), AcceptError::Lasting);
            assert!(!limit.is_open());
            drop(permit);
            assert!(limit.is_open());

            limit.accept_failed(&error);
            let retry_at = limit.retry_at().expect("it backs off");
            assert!(!limit.retry_if_due(retry_at - Duration::from_nanos(1)));
            assert!(limit.retry_if_due(retry_at));
            assert!(limit.is_open());
        }
    }

    #[test]
    fn errors_of_single_connections_back_off_only_if_there_is_nothing_else() {
        let limit = ConnectionLimit::new(9);
        let error = io::Error::from(Errno::ECONNABORTED);
        for _ in 1..ACCEPTS_PER_ITERATION {
            assert_eq!(limit.accept_failed(&error), AcceptError::Transient);
        }
        drop(limit.accepted(peer()));
        for _ in 1..ACCEPTS_PER_ITERATION {
            assert_eq!(limit.accept_failed(&error), AcceptError::Transient);
            assert!(limit.is_open());
        }
        assert_eq!(limit.accept_failed(&error), AcceptError::Lasting);
        assert!(!limit.is_open());
    }
}
