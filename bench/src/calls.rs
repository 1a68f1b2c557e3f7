//! System calls per echo, as a server counts them itself.

use std::io;

use common::client::TIME_LIMIT;
use common::client::load::{self, Length, LoadSettings, Summary};
use common::comparison::Family;
use serde::Deserialize;

use crate::builder::Ready;
use crate::harness::Harness;

/// Messages for each that can be in flight at once, so that accepting and closing hardly count.
const MESSAGES: usize = 10;
/// The fewest messages that are sent.
const LEAST: usize = 5_000;

/// The part of a server's `--counters` that an echo costs.
#[derive(Debug, Deserialize)]
pub(crate) struct Counters {
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
    settings: &LoadSettings,
) -> io::Result<Option<f64>> {
    if ready.candidate.family != Family::Ours {
        return Ok(None);
    }
    let program = harness.launch(ready.command().arg("--counters"), TIME_LIMIT)?;
    let messages = LEAST.max(MESSAGES * settings.connections * settings.depth);
    let settings = LoadSettings {
        length: Length::Count(messages as u64),
        ..settings.clone()
    };
    load::run(program.address(), &settings).and_then(Summary::verified)?;
    let (_, lines) = program.stop()?;
    let counters = Counters::read(lines.last())?;
    Ok(Some(counters.per_message(settings.size)))
}

impl Counters {
    /// From the line that `--counters` prints at the end.
    pub(crate) fn read(line: Option<&String>) -> io::Result<Self> {
        Ok(serde_json::from_str(line.map_or("", String::as_str))?)
    }

    /// Waits, reads and writes.
    pub(crate) fn calls(&self) -> u64 {
        self.waits + self.reads + self.writes + self.would_blocks
    }

    /// The last read of each connection, which finds its end, belongs to no message.
    fn per_message(&self, size: usize) -> f64 {
        let calls = self.calls().saturating_sub(self.closes);
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
