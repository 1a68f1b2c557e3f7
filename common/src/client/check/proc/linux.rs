//! Reads Linux's proc(5).

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::time::Duration;

use procfs::net::{TcpNetEntries, TcpNetEntry};
use procfs::process::{FDTarget, Process};
use procfs::{FromReadSI, ProcError, current_system_info};

use super::{Queues, Usage};
use crate::client::check::case_run::{CaseError, While};

impl From<ProcError> for CaseError {
    fn from(error: ProcError) -> Self {
        match error {
            ProcError::PermissionDenied(_) => CaseError::Skip(format!("/proc: {error}")),
            _ => CaseError::Fail(format!("/proc: {error}")),
        }
    }
}

/// The process's own memory in bytes. Unlike the resident size in statm, the number is exact, and
/// the program's code doesn't count.
pub(in crate::client::check) fn anonymous_memory(pid: i32) -> Result<u64, CaseError> {
    let rollup = Process::new(pid)?.smaps_rollup()?.memory_map_rollup;
    let anonymous = |map: &procfs::process::MemoryMap| map.extension.map.get("Anonymous").copied();
    rollup
        .0
        .first()
        .and_then(anonymous)
        .ok_or_else(|| CaseError::Skip("/proc has no smaps_rollup".into()))
}

/// Wake-ups and CPU time of all present threads.
pub(in crate::client::check) fn usage(pid: i32) -> Result<Usage, CaseError> {
    let mut usage = Usage {
        wake_ups: 0,
        cpu: Duration::ZERO,
        held_up: Duration::ZERO,
    };
    for task in Process::new(pid)?.tasks()?.flatten() {
        // A thread can end between the listing and the reading.
        if let (Ok(status), Ok(schedule)) = (task.status(), task.schedstat()) {
            usage.wake_ups += status.voluntary_ctxt_switches.unwrap_or(0);
            usage.cpu += Duration::from_nanos(schedule.sum_exec_runtime);
            usage.held_up += Duration::from_nanos(schedule.run_delay);
        }
    }
    Ok(usage)
}

/// Time when the calling thread could have run, but others had the processors.
pub(in crate::client::check) fn held_up_here() -> Result<Duration, CaseError> {
    let schedule = fs::read_to_string("/proc/thread-self/schedstat").while_("/proc")?;
    let run_delay = schedule.split_ascii_whitespace().nth(1);
    let run_delay = run_delay.and_then(|nanoseconds| nanoseconds.parse().ok());
    Ok(Duration::from_nanos(run_delay.unwrap_or(0)))
}

/// Whether none of its threads runs or waits for a processor.
pub(in crate::client::check) fn is_asleep(pid: i32) -> Result<bool, CaseError> {
    let mut tasks = Process::new(pid)?.tasks()?.flatten();
    Ok(tasks.all(|task| task.stat().is_ok_and(|stat| stat.state == 'S')))
}

/// How many descriptors the process has open.
pub(in crate::client::check) fn descriptors(pid: i32) -> Result<usize, CaseError> {
    Ok(Process::new(pid)?.fd_count()?)
}

/// Where the process listens, if it does.
pub(in crate::client::check) fn listening_address(
    pid: i32,
) -> Result<Option<SocketAddr>, CaseError> {
    let mut sockets = HashSet::new();
    for descriptor in Process::new(pid)?.fd()?.flatten() {
        if let FDTarget::Socket(inode) = descriptor.target {
            sockets.insert(inode);
        }
    }
    let mut all = listeners("tcp")?;
    all.extend(listeners("tcp6").unwrap_or_default()); // Some systems have no IPv6.
    Ok(all
        .into_iter()
        .find(|entry| sockets.contains(&entry.inode))
        .map(|entry| entry.local_address))
}

/// All listeners of /proc/net/tcp or tcp6. They come first. This doesn't read the rest, which can
/// be tens of thousands of connections that have ended.
fn listeners(table: &str) -> Result<Vec<TcpNetEntry>, CaseError> {
    const LISTEN: &str = "0A";
    let table = File::open(format!("/proc/net/{table}")).while_("/proc/net")?;
    let mut text = String::new();
    for line in BufReader::new(table).lines() {
        let line = line.while_("/proc/net")?;
        let is_heading = text.is_empty();
        if !is_heading && line.split_ascii_whitespace().nth(3) != Some(LISTEN) {
            break;
        }
        text.push_str(&line);
        text.push('\n');
    }
    let TcpNetEntries(entries) = TcpNetEntries::from_read(text.as_bytes(), current_system_info())?;
    Ok(entries)
}

/// The bytes between a client's socket and its server.
///
/// The checker calls this again and again, and the table can have thousands of connections that
/// have ended. So it reads no more of each line than it needs, and
/// identifies the connection by its two ports.
pub(in crate::client::check) fn queues(
    client: SocketAddr,
    server: SocketAddr,
) -> Result<Queues, CaseError> {
    let mut queues = Queues {
        unsent: 0,
        unread: 0,
        answered: 0,
    };
    let table = if client.is_ipv4() { "tcp" } else { "tcp6" };
    let table = fs::read_to_string(format!("/proc/net/{table}")).while_("/proc/net")?;
    for entry in table.lines().filter_map(entry) {
        if entry.ports == (client.port(), server.port()) {
            queues.unsent += entry.sent;
            queues.answered += entry.received;
        } else if entry.ports == (server.port(), client.port()) {
            queues.unread += entry.received;
            queues.answered += entry.sent;
        }
    }
    Ok(queues)
}

/// One line of /proc/net/tcp: the local and the remote port, and the bytes in the two queues.
struct Entry {
    ports: (u16, u16),
    sent: usize,
    received: usize,
}

/// Parses a line such as `0: 0100007F:A1B2 0100007F:22B1 01 00000000:0000002A ...` (proc(5)).
fn entry(line: &str) -> Option<Entry> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let mut port = || u16::from_str_radix(fields.next()?.rsplit_once(':')?.1, 16).ok();
    let ports = (port()?, port()?);
    let (sent, received) = fields.nth(1)?.split_once(':')?;
    let size = |text| usize::from_str_radix(text, 16).ok();
    Some(Entry {
        ports,
        sent: size(sent)?,
        received: size(received)?,
    })
}
