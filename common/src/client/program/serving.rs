//! A server on a thread of the test's own process, so that the test can read its loop's counters.

use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{self, Receiver};
use std::thread;

use crate::client::{EchoClient, TIME_LIMIT};
use crate::stop::Stopper;
use crate::sys::{self, Counters, Listener};
use crate::{Settings, StopSignal, net};

/// A server on its own thread. Dropping it asks the server to stop.
#[derive(Debug)]
pub struct Serving {
    address: SocketAddr,
    stopper: Stopper,
    ended: Receiver<io::Result<Counters>>,
}

impl Serving {
    /// Starts `serve` on a thread and a listener of its own. To test with faults, `serve` injects
    /// faults before anything else, since they apply to the thread that calls `inject`.
    ///
    /// # Errors
    /// The listener or the stop signal can't be made.
    pub fn start(
        settings: Settings,
        serve: impl FnOnce(Listener, Settings, StopSignal) -> io::Result<()> + Send + 'static,
    ) -> io::Result<Self> {
        let listener = net::listen("127.0.0.1", 0, 128)?;
        let address = listener.local_addr()?;
        let (stopper, stop) = StopSignal::pair()?;
        let (end, ended) = mpsc::channel();
        thread::spawn(move || {
            let served = serve(listener, settings, stop);
            // Fails if the test is over already.
            let _ = end.send(served.map(|()| sys::counters()));
        });
        Ok(Serving {
            address,
            stopper,
            ended,
        })
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connects a client to it.
    ///
    /// # Errors
    /// The errors of [`EchoClient::connect`].
    pub fn connect(&self) -> io::Result<EchoClient> {
        EchoClient::connect(self.address)
    }

    /// Asks it to stop, and doesn't wait.
    ///
    /// # Errors
    /// The server has ended already.
    pub fn ask_to_stop(&self) -> io::Result<()> {
        self.stopper.stop()
    }

    /// Waits until a server that was asked to stop ends, for at most [`TIME_LIMIT`]. Returns its
    /// loop's counters.
    ///
    /// # Errors
    /// It doesn't end, it panicked, or it returned an error.
    pub fn ended(&self) -> io::Result<Counters> {
        let ended = self.ended.recv_timeout(TIME_LIMIT);
        ended.map_err(io::Error::other)?
    }

    /// Asks it to stop and waits until it has. Returns its loop's counters.
    ///
    /// # Errors
    /// The errors of [`ask_to_stop`](Self::ask_to_stop) and [`ended`](Self::ended).
    pub fn stop(self) -> io::Result<Counters> {
        self.ask_to_stop()?;
        self.ended()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Fails if the server has ended already.
        let _ = self.stopper.stop();
    }
}
