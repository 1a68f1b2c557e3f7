//! A server in the test's own process, on a thread: what its loop has done can be asked afterwards.

use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{self, Receiver};
use std::thread;

use crate::client::{EchoClient, TIME_LIMIT};
use crate::stop::Stopper;
use crate::sys::{self, Counters, Listener};
use crate::{Settings, StopSignal, net};

/// A server on a thread of its own. It is asked to stop when this is dropped.
#[derive(Debug)]
pub struct Serving {
    address: SocketAddr,
    stopper: Stopper,
    ended: Receiver<io::Result<Counters>>,
}

impl Serving {
    /// Starts `serve` on a thread and a listener of its own. To test with faults, `serve` injects
    /// faults before anything else, since they concern the thread that asks for them.
    ///
    /// # Errors
    /// The listener or the stop signal cannot be made.
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
            // Fails when the test is over already.
            let _ = end.send(served.map(|()| sys::counters()));
        });
        Ok(Serving {
            address,
            stopper,
            ended,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A client of it.
    ///
    /// # Errors
    /// As [`EchoClient::connect`].
    pub fn connect(&self) -> io::Result<EchoClient> {
        EchoClient::connect(self.address)
    }

    /// Asks it to stop, and does not wait for that.
    ///
    /// # Errors
    /// The server has ended already.
    pub fn ask_to_stop(&self) -> io::Result<()> {
        self.stopper.stop()
    }

    /// Waits for the end of a server that was asked to stop, for at most [`TIME_LIMIT`]: what its
    /// loop has done.
    ///
    /// # Errors
    /// It does not end, it panicked, or what it answered.
    pub fn ended(&self) -> io::Result<Counters> {
        let ended = self.ended.recv_timeout(TIME_LIMIT);
        ended.map_err(io::Error::other)?
    }

    /// Asks it to stop and waits until it has: what its loop has done.
    ///
    /// # Errors
    /// As [`ask_to_stop`](Self::ask_to_stop) and [`ended`](Self::ended).
    pub fn stop(self) -> io::Result<Counters> {
        self.ask_to_stop()?;
        self.ended()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Fails when the server has ended already.
        let _ = self.stopper.stop();
    }
}
