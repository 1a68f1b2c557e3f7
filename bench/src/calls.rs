//! System calls per echo, as a server counts them itself.

use std::io;
use std::thread;

use common::comparison::Family;
use common::client::load::{self, Length, Settings, Summary};
use common::client::program::Program;
use serde::Deserialize;

use crate::builder::Ready;
use crate::cores;
use crate::harness::Harness;

/// Messages for each that can be in flight at once, so that accepting and closing hardly count.
const MESSAGES: usize = 10;
/// The fewest messages that are sent.
const LEAST: usize = 1_000;

/// The part of a server's `--counters` that an echo costs.
#[derive(Debug, Deserialize)]
struct Counters {
    waits: u64,
    reads: u64,
    writes: u64,
    would_blocks: u64,
    closes: u64,
    bytes_read: u64,
}

/// How many system calls the server makes for each message under this load: waits, reads and
/// writes, also those that find nothing. `None` for a server that does not count them.
///
/// A server of its own is started for this, as it only tells when it is stopped.
///
/// # Errors
/// A server that does not start, answer or stop.
pub(crate) fn per_echo(
    harness: &Harness,
    ready: &Ready,
    settings: &Settings,
) -> io::Result<Option<f64>> {
    if ready.candidate.family != Family::Ours {
        return Ok(None);
    }
    let program = start(harness, ready)?;
    let messages = LEAST.max(MESSAGES * settings.connections * settings.depth);
    let settings = Settings {
        length: Length::Count(messages as u64),
        ..settings.clone()
    };
    load::run(program.address(), &settings).and_then(Summary::verified)?;
    let (_, lines) = program.stop()?;
    let counters = lines.last().map(|line| serde_json::from_str(line));
    let counters: Option<Counters> = counters.transpose()?;
    Ok(counters.map(|counters| counters.per_message(settings.size)))
}

/// On the server's core, by a thread that lives there: a process runs where its parent does, and on
/// one core with its client a server would wait less often.
fn start(harness: &Harness, ready: &Ready) -> io::Result<Program> {
    let start = || {
        if let Some(cores) = harness.cores() {
            cores::stay_on(cores.server)?;
        }
        Program::start(ready.command().arg("--counters"))
    };
    let started = thread::scope(|scope| scope.spawn(start).join());
    started.unwrap_or_else(|_| Err(io::Error::other("the thread that starts it panicked")))
}

impl Counters {
    /// The last read of each connection, which finds its end, belongs to no message.
    fn per_message(&self, size: usize) -> f64 {
        let reads = self.reads.saturating_sub(self.closes);
        let calls = self.waits + reads + self.writes + self.would_blocks;
        calls as f64 * size as f64 / self.bytes_read.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_message() {
        let counters = Counters {
            waits: 10,
            reads: 102,
            writes: 100,
            would_blocks: 5,
            closes: 2,
            bytes_read: 6_400,
        };
        assert_eq!(counters.per_message(64), 2.15);
        // Two messages with each read.
        assert_eq!(counters.per_message(32), 1.075);
    }
}
