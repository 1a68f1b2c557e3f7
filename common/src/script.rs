//! Scripts: what clients and users do to the server, step by step.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;
use std::time::Duration;

mod client;
mod lexer;
mod limits;
mod parser;
mod place;
mod typed;

pub use client::{ClientEnd, ClientSocket, ClientTrace, ScriptedClient};
pub use limits::MOST_SCRIPT_BYTES;
pub use place::ParseError;
pub use typed::TypedScript;

/// What clients and users do to the server, in order.
///
/// A script has a text form. Steps are separated by semicolons or line ends, and a `#` starts a
/// comment that ends with its line:
///
/// ```
/// use common::script::Script;
///
/// let script: Script = "connect 1; send 1 \"hello\\n\"; half-close 1; wait 2s; stop".parse()?;
/// assert_eq!(script.steps.len(), 5);
/// let error = "connect 1; sned 1".parse::<Script>().unwrap_err();
/// assert_eq!((error.line, error.column), (1, 12));
/// # Ok::<(), common::script::ParseError>(())
/// ```
///
/// | step | what happens |
/// |---|---|
/// | `connect 1` | client 1 connects to the server, and reads everything that arrives |
/// | `connect 1 9000` | the same, to the server's listener on port 9000 |
/// | `listen 1 9000` | client 1 accepts the next connection that the server opens to port 9000 |
/// | `ignore-port 9000` | packets that the server sends to port 9000 get no answer |
/// | `send 1 "hi\n"` | client 1 sends this text; `\n`, `\r`, `\t`, `\"`, `\\` and `\x00` to `\xff` are escapes |
/// | `send 1 4096` | client 1 sends this many bytes: the alphabet repeated, from where it stopped last |
/// | `urgent 1 "x"` | client 1 sends this text, the last byte as urgent data (MSG_OOB) |
/// | `stop-reading 1`, `resume-reading 1` | client 1 reads nothing, or everything that arrives |
/// | `read 1 100` | client 1 reads the next 100 bytes that arrive, and then nothing |
/// | `half-close 1` | client 1 ends its stream (FIN) once everything is sent, and keeps reading |
/// | `close 1` | client 1 closes its socket once everything is sent: a reset if input is unread |
/// | `reset 1` | client 1 closes its socket with a reset; what hasn't arrived is lost |
/// | `wait 2s` | no step happens for this long; `us`, `ms`, and `s` are the units |
/// | `stop` | SIGTERM arrives, and raises the stop signal |
/// | `signal` | another signal arrives, which interrupts a wait |
/// | `descriptors 8` | from now on the server can't open descriptor 8 or higher |
/// | `together { close 1; close 2 }` | these steps happen before the server can notice any of them |
///
/// A number identifies the client that connected (or listens) with it. A step does nothing if its
/// client has closed its socket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    /// The steps.
    pub steps: Vec<Step>,
}

/// One step of a [`Script`]. The first number of a step identifies the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A client connects to the main listener, or to the listener on a port of the same address.
    Connect(u32, Option<u16>),
    /// A client accepts the server's next connection to this port of the main listener's address.
    Listen(u32, u16),
    /// SYNs to this port get no answer.
    IgnorePort(u16),
    /// A client sends.
    Send(u32, Payload),
    /// A client sends urgent data.
    Urgent(u32, Vec<u8>),
    /// A client reads this many more bytes and then nothing.
    Read(u32, usize),
    /// A client stops reading.
    StopReading(u32),
    /// A client reads everything from now on.
    ResumeReading(u32),
    /// A client ends its stream once everything is sent.
    HalfClose(u32),
    /// A client closes its socket once everything is sent.
    Close(u32),
    /// A client closes its socket with a reset, at once.
    Reset(u32),
    /// Time passes.
    Wait(Duration),
    /// SIGTERM arrives.
    Stop,
    /// Another signal arrives.
    Signal,
    /// From now on, the server's descriptors must be below this number: RLIMIT_NOFILE.
    Descriptors(usize),
    /// These steps happen at the same time. They contain no `Together` and no `Wait`.
    Together(Vec<Step>),
}

/// What a client sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// These bytes.
    Text(Vec<u8>),
    /// This many bytes: the alphabet repeated.
    Count(usize),
}

impl FromStr for Script {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        TypedScript::parse(text).map(|typed| typed.script)
    }
}

impl Display for Script {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_steps(f, &self.steps)
    }
}

