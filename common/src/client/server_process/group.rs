//! A process group: a child and everything that it starts in turn, such as a script's server.

use std::io::{self, ErrorKind};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::ProcessOutput;
use crate::client::{TIME_LIMIT, interrupt};

/// A child that leads its own process group. The whole group is killed when this is dropped,
/// when its leader has ended, and when a signal ends this program.
///
/// A process that moves to another group or session (setsid(1), or a shell's job control) isn't
/// found.
#[derive(Debug)]
pub struct ProcessGroup {
    leader: Child,
    is_over: bool,
}

/// The running groups. The list is locked while a group is started and added, or killed and
/// removed, so that a signal finds all groups.
static RUNNING: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

impl ProcessGroup {
    /// Starts the command as the leader of a new group.
    ///
    /// # Errors
    /// The command can't be run, and those of [`interrupt::watch`].
    pub fn start(command: &mut Command) -> io::Result<Self> {
        interrupt::clean_up_with(end_all)?;
        let mut running = running();
        let leader = command.process_group(0).spawn()?;
        let group = ProcessGroup {
            leader,
            is_over: false,
        };
        running.push(group.pid());
        Ok(group)
    }

    /// The process id of the leader, which is also the group's.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.leader.id().cast_signed())
    }

    /// Starts to read the leader's standard output. Works once, and only if it is a pipe.
    ///
    /// # Errors
    /// There is no such pipe, or no thread to read with.
    pub fn read_stdout(&mut self) -> io::Result<ProcessOutput> {
        ProcessOutput::read(self.take_stdout().ok_or(ErrorKind::BrokenPipe)?)
    }

    /// Takes the leader's standard output. Works once, and only if it is a pipe.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.leader.stdout.take()
    }

    /// Takes the leader's standard error. Works once, and only if it is a pipe.
    pub fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.leader.stderr.take()
    }

    /// Sends the leader a signal.
    ///
    /// # Errors
    /// The leader has ended.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        match self.is_over {
            // Its number can belong to another process by now.
            true => Err(nix::errno::Errno::ESRCH.into()),
            false => Ok(kill(self.pid(), signal)?),
        }
    }

    /// Sends the leader SIGTERM, and doesn't wait for its end.
    ///
    /// # Errors
    /// The leader has ended.
    pub fn ask_to_stop(&self) -> io::Result<()> {
        self.signal(Signal::SIGTERM)
    }

    /// Stops the leader, as a debugger would, until [`resume`](Self::resume). Returns once all of
    /// its threads have stopped, which is some time after the signal.
    ///
    /// # Errors
    /// The leader has ended, or doesn't stop within [`TIME_LIMIT`].
    pub fn pause(&self) -> io::Result<()> {
        self.signal(Signal::SIGSTOP)?;
        let started = Instant::now();
        while started.elapsed() < TIME_LIMIT {
            let flags = WaitPidFlag::WUNTRACED | WaitPidFlag::WNOHANG;
            match waitpid(self.pid(), Some(flags))? {
                WaitStatus::Stopped(..) => return Ok(()),
                WaitStatus::StillAlive => thread::sleep(Duration::from_millis(1)),
                ended => return Err(io::Error::other(format!("the server ended: {ended:?}"))),
            }
        }
        Err(io::Error::new(
            ErrorKind::TimedOut,
            "SIGSTOP does not stop it",
        ))
    }

    /// Continues a leader that [`pause`](Self::pause) has stopped.
    ///
    /// # Errors
    /// The leader has ended.
    pub fn resume(&self) -> io::Result<()> {
        self.signal(Signal::SIGCONT)
    }

    /// The leader's exit status, if it has ended. In that case, ends the rest of the group.
    ///
    /// # Errors
    /// The errors of waitpid(2).
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        let status = self.leader.try_wait()?;
        if status.is_some() {
            self.end();
        }
        Ok(status)
    }

    /// Waits for the leader to end, however long that takes, and ends the rest of the group. Returns
    /// the leader's exit status.
    ///
    /// # Errors
    /// The errors of waitpid(2).
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.leader.wait()?;
        self.end();
        Ok(status)
    }

    /// Like [`wait`](Self::wait), but for at most `limit`.
    ///
    /// # Errors
    /// `TimedOut`, and those of waitpid(2).
    pub fn wait_within(&mut self, limit: Duration) -> io::Result<ExitStatus> {
        let started = Instant::now();
        loop {
            // Read the time before checking whether the leader has ended: this program itself can be
            // stopped between the two.
            let waited = started.elapsed();
            if let Some(status) = self.try_wait()? {
                return Ok(status);
            }
            if waited >= limit {
                return Err(io::Error::new(ErrorKind::TimedOut, "it didn't end"));
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Kills the whole group and reaps its leader.
    pub fn end(&mut self) {
        if self.is_over {
            return;
        }
        self.is_over = true;
        let pid = self.pid();
        let mut running = running();
        // The number still belongs to this group: its leader hasn't been reaped, or only just now.
        let _ = killpg(pid, Signal::SIGKILL);
        running.retain(|other| *other != pid);
        drop(running);
        // Fails only if it has been reaped.
        let _ = self.leader.wait();
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        self.end();
    }
}

/// Kills every group, and lets no other start: the list stays locked until the program has ended.
fn end_all() {
    let running = running();
    for group in running.iter() {
        let _ = killpg(*group, Signal::SIGKILL);
    }
    std::mem::forget(running);
}

/// A thread that panicked can't have left the list half-changed.
fn running() -> MutexGuard<'static, Vec<Pid>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}
