//! A process group: a child and all that it starts in turn, such as the server of a script.

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

/// A child that leads a process group of its own. The whole group is killed when this is dropped,
/// when its leader has ended, and when a signal ends this program.
///
/// A process that moves to another group or session (setsid(1), or a shell's job control) is not
/// found.
#[derive(Debug)]
pub struct ProcessGroup {
    leader: Child,
    is_over: bool,
}

/// The groups that run now. A group is started and entered into this list, or killed and taken off
/// it, while the list is locked, so that a signal finds them all.
static RUNNING: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

impl ProcessGroup {
    /// Starts the command as the leader of a new group.
    ///
    /// # Errors
    /// A command that cannot be run, or as [`interrupt::watch`].
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

    /// The process id of the leader, which is the group's too.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.leader.id().cast_signed())
    }

    /// Starts to read the leader's standard output, the first time, if it is a pipe.
    ///
    /// # Errors
    /// There is no such pipe, or no thread to read with.
    pub fn read_stdout(&mut self) -> io::Result<ProcessOutput> {
        ProcessOutput::read(self.take_stdout().ok_or(ErrorKind::BrokenPipe)?)
    }

    /// The leader's standard output, the first time, if it is a pipe.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.leader.stdout.take()
    }

    /// The leader's standard error, the first time, if it is a pipe.
    pub fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.leader.stderr.take()
    }

    /// Sends the leader a signal.
    ///
    /// # Errors
    /// A leader that has ended.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        match self.is_over {
            // Its number can be another process's by now.
            true => Err(nix::errno::Errno::ESRCH.into()),
            false => Ok(kill(self.pid(), signal)?),
        }
    }

    /// Sends the leader SIGTERM, and does not wait for its end.
    ///
    /// # Errors
    /// A leader that has ended.
    pub fn ask_to_stop(&self) -> io::Result<()> {
        self.signal(Signal::SIGTERM)
    }

    /// Stops the leader, as a debugger would, until [`resume`](Self::resume). Returns when all of
    /// its threads have stopped, which is some time after the signal.
    ///
    /// # Errors
    /// A leader that has ended, or does not stop within [`TIME_LIMIT`].
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
            "a SIGSTOP does not stop it",
        ))
    }

    /// Lets a leader go on that [`pause`](Self::pause) has stopped.
    ///
    /// # Errors
    /// A leader that has ended.
    pub fn resume(&self) -> io::Result<()> {
        self.signal(Signal::SIGCONT)
    }

    /// The leader's exit status, if it has ended. Ends the rest of the group then.
    ///
    /// # Errors
    /// What waitpid(2) returns.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        let status = self.leader.try_wait()?;
        if status.is_some() {
            self.end();
        }
        Ok(status)
    }

    /// Waits for the leader to end, however long that takes: its exit status. Ends the rest of the
    /// group then.
    ///
    /// # Errors
    /// What waitpid(2) returns.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.leader.wait()?;
        self.end();
        Ok(status)
    }

    /// As [`wait`](Self::wait), but for at most `limit`.
    ///
    /// # Errors
    /// `TimedOut`, or what waitpid(2) returns.
    pub fn wait_within(&mut self, limit: Duration) -> io::Result<ExitStatus> {
        let started = Instant::now();
        loop {
            // Before it is looked whether the leader has ended: this program may itself be stopped
            // between the two.
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
        // The number is still this group's: its leader has not been reaped, or just now.
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
