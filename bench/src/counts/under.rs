//! A server that runs under a tool. It can take a minute to start, far longer than a
//! [`Program`] takes otherwise.

use std::env;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use common::client::load::{self, Length, LoadSettings, Summary};
use common::client::program::Program;

use super::{CONNECTIONS, SIZE};
use crate::candidate::Candidate;
use crate::harness::Harness;

/// How long a server under a tool can take to start, to end, and to echo one message.
const PATIENCE: Duration = Duration::from_secs(120);

/// A server under a tool. Dropping it kills the server.
pub(super) struct Under(Program);

impl Under {
    /// Starts this command on the server's core and waits until a server listens.
    pub(super) fn start(harness: &Harness, command: &mut Command) -> io::Result<Self> {
        Ok(Under(harness.launch(command, PATIENCE)?))
    }

    /// Sends this many messages, and verifies each echo.
    pub(super) fn echo(&self, candidate: &Candidate, messages: u64) -> io::Result<()> {
        let settings = LoadSettings {
            stall_limit: PATIENCE,
            ..settings(candidate, messages)
        };
        load::run(self.0.address(), &settings)
            .and_then(Summary::verified)
            .map(drop)
    }

    /// Stops it and returns the last line that it has printed, such as its counters.
    pub(super) fn stop(self) -> io::Result<Option<String>> {
        Ok(self.0.stop_within(PATIENCE)?.1.pop())
    }
}

/// The load for counting per echo.
pub(super) fn settings(candidate: &Candidate, messages: u64) -> LoadSettings {
    LoadSettings {
        connections: CONNECTIONS.min(candidate.most_connections),
        size: SIZE,
        length: Length::Count(messages),
        ..LoadSettings::default()
    }
}

/// A file for a tool to write to. Dropping it removes the file.
pub(super) struct Report(pub(super) PathBuf);

impl Report {
    pub(super) fn new(tool: &str) -> Self {
        let name = format!("echo-counts-{}.{tool}", std::process::id());
        Report(env::temp_dir().join(name))
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        // There is no file if the tool has failed.
        let _ = fs::remove_file(&self.0);
    }
}
