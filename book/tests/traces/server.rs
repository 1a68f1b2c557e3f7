//! The servers: built, started, signalled, and ended.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use common::client::program::Program;
use tempfile::NamedTempFile;

use book::style::Style;

use super::player::TIME_LIMIT;
use super::support::limits;

/// A running server. Dropping it kills the server.
pub struct TracedServer {
    program: Program,
    /// The trace from where it was read last, and the beginning of an incomplete line.
    trace: File,
    begun: String,
}

impl TracedServer {
    /// Starts it on a port that the system picks, and waits until it listens.
    pub fn start(programs: &Path, style: Style, arguments: &[String]) -> io::Result<Self> {
        // Once both have it open, it needs no name, so the file is removed.
        let (trace, path) = NamedTempFile::new()?.into_parts();
        let mut command = Command::new(programs.join(style.program()));
        command
            .args(arguments)
            .args(["--port", "0", "--counters", "-qq", "--trace"])
            .arg(&path);
        Ok(TracedServer {
            program: Program::start(&mut command)?,
            trace,
            begun: String::new(),
        })
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.program.address()
    }

    /// The new lines of its trace, whole lines only.
    pub fn new_lines(&mut self) -> io::Result<Vec<String>> {
        self.trace.read_to_string(&mut self.begun)?;
        let end = self.begun.rfind('\n').map_or(0, |end| end + 1);
        let rest = self.begun.split_off(end);
        let whole = std::mem::replace(&mut self.begun, rest);
        Ok(whole.lines().map(str::to_owned).collect())
    }

    /// Asks it to stop.
    pub fn ask_to_stop(&self) -> io::Result<()> {
        self.program.ask_to_stop()
    }

    /// Holds it, until it is [let go](Self::let_go), and waits until it is held.
    pub fn hold(&self) -> io::Result<()> {
        self.program.pause()
    }

    pub fn let_go(&self) -> io::Result<()> {
        self.program.resume()
    }

    /// Lowers its limit, so that it can open only `more` descriptors besides its open ones.
    pub fn leave_descriptors(&self, more: usize) -> io::Result<()> {
        limits::leave_descriptors(self.program.id(), more)
    }

    pub fn has_ended(&mut self) -> io::Result<bool> {
        self.program.has_ended()
    }

    /// Its counters, which it prints at its end.
    pub fn counters(&mut self) -> io::Result<BTreeMap<String, u64>> {
        let (status, printed) = self.program.wait_within(TIME_LIMIT)?;
        if !status.success() {
            return Err(io::Error::other(format!("it ended with {status}")));
        }
        Ok(serde_json::from_str(&printed.concat())?)
    }
}
