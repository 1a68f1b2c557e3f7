//! A server that a test starts and stops: as a program, or on a thread of the test's own process.

use std::env;
use std::io::{self, BufRead, BufReader, ErrorKind};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::client::TIME_LIMIT;

mod options;
mod room;
mod serving;
mod trace;

pub use options::{
    absurd_numbers_are_refused, failing_accepts_are_retried_calmly, stalled_counters_stop_nothing,
    stalled_trace_stops_nothing,
};
pub use room::{room_spares_no_deaf_member, room_tells_all_others};
pub use serving::{Serving, converse, deaf_client_delays_nobody, fill, stop_delivers_what_is_owed};
pub use trace::{Traced, tells, trace_of_one_line};

/// A running program that says `listening on ADDRESS` first. It is killed when this is dropped.
#[derive(Debug)]
pub struct Program {
    child: Child,
    address: SocketAddr,
    /// The lines of its standard output, as they come.
    lines: Receiver<String>,
}

impl Program {
    /// Starts the program and waits until it listens, for at most [`TIME_LIMIT`].
    ///
    /// # Errors
    /// A program that cannot be started, or that says something else or nothing.
    pub fn start(command: &mut Command) -> io::Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().ok_or(ErrorKind::BrokenPipe)?;
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut program = Program {
            child,
            address: nowhere,
            lines,
        };
        let line = program
            .lines
            .recv_timeout(TIME_LIMIT)
            .map_err(io::Error::other)?;
        let address = line.strip_prefix("listening on ").unwrap_or(&line);
        program.address = address.parse().map_err(io::Error::other)?;
        Ok(program)
    }

    /// Starts an example of the crate whose test calls this: cargo has built it beside the test.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_example(name: &str, arguments: &[&str]) -> io::Result<Self> {
        Self::start(example(name)?.args(arguments))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it SIGTERM and waits for its end, for at most [`TIME_LIMIT`]. Answers how it ended,
    /// and what else it has printed.
    ///
    /// # Errors
    /// `TimedOut` if it does not end.
    pub fn stop(self) -> io::Result<(ExitStatus, Vec<String>)> {
        self.stop_within(TIME_LIMIT)
    }

    /// As [`stop`](Self::stop), with another limit.
    ///
    /// # Errors
    /// As [`stop`](Self::stop).
    pub fn stop_within(mut self, limit: Duration) -> io::Result<(ExitStatus, Vec<String>)> {
        kill(
            Pid::from_raw(self.child.id().cast_signed()),
            Signal::SIGTERM,
        )?;
        let deadline = Instant::now() + limit;
        let mut lines = Vec::new();
        // Its standard output ends with it.
        loop {
            match self
                .lines
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(line) => lines.push(line),
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    return Ok((self.child.wait()?, lines));
                }
                Err(mpsc::RecvTimeoutError::Timeout) => return Err(ErrorKind::TimedOut.into()),
            }
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Both fail only for a child that was reaped already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The command that runs an example of the crate whose test calls this.
///
/// # Errors
/// A test that does not know where it is.
pub fn example(name: &str) -> io::Result<Command> {
    let test = env::current_exe()?;
    let target = test
        .parent()
        .and_then(|deps| deps.parent())
        .ok_or(ErrorKind::NotFound)?;
    Ok(Command::new(target.join("examples").join(name)))
}
