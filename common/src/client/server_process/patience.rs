//! Waits for another process, for a limited time of this program.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// The time that this program is willing to wait.
///
/// It is spent in parts of at most a tenth. So if this program itself is stopped (Ctrl-Z), for
/// however long, that costs one part, and it still sees what has arrived in the meantime.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    part: Duration,
    left: Duration,
}

impl Patience {
    /// Patience for this long.
    pub fn of(limit: Duration) -> Self {
        Patience {
            part: limit / 10,
            left: limit,
        }
    }

    /// Waits for a message, for as long as the patience lasts.
    ///
    /// # Errors
    /// `Timeout` if no patience is left, `Disconnected` if all senders have gone.
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
