//! Who is let in: the limits on accepting, kept the same way by all four loops.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tracing::{info, warn};

/// How long a loop that is out of descriptors waits for a connection to close before it tries to
/// accept again.
pub const RETRY_AFTER: Duration = Duration::from_millis(500);

/// Counts the connections and says whether the loop may accept more. Logs each coming and going.
///
/// While [`is_open`](Self::is_open) says no, the loop does not watch its listener: clients wait in
/// the backlog, and nobody turns in circles over a connection that cannot be taken.
#[derive(Debug)]
pub struct Admission {
    limit: usize,
    connections: usize,
    retry_at: Option<Instant>,
    warned_at: Option<Instant>,
}

impl Admission {
    /// Admits at most `limit` connections at once.
    pub fn new(limit: usize) -> Self {
        Admission {
            limit,
            connections: 0,
            retry_at: None,
            warned_at: None,
        }
    }

    /// Whether the loop may accept.
    pub fn is_open(&self) -> bool {
        self.connections < self.limit && self.retry_at.is_none()
    }

    /// When to call [`retry_if_due`](Self::retry_if_due); `None` when only a connection's end can
    /// open the door.
    pub fn retry_at(&self) -> Option<Instant> {
        self.retry_at
    }

    /// Opens the door again if descriptors were out and it is time to try; answers whether it did.
    pub fn retry_if_due(&mut self, now: Instant) -> bool {
        self.retry_at.take_if(|at| *at <= now).is_some()
    }

    /// The number of connections at the moment.
    pub fn connections(&self) -> usize {
        self.connections
    }

    /// A connection was accepted.
    pub fn connected(&mut self, peer: SocketAddr) {
        self.connections += 1;
        self.retry_at = None;
        info!(%peer, connections = self.connections, "connected");
    }

    /// A connection has ended, and its descriptor is free again.
    pub fn disconnected(&mut self, peer: SocketAddr, why: impl fmt::Display) {
        self.connections -= 1;
        self.retry_at = None;
        info!(%peer, connections = self.connections, %why, "disconnected");
    }

    /// A connection was refused because the loop cannot watch one more: from now on as many as
    /// there are is the limit.
    pub fn refused(&mut self, peer: SocketAddr, error: &io::Error) {
        self.limit = self.limit.min(self.connections.max(1));
        warn!(%peer, %error, connections = self.connections, "refused, and accepting no more than these from now on");
    }

    /// Accepting failed for want of descriptors or memory. Warns at most once a second.
    pub fn out_of_resources(&mut self, error: &io::Error) {
        let now = Instant::now();
        self.retry_at = Some(now + RETRY_AFTER);
        if self
            .warned_at
            .is_none_or(|at| now - at >= Duration::from_secs(1))
        {
            self.warned_at = Some(now);
            warn!(%error, connections = self.connections, "not accepting until a connection closes");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 1))
    }

    #[test]
    fn closes_at_the_limit_and_opens_again() {
        let mut admission = Admission::new(1);
        assert!(admission.is_open());
        admission.connected(peer());
        assert!(!admission.is_open());
        assert_eq!(admission.retry_at(), None);
        admission.disconnected(peer(), "it was time");
        assert!(admission.is_open());
        assert_eq!(admission.connections(), 0);
    }

    #[test]
    fn a_refusal_teaches_the_limit() {
        let mut admission = Admission::new(usize::MAX);
        admission.connected(peer());
        admission.refused(peer(), &io::Error::other("too many to watch"));
        assert!(!admission.is_open());
        admission.disconnected(peer(), "it was time");
        assert!(admission.is_open());
    }

    #[test]
    fn out_of_resources_closes_until_a_connection_ends_or_time_has_passed() {
        let mut admission = Admission::new(9);
        admission.connected(peer());
        admission.out_of_resources(&io::Error::other("no descriptors"));
        assert!(!admission.is_open());
        assert!(
            admission
                .retry_at()
                .is_some_and(|at| at <= Instant::now() + RETRY_AFTER)
        );
        admission.disconnected(peer(), "it was time");
        assert!(admission.is_open());
    }
}
