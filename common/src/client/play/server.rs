//! The server that a script is played against.

use std::ffi::OsString;
use std::fmt::{self, Display, Formatter};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use serde::Serialize;

use crate::client::check::wake_ups_if_asleep;
use crate::client::program::Program;

/// A server: one that was started for this, or one that ran before.
#[derive(Debug)]
pub(super) struct PlayedServer {
    addresses: Vec<SocketAddr>,
    program: Option<Program>,
}

/// What a server does at a moment.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Activity {
    /// It sleeps, and was woken this often before.
    Asleep(u64),
    /// It runs.
    Busy,
    /// It has ended.
    Ended,
    /// The system doesn't tell.
    Unknown,
}

/// How a server that was started for this has ended.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ServerEnding {
    /// It still ran after the script.
    Waiting,
    /// With status 0.
    Returned,
    /// With another status.
    Failed(String),
}

impl Display for ServerEnding {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            ServerEnding::Waiting => f.write_str("still runs"),
            ServerEnding::Returned => f.write_str("returned"),
            ServerEnding::Failed(status) => write!(f, "failed: {status}"),
        }
    }
}

impl From<ExitStatus> for ServerEnding {
    fn from(status: ExitStatus) -> Self {
        match status.success() {
            true => ServerEnding::Returned,
            false => ServerEnding::Failed(status.to_string()),
        }
    }
}

impl PlayedServer {
    pub(super) fn at(addresses: Vec<SocketAddr>) -> Self {
        PlayedServer {
            addresses,
            program: None,
        }
    }

    /// Starts a server, on a free port if the command names none.
    pub(super) fn start(command: &[OsString]) -> io::Result<Self> {
        let (program, arguments) = command.split_first().ok_or(ErrorKind::NotFound)?;
        let names_port = |argument: &OsString| {
            let argument = argument.to_string_lossy();
            argument == "--port" || argument.starts_with("--port=")
        };
        let mut command = Command::new(program);
        command.args(arguments);
        if !arguments.iter().any(names_port) {
            command.args(["--port", "0"]);
        }
        let named = |error: io::Error| {
            let program = program.to_string_lossy();
            io::Error::new(error.kind(), format!("{program}: {error}"))
        };
        let program = Program::start(&mut command).map_err(named)?;
        Ok(PlayedServer {
            addresses: vec![program.address()],
            program: Some(program),
        })
    }

    /// Where it listens.
    pub(super) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    pub(super) fn activity(&mut self) -> Activity {
        let Some(program) = &mut self.program else {
            return Activity::Unknown;
        };
        if program.has_ended().unwrap_or(true) {
            return Activity::Ended;
        }
        match wake_ups_if_asleep(program.id().cast_signed()) {
            Ok(Some(wake_ups)) => Activity::Asleep(wake_ups),
            Ok(None) => Activity::Busy,
            Err(_) => Activity::Unknown,
        }
    }

    /// Does something while the server can't notice it.
    pub(super) fn while_paused(&self, act: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        // A server that has ended can't be paused.
        let paused = self
            .program
            .as_ref()
            .filter(|program| program.pause().is_ok());
        let acted = act();
        if let Some(program) = paused {
            program.resume()?;
        }
        acted
    }

    /// Sends it SIGTERM.
    pub(super) fn ask_to_stop(&self) {
        if let Some(program) = &self.program {
            let _ = program.ask_to_stop(); // It can have ended.
        }
    }

    /// How it has ended.
    pub(super) fn ending(&mut self) -> io::Result<Option<ServerEnding>> {
        let Some(program) = &mut self.program else {
            return Ok(None);
        };
        if !program.has_ended()? {
            return Ok(Some(ServerEnding::Waiting));
        }
        let (status, _) = program.wait_within(Duration::from_secs(1))?;
        Ok(Some(status.into()))
    }
}
