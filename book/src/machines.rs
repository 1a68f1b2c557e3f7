//! What clients see while servers behind HAProxy stop, fail, and come back: recorded, never typed.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::workspace::Workspace;

/// A run of two servers of each style behind HAProxy. The example `machines` makes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machines {
    /// HAProxy's version.
    pub haproxy: String,
    /// The cores of the machine.
    pub cores: usize,
    /// The clients of each style.
    pub clients: usize,
    /// After as many lines, a client makes a new connection.
    pub lines: usize,
    /// Connections that clients ended themselves.
    pub connections: usize,
    /// How many of these connections the servers have logged with the client's address.
    pub logged: usize,
    /// What happens, in this order.
    pub phases: Vec<Phase>,
    /// How many connections HAProxy has to the servers, from moment to moment.
    pub samples: Vec<Sample>,
}

/// What happens to the servers, and what the clients see meanwhile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    /// One of [`PHASES`].
    pub name: String,
    /// When it begins, in milliseconds from the start.
    pub begins: u64,
    /// When the stopped servers are started again, if they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarts: Option<u64>,
    /// What the clients of each style see.
    pub styles: Vec<Seen>,
}

/// What the clients of one style see in a phase.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// The style.
    pub style: String,
    /// Lines that came back as sent.
    pub answered: u64,
    /// Lines that came back changed.
    pub wrong: u64,
    /// Lines whose connection ended before the answer, so that the client sent them again.
    pub sent_again: u64,
    /// Connections that ended while the client was waiting for nothing.
    pub closed_idle: u64,
    /// How many of all these connections ended with a reset.
    pub resets: u64,
    /// Connections that couldn't be made.
    pub refused: u64,
    /// The longest time from one answer of a client to its next, in milliseconds.
    pub longest_pause: f64,
}

/// The connections at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Milliseconds from the start.
    pub at: u64,
    /// Connections to the first servers of the four styles.
    pub one: u64,
    /// Connections to the second ones.
    pub two: u64,
}

/// The phases: the name, and what happens in it.
pub const PHASES: [(&str, &str); 5] = [
    ("both", "both servers run"),
    ("sigterm", "the first one gets SIGTERM"),
    ("drained", "the first one is drained, then gets SIGTERM"),
    ("killed", "the second one is killed"),
    ("again", "both servers run again"),
];

impl Machines {
    /// Reads the recorded run.
    ///
    /// # Errors
    /// The file doesn't exist, or has other contents.
    pub fn read(workspace: &Workspace) -> Result<Self> {
        workspace.data("machines.json")
    }

    /// Writes it where [`read`](Self::read) finds it.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let mut text = String::new();
        crate::stacks::lay_out(&serde_json::to_value(self)?, 0, &mut text);
        fs::write(path, text + "\n")
    }
}

impl Phase {
    /// What the clients of all styles see.
    pub fn total(&self) -> Seen {
        let mut total = Seen {
            style: "all".to_owned(),
            ..Seen::default()
        };
        for seen in &self.styles {
            total.add(seen);
        }
        total
    }
}

impl Seen {
    /// Adds what other clients have seen.
    pub fn add(&mut self, other: &Seen) {
        self.answered += other.answered;
        self.wrong += other.wrong;
        self.sent_again += other.sent_again;
        self.closed_idle += other.closed_idle;
        self.resets += other.resets;
        self.refused += other.refused;
        self.longest_pause = self.longest_pause.max(other.longest_pause);
    }

    /// Whether the clients notice nothing.
    pub fn is_undisturbed(&self) -> bool {
        self.wrong + self.sent_again + self.closed_idle + self.resets + self.refused == 0
    }
}
