//! One candidate running on its own core, and a slice of load on it.

use std::io;
use std::net::SocketAddr;
use std::process::Command;
use std::thread;
use std::time::Duration;

use common::client::load::{Load, LoadSettings, Summary};
use common::client::program::Program;
use common::client::{EchoClient, TIME_LIMIT};
use common::comparison::Cores;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

use crate::builder::Ready;
use crate::candidate::Candidate;
use crate::cores;

/// A server that uses no processor time for this long has nothing to do. The CPU time of a running
/// process, seen from outside, advances only with the kernel's tick, every 4 ms.
const REST: Duration = Duration::from_millis(5);

/// Idle connections to open together: fewer than fit into any server's backlog.
const AT_ONCE: usize = 64;

/// Where servers run at the same time, one of them under load at a time.
#[derive(Debug, Clone, Copy)]
pub struct Harness {
    cores: Option<Cores>,
}

impl Harness {
    /// Keeps the calling thread on the client's core, and raises the descriptor limit if allowed.
    ///
    /// # Errors
    /// The errors of sched_setaffinity(2) and setrlimit(2).
    pub fn enter() -> io::Result<Self> {
        let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
        setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
        let cores = cores::choose();
        if let Some(cores) = cores {
            cores::stay_on(cores.client)?;
        }
        Ok(Harness { cores })
    }

    /// A harness that lets the system choose the cores, for servers with several threads.
    pub fn without_cores() -> Self {
        Harness { cores: None }
    }

    /// The two cores, if each side has its own.
    pub fn cores(&self) -> Option<Cores> {
        self.cores
    }

    /// Starts a candidate on the server's core and waits until it listens.
    ///
    /// # Errors
    /// The errors of [`Program::start`].
    pub fn start(&self, ready: &Ready) -> io::Result<Server> {
        self.start_with(ready.candidate, &mut ready.command())
    }

    /// Starts a candidate with this command.
    pub(crate) fn start_with(
        &self,
        candidate: &'static Candidate,
        command: &mut Command,
    ) -> io::Result<Server> {
        let program = self.launch(command, TIME_LIMIT);
        let named = |error: io::Error| {
            let name = candidate.name;
            io::Error::new(error.kind(), format!("{name} did not start: {error}"))
        };
        Ok(Server {
            candidate,
            program: program.map_err(named)?,
            idle: Vec::new(),
        })
    }

    /// Starts this command on the server's core and waits until a server listens.
    pub(crate) fn launch(&self, command: &mut Command, limit: Duration) -> io::Result<Program> {
        // A process begins on the core of the parent that starts it.
        if let Some(cores) = self.cores {
            cores::stay_on(cores.server)?;
        }
        let program = Program::start_within(command, limit);
        if let Some(cores) = self.cores {
            cores::stay_on(cores.client)?;
        }
        program
    }
}

/// A running candidate.
#[derive(Debug)]
pub struct Server {
    /// The candidate.
    pub candidate: &'static Candidate,
    program: Program,
    idle: Vec<EchoClient>,
}

/// The results of one slice of load.
#[derive(Debug)]
pub struct Slice {
    /// What the client measured.
    pub summary: Summary,
    /// The server's processor time per message, of all threads together.
    pub server_cpu: Duration,
    /// The client's processor time per message.
    pub client_cpu: Duration,
}

impl Server {
    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.program.address()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.program.id()
    }

    /// Processor time that it has used so far, of all threads together.
    ///
    /// # Errors
    /// The server has ended.
    pub fn cpu_time(&self) -> io::Result<Duration> {
        let clock = clock_getcpuclockid(Pid::from_raw(self.id().cast_signed()))?;
        Ok(clock_gettime(clock)?.into())
    }

    /// Opens this many connections that stay silent. Each gets one echo first, so that the server has
    /// accepted it.
    ///
    /// # Errors
    /// A connection can't be opened, or gets no echo.
    pub fn hold(&mut self, count: usize) -> io::Result<()> {
        self.idle.truncate(count);
        while self.idle.len() < count {
            let missing = AT_ONCE.min(count - self.idle.len());
            let opened: io::Result<Vec<_>> = (0..missing)
                .map(|_| EchoClient::connect(self.address()))
                .collect();
            let mut opened = opened?;
            // They wait for the server together, and not one after the other.
            for client in &mut opened {
                client.send(b"\n")?;
            }
            for client in &mut opened {
                client.receive(1)?;
            }
            self.idle.append(&mut opened);
        }
        Ok(())
    }

    /// Waits until it has nothing more to do, such as accepting, or closing the connections that
    /// [`hold`](Self::hold) has dropped: the next server under load uses the same core.
    ///
    /// # Errors
    /// The server has ended.
    pub fn rest(&self) -> io::Result<()> {
        let mut used = self.cpu_time()?;
        loop {
            thread::sleep(REST);
            let now = self.cpu_time()?;
            if now == used {
                return Ok(());
            }
            used = now;
        }
    }

    /// Puts it under load and verifies every byte that comes back.
    ///
    /// # Errors
    /// A connection can't be opened, was lost, or returned wrong bytes.
    pub fn slice(&self, settings: &LoadSettings) -> io::Result<Slice> {
        let load = Load::open(self.address(), settings).map_err(|error| self.named(error))?;
        // Accepting so many connections isn't part of the measurement.
        self.rest()?;
        let before = self.cpu_time()?;
        let summary = load.run().and_then(Summary::verified);
        let summary = summary.map_err(|error| self.named(error))?;
        let server_cpu = self.cpu_time()? - before;
        let messages = summary.messages.max(1) as f64;
        let client_cpu =
            Duration::from_secs_f64(summary.client_cpu.unwrap_or_default() * summary.seconds);
        Ok(Slice {
            server_cpu: server_cpu.div_f64(messages),
            client_cpu: client_cpu.div_f64(messages),
            summary,
        })
    }

    /// Adds the server's name to the error.
    pub(crate) fn named(&self, error: io::Error) -> io::Error {
        let name = self.candidate.name;
        io::Error::new(error.kind(), format!("{name}: {error}"))
    }

    /// Stops it and returns the rest of its output, such as its counters.
    ///
    /// # Errors
    /// The server doesn't end.
    pub fn stop(self) -> io::Result<Vec<String>> {
        Ok(self.program.stop()?.1)
    }
}

/// The order of round `round` among `count`: each comes first once in `count` rounds, so that
/// drift and warm-up affect all servers alike.
pub fn rotated(count: usize, round: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |place| (place + round) % count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_server_is_first_in_one_round() {
        let rounds: Vec<Vec<_>> = (0..3).map(|round| rotated(3, round).collect()).collect();
        assert_eq!(rounds, [[0, 1, 2], [1, 2, 0], [2, 0, 1]]);
    }
}
