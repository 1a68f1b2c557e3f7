//! What the system knows about a process and its connections, from proc(5). On other systems than
//! Linux, every function returns a skip.

#[cfg_attr(target_os = "linux", path = "proc/linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "proc/elsewhere.rs")]
mod system;

use std::io;
use std::thread;
use std::time::{Duration, Instant};

pub(super) use system::{
    anonymous_memory, descriptors, held_up_here, is_asleep, listening_address, queues, usage,
};

use super::case_run::CaseError;

/// What a process has used since its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Usage {
    /// How often one of its threads slept and was woken (voluntary context switches).
    pub(super) wake_ups: u64,
    /// CPU time of all its threads.
    pub(super) cpu: Duration,
    /// Time when its threads could have run, but other processes had the processors.
    pub(super) held_up: Duration,
}

impl Usage {
    /// CPU time as a share of the time in which the process could have had it: a loop that spins
    /// uses all of it, however busy the machine is.
    pub(super) fn share_of(&self, time: Duration) -> f64 {
        let had = time.saturating_sub(self.held_up).max(self.cpu);
        self.cpu.as_secs_f64() / had.as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

/// The bytes of one connection that are in the two kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Queues {
    /// Bytes that the client has sent and that aren't acknowledged.
    pub(super) unsent: usize,
    /// Bytes that the server hasn't read.
    pub(super) unread: usize,
    /// Bytes of the answer in both kernels.
    pub(super) answered: usize,
}

impl Queues {
    /// Bytes that were sent and that the server hasn't read.
    pub(super) fn not_read(&self) -> usize {
        self.unsent + self.unread
    }
}

/// How often a process was woken before now, if it sleeps now.
///
/// # Errors
/// The system doesn't tell, or the process has ended.
pub(in crate::client) fn wake_ups_if_asleep(pid: i32) -> io::Result<Option<u64>> {
    let unknown = |error| match error {
        CaseError::Fail(text) | CaseError::Skip(text) => io::Error::other(text),
    };
    let wake_ups = usage(pid).map_err(unknown)?.wake_ups;
    let is_asleep = is_asleep(pid).map_err(unknown)?;
    Ok(is_asleep.then_some(wake_ups))
}

/// Time when the process, or the calling thread, could have run, but others had the processors.
pub(super) fn held_up(pid: i32) -> Result<Duration, CaseError> {
    Ok(usage(pid)?.held_up + held_up_here()?)
}

/// What the process uses in the next `time`, and how long that really was.
pub(super) fn usage_during(pid: i32, time: Duration) -> Result<(Usage, Duration), CaseError> {
    let before = usage(pid)?;
    let started = Instant::now();
    thread::sleep(time);
    let after = usage(pid)?;
    let used = Usage {
        wake_ups: after.wake_ups.saturating_sub(before.wake_ups),
        cpu: after.cpu.saturating_sub(before.cpu),
        held_up: after.held_up.saturating_sub(before.held_up),
    };
    Ok((used, started.elapsed()))
}
