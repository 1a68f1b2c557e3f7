//! All connections of a load, ready to run.

use std::io;
use std::net::{self, SocketAddr};

use mio::{Interest, Poll, Token};

use super::connection::Connection;
use super::payload::Payload;
use super::run::Run;
use super::summary::Summary;
use super::{Settings, connect};

/// How far a run has come; see [`Load::run_watched`].
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Share of the measured part that is over, from 0 (while warming up) to 1.
    pub fraction: f64,
    /// Messages answered and measured so far.
    pub messages: u64,
    /// Connections lost so far.
    pub errors: u64,
}

/// Connections to a server, ready to run.
pub struct Load {
    pub(super) address: SocketAddr,
    pub(super) settings: Settings,
    pub(super) payload: Payload,
    pub(super) poll: Poll,
    /// A connection that failed leaves an empty place.
    pub(super) connections: Vec<Option<Connection>>,
    pub(super) idle: Vec<net::TcpStream>,
}

impl Load {
    /// Opens all connections, the idle ones first.
    ///
    /// # Errors
    /// The first connection that cannot be had, with its number; it says so when descriptors run
    /// out.
    pub fn open(address: SocketAddr, settings: &Settings) -> io::Result<Self> {
        let settings = settings.checked()?;
        let payload = Payload::new(settings.size, settings.depth);
        let poll = Poll::new()?;
        let total = settings.idle + settings.connections;
        let idle = (0..settings.idle).map(|index| connect::open(address, index, total));
        let idle = idle.collect::<io::Result<_>>()?;
        let mut connections = Vec::with_capacity(settings.connections);
        for index in 0..settings.connections {
            let socket = connect::open(address, settings.idle + index, total)?;
            let mut socket = mio::net::TcpStream::from_std(socket);
            let interest = Interest::READABLE | Interest::WRITABLE;
            poll.registry()
                .register(&mut socket, Token(index), interest)?;
            let start = payload.start(index, settings.connections);
            connections.push(Some(Connection::new(socket, start)));
        }
        Ok(Load {
            address,
            settings,
            payload,
            poll,
            connections,
            idle,
        })
    }

    /// Runs to the end and tells what was seen. Connections that fail are counted in the summary.
    ///
    /// # Errors
    /// Only what poll or a clock answers.
    pub fn run(self) -> io::Result<Summary> {
        self.run_watched(|_| {})
    }

    /// As [`run`](Self::run), and shows `watch` ten times a second how far it has come.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_watched(self, watch: impl FnMut(Progress)) -> io::Result<Summary> {
        Run::new(self)?.go(watch)
    }
}
