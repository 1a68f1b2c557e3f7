//! The record of the benchmarks, as far as plots need it. The bench crate writes it; its `record`
//! module says what each field means.

use std::collections::BTreeMap;

use anyhow::{Context, Result, anyhow, ensure};
use serde::Deserialize;

use crate::workspace::Workspace;

/// The layout that is understood here.
const SCHEMA: u32 = 2;

/// A whole comparison.
#[derive(Debug, Deserialize)]
pub struct Record {
    schema: u32,
    pub command: String,
    pub machine: Machine,
    #[serde(default)]
    pub skipped: Vec<Skipped>,
    pub noise_floor: NoiseFloor,
    #[serde(default)]
    pub counts: Vec<Counts>,
    #[serde(default)]
    pub groups: Vec<Group>,
}

#[derive(Debug, Deserialize)]
pub struct Machine {
    pub processor: String,
    pub cores: usize,
    pub kernel: String,
    pub virtual_machine: bool,
    pub commit: String,
    pub date: u64,
}

/// A candidate that the machine lacked.
#[derive(Debug, Deserialize)]
pub struct Skipped {
    pub name: String,
    pub lacks: String,
}

#[derive(Debug, Deserialize)]
pub struct NoiseFloor {
    pub candidate: String,
    pub ratio: Estimate,
}

/// A median in its interval.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Estimate {
    pub low: f64,
    pub median: f64,
    pub high: f64,
}

#[derive(Debug, Deserialize)]
pub struct Group {
    pub name: String,
    pub benchmarks: Vec<Benchmark>,
}

#[derive(Debug, Deserialize)]
pub struct Benchmark {
    pub name: String,
    pub idle: usize,
    pub rows: Vec<Row>,
}

#[derive(Debug, Deserialize)]
pub struct Row {
    pub candidate: String,
    pub seconds: Estimate,
    pub ratio: Option<Estimate>,
    /// Not for every benchmark.
    pub server_cpu: Option<Estimate>,
    pub client_cpu: Option<Estimate>,
    pub client_was_the_bottleneck: f64,
}

#[derive(Debug, Deserialize)]
pub struct Counts {
    pub candidate: String,
    pub system_calls: Option<Calls>,
    pub instructions: Option<f64>,
    pub bytes_per_idle_connection: Option<f64>,
    #[serde(default)]
    pub notes: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub struct Calls {
    pub per_echo: f64,
    pub by_name: BTreeMap<String, f64>,
}

impl Record {
    /// The committed record.
    ///
    /// # Errors
    /// There is none yet, or it is of another layout.
    pub fn load(workspace: &Workspace) -> Result<Self> {
        let text = workspace.read("book/data/reference.json").context(
            "the benchmarks are not recorded: cargo run --release -p bench --bin record",
        )?;
        Self::parse(&text).context("book/data/reference.json")
    }

    /// Reads a record.
    ///
    /// # Errors
    /// It is of another layout.
    pub fn parse(text: &str) -> Result<Self> {
        let record: Record = serde_json::from_str(text)?;
        ensure!(record.schema == SCHEMA, "schema {}", record.schema);
        Ok(record)
    }

    /// The group of that name.
    ///
    /// # Errors
    /// The record is without it.
    pub fn group(&self, name: &str) -> Result<&Group> {
        let found = self.groups.iter().find(|group| group.name == name);
        found.with_context(|| format!("{name} is not in the record"))
    }
}

impl Group {
    /// The benchmark of that name; without one, the only one.
    ///
    /// # Errors
    /// There is none, or it is not clear which.
    pub fn benchmark(&self, name: &str) -> Result<&Benchmark> {
        match &self.benchmarks[..] {
            [only] if name.is_empty() => Ok(only),
            all => all.iter().find(|of| of.name == name).ok_or_else(|| {
                let names: Vec<&str> = all.iter().map(|of| of.name.as_str()).collect();
                anyhow!("{} has no {name:?}, but {}", self.name, names.join(", "))
            }),
        }
    }
}

impl Machine {
    /// What it was measured on, in words.
    pub fn words(&self) -> String {
        let is_virtual = if self.virtual_machine {
            ", virtual"
        } else {
            ""
        };
        format!(
            "{} ({} cores{is_virtual}), {}",
            self.processor, self.cores, self.kernel
        )
    }
}

impl Estimate {
    /// A value that is known exactly.
    pub fn exact(value: f64) -> Self {
        Estimate {
            low: value,
            median: value,
            high: value,
        }
    }

    /// The same in another unit.
    pub fn times(self, factor: f64) -> Self {
        Estimate {
            low: self.low * factor,
            median: self.median * factor,
            high: self.high * factor,
        }
    }

    /// One over it: a rate from a time.
    pub fn inverse(self) -> Self {
        Estimate {
            low: 1.0 / self.high,
            median: 1.0 / self.median,
            high: 1.0 / self.low,
        }
    }

    /// One over another, with the widest interval that the two leave open.
    pub fn over(self, other: Self) -> Self {
        Estimate {
            low: self.low / other.high,
            median: self.median / other.median,
            high: self.high / other.low,
        }
    }
}
