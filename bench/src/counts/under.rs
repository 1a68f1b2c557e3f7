//! A server that runs under a tool. It may take a minute to start, far longer than
//! [`common::program::Program`] waits.

use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, ErrorKind};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use common::load::{self, Length, Settings, Summary};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{CONNECTIONS, SIZE};
use crate::arena::Arena;
use crate::contender::Contender;
use crate::cores;

/// How long a server may take to start or to end under a tool, and to answer one message.
const PATIENCE: Duration = Duration::from_secs(120);

/// A server under a tool. It is killed when this is dropped.
pub(super) struct Under {
    server: Child,
    address: SocketAddr,
    lines: Receiver<String>,
}

impl Under {
    /// Starts this command on the server's core and waits until a server listens.
    pub(super) fn start(arena: &Arena, command: &mut Command) -> io::Result<Self> {
        let cores = arena.cores();
        if let Some(cores) = cores {
            cores::stay_on(cores.server)?;
        }
        let server = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        if let Some(cores) = cores {
            cores::stay_on(cores.client)?;
        }
        let mut server = server?;
        let output = server.stdout.take().ok_or(ErrorKind::BrokenPipe)?;
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            let mut printed = BufReader::new(output).lines().map_while(Result::ok);
            printed.try_for_each(|line| sender.send(line))
        });
        let mut under = Under {
            server,
            address: SocketAddr::from(([0, 0, 0, 0], 0)),
            lines,
        };
        let line = under.lines.recv_timeout(PATIENCE);
        let line = line.map_err(|_| io::Error::other("it does not start under the tool"))?;
        let address = line.strip_prefix("listening on ").unwrap_or(&line);
        under.address = address.parse().map_err(io::Error::other)?;
        Ok(under)
    }

    /// Has so many messages echoed, and verifies each.
    pub(super) fn echo(&self, contender: &Contender, messages: u64) -> io::Result<()> {
        let settings = Settings {
            stall_limit: PATIENCE,
            ..settings(contender, messages)
        };
        load::run(self.address, &settings)
            .and_then(Summary::verified)
            .map(drop)
    }

    /// Stops it and hands on the last line that it has printed, such as its counters.
    pub(super) fn stop(mut self) -> io::Result<Option<String>> {
        let id = Pid::from_raw(self.server.id().cast_signed());
        kill(id, Signal::SIGTERM)?;
        let deadline = Instant::now() + PATIENCE;
        let mut last = None;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => last = Some(line),
                Err(mpsc::RecvTimeoutError::Timeout) => return Err(ErrorKind::TimedOut.into()),
                // Its standard output ends with it.
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
            }
        }
        self.server.wait()?;
        Ok(last)
    }
}

impl Drop for Under {
    fn drop(&mut self) {
        // Both fail only for a server that was reaped already.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The load under which echoes are counted.
pub(super) fn settings(contender: &Contender, messages: u64) -> Settings {
    Settings {
        connections: CONNECTIONS.min(contender.most_connections),
        size: SIZE,
        length: Length::Count(messages),
        ..Settings::default()
    }
}

/// A file for a tool to write to. It is removed when this is dropped.
pub(super) struct Report(pub(super) PathBuf);

impl Report {
    pub(super) fn new(tool: &str) -> Self {
        let name = format!("echo-counts-{}.{tool}", std::process::id());
        Report(env::temp_dir().join(name))
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        // There is none if the tool has failed.
        let _ = fs::remove_file(&self.0);
    }
}
