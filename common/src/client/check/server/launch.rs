//! How to start a server: its command, more options, and its standard descriptors.

use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind, Read};
use std::process::{ChildStderr, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::{Log, ProcessGroups, Server, lock};
use crate::client::check::case_run::{CaseError, While, ensure};
use crate::client::check::proc;
use crate::client::server_process::ProcessGroup;

/// How long a server can take to print where it listens, or to end if it can't start.
const START_LIMIT: Duration = Duration::from_secs(5);

/// How to start a server.
pub(in crate::client::check) struct Launch {
    arguments: Vec<OsString>,
    script: Option<String>,
    errors: Errors,
    groups: ProcessGroups,
}

/// What a server did that is allowed to refuse to start.
pub(in crate::client::check) enum StartResult {
    /// It printed where it listens.
    Listening(Server),
    /// It ended without that. Contains its status and its standard error.
    Exited(ExitStatus, String),
}

/// What to do with the server's standard error.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::client::check) enum Errors {
    /// Read it to the end, so that it never fills.
    Drained,
    /// Make it a pipe that isn't read.
    Stalled,
    /// Make it a pipe whose reader has gone.
    Dead,
}

impl Launch {
    pub(in crate::client::check) fn new(command: &[OsString], groups: &ProcessGroups) -> Self {
        let launch = Launch {
            arguments: command.to_vec(),
            script: None,
            errors: Errors::Drained,
            groups: groups.clone(),
        };
        let has_port = launch.place_of("--port").is_some();
        if has_port {
            launch
        } else {
            launch.option("--port", "0")
        }
    }

    /// Sets an option, and removes it where the command already has it: clap accepts no
    /// option twice.
    #[must_use]
    pub(in crate::client::check) fn option(mut self, name: &str, value: &str) -> Self {
        if let Some(at) = self.place_of(name) {
            let size = if self.arguments[at] == name { 2 } else { 1 };
            self.arguments
                .drain(at..(at + size).min(self.arguments.len()));
        }
        self.arguments.extend([name.into(), value.into()]);
        self
    }

    /// Adds an argument as it is.
    #[must_use]
    pub(in crate::client::check) fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Starts the server through `sh -c`. The script ends with `exec "$@"`, so the process is still
    /// the server.
    #[must_use]
    pub(in crate::client::check) fn script(mut self, script: impl Into<String>) -> Self {
        self.script = Some(script.into());
        self
    }

    #[must_use]
    pub(in crate::client::check) fn errors(mut self, errors: Errors) -> Self {
        self.errors = errors;
        self
    }

    /// Starts the server and waits until it prints where it listens.
    pub(in crate::client::check) fn start(self) -> Result<Server, CaseError> {
        announced(self.spawn()?)
    }

    /// Starts the server, and ends it once it has printed where it listens.
    ///
    /// # Errors
    /// The outer error: the command can't be run. The inner one: it ran, but it isn't a server.
    pub(in crate::client::check) fn try_out(self) -> io::Result<Result<(), CaseError>> {
        let group = self
            .command()
            .and_then(|mut command| ProcessGroup::start(&mut command))?;
        Ok(self.attend(group).and_then(announced).map(drop))
    }

    /// Starts a server that can't print where it listens, and finds the address in /proc.
    pub(in crate::client::check) fn start_unheard(self) -> Result<Server, CaseError> {
        let mut server = self.spawn()?;
        let started = Instant::now();
        while server.address.is_none() {
            let in_time = started.elapsed() < START_LIMIT && server.ended().is_none();
            ensure!(in_time, "the server does not listen");
            thread::sleep(Duration::from_millis(5));
            server.address = proc::listening_address(server.pid())?;
        }
        Ok(server)
    }

    /// Starts the server and waits for it to end by itself. Returns its status and standard error.
    pub(in crate::client::check) fn run(self) -> Result<(ExitStatus, String), CaseError> {
        let mut server = self.spawn()?;
        let (status, _) = server.exit_within(START_LIMIT)?;
        Ok((status, server.all_errors()))
    }

    /// Starts a server that is allowed to refuse to start.
    pub(in crate::client::check) fn start_or_exit(self) -> Result<StartResult, CaseError> {
        let mut server = self.spawn()?;
        if let Ok(address) = server.output.address(START_LIMIT) {
            server.address = Some(address);
            return Ok(StartResult::Listening(server));
        }
        let (status, _) = server.exit_within(START_LIMIT)?;
        Ok(StartResult::Exited(status, server.all_errors()))
    }

    fn place_of(&self, name: &str) -> Option<usize> {
        let joined = format!("{name}=");
        let is_it = |argument: &OsString| {
            argument == name || argument.to_string_lossy().starts_with(&joined)
        };
        self.arguments.iter().position(is_it)
    }

    fn spawn(self) -> Result<Server, CaseError> {
        let group = self
            .command()
            .and_then(|mut command| ProcessGroup::start(&mut command));
        let group = group.while_("starting the server")?;
        self.attend(group)
    }

    /// Reads what the server writes.
    fn attend(self, mut group: ProcessGroup) -> Result<Server, CaseError> {
        let (output, errors) = (group.read_stdout(), group.take_stderr());
        let group = self.groups.add(group);
        let output = output?;
        let (log, reader) = match (self.errors, errors) {
            (Errors::Drained, Some(errors)) => drain(errors)?,
            (Errors::Stalled, Some(errors)) => (
                Log {
                    _unread: Some(errors),
                    ..Log::default()
                },
                None,
            ),
            _ => (Log::default(), None),
        };
        Ok(Server {
            group,
            address: None,
            output,
            log,
            reader,
        })
    }

    fn command(&self) -> io::Result<Command> {
        let (program, arguments) = match (&self.script, self.arguments.split_first()) {
            (Some(_), _) => (OsStr::new("sh"), self.arguments.as_slice()),
            (None, Some((program, rest))) => (program.as_os_str(), rest),
            (None, None) => return Err(ErrorKind::NotFound.into()),
        };
        let mut command = Command::new(program);
        if let Some(script) = &self.script {
            command.args(["-c", script, "sh"]);
        }
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Ok(command)
    }
}

/// Waits until the server prints where it listens.
fn announced(mut server: Server) -> Result<Server, CaseError> {
    match server.output.address(START_LIMIT) {
        Ok(address) => server.address = Some(address),
        Err(seen) => return Err(server.not_started(&seen)),
    }
    Ok(server)
}

/// Reads standard error to its end on a thread.
fn drain(mut errors: ChildStderr) -> io::Result<(Log, Option<JoinHandle<()>>)> {
    let log = Log::default();
    let text = Arc::clone(&log.text);
    let reader = thread::Builder::new().spawn(move || {
        let mut chunk = [0; 8192];
        while let Ok(count @ 1..) = errors.read(&mut chunk) {
            lock(&text).extend_from_slice(&chunk[..count]);
        }
    })?;
    Ok((log, Some(reader)))
}
