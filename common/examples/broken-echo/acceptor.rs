//! Accepting, one thread for each connection, and stopping.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::Arguments;
use crate::bug::Bug;
use crate::connection::Connection;
use crate::listening;
use crate::log::Log;

/// A thread's stack in bytes. There can be more than a thousand threads.
const STACK: usize = 128 << 10;

/// If the main thread wakes up this long after the end of the shutdown timeout, it was stopped
/// meanwhile (SIGSTOP).
const LATE: Duration = Duration::from_millis(100);

/// How long the other threads then have to send what became possible in that time.
const SECOND_CHANCE: Duration = Duration::from_secs(1);

/// What all threads share.
#[derive(Debug)]
pub struct Shared {
    pub arguments: Arguments,
    pub log: Log,
    /// Readable from the moment when the server has been asked to stop.
    pub stop: UnixStream,
    pub stopping: AtomicBool,
    /// The end of the shutdown timeout, once the server has been asked to stop.
    pub stop_at: OnceLock<Instant>,
    /// The lock of the bugs that serve one connection at a time.
    pub one_at_a_time: Mutex<()>,
    /// A client's input has been discarded.
    pub drained: AtomicBool,
    /// A connection that ends writes here, so that the acceptor checks again.
    closed: UnixStream,
    count: Mutex<usize>,
    fewer: Condvar,
}

impl Shared {
    pub fn has(&self, bug: Bug) -> bool {
        self.arguments.has(bug)
    }

    /// The end of the shutdown timeout, which begins now if it hasn't begun yet.
    fn stop_at(&self) -> Instant {
        let shutdown_timeout = match self.has(Bug::IgnoresShutdownTimeout) {
            true => Duration::from_secs(3600),
            false => Duration::from_secs_f64(self.arguments.shutdown_timeout),
        };
        *self
            .stop_at
            .get_or_init(|| Instant::now() + shutdown_timeout)
    }

    fn count(&self) -> MutexGuard<'_, usize> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves until a stop is requested, and then until nothing is pending or the shutdown timeout is
/// over.
pub fn serve(arguments: Arguments) -> io::Result<()> {
    let log = Log::start(&arguments)?;
    let early = arguments
        .has(Bug::AnnouncesUnprepared)
        .then(|| listening::listen(&arguments))
        .transpose()?;
    let stop = listening::stop_pipe(&arguments)?;
    let (closed, wake) = UnixStream::pair()?;
    closed.set_nonblocking(true)?;
    wake.set_nonblocking(true)?;
    let listener = match early {
        Some(listener) => listener,
        None => listening::listen(&arguments)?,
    };
    let shared = Arc::new(Shared {
        arguments,
        log,
        stop,
        stopping: AtomicBool::new(false),
        stop_at: OnceLock::new(),
        one_at_a_time: Mutex::new(()),
        drained: AtomicBool::new(false),
        closed,
        count: Mutex::new(0),
        fewer: Condvar::new(),
    });
    Acceptor {
        listener,
        wake,
        shared: Arc::clone(&shared),
        accepted: 0,
        exhausted: false,
    }
    .run()?;
    wait_for_connections(&shared);
    Ok(())
}

/// Waits until the last connection has ended, for at most the shutdown timeout.
fn wait_for_connections(shared: &Shared) {
    if shared.has(Bug::DrainsWhenIdle) {
        thread::sleep(Duration::from_secs(3));
    }
    if shared.has(Bug::DropsPendingOutput) {
        return;
    }
    let stop_at = shared.stop_at();
    wait_until(shared, stop_at);
    if stop_at.elapsed() > LATE && !shared.has(Bug::EndsFirst) {
        wait_until(shared, Instant::now() + SECOND_CHANCE);
    }
}

fn wait_until(shared: &Shared, end: Instant) {
    let time = end.saturating_duration_since(Instant::now());
    let _ = shared
        .fewer
        .wait_timeout_while(shared.count(), time, |count| *count > 0);
}

/// The main thread's work.
struct Acceptor {
    listener: TcpListener,
    wake: UnixStream,
    shared: Arc<Shared>,
    accepted: usize,
    /// Descriptors have run out, and no connection has ended since.
    exhausted: bool,
}

impl Acceptor {
    fn run(mut self) -> io::Result<()> {
        while !self.stopped() {
            let watching = self.is_watching();
            match self.wait(watching)? {
                Ready::Stop => {
                    self.shared.stop_at();
                    self.shared.stopping.store(true, Ordering::Relaxed);
                }
                Ready::Closed => {
                    let _ = (&self.wake).read(&mut [0; 1024]);
                    self.exhausted &= self.shared.has(Bug::GivesUpAtEmfile);
                }
                Ready::Connection => self.accept(),
                Ready::Nothing => {}
            }
        }
        self.accept_waiting();
        Ok(())
    }

