//! A server that a test starts and stops: as a program, or on a thread of the test's own process.

use std::env;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::client::TIME_LIMIT;
use crate::client::server_process::{Patience, ProcessGroup, ProcessOutput};

mod serving;
mod trace;

pub use serving::Serving;
pub use trace::{Traced, tells, trace_of_one_line};

/// The longest time that a program can take until it listens. On a machine with much other work, a
/// debug build that fills a large buffer first needs seconds.
const START_LIMIT: Duration = Duration::from_secs(30);

/// A running program that prints `listening on ADDRESS`. Dropping it kills the program, with
/// everything that it has started.
#[derive(Debug)]
pub struct Program {
    group: ProcessGroup,
    address: SocketAddr,
    output: ProcessOutput,
}

impl Program {
    /// Starts the program and waits until it listens, for at most half a minute.
    ///
    /// # Errors
    /// The program can't be started, or prints something else or nothing.
    pub fn start(command: &mut Command) -> io::Result<Self> {
        Self::start_within(command, START_LIMIT)
    }

    /// Like [`start`](Self::start), with another limit.
    ///
    /// # Errors
    /// The errors of [`start`](Self::start).
    pub fn start_within(command: &mut Command, limit: Duration) -> io::Result<Self> {
        let mut group = ProcessGroup::start(command.stdin(Stdio::null()).stdout(Stdio::piped()))?;
        let output = group.read_stdout()?;
        Ok(Program {
            address: output.address(limit)?,
            group,
            output,
        })
    }

    /// Starts an example of the crate whose test calls this: cargo has built it next to the test.
    ///
    /// # Errors
    /// The errors of [`start`](Self::start).
    pub fn start_example(name: &str, arguments: &[&str]) -> io::Result<Self> {
        Self::start(example(name)?.args(arguments))
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.group.pid().as_raw().cast_unsigned()
    }

    /// Asks it to stop (SIGTERM), and doesn't wait.
    ///
    /// # Errors
    /// It has ended.
    pub fn ask_to_stop(&self) -> io::Result<()> {
        self.group.ask_to_stop()
    }

    /// Stops it until [`resume`](Self::resume); see [`ProcessGroup::pause`].
    ///
    /// # Errors
    /// The errors of [`ProcessGroup::pause`].
    pub fn pause(&self) -> io::Result<()> {
        self.group.pause()
    }

    /// Continues it after a [`pause`](Self::pause).
    ///
    /// # Errors
    /// It has ended.
    pub fn resume(&self) -> io::Result<()> {
        self.group.resume()
    }

    /// Whether it has ended.
    ///
    /// # Errors
    /// The errors of waitpid(2).
    pub fn has_ended(&mut self) -> io::Result<bool> {
        Ok(self.group.try_wait()?.is_some())
    }

    /// Asks it to stop and waits until it ends, for at most [`TIME_LIMIT`]. Returns how it ended, and
    /// what else it printed.
    ///
    /// # Errors
    /// `TimedOut` if it doesn't end.
    pub fn stop(self) -> io::Result<(ExitStatus, Vec<String>)> {
        self.stop_within(TIME_LIMIT)
    }

    /// Like [`stop`](Self::stop), with another limit.
    ///
    /// # Errors
    /// The errors of [`stop`](Self::stop).
    pub fn stop_within(mut self, limit: Duration) -> io::Result<(ExitStatus, Vec<String>)> {
        self.group.ask_to_stop()?;
        self.wait_within(limit)
    }

    /// Like [`stop_within`](Self::stop_within), without asking it to stop.
    ///
    /// # Errors
    /// The errors of [`stop`](Self::stop).
    pub fn wait_within(&mut self, limit: Duration) -> io::Result<(ExitStatus, Vec<String>)> {
        let mut patience = Patience::of(limit);
        let mut lines = Vec::new();
        // Its standard output ends with it.
        while let Some(line) = self.output.next_line(&mut patience)? {
            lines.push(line);
        }
        Ok((self.group.wait()?, lines))
    }
}

/// The command that runs an example of the crate whose test calls this.
///
/// # Errors
/// The test doesn't know its own path.
pub fn example(name: &str) -> io::Result<Command> {
    let test = env::current_exe()?;
    let target = test
        .parent()
        .and_then(|deps| deps.parent())
        .ok_or(ErrorKind::NotFound)?;
    Ok(Command::new(target.join("examples").join(name)))
}
