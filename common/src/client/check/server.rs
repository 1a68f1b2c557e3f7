//! A server as a process: watched, signalled, and never left running.

use std::net::SocketAddr;
use std::process::{ChildStderr, ExitStatus};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::case_run::{CaseError, While, ensure};
use super::proc;
use crate::client::EchoClient;
use crate::client::server_process::{NotAnnounced, ProcessGroup, ProcessOutput};

mod launch;

pub(super) use launch::{Errors, Launch, StartResult};

/// How long a server can take to end after it has closed its standard output.
const END_LIMIT: Duration = Duration::from_secs(1);

/// A running server. Dropping it kills and reaps the server, with everything that it has started.
pub(super) struct Server {
    group: Arc<Mutex<ProcessGroup>>,
    address: Option<SocketAddr>,
    output: ProcessOutput,
    log: Log,
    reader: Option<JoinHandle<()>>,
}

impl Server {
    pub(super) fn address(&self) -> SocketAddr {
        self.address.unwrap_or_else(|| ([127, 0, 0, 1], 0).into())
    }

    pub(super) fn connect(&self) -> Result<EchoClient, CaseError> {
        EchoClient::connect(self.address()).while_("connecting")
    }

    pub(super) fn pid(&self) -> i32 {
        lock(&self.group).pid().as_raw()
    }

    pub(super) fn signal(&self, signal: Signal) -> Result<(), CaseError> {
        lock(&self.group).signal(signal).while_("signalling")
    }

    /// Stops the server until [`resume`](Self::resume); see [`ProcessGroup::pause`].
    pub(super) fn pause(&self) -> Result<(), CaseError> {
        lock(&self.group).pause().while_("stopping the server")
    }

    /// Continues a server that [`pause`](Self::pause) has stopped.
    pub(super) fn resume(&self) -> Result<(), CaseError> {
        self.signal(Signal::SIGCONT)
    }

    /// The exit status, if it has ended.
    pub(super) fn ended(&self) -> Option<ExitStatus> {
        lock(&self.group).try_wait().ok().flatten()
    }

    /// Waits until all threads of the server have slept for `time` without a break, or it has ended,
    /// for at most `limit`. Then the server has finished its work, however busy the machine is.
    /// Where the system can't tell whether it sleeps, this waits for `limit`.
    pub(super) fn let_it_rest(&self, time: Duration, limit: Duration) {
        let started = Instant::now();
        let mut asleep: Option<(proc::Usage, Instant)> = None;
        while started.elapsed() < limit && self.ended().is_none() {
            asleep = match (proc::usage(self.pid()), proc::is_asleep(self.pid())) {
                (Ok(used), Ok(true)) => match asleep {
                    Some((before, since)) if before == used => Some((before, since)),
                    _ => Some((used, Instant::now())),
                },
                _ => None,
            };
            if asleep.is_some_and(|(_, since)| since.elapsed() >= time) {
                return;
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Whether all threads of the server sleep; true where the system can't tell.
    pub(super) fn is_asleep(&self) -> bool {
        proc::is_asleep(self.pid()).unwrap_or(true)
    }

    /// Waits for the server to end. Returns its status, and how long that took.
    pub(super) fn exit_within(&self, limit: Duration) -> Result<(ExitStatus, Duration), CaseError> {
        let started = Instant::now();
        loop {
            // Read the time before checking whether the server has ended: the checker itself can be
            // stopped between the two.
            let waited = started.elapsed();
            if let Some(status) = self.ended() {
                return Ok((status, started.elapsed()));
            }
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

    /// Everything that a server which has ended wrote to standard error.
    fn all_errors(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        String::from_utf8_lossy(&lock(&self.log.text)).into_owned()
    }

    fn not_started(mut self, seen: &NotAnnounced) -> CaseError {
        if seen.has_ended
            && let Ok((status, _)) = self.exit_within(END_LIMIT)
        {
            let errors = self.all_errors();
            // The server's own error explains more than its missing line.
            let why = match errors.lines().next() {
                Some(line) => line.to_owned(),
                None => seen.to_string(),
            };
            return CaseError::Fail(format!("the server did not start, {status}: {why}"));
        }
        CaseError::Fail(format!("the server didn't print where it listens: {seen}"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        lock(&self.group).end();
    }
}

/// All process groups that a case has started, so that they can be ended when the case is over
/// or given up.
#[derive(Debug, Clone, Default)]
pub(super) struct ProcessGroups(Arc<Mutex<Started>>);

#[derive(Debug, Default)]
struct Started {
    groups: Vec<Arc<Mutex<ProcessGroup>>>,
    is_over: bool,
}

impl ProcessGroups {
    /// Kills and reaps all of them, and any that a case that was given up starts later.
    pub(super) fn end_all(&self) {
        let mut started = lock(&self.0);
        started.is_over = true;
        started
            .groups
            .drain(..)
            .for_each(|group| lock(&group).end());
    }

    fn add(&self, mut group: ProcessGroup) -> Arc<Mutex<ProcessGroup>> {
        let mut started = lock(&self.0);
        if started.is_over {
            group.end();
        }
        let group = Arc::new(Mutex::new(group));
        started.groups.push(Arc::clone(&group));
        group
    }
}

/// What a server wrote to standard error, or the pipe that isn't read.
#[derive(Default)]
struct Log {
    text: Arc<Mutex<Vec<u8>>>,
    _unread: Option<ChildStderr>,
}

/// A thread that panicked can't have left these half-changed.
fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
