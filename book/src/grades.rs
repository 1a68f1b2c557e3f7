//! What the checker finds for each server of `book/steps`: recorded, never typed.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::stacks::lay_out;
use crate::workspace::Workspace;

mod record;

pub use record::record;

/// The grades of all servers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grades {
    /// The digest of the sources that were graded.
    pub sources: String,
    /// The checker's cases, in its order.
    pub cases: Vec<Case>,
    /// The servers, in the order of [`SERVERS`].
    pub servers: Vec<ServerGrades>,
}

/// A case of the checker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// Its number.
    pub number: usize,
    /// Its name.
    pub name: String,
    /// What it looks at, in one line.
    pub about: String,
}

/// The grades of one server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerGrades {
    /// Its name, as in [`SERVERS`].
    pub server: String,
    /// What it was graded as: `stream` or `line`.
    pub kind: String,
    /// Its grades, in the order of the cases. Cases of the other kind are not there.
    pub grades: Vec<Grade>,
}

/// How one case ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grade {
    /// The name of the case.
    pub case: String,
    /// `pass`, `fail`, or `skip`.
    pub outcome: String,
    /// For a case that failed, what the checker saw, without times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<String>,
}

/// The servers, each with the argument of the program `steps` and the kind that it is graded as. The
/// last step changes the kind, so the step before it is graded as both.
pub const SERVERS: [(&str, &str, &str); 12] = [
    ("step-1", "1", STREAM),
    ("step-2", "2", STREAM),
    ("step-3", "3", STREAM),
    ("step-4", "4", STREAM),
    ("step-5", "5", STREAM),
    ("step-6", "6", STREAM),
    ("step-7", "7", STREAM),
    ("step-7", "7", LINE),
    ("step-8", "8", LINE),
    ("first-dispatcher", "first-dispatcher", STREAM),
    ("first-chat", "first-chat", LINE),
    ("first-reactor", "first-reactor", STREAM),
];

/// The kind of a server that returns each byte.
pub const STREAM: &str = "stream";

/// The kind of a server that returns each line.
pub const LINE: &str = "line";

/// The case that opens the page of a step: the step before fails it, and the step passes it.
pub const OPENINGS: [(&str, &str, &str); 7] = [
    ("step-1", "step-2", "late-reader-served"),
    ("step-2", "step-3", "half-close-flushes"),
    ("step-3", "step-4", "memory-never-reader"),
    ("step-4", "step-5", "idle-timeout-closes"),
    ("step-5", "step-6", "out-of-descriptors"),
    ("step-6", "step-7", "sigterm-pending-output"),
    ("step-7", "step-8", "line-held-back"),
];

impl Grades {
    /// Reads the recorded grades.
    ///
    /// # Errors
    /// The file doesn't exist, or has other contents.
    pub fn read(workspace: &Workspace) -> Result<Self> {
        workspace.data("grades.json")
    }

    /// Writes them where [`read`](Self::read) finds them.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let mut text = String::new();
        lay_out(&serde_json::to_value(self)?, 0, &mut text);
        fs::write(path, text + "\n")
    }

    /// The grades of a server as this kind.
    ///
    /// # Errors
    /// There are no such grades.
    pub fn of(&self, server: &str, kind: &str) -> Result<&ServerGrades> {
        let mut servers = self.servers.iter();
        let found = servers.find(|one| one.server == server && one.kind == kind);
        found.with_context(|| format!("there are no grades of {server} as a {kind} server"))
    }

    /// The case of this name.
    ///
    /// # Errors
    /// There is no such case.
    pub fn case(&self, name: &str) -> Result<&Case> {
        let found = self.cases.iter().find(|case| case.name == name);
        found.with_context(|| format!("there is no case {name}"))
    }
}

impl ServerGrades {
    /// The grade for a case, if it is for servers of this kind.
    pub fn grade(&self, case: &str) -> Option<&Grade> {
        self.grades.iter().find(|grade| grade.case == case)
    }

    /// The grades with this outcome.
    pub fn with_outcome<'g>(&'g self, outcome: &'g str) -> impl Iterator<Item = &'g Grade> {
        let grades = self.grades.iter();
        grades.filter(move |grade| grade.outcome == outcome)
    }
}

/// The kind that a server is graded as. For a server that is graded as both, it is its own kind.
///
/// # Errors
/// There is no such server.
pub fn kind_of(server: &str) -> Result<&'static str> {
    let found = SERVERS.iter().find(|(name, ..)| *name == server);
    let (.., kind) = found.with_context(|| format!("there is no server {server}"))?;
    Ok(kind)
}

/// A digest of the code of the servers: of all lines that aren't comments.
///
/// # Errors
/// A source can't be read.
pub fn digest(workspace: &Workspace) -> Result<String> {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64; // FNV-1a, which never changes.
    let sources = SERVERS.iter().map(|(server, ..)| source_of(server));
    for path in sources.chain(["book/steps/src/shared.rs".to_owned()]) {
        let source = workspace.read(&path)?;
        let lines = source.lines().map(str::trim);
        for line in lines.filter(|line| !line.starts_with("//")) {
            for byte in line.bytes() {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
    }
    Ok(format!("{hash:016x}"))
}

/// The path of a server's source.
pub fn source_of(server: &str) -> String {
    let file = match server.strip_prefix("step-") {
        Some(number) => format!("step{number}"),
        None => server.replace('-', "_"),
    };
    format!("book/steps/src/{file}.rs")
}
