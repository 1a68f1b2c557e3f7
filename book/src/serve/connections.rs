//! Accepts connections, and serves each one on its own thread.
//!
//! Clients can connect and request nothing, and the system can run out of descriptors or threads.
//! Then the oldest connection is closed: a browser that reads a page is done within moments.

use std::collections::VecDeque;
use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use common::StopSignal;
use common::net::AcceptError;
use common::sys::AsDescriptor;
use nix::poll::PollTimeout;
use nix::sys::resource::{Resource, getrlimit};

use super::http::respond;
use super::{Notices, ServedSite};
use crate::polling::{readable, wait};

/// Most connections at once, if there are descriptors for four times as many.
const MAX_CONNECTIONS: usize = 64;

/// How long a connection can last. A browser opens some before it needs them, and never uses some of them.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// How long a connection without its own thread can last, since all others wait for it.
const TIME_LIMIT_WITHOUT_THREAD: Duration = Duration::from_secs(1);

/// How long to wait after a lasting error of accept(2), in milliseconds.
const PAUSE: u16 = 100;

/// Serves all connections, until the signal is raised.
///
/// # Errors
/// poll(2) fails.
pub fn accept(
    listener: &TcpListener,
    stop: &StopSignal,
    site: &Arc<ServedSite>,
    notices: &Notices,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let mut connections = Connections::new();
    loop {
        let mut waiting = [stop.descriptor().to_os()?, listener.as_fd()].map(readable);
        wait(&mut waiting, PollTimeout::NONE)?;
        if stop.is_raised() {
            return Ok(());
        }
        match listener.accept() {
            Ok((connection, _)) => {
                // On some systems it inherits that from the listener.
                if connection.set_nonblocking(false).is_ok() {
                    let connection = Arc::new(connection);
                    connections.add(&connection);
                    serve(&connection, site, notices);
                }
            }
            Err(error) if AcceptError::from(&error) == AcceptError::Lasting => {
                notices.warn(format!(
                    "ending old connections to accept new ones: {error}"
                ));
                connections.end_oldest();
                wait(&mut [readable(stop.descriptor().to_os()?)], PAUSE.into())?;
            }
            Err(_) => {}
        }
    }
}

/// Responds on a new thread or, if the system has no more threads, on this one.
fn serve(connection: &Arc<TcpStream>, site: &Arc<ServedSite>, notices: &Notices) {
    let (its, its_site) = (Arc::clone(connection), Arc::clone(site));
    // An error means that the browser has closed the connection, or was too slow.
    let thread = thread::Builder::new().spawn(move || drop(respond(&its, &its_site, TIME_LIMIT)));
    if let Err(error) = thread {
        notices.warn(format!("serving one connection at a time: {error}"));
        let _ = respond(connection, site, TIME_LIMIT_WITHOUT_THREAD);
    }
}

/// The open connections, oldest first.
struct Connections {
    open: VecDeque<Weak<TcpStream>>,
    most: usize,
}

impl Connections {
    fn new() -> Self {
        // The other descriptors are for building.
        let limit = getrlimit(Resource::RLIMIT_NOFILE).map_or(u64::MAX, |(soft, _)| soft);
        Connections {
            open: VecDeque::new(),
            most: usize::try_from(limit / 4)
                .unwrap_or(MAX_CONNECTIONS)
                .clamp(1, MAX_CONNECTIONS),
        }
    }

    /// Adds a connection, and ends the oldest ones if there are too many.
    fn add(&mut self, connection: &Arc<TcpStream>) {
        self.open.retain(|connection| connection.strong_count() > 0);
        while self.open.len() >= self.most {
            self.end_oldest();
        }
        self.open.push_back(Arc::downgrade(connection));
    }

    /// Ends the oldest connection: its thread reads the end of the stream, or fails to write.
    fn end_oldest(&mut self) {
        let oldest = self.open.pop_front();
        if let Some(connection) = oldest.and_then(|oldest| oldest.upgrade()) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}
