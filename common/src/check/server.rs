//! A server as a process: watched, signalled, and never left behind.

use std::io;
use std::net::SocketAddr;
use std::process::{Child, ChildStderr, ExitStatus};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::signal::{self, Signal};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::trial::{Problem, While, ensure};
use crate::client::{EchoClient, TIME_LIMIT};

mod launch;

pub(super) use launch::{Errors, Launch, StartResult};

/// A running server. It is killed and reaped when this is dropped.
pub(super) struct Server {
    child: Arc<Mutex<Child>>,
    address: Option<SocketAddr>,
    announced: Receiver<SocketAddr>,
    log: Log,
    reader: Option<JoinHandle<()>>,
}

impl Server {
    pub(super) fn address(&self) -> SocketAddr {
        self.address.unwrap_or_else(|| ([127, 0, 0, 1], 0).into())
    }

    pub(super) fn connect(&self) -> Result<EchoClient, Problem> {
        EchoClient::connect(self.address()).while_("connecting")
    }

    pub(super) fn pid(&self) -> i32 {
        i32::try_from(lock(&self.child).id()).unwrap_or(i32::MAX)
    }

    pub(super) fn signal(&self, signal: Signal) -> Result<(), Problem> {
        signal::kill(Pid::from_raw(self.pid()), signal)
            .map_err(io::Error::from)
            .while_("signalling")
    }

    /// Stops the server, as a debugger would, until [`resume`](Self::resume). Returns when all of its
    /// threads have stopped, which is some time after the signal.
    pub(super) fn pause(&self) -> Result<(), Problem> {
        self.signal(Signal::SIGSTOP)?;
        let pid = Pid::from_raw(self.pid());
        let started = Instant::now();
        while started.elapsed() < TIME_LIMIT {
            let flags = WaitPidFlag::WUNTRACED | WaitPidFlag::WNOHANG;
            match waitpid(pid, Some(flags)).map_err(io::Error::from)? {
                WaitStatus::Stopped(..) => return Ok(()),
                WaitStatus::StillAlive => thread::sleep(Duration::from_millis(1)),
                ended => return Err(Problem::Fail(format!("the server ended: {ended:?}"))),
            }
        }
        Err(Problem::Fail("a SIGSTOP does not stop it".into()))
    }

    /// Lets a server go on that [`pause`](Self::pause) has stopped.
    pub(super) fn resume(&self) -> Result<(), Problem> {
        self.signal(Signal::SIGCONT)
    }

    /// The exit status, if it has ended.
    pub(super) fn ended(&self) -> Option<ExitStatus> {
        lock(&self.child).try_wait().ok().flatten()
    }

    /// Waits for the server to end: its status, and how long that took.
    pub(super) fn exit_within(&self, limit: Duration) -> Result<(ExitStatus, Duration), Problem> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.ended() {
                return Ok((status, started.elapsed()));
            }
            let waited = started.elapsed();
            ensure!(
                waited < limit,
                "still running after {:.2} s",
                waited.as_secs_f64()
            );
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// How many lines it has logged to standard error.
    pub(super) fn log_lines(&self) -> usize {
        lock(&self.log.text)
            .iter()
            .filter(|byte| **byte == b'\n')
            .count()
    }

    /// All that a server which has ended wrote to standard error.
    fn all_errors(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        String::from_utf8_lossy(&lock(&self.log.text)).into_owned()
    }

    fn not_started(mut self) -> Problem {
        let Some(status) = self.ended() else {
            return Problem::Fail("no line \"listening on ADDRESS\" on standard output".into());
        };
        let errors = self.all_errors();
        let line = errors.lines().next().unwrap_or_default();
        Problem::Fail(format!("the server did not start, {status}: {line}"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        end(&self.child);
    }
}

/// Every process that one case has started, so that they can be ended when the case is given up.
#[derive(Debug, Clone, Default)]
pub(super) struct Family(Arc<Mutex<Vec<Arc<Mutex<Child>>>>>);

impl Family {
    /// Kills and reaps all.
    pub(super) fn end_all(&self) {
        lock(&self.0).iter().for_each(|child| end(child));
    }

    fn adopt(&self, child: Child) -> Arc<Mutex<Child>> {
        let child = Arc::new(Mutex::new(child));
        lock(&self.0).push(Arc::clone(&child));
        child
    }
}

/// What a server wrote to standard error, or the pipe that nobody reads.
#[derive(Default)]
struct Log {
    text: Arc<Mutex<Vec<u8>>>,
    _unread: Option<ChildStderr>,
}

fn end(child: &Mutex<Child>) {
    let mut child = lock(child);
    // Both fail only for a child that has been reaped already.
    let _ = child.kill();
    let _ = child.wait();
}

/// A thread that died cannot have left these half-changed.
fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
