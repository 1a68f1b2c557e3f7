//! What a script from a page may cost.

use std::time::Duration;

use super::{Payload, Script, Step};

/// The longest script from a page, in bytes.
pub const MOST_SCRIPT_BYTES: usize = 64 * 1024;

/// Most steps of a script. Those that happen together are counted, too.
const MOST_STEPS: usize = 2_000;

/// Most bytes that all clients of a script send together.
const MOST_SENT: usize = 1024 * 1024;

/// The longest wait of a step.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

impl Script {
    /// Parses a script, with the comment of each step, and checks that it is within the limits: 64 KiB of
    /// text, 2,000 steps, 1 MiB to send, and an hour for each wait.
    ///
    /// # Errors
    /// Says what is wrong, and where.
    pub fn within_limits(text: &str) -> Result<(Self, Vec<Option<String>>), String> {
        at_most(text.len(), MOST_SCRIPT_BYTES, "bytes")?;
        let (script, comments) =
            Script::with_comments(text).map_err(|error| format!("script, {error}"))?;
        script.check_limits()?;
        Ok((script, comments))
    }

    fn check_limits(&self) -> Result<(), String> {
        let (mut count, mut sent) = (0, 0);
        for (place, step) in (1..).zip(&self.steps) {
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
                if matches!(step, Step::Wait(time) if *time > LONGEST_WAIT) {
                    let most = LONGEST_WAIT.as_secs();
                    return Err(format!(
                        "script, step {place}: `{step}`, and at most {most}s are possible"
                    ));
                }
            }
        }
        at_most(count, MOST_STEPS, "steps")?;
        at_most(sent, MOST_SENT, "bytes to send")
    }
}

fn at_most(count: usize, most: usize, what: &str) -> Result<(), String> {
    match count <= most {
        true => Ok(()),
        false => Err(format!(
            "script, {count} {what}, and at most {most} are possible"
        )),
    }
}
