//! Waiting for another process, for a limited time of one's own.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// Time that this program is ready to wait.
///
/// It is spent in parts of at most a tenth. So if this program was itself stopped (Ctrl-Z) for
/// however long, that costs one part, and what has come in the meantime is still seen.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    part: Duration,
    left: Duration,
}

impl Patience {
    /// Patience for so long.
    pub fn of(limit: Duration) -> Self {
        Patience {
            part: limit / 10,
            left: limit,
        }
    }

    /// Waits for a message, with what is left of the patience.
    ///
    /// # Errors
    /// `Timeout` when no patience is left, `Disconnected` when nobody can send any more.
    pub fn receive<T>(&mut self, receiver: &Receiver<T>) -> Result<T, RecvTimeoutError> {
        loop {
            let begun = Instant::now();
            let received = receiver.recv_timeout(self.part.min(self.left));
            self.left = self.left.saturating_sub(begun.elapsed().min(self.part));
            match received {
                Err(RecvTimeoutError::Timeout) if !self.left.is_zero() => {}
                received => return received,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn patience_ends_after_its_limit() {
        let (_sender, receiver) = mpsc::channel::<()>();
        let begun = Instant::now();
        let mut patience = Patience::of(Duration::from_millis(50));
        assert_eq!(patience.receive(&receiver), Err(RecvTimeoutError::Timeout));
        assert!(begun.elapsed() >= Duration::from_millis(50));
    }

    #[test]
    fn bytes_that_have_arrived_are_received_after_the_deadline() {
        let (sender, receiver) = mpsc::channel();
        let mut patience = Patience::of(Duration::ZERO);
        sender.send(7).unwrap();
        assert_eq!(patience.receive(&receiver), Ok(7));
        drop(sender);
        let gone = patience.receive(&receiver);
        assert_eq!(gone, Err(RecvTimeoutError::Disconnected));
    }
}
