//! The servers: built, started, signalled and ended.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;
use tempfile::NamedTempFile;

use book::style::Style;

use super::support::limits;

/// A running server. It is killed when this is dropped.
pub struct Server {
    child: Child,
    output: BufReader<ChildStdout>,
    address: SocketAddr,
    /// The trace as far as it was not read yet, and the beginning of a line that was.
    trace: File,
    begun: String,
}

impl Server {
    /// Starts it on a port of the system's choice and waits until it listens.
    pub fn start(programs: &Path, style: Style, arguments: &[String]) -> io::Result<Self> {
        // Once both have it open, it needs no name, and loses it.
        let (trace, path) = NamedTempFile::new()?.into_parts();
        let mut child = Command::new(programs.join(style.program()))
            .args(arguments)
            .args(["--port", "0", "--counters", "-qq", "--trace"])
            .arg(&path)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = BufReader::new(child.stdout.take().ok_or(ErrorKind::BrokenPipe)?);
        let address = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut server = Server {
            child,
            output,
            address,
            trace,
            begun: String::new(),
        };
        let mut line = String::new();
        server.output.read_line(&mut line)?;
        let address = line.trim_end().strip_prefix("listening on ");
        let address = address.ok_or_else(|| io::Error::other(format!("it says {line:?}")))?;
        server.address = address.parse().map_err(io::Error::other)?;
        Ok(server)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The lines that its trace has grown by, whole lines only.
    pub fn new_lines(&mut self) -> io::Result<Vec<String>> {
        self.trace.read_to_string(&mut self.begun)?;
        let end = self.begun.rfind('\n').map_or(0, |end| end + 1);
        let rest = self.begun.split_off(end);
        let whole = std::mem::replace(&mut self.begun, rest);
        Ok(whole.lines().map(str::to_owned).collect())
    }

    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        kill(self.id(), signal)?;
        Ok(())
    }

    /// Holds it, until `SIGCONT`, and waits until it is held.
    pub fn hold(&self) -> io::Result<()> {
        self.signal(Signal::SIGSTOP)?;
        waitpid(self.id(), Some(WaitPidFlag::WUNTRACED))?;
        Ok(())
    }

    /// Lowers its limit, so that it can open only `more` descriptors besides those that it has open.
    pub fn leave_descriptors(&self, more: usize) -> io::Result<()> {
        limits::leave_descriptors(&self.child, more)
    }

    fn id(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    pub fn has_ended(&mut self) -> io::Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// What it counted, which it prints at its end.
    pub fn counters(&mut self) -> io::Result<BTreeMap<String, u64>> {
        let mut rest = String::new();
        self.output.read_to_string(&mut rest)?;
        let status = self.child.wait()?;
        if !status.success() {
            return Err(io::Error::other(format!("it ended with {status}")));
        }
        Ok(serde_json::from_str(&rest)?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only for a child that was reaped already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
