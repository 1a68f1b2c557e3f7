//! What is measured, and on what.

use serde::Serialize;

use super::options::Options;
use super::run::SLICE;
use crate::builder::Missing;
use crate::candidate::Candidate;
use crate::cores::Cores;
use crate::machine::Machine;

/// What was measured, and on what.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Conditions {
    pub(super) machine: Machine,
    /// Whose core is which; `None` if the scheduler decided.
    pub(super) cores: Option<Places>,
    /// Connections that exchanged messages.
    pub(super) connections: usize,
    /// Length of a message in bytes.
    pub(super) size: usize,
    /// Most messages under way on one connection.
    pub(super) depth: usize,
    /// Length of one slice in seconds.
    pub(super) slice_seconds: f64,
    /// When it is over, in words.
    #[serde(skip)]
    pub(super) until: String,
    /// Who was asked for and could not take part.
    pub(super) skipped: Vec<Skipped>,
}

/// Core numbers.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Places {
    pub(super) server: usize,
    pub(super) client: usize,
}

/// Somebody who could not take part.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Skipped {
    pub(super) name: &'static str,
    /// Why not, and the command that helps if there is one.
    pub(super) reason: String,
}

impl Conditions {
    /// Those of this run.
    pub(super) fn of(
        options: &Options,
        machine: Machine,
        cores: Option<Cores>,
        skipped: Vec<Skipped>,
    ) -> Self {
        let settings = options.settings();
        Conditions {
            machine,
            cores: cores.map(|cores| Places {
                server: cores.server,
                client: cores.client,
            }),
            connections: settings.connections,
            size: settings.size,
            depth: settings.depth,
            slice_seconds: SLICE.as_secs_f64(),
            until: options.until().to_string(),
            skipped,
        }
    }
}

impl Skipped {
    /// Somebody who does not hold as many connections as were asked for.
    pub(super) fn too_small(candidate: &'static Candidate) -> Self {
        let reason = match candidate.most_connections {
            1 => "it serves one client at a time".to_owned(),
            most => format!("it holds {most} connections at most"),
        };
        Skipped {
            name: candidate.name,
            reason,
        }
    }
}

impl From<&Missing> for Skipped {
    fn from(missing: &Missing) -> Self {
        Skipped {
            name: missing.candidate.name,
            reason: format!("{}; {}", missing.lacks, missing.install),
        }
    }
}
