//! One connection: wait, read, send back; at the end flush, shut down writing, and drain.

use std::io::{self, ErrorKind, Read};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::process;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::SockRef;

use crate::acceptor::Shared;
use crate::bug::Bug;
use crate::output::Output;

/// Most bytes of one read.
const CHUNK: usize = 16 << 10;

/// How long to discard input after the last answer, if more is expected.
const DRAIN: Duration = Duration::from_secs(2);

/// The state of a connection's thread.
pub struct Connection {
    socket: Arc<TcpStream>,
    shared: Arc<Shared>,
    output: Output,
    /// The beginning of an incomplete line; always empty in a stream server.
    line: Vec<u8>,
    started: Instant,
    heard: bool,
    /// Accepted although the server stops: a bug.
    came_late: bool,
}

/// What ends a wait for input.
#[derive(PartialEq, Eq)]
enum Event {
    Input,
    Stop,
    Silence,
}

/// Why a connection is closed.
#[derive(Debug, PartialEq, Eq)]
enum CloseReason {
    /// The end of the stream: the peer has sent everything.
    PeerClosed,
    /// A line was too long, and more of it can come.
    LineTooLong,
    /// The server stops, or the peer was silent for too long.
    ServerCloses,
}

impl Connection {
    pub fn new(socket: TcpStream, shared: &Arc<Shared>) -> io::Result<Self> {
        socket.set_nonblocking(false)?;
        socket.set_nodelay(!shared.has(Bug::Nagle))?;
        if shared.has(Bug::NeedsPeerName) {
            thread::sleep(Duration::from_millis(1));
            socket.peer_addr().unwrap_or_else(|_| process::exit(101));
        }
        if shared.has(Bug::LeaksDescriptors) {
            std::mem::forget(socket.try_clone());
        }
        if shared.has(Bug::LeaksMemory) {
            std::mem::forget(vec![1; 1024]);
        }
        let socket = Arc::new(socket);
        let output = Output::new(Arc::clone(&socket), shared);
        Ok(Connection {
            socket,
            output,
            line: Vec::new(),
            started: Instant::now(),
            heard: false,
            came_late: shared.has(Bug::AcceptsWhileStopping)
                && shared.stopping.load(Ordering::Relaxed),
            shared: Arc::clone(shared),
        })
    }

    /// Sends input back until one side ends.
    pub fn serve(mut self) -> io::Result<()> {
        let end = self.talk();
        if end
            .as_ref()
            .is_err_and(|error| error.kind() == ErrorKind::ConnectionReset)
            && self.has(Bug::ExitsAtReset)
        {
            process::exit(101);
        }
        self.close(end?)
    }

    fn talk(&mut self) -> io::Result<CloseReason> {
        let mut chunk = vec![0; CHUNK];
        loop {
            let shared = Arc::clone(&self.shared);
            if self.wait(self.idle_timeout())? != Event::Input {
                return Ok(CloseReason::ServerCloses);
            }
            let _guard = self.has(Bug::Unfair).then(|| {
                shared
                    .one_at_a_time
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
            });
            // The bug `unfair` continues while there is more to read, and holds the lock.
            loop {
                let count = (&*self.socket).read(&mut chunk)?;
                if count == 0 && self.ends_here()? {
                    return Ok(CloseReason::PeerClosed);
                }
                if !self.receive(&chunk[..count])? {
                    return Ok(CloseReason::LineTooLong);
                }
                let more = self.has(Bug::Unfair)
                    && self.wait(Some(Duration::from_millis(30)))? == Event::Input;
                if !more {
                    break;
                }
            }
        }
    }

    /// Handles a half-close by the peer.
    fn ends_here(&mut self) -> io::Result<bool> {
        if self.has(Bug::IgnoresEmptyStream) && !self.heard {
            thread::sleep(Duration::from_secs(3600));
        }
        if self.has(Bug::AnswersTail) {
            let tail = std::mem::take(&mut self.line);
            self.output.send(&tail)?;
        }
        Ok(true)
    }

    /// Sends back what has come. Returns false if a line is too long.
    fn receive(&mut self, bytes: &[u8]) -> io::Result<bool> {
        self.heard = true;
        if self.has(Bug::DropsTail) && self.is_last()? {
            return Ok(true);
        }
        if self.has(Bug::SwallowsLoneBytes) && bytes.len() == 1 {
            return Ok(true);
        }
        let whole_lines = self.shared.arguments.kind == "line" && !self.has(Bug::AnswersHalfLines);
        if !whole_lines && !self.has(Bug::WaitsForLines) {
            self.output.send(bytes)?;
            return Ok(true);
        }
        self.line.extend_from_slice(bytes);
        let (complete, fits) = self.complete_lines();
        self.output.send(&self.line[..complete])?;
        self.line.drain(..complete);
        Ok(fits)
    }

    /// Whether the end of the stream comes within a millisecond.
    fn is_last(&self) -> io::Result<bool> {
        let more = self.wait(Some(Duration::from_millis(1)))? == Event::Input;
        Ok(more && matches!(self.socket.peek(&mut [0]), Ok(0)))
    }

