//! All connections of a load, ready to run.

use std::io;
use std::net::{self, SocketAddr};
use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use mio::{Interest, Poll, Token};

use super::connection::LoadConnection;
use super::payload::LoadPayload;
use super::run::Run;
use super::summary::Summary;
use super::tally::Tally;
use super::{LoadSettings, connect};

/// The progress of a run; see [`Load::run_watched`].
#[derive(Debug, Clone, Copy, Default)]
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
    address: SocketAddr,
    settings: LoadSettings,
    payload: LoadPayload,
    /// One share per thread.
    shares: Vec<Share>,
    idle: Vec<net::TcpStream>,
}

/// One thread's share of the connections: every n-th one, with n threads.
pub(super) struct Share {
    /// The number of the thread, from 0.
    pub(super) thread: usize,
    pub(super) poll: Poll,
    /// A failed connection leaves an empty place.
    pub(super) connections: Vec<Option<LoadConnection>>,
}

impl Share {
    fn new(thread: usize) -> io::Result<Self> {
        Ok(Share {
            thread,
            poll: Poll::new()?,
            connections: Vec::new(),
        })
    }

    fn add(&mut self, socket: net::TcpStream, start: usize) -> io::Result<()> {
        let mut socket = mio::net::TcpStream::from_std(socket);
        let interest = Interest::READABLE | Interest::WRITABLE;
        let token = Token(self.connections.len());
        self.poll
            .registry()
            .register(&mut socket, token, interest)?;
        self.connections
            .push(Some(LoadConnection::new(socket, start)));
        Ok(())
    }
}

impl Load {
    /// Opens all connections, the idle ones first.
    ///
    /// # Errors
    /// A connection couldn't be opened; the message contains its number, and says if descriptors ran
    /// out.
    pub fn open(address: SocketAddr, settings: &LoadSettings) -> io::Result<Self> {
        let settings = settings.checked()?;
        let payload = LoadPayload::new(settings.size, settings.depth);
        let shares = (0..settings.threads).map(Share::new);
        let mut shares = shares.collect::<io::Result<Vec<_>>>()?;
        let total = settings.idle + settings.connections;
        let idle = (0..settings.idle).map(|index| connect::open(address, index, total));
        let idle = idle.collect::<io::Result<_>>()?;
        for index in 0..settings.connections {
            let socket = connect::open(address, settings.idle + index, total)?;
            let start = payload.start(index, settings.connections);
            shares[index % settings.threads].add(socket, start)?;
        }
        Ok(Load {
            address,
            settings,
            payload,
            shares,
            idle,
        })
    }

    /// Runs to the end and returns the results. The summary counts connections that fail.
    ///
    /// # Errors
    /// Only those of poll or a clock, or a thread that can't be started.
    pub fn run(self) -> io::Result<Summary> {
        self.run_watched(|_| ControlFlow::Continue(()))
    }

    /// Like [`run`](Self::run), and passes the progress to `watch` ten times per second. If `watch`
    /// breaks, the run ends at once, and the summary has the results until then.
    ///
    /// # Errors
    /// The errors of [`run`](Self::run).
    pub fn run_watched(
        mut self,
        watch: impl FnMut(Progress) -> ControlFlow<()>,
    ) -> io::Result<Summary> {
        let begin = Instant::now();
        let mut tally = self.run_shares(begin, watch)?;
        // Idle connections take no time, so no thread needs a share of them: one check is enough.
        for index in connect::closed(&self.idle) {
            tally.count_error(Instant::now(), || {
                format!("idle connection {} was closed by the server", index + 1)
            });
        }
        let measured_from = begin + self.settings.warm_up;
        Ok(tally.summarise(self.address, &self.settings, measured_from))
    }

    /// Runs the first share on this thread and each other share on its own thread.
    fn run_shares(
        &mut self,
        begin: Instant,
        mut watch: impl FnMut(Progress) -> ControlFlow<()>,
    ) -> io::Result<Tally> {
        let mut shares = self.shares.drain(..);
        let (settings, payload) = (&self.settings, &self.payload);
        let board = &Board::new(settings.threads);
        thread::scope(|scope| {
            let first = shares.next();
            let start = |share: Share| {
                let body = move || {
                    let thread = share.thread;
                    let run = Run::new(settings, payload, share, begin)?;
                    run.go(|progress| {
                        board.post(thread, progress);
                        board.may_go_on()
                    })
                };
                thread::Builder::new().spawn_scoped(scope, body)
            };
            let others = shares.map(start).collect::<io::Result<Vec<_>>>();
            let others = others.inspect_err(|_| board.stop())?;
            let mut tally = Tally::new(begin + settings.warm_up)?;
            if let Some(share) = first {
                let run = Run::new(settings, payload, share, begin)?;
                tally = run.go(|progress| {
                    let flow = watch(board.post(0, progress));
                    if flow.is_break() {
                        board.stop();
                    }
                    flow
                })?;
            }
            for other in others {
                tally.add(other.join().unwrap_or_else(|panic| resume_unwind(panic))?);
            }
            Ok(tally)
        })
    }
}

/// Where each thread writes its progress, and reads whether to continue.
struct Board {
    progress: Mutex<Vec<Progress>>,
    is_stopped: AtomicBool,
}

impl Board {
    fn new(threads: usize) -> Self {
        Board {
            progress: Mutex::new(vec![Progress::default(); threads]),
            is_stopped: AtomicBool::new(false),
        }
    }

    /// Stores the progress of `thread`, and returns the progress of all threads together.
    fn post(&self, thread: usize, progress: Progress) -> Progress {
        let mut all = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        all[thread] = progress;
        let fraction = all.iter().map(|one| one.fraction).sum::<f64>() / all.len() as f64;
        Progress {
            fraction,
            messages: all.iter().map(|one| one.messages).sum(),
            errors: all.iter().map(|one| one.errors).sum(),
        }
    }

    /// Ends all threads when they next check.
    fn stop(&self) {
        self.is_stopped.store(true, Ordering::Relaxed);
    }

    fn may_go_on(&self) -> ControlFlow<()> {
        match self.is_stopped.load(Ordering::Relaxed) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}
