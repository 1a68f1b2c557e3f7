//! System calls per echo, as a server counts them itself.

use std::io;

use common::client::TIME_LIMIT;
use common::client::load::{self, Length, LoadSettings, Summary};
use serde::Deserialize;

use crate::builder::Ready;
use crate::harness::Harness;

/// Messages for each one that can be in flight, so that accepting and closing hardly count.
const MESSAGES: usize = 10;
/// The least number of messages to send.
const LEAST: usize = 5_000;

/// The counts of `--counters` that an echo changes.
#[derive(Debug, Deserialize)]
pub(crate) struct Counters {
    waits: u64,
    reads: u64,
    writes: u64,
    would_blocks: u64,
    closes: u64,
    bytes_read: u64,
}

/// How many system calls the server makes per message under this load: waits, reads, and
/// writes, including those that find nothing. `None` for a server that doesn't count them.
///
/// It starts a separate server for this, since a server only prints its counts when it stops.
///
/// # Errors
/// The server doesn't start, echo, or stop.
pub(crate) fn per_echo(
    harness: &Harness,
    ready: &Ready,
    settings: &LoadSettings,
) -> io::Result<Option<f64>> {
    if !ready.candidate.counts_calls() {
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
    /// Parses the line that `--counters` prints at the end.
    pub(crate) fn read(line: Option<&String>) -> io::Result<Self> {
        Ok(serde_json::from_str(line.map_or("", String::as_str))?)
    }

    /// Waits, reads, and writes.
    pub(crate) fn calls(&self) -> u64 {
        self.waits + self.reads + self.writes + self.would_blocks
    }

    /// The calls per message. The last read of each connection finds its end and belongs to no message.
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