    /// The length of the whole lines that are not too long, and whether the rest isn't too long
    /// either.
    fn complete_lines(&self) -> (usize, bool) {
        let most = match self.shared.arguments.bug {
            Some(Bug::IgnoresMaxLine | Bug::WaitsForLines) => usize::MAX,
            Some(Bug::ShortLines) => 4096,
            _ => self.shared.arguments.max_line,
        };
        let mut complete = 0;
        for line in self.line.split_inclusive(|byte| *byte == b'\n') {
            let whole = line.ends_with(b"\n");
            if line.len() - usize::from(whole) > most {
                return (complete, false);
            }
            complete += if whole { line.len() } else { 0 };
        }
        (complete, true)
    }

    fn idle_timeout(&self) -> Option<Duration> {
        let seconds = self
            .shared
            .arguments
            .idle_timeout
            .filter(|_| !self.has(Bug::IgnoresIdleTimeout))?;
        let timeout = Duration::from_secs_f64(seconds);
        let spent = if self.has(Bug::TimesOutTheBusy) {
            self.started.elapsed()
        } else {
            Duration::ZERO
        };
        Some(timeout.saturating_sub(spent))
    }

    /// Sleeps until there is input, the server stops, or the time is over.
    fn wait(&self, time: Option<Duration>) -> io::Result<Event> {
        let until = time.map(|time| Instant::now() + time);
        let mut interest = PollFlags::POLLIN;
        interest.set(
            PollFlags::POLLOUT,
            self.has(Bug::KeepsWriteInterest) && self.output.was_blocked(),
        );
        let urgent = self.has(Bug::ClosesOnUrgentData) || self.has(Bug::SpinsOnUrgentData);
        interest.set(PollFlags::POLLPRI, urgent);
        // A descriptor that is watched for nothing still reports errors, of which there are none.
        let stop = if self.came_late {
            PollFlags::empty()
        } else {
            PollFlags::POLLIN
        };
        loop {
            let timeout = until.map(|until| until.saturating_duration_since(Instant::now()));
            let timeout = timeout
                .map_or(Ok(PollTimeout::NONE), PollTimeout::try_from)
                .unwrap_or(PollTimeout::MAX);
            let mut ready = [
                PollFd::new(self.shared.stop.as_fd(), stop),
                PollFd::new(self.socket.as_fd(), interest),
            ];
            let never_resumes = self.has(Bug::NeverResumes) && self.output.was_blocked();
            let watched = if never_resumes { 1 } else { 2 };
            match poll(&mut ready[..watched], timeout) {
                Err(nix::Error::EINTR) => continue,
                Err(error) => return Err(error.into()),
                Ok(_) => {}
            }
            let is_late = until.is_some_and(|until| until <= Instant::now());
            if is_late && self.has(Bug::ExpiresFirst) {
                return Ok(Event::Silence);
            }
            let happened = ready[1].revents().unwrap_or(PollFlags::empty());
            if ready[0].any().unwrap_or(false) && !self.came_late {
                return Ok(Event::Stop);
            }
            if happened.contains(PollFlags::POLLPRI) && self.has(Bug::ClosesOnUrgentData) {
                return Ok(Event::Silence);
            }
            if happened.intersects(PollFlags::POLLIN | PollFlags::POLLHUP | PollFlags::POLLERR) {
                return Ok(Event::Input);
            }
            if is_late {
                return Ok(Event::Silence);
            }
        }
    }

    /// Flushes, shuts down writing, and discards further input: closing with unread input would reset
    /// the connection and destroy the last answer on its way.
    fn close(mut self, reason: CloseReason) -> io::Result<()> {
        self.output.flush();
        let resets = match reason {
            CloseReason::PeerClosed => Bug::ResetsAtHalfClose,
            CloseReason::LineTooLong | CloseReason::ServerCloses => Bug::ResetsAtStop,
        };
        if self.has(resets) {
            return SockRef::from(&*self.socket).set_linger(Some(Duration::ZERO));
        }
        if reason != CloseReason::PeerClosed && self.has(Bug::ClosesWithUnreadInput) {
            // Without a shutdown, which a client could see before the reset.
            return Ok(());
        }
        self.socket.shutdown(Shutdown::Write)?;
        if reason == CloseReason::PeerClosed {
            return Ok(());
        }
        if reason == CloseReason::LineTooLong && self.has(Bug::ForgetsTheDraining) {
            thread::spawn(move || self.drain(true));
            return Ok(());
        }
        self.drain(reason == CloseReason::LineTooLong)
    }

    /// Reads to the end of the stream for a limited time; not at all if nothing is there and no
    /// more is expected.
    fn drain(&self, expects_more: bool) -> io::Result<()> {
        self.shared.drained.store(true, Ordering::Relaxed);
        let until = Instant::now() + DRAIN;
        let mut chunk = vec![0; CHUNK];
        let first = if expects_more {
            DRAIN
        } else {
            Duration::from_millis(1)
        };
        self.socket.set_read_timeout(Some(first))?;
        while Instant::now() < until && (&*self.socket).read(&mut chunk)? > 0 {
            self.socket.set_read_timeout(Some(DRAIN))?;
        }
        Ok(())
    }

    fn has(&self, bug: Bug) -> bool {
        self.shared.has(bug)
    }
}
