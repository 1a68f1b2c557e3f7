//! The costs of silent connections: memory, and wake-ups of the server.

use std::fs;
use std::io;
use std::path::Path;
use std::thread;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit};

use crate::builder::Ready;
use crate::harness::{Harness, Server};

/// How long to count wake-ups.
const WATCHED: Duration = Duration::from_secs(3);
/// Silent clients meanwhile.
const CLIENTS: usize = 100;
/// Connections for which to measure memory, if the server can hold as many.
const CONNECTIONS: usize = 2_000;
/// Connections that come first: a server allocates some memory only for the first ones.
const BEFORE: usize = 100;
/// Descriptors that each side needs besides its connections.
const SPARE: usize = 50;
/// How long a server has for the remaining work after its last echo.
const SETTLE: Duration = Duration::from_millis(200);

/// Bytes of resident memory per idle connection: the slope over 2,000, or over as many
/// hundreds as the server can hold. `None` for a server that holds one.
///
/// # Errors
/// The server doesn't start or echo, or the system doesn't report its memory.
pub fn bytes_per_connection(ready: &Ready, harness: &Harness) -> io::Result<Option<f64>> {
    let (allowed, _) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let allowed = usize::try_from(allowed).unwrap_or(usize::MAX);
    let most = ready.candidate.most_connections.min(allowed);
    let room = most.saturating_sub(BEFORE + SPARE) / 100 * 100;
    let connections = CONNECTIONS.min(room);
    if connections == 0 {
        return Ok(None);
    }
    let mut server = harness.start(ready)?;
    server.hold(BEFORE)?;
    let before = resident(&server)?;
    server.hold(BEFORE + connections)?;
    let after = resident(&server)?;
    server.stop()?;
    Ok(Some((after as f64 - before as f64) / connections as f64))
}

/// How often threads of the server woke up in three seconds, with silent clients only.
///
/// # Errors
/// The server doesn't start or echo, or the system doesn't report wake-ups.
pub fn wake_ups(ready: &Ready, harness: &Harness) -> io::Result<u64> {
    let mut server = harness.start(ready)?;
    server.hold(CLIENTS.min(ready.candidate.most_connections))?;
    thread::sleep(SETTLE);
    let before = waits(&server)?;
    thread::sleep(WATCHED);
    let after = waits(&server)?;
    server.stop()?;
    Ok(after.saturating_sub(before))
}

/// The process's own memory in bytes. The code of its program and libraries doesn't
/// count: how much of it is resident depends on what has been called so far.
fn resident(server: &Server) -> io::Result<u64> {
    thread::sleep(SETTLE);
    let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", server.id()))?;
    let kibibytes = field(&rollup, "Anonymous");
    let missing = || io::Error::other("/proc has no such figure");
    Ok(kibibytes.ok_or_else(missing)? * 1024)
}

/// How often its threads have gone to sleep so far, which is how often they have been woken.
fn waits(server: &Server) -> io::Result<u64> {
    let tasks = format!("/proc/{}/task", server.id());
    let mut waits = 0;
    for task in fs::read_dir(Path::new(&tasks))?.flatten() {
        // A thread can end between the listing and the reading.
        let status = fs::read_to_string(task.path().join("status")).unwrap_or_default();
        waits += field(&status, "voluntary_ctxt_switches").unwrap_or(0);
    }
    Ok(waits)
}

/// The number in the line `name: number`, without its unit.
fn field(text: &str, name: &str) -> Option<u64> {
    let value = |line: &str| {
        let value = line.strip_prefix(name)?.strip_prefix(':')?;
        value.split_whitespace().next()?.parse().ok()
    };
    text.lines().find_map(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let status = "nonvoluntary_ctxt_switches:\t7\nvoluntary_ctxt_switches:\t3\n";
        assert_eq!(field(status, "voluntary_ctxt_switches"), Some(3));
        assert_eq!(field("Anonymous:   12 kB\n", "Anonymous"), Some(12));
        assert_eq!(field("AnonHugePages: 4 kB\n", "Anonymous"), None);
    }
}
