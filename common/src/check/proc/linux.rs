//! The answers of Linux.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;

use procfs::ProcError;
use procfs::net::{TcpNetEntry, TcpState};
use procfs::process::{FDTarget, Process};

use super::{Queues, Usage};
use crate::check::trial::Problem;

impl From<ProcError> for Problem {
    fn from(error: ProcError) -> Self {
        match error {
            ProcError::PermissionDenied(_) => Problem::Skip(format!("/proc: {error}")),
            _ => Problem::Fail(format!("/proc: {error}")),
        }
    }
}

/// Bytes of memory that the process holds for itself. Unlike the resident size in statm they are
/// exact, and its program text does not count.
pub(in crate::check) fn anonymous_memory(pid: i32) -> Result<u64, Problem> {
    let rollup = Process::new(pid)?.smaps_rollup()?.memory_map_rollup;
    let anonymous = |map: &procfs::process::MemoryMap| map.extension.map.get("Anonymous").copied();
    rollup
        .0
        .first()
        .and_then(anonymous)
        .ok_or_else(|| Problem::Skip("/proc has no smaps_rollup".into()))
}

/// Wake-ups and CPU time of all threads that live now.
pub(in crate::check) fn usage(pid: i32) -> Result<Usage, Problem> {
    let mut usage = Usage {
        wake_ups: 0,
        cpu: Duration::ZERO,
        held_up: Duration::ZERO,
    };
    for task in Process::new(pid)?.tasks()?.flatten() {
        // A thread may end between the listing and the reading.
        if let (Ok(status), Ok(schedule)) = (task.status(), task.schedstat()) {
            usage.wake_ups += status.voluntary_ctxt_switches.unwrap_or(0);
            usage.cpu += Duration::from_nanos(schedule.sum_exec_runtime);
            usage.held_up += Duration::from_nanos(schedule.run_delay);
        }
    }
    Ok(usage)
}

/// Whether none of its threads runs or waits for a processor.
pub(in crate::check) fn is_asleep(pid: i32) -> Result<bool, Problem> {
    let mut tasks = Process::new(pid)?.tasks()?.flatten();
    Ok(tasks.all(|task| task.stat().is_ok_and(|stat| stat.state == 'S')))
}

/// How many descriptors the process has open.
pub(in crate::check) fn descriptors(pid: i32) -> Result<usize, Problem> {
    Ok(Process::new(pid)?.fd_count()?)
}

/// Where the process listens, if it does.
pub(in crate::check) fn listening_address(pid: i32) -> Result<Option<SocketAddr>, Problem> {
    let mut sockets = HashSet::new();
    for descriptor in Process::new(pid)?.fd()?.flatten() {
        if let FDTarget::Socket(inode) = descriptor.target {
            sockets.insert(inode);
        }
    }
    let listens =
        |entry: &TcpNetEntry| entry.state == TcpState::Listen && sockets.contains(&entry.inode);
    let mut all = procfs::net::tcp()?;
    all.extend(procfs::net::tcp6().unwrap_or_default());
    Ok(all
        .into_iter()
        .find(listens)
        .map(|entry| entry.local_address))
}

/// What lies between a client's socket and its server.
pub(in crate::check) fn queues(client: SocketAddr, server: SocketAddr) -> Result<Queues, Problem> {
    let mut queues = Queues {
        unsent: 0,
        unread: 0,
        answered: 0,
    };
    let connections = if client.is_ipv4() {
        procfs::net::tcp()?
    } else {
        procfs::net::tcp6()?
    };
    for entry in connections {
        let (received, sent) = (entry.rx_queue as usize, entry.tx_queue as usize);
        if (entry.local_address, entry.remote_address) == (client, server) {
            queues.unsent += sent;
            queues.answered += received;
        } else if (entry.local_address, entry.remote_address) == (server, client) {
            queues.unread += received;
            queues.answered += sent;
        }
    }
    Ok(queues)
}