    /// Closing the listener would reset the clients that wait to be accepted. This accepts them, and
    /// their connections end with a FIN, like all others, as soon as they see that the server stops.
    fn accept_waiting(&mut self) {
        if self.shared.has(Bug::ResetsTheBacklog) {
            return;
        }
        for _ in 0..listening::BACKLOG {
            if !self.is_watching() {
                return;
            }
            match self.listener.accept() {
                Ok((socket, peer)) => self.start(socket, peer),
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(_) => return,
            }
        }
    }

    fn stopped(&self) -> bool {
        let stopping = self.shared.stopping.load(Ordering::Relaxed);
        let goes_on = self.shared.has(Bug::AcceptsWhileStopping) && *self.shared.count() > 0;
        stopping && !goes_on
    }

    fn is_watching(&self) -> bool {
        let most = self.shared.arguments.max_connections;
        let ignores =
            self.shared.has(Bug::IgnoresMaxConnections) || self.shared.has(Bug::TurnsAway);
        let full = *self.shared.count() >= most && !ignores;
        let worn_out = self.shared.has(Bug::WearsOut) && self.accepted >= 1500;
        !full && !worn_out && !self.exhausted
    }

    /// Sleeps until there is something to do.
    fn wait(&self, watching: bool) -> io::Result<Ready> {
        let mut ready = [
            PollFd::new(self.shared.stop.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.wake.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.listener.as_fd(), PollFlags::POLLIN),
        ];
        let stopping = self.shared.stopping.load(Ordering::Relaxed);
        let from = usize::from(stopping);
        let to = if watching { 3 } else { 2 };
        let timeout = self
            .tick()
            .map_or(Ok(PollTimeout::NONE), PollTimeout::try_from)
            .unwrap_or(PollTimeout::MAX);
        match poll(&mut ready[from..to], timeout) {
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let any = |at: usize| ready[at].any().unwrap_or(false);
        Ok(match (any(0), any(1), any(2)) {
            (true, ..) => Ready::Stop,
            (_, true, _) => Ready::Closed,
            (.., true) => Ready::Connection,
            _ => Ready::Nothing,
        })
    }

    /// The interval of the bugs that wake up for nothing.
    fn tick(&self) -> Option<Duration> {
        let arguments = &self.shared.arguments;
        let idle_timeout = arguments.idle_timeout.map(Duration::from_secs_f64);
        let drained = self.shared.drained.load(Ordering::Relaxed);
        match arguments.bug? {
            Bug::Ticks => Some(Duration::from_millis(100)),
            Bug::TimesNobody => idle_timeout,
            Bug::LeavesTimers => idle_timeout.filter(|_| self.accepted > 0),
            Bug::LeavesDrainTimers => {
                drained.then(|| Duration::from_secs_f64(arguments.shutdown_timeout))
            }
            _ => None,
        }
    }

    fn accept(&mut self) {
        match self.listener.accept() {
            Ok((socket, peer)) => self.start(socket, peer),
            Err(error) if [Some(23), Some(24)].contains(&error.raw_os_error()) => {
                self.run_out(&error)
            }
            // Any other error concerns that connection alone.
            Err(_) => {}
        }
    }

    /// ENFILE or EMFILE: stops watching the listener until a connection ends.
    fn run_out(&mut self, error: &io::Error) {
        if self.shared.has(Bug::SpinsAtEmfile) {
            return;
        }
        self.shared.log.line(format!("cannot accept: {error}"));
        if self.shared.has(Bug::ExitsAtEmfile) {
            process::exit(1);
        }
        if self.shared.has(Bug::LogsEachEmfile) {
            return thread::sleep(Duration::from_millis(10));
        }
        self.exhausted = true;
    }

    fn start(&mut self, socket: TcpStream, peer: SocketAddr) {
        self.accepted += 1;
        if self.shared.has(Bug::ExitsBeyondFdSetsize) && socket.as_raw_fd() >= 1024 {
            process::exit(101);
        }
        if self.shared.has(Bug::TurnsAway)
            && *self.shared.count() >= self.shared.arguments.max_connections
        {
            return;
        }
        if self.shared.has(Bug::PrintsConnections) {
            let number = self.accepted;
            let _ = writeln!(io::stdout(), "connection number {number} comes from {peer}");
        }
        let shared = Arc::clone(&self.shared);
        *shared.count() += 1;
        let serve = move || {
            let ended = Connection::new(socket, &shared).and_then(Connection::serve);
            shared.log.line(format!("{peer} closed: {ended:?}"));
            *shared.count() -= 1;
            shared.fewer.notify_all();
            // If the pipe is full, the acceptor will wake up in any case.
            let _ = (&shared.closed).write(&[0]);
        };
        self.shared.log.line(format!("{peer} connected"));
        if thread::Builder::new()
            .stack_size(STACK)
            .spawn(serve)
            .is_err()
        {
            *self.shared.count() -= 1;
        }
    }
}

enum Ready {
    Stop,
    Closed,
    Connection,
    Nothing,
}
