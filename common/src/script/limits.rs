//! What a script from a page may cost.

use std::time::Duration;

use super::place::Place;
use super::{ParseError, Payload, Step, TypedScript};

/// The longest script from a page, in bytes.
pub const MOST_SCRIPT_BYTES: usize = 64 * 1024;

/// Most steps of a script. Those that happen together are counted, too.
const MOST_STEPS: usize = 2_000;

/// Most bytes that all clients of a script send together.
const MOST_SENT: usize = 1024 * 1024;

/// The longest wait of a step.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

impl TypedScript {
    /// Parses a script, and checks that it is within the limits: 64 KiB of text, 2,000 steps, 1 MiB to send,
    /// and an hour for each wait.
    ///
    /// # Errors
    /// The text isn't a script, or is beyond a limit.
    pub fn within_limits(text: &str) -> Result<Self, ParseError> {
        if text.len() > MOST_SCRIPT_BYTES {
            let within = text.char_indices();
            let within = within.take_while(|(at, _)| *at < MOST_SCRIPT_BYTES);
            let end = within.fold(Place::BEGIN, |place, (_, character)| place.after(character));
            return Err(end.error(format!(
                "the script has more than {MOST_SCRIPT_BYTES} bytes"
            )));
        }
        let script = TypedScript::parse(text)?;
        let (mut count, mut sent) = (0, 0);
        script.check(|step| {
            count += 1;
            sent += match step {
                Step::Send(_, Payload::Text(text)) | Step::Urgent(_, text) => text.len(),
                Step::Send(_, Payload::Count(count)) => *count,
                _ => 0,
            };
            match step {
                Step::Wait(time) if *time > LONGEST_WAIT => {
                    let most = LONGEST_WAIT.as_secs();
                    Some(format!("`{step}` is longer than {most}s"))
                }
                _ if count > MOST_STEPS => {
                    Some(format!("the script has more than {MOST_STEPS} steps"))
                }
                _ if sent > MOST_SENT => {
                    Some(format!("the clients send more than {MOST_SENT} bytes"))
                }
                _ => None,
            }
        })?;
        Ok(script)
    }
}
