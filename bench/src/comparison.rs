//! A comparison before anything is measured. Its schema is `common::comparison`. The live
//! comparison, `cargo bench`, the `record` program, and the book use it.

use common::comparison::{Comparison, Entrant, Machine, SCHEMA, Skipped};

use crate::builder::{Builder, Missing, Ready};
use crate::harness::Harness;

/// Begins a comparison of the servers that are ready.
pub fn begin(command: &str, machine: Machine, harness: &Harness, builder: &Builder) -> Comparison {
    Comparison {
        schema: SCHEMA,
        command: command.to_owned(),
        machine,
        cores: harness.cores(),
        candidates: builder.ready.iter().map(entrant).collect(),
        skipped: builder.missing.iter().map(skipped).collect(),
        noise_floor: None,
        counts: Vec::new(),
        groups: Vec::new(),
    }
}

fn entrant(ready: &Ready) -> Entrant {
    let candidate = ready.candidate;
    Entrant {
        name: candidate.name.to_owned(),
        about: candidate.about.to_owned(),
        family: candidate.family,
        command: ready.typed(),
    }
}

fn skipped(missing: &Missing) -> Skipped {
    Skipped {
        name: missing.candidate.name.to_owned(),
        lacks: missing.lacks.clone(),
        install: missing.install.clone(),
    }
}
