//! The record of a comparison: the one schema that the live comparison, `cargo bench`, and the
//! `record` program write as JSON, and that the book reads. Every figure has its interval, and the
//! record names what it was measured on.

use serde::{Deserialize, Serialize};

use crate::builder::{Builder, Missing};
use crate::candidate::{Candidate, Family};
use crate::cores::Cores;
use crate::counts::Counts;
use crate::groups::{Group, MAIN};
use crate::harness::Harness;
use crate::machine::Machine;
use crate::run::{Effort, Series};
use crate::table::{Benchmark, NoiseFloor};

/// Raised when fields change their name or meaning.
pub const SCHEMA: u32 = 2;

/// A comparison.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The command that made it.
    pub command: String,
    /// What it was measured on, and when.
    pub machine: Machine,
    /// The cores of servers and client; `None` if they shared what there was.
    pub cores: Option<Cores>,
    /// The servers that took part.
    pub candidates: Vec<Entrant>,
    /// The servers that did not, and why.
    pub skipped: Vec<Skipped>,
    /// The noise floor of the main benchmark, or of the first one.
    pub noise_floor: Option<NoiseFloor>,
    /// What each of them costs, counted.
    pub counts: Vec<Counts>,
    /// The benchmarks.
    pub groups: Vec<Recorded>,
}

/// A server that took part.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Entrant {
    /// Its name, as everywhere in the record.
    pub name: String,
    /// What it stands for.
    pub about: String,
    /// Whose company it is in.
    pub family: Family,
    /// The command that starts it, but for the port.
    pub command: String,
}

/// A server that could not take part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Its name.
    pub name: String,
    /// What the machine lacks, or what the server cannot do.
    pub lacks: String,
    /// The command that installs it, if there is one.
    #[serde(default)]
    pub install: Option<String>,
}

/// A group of benchmarks.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Recorded {
    /// Its name.
    pub name: String,
    /// The seconds of what.
    pub about: String,
    /// How many rounds there were, each with a sample of every server; only some of them had the
    /// shapes with thousands of idle connections.
    pub rounds: usize,
    /// How long one sample took at least, in seconds.
    pub slice: f64,
    /// The benchmarks, one for each shape of load.
    pub benchmarks: Vec<Benchmark>,
}

impl Record {
    /// A record without a benchmark yet.
    pub fn begin(command: &str, machine: Machine, harness: &Harness, builder: &Builder) -> Self {
        let entrant = |candidate: &Candidate, command: String| Entrant {
            name: candidate.name.to_owned(),
            about: candidate.about.to_owned(),
            family: candidate.family,
            command,
        };
        let ready = builder.ready.iter();
        Record {
            schema: SCHEMA,
            command: command.to_owned(),
            machine,
            cores: harness.cores(),
            candidates: ready.map(|it| entrant(it.candidate, it.typed())).collect(),
            skipped: builder.missing.iter().map(Skipped::from).collect(),
            noise_floor: None,
            counts: Vec::new(),
            groups: Vec::new(),
        }
    }

    /// Adds what a group's series show. Shapes that were not measured are left out, unless
    /// `shows_all` is set.
    pub fn add(&mut self, group: &Group, effort: Effort, series: &[Vec<Series>], shows_all: bool) {
        let shapes = group.shapes.iter().zip(series);
        let benchmarks = shapes.map(|(shape, series)| Benchmark::of(shape, series, shows_all));
        self.groups.push(Recorded {
            name: group.name.to_owned(),
            about: group.about.to_owned(),
            rounds: effort.rounds,
            slice: effort.slice.as_secs_f64(),
            benchmarks: benchmarks.filter(|it| !it.rows.is_empty()).collect(),
        });
        self.noise_floor = self.main().and_then(|(_, main)| main.noise_floor.clone());
    }

    /// The benchmark that says which style is faster, with its group; without it, the first one.
    pub fn main(&self) -> Option<(&Recorded, &Benchmark)> {
        let all = || self.groups.iter().flat_map(Recorded::each);
        let is_main =
            |(group, it): &(&Recorded, &Benchmark)| (group.name.as_str(), it.name.as_str()) == MAIN;
        all().find(is_main).or_else(|| all().next())
    }

    /// The benchmark of that name in the group of that name.
    pub fn benchmark(&self, group: &str, name: &str) -> Option<&Benchmark> {
        let mut all = self.groups.iter().flat_map(Recorded::each);
        let found = all.find(|(of, it)| of.name == group && it.name == name);
        found.map(|(_, benchmark)| benchmark)
    }

    /// Forgets the single samples, which would make a committed record large.
    pub fn without_samples(mut self) -> Self {
        let benchmarks = self.groups.iter_mut().flat_map(|it| &mut it.benchmarks);
        for row in benchmarks.flat_map(|it| &mut it.rows) {
            row.samples.clear();
        }
        self
    }
}

impl Recorded {
    fn each(&self) -> impl Iterator<Item = (&Recorded, &Benchmark)> {
        self.benchmarks.iter().map(move |it| (self, it))
    }
}

impl Skipped {
    /// A server that cannot hold the connections that were asked for.
    pub fn too_small(candidate: &Candidate) -> Self {
        let lacks = match candidate.most_connections {
            1 => "it serves one client at a time".to_owned(),
            most => format!("it holds {most} connections at most"),
        };
        Skipped {
            name: candidate.name.to_owned(),
            lacks,
            install: None,
        }
    }
}

impl From<&Missing> for Skipped {
    fn from(missing: &Missing) -> Self {
        Skipped {
            name: missing.candidate.name.to_owned(),
            lacks: missing.lacks.clone(),
            install: Some(missing.install.clone()),
        }
    }
}