impl Display for Step {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Step::Connect(client, None) => write!(f, "connect {client}"),
            Step::Connect(client, Some(port)) => write!(f, "connect {client} {port}"),
            Step::Listen(client, port) => write!(f, "listen {client} {port}"),
            Step::IgnorePort(port) => write!(f, "ignore-port {port}"),
            Step::Send(client, Payload::Count(count)) => write!(f, "send {client} {count}"),
            Step::Send(client, Payload::Text(text)) => {
                write!(f, "send {client} ")?;
                write_text(f, text)
            }
            Step::Urgent(client, text) => {
                write!(f, "urgent {client} ")?;
                write_text(f, text)
            }
            Step::Read(client, bytes) => write!(f, "read {client} {bytes}"),
            Step::StopReading(client) => write!(f, "stop-reading {client}"),
            Step::ResumeReading(client) => write!(f, "resume-reading {client}"),
            Step::HalfClose(client) => write!(f, "half-close {client}"),
            Step::Close(client) => write!(f, "close {client}"),
            Step::Reset(client) => write!(f, "reset {client}"),
            Step::Wait(duration) => write_duration(f, *duration),
            Step::Stop => f.write_str("stop"),
            Step::Signal => f.write_str("signal"),
            Step::Descriptors(limit) => write!(f, "descriptors {limit}"),
            Step::Together(steps) => {
                f.write_str("together { ")?;
                write_steps(f, steps)?;
                f.write_str(" }")
            }
        }
    }
}

fn write_steps(f: &mut Formatter<'_>, steps: &[Step]) -> fmt::Result {
    for (index, step) in steps.iter().enumerate() {
        let separator = if index == 0 { "" } else { "; " };
        write!(f, "{separator}{step}")?;
    }
    Ok(())
}

fn write_text(f: &mut Formatter<'_>, text: &[u8]) -> fmt::Result {
    f.write_str("\"")?;
    for byte in text {
        match byte {
            b'\'' => f.write_str("'")?, // `escape_ascii` would escape it.
            byte => write!(f, "{}", byte.escape_ascii())?,
        }
    }
    f.write_str("\"")
}

fn write_duration(f: &mut Formatter<'_>, duration: Duration) -> fmt::Result {
    let microseconds = duration.as_micros();
    let units = [("s", 1_000_000), ("ms", 1_000), ("us", 1)];
    let fits = units
        .into_iter()
        .find(|(_, unit)| microseconds.is_multiple_of(*unit));
    let (name, unit) = fits.unwrap_or(("us", 1));
    write!(f, "wait {}{name}", microseconds / unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn client_step() -> impl Strategy<Value = Step> {
        let client = 1..4u32;
        let text = prop::collection::vec(any::<u8>(), 0..20);
        prop_oneof![
            (client.clone(), text.clone())
                .prop_map(|(client, text)| Step::Send(client, Payload::Text(text))),
            (client.clone(), 0..100_000usize)
                .prop_map(|(client, count)| Step::Send(client, Payload::Count(count))),
            (client.clone(), text).prop_map(|(client, text)| Step::Urgent(client, text)),
            (client.clone(), 0..1000usize).prop_map(|(client, bytes)| Step::Read(client, bytes)),
            client.clone().prop_map(Step::StopReading),
            client.clone().prop_map(Step::ResumeReading),
            client.clone().prop_map(Step::HalfClose),
            client.clone().prop_map(Step::Close),
            client.prop_map(Step::Reset),
            any::<u16>().prop_map(Step::IgnorePort),
            (0..2000usize).prop_map(Step::Descriptors),
            Just(Step::Stop),
            Just(Step::Signal),
        ]
    }

    fn script() -> impl Strategy<Value = Script> {
        let wait = (0..10_000_000u64).prop_map(|us| Step::Wait(Duration::from_micros(us)));
        let together = prop::collection::vec(client_step(), 0..5).prop_map(Step::Together);
        let steps = prop::collection::vec(prop_oneof![client_step(), wait, together], 0..20);
        let first = [
            Step::Connect(1, None),
            Step::Connect(2, Some(9000)),
            Step::Listen(3, 9001),
        ];
        steps.prop_map(move |steps| Script {
            steps: first.iter().cloned().chain(steps).collect(),
        })
    }

    proptest! {
        #[test]
        fn the_text_of_a_script_is_parsed_into_the_same_script(script in script()) {
            let text = script.to_string();
            prop_assert_eq!(text.parse::<Script>(), Ok(script), "{}", text);
        }

        #[test]
        fn no_text_makes_the_parser_fail_otherwise_than_with_an_error(text in ".{0,60}") {
            if let Err(error) = text.parse::<Script>() {
                prop_assert!(error.line >= 1 && error.column >= 1, "{}", error);
            }
        }
    }
}
