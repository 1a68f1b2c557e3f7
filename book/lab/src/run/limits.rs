//! What a script from a page may cost.

use std::io;
use std::time::Duration;

use common::sys::sim::{Payload, Script, Step};

/// Most servers of a run.
pub const MOST_SERVERS: usize = 8;

/// The longest script, in bytes.
pub const MOST_SCRIPT_BYTES: usize = 64 * 1024;

/// Most records of a server. Its run is cut when it has made them.
pub const MOST_RECORDS: usize = 100_000;

/// Most steps of a script. Those that happen together are counted, too.
const MOST_STEPS: usize = 2_000;

/// Most bytes that all clients of a script send together.
const MOST_SENT: usize = 1024 * 1024;

/// The longest wait of a step.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

pub(super) fn check_text(text: &str, servers: usize) -> io::Result<()> {
    at_most(servers, MOST_SERVERS, "servers")?;
    at_most(text.len(), MOST_SCRIPT_BYTES, "bytes")
}

pub(super) fn check_steps(script: &Script) -> io::Result<()> {
    let (mut count, mut sent) = (0, 0);
    for (place, step) in (1..).zip(&script.steps) {
        let steps = match step {
            Step::Together(steps) => steps.as_slice(),
            _ => &[],
        };
        for step in std::iter::once(step).chain(steps) {
            count += 1;
            sent += match step {
                Step::Send(_, Payload::Text(text)) | Step::Urgent(_, text) => text.len(),
                Step::Send(_, Payload::Count(count)) => *count,
                _ => 0,
            };
            let is_short = !matches!(step, Step::Wait(time) if *time > LONGEST_WAIT);
            check(is_short, || {
                let most = LONGEST_WAIT.as_secs();
                format!("step {place}: `{step}`, and at most {most}s are possible")
            })?;
        }
    }
    at_most(count, MOST_STEPS, "steps")?;
    at_most(sent, MOST_SENT, "bytes to send")
}

fn at_most(count: usize, most: usize, what: &str) -> io::Result<()> {
    check(count <= most, || {
        format!("{count} {what}, and at most {most} are possible")
    })
}

fn check(holds: bool, error: impl FnOnce() -> String) -> io::Result<()> {
    match holds {
        true => Ok(()),
        false => Err(io::Error::other(format!("script, {}", error()))),
    }
}
