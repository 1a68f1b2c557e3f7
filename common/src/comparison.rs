//! The results of a comparison of servers: the one schema that the benchmarks write as JSON and the book
//! reads. Each figure has its interval, and the comparison names the machine that it was measured on.

use std::fmt;
use std::io::{self, ErrorKind};

use serde::{Deserialize, Serialize};

mod benchmark;
mod counts;
mod estimate;
mod workers;

pub use benchmark::{Benchmark, NoiseFloor, Row, Unit, Verdict};
pub use counts::{Calls, Counts};
pub use estimate::Estimate;
pub use workers::{Balance, WorkersRecord, WorkersRow};

/// Raised when fields change their name or meaning.
pub const SCHEMA: u32 = 2;

/// The group and the benchmark that show which style is faster. A summary puts them first.
pub const MAIN: (&str, &str) = ("round-trip", "50 × 64 B");

/// The server whose rate the book's plots divide by: a loop in C.
pub const FLOOR: &str = "c-epoll";

/// A comparison.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Comparison {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The command that produced it.
    pub command: String,
    /// The machine that it was measured on, and when.
    pub machine: Machine,
    /// The cores of servers and client; `None` if the system chose them.
    pub cores: Option<Cores>,
    /// The servers that took part.
    pub candidates: Vec<Entrant>,
    /// The servers that didn't, and why.
    pub skipped: Vec<Skipped>,
    /// The noise floor of the main benchmark, or of the first one.
    pub noise_floor: Option<NoiseFloor>,
    /// What each server costs, counted.
    pub counts: Vec<Counts>,
    /// The benchmarks.
    pub groups: Vec<MeasuredGroup>,
}

/// Benchmarks that were measured together.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MeasuredGroup {
    /// Its name.
    pub name: String,
    /// What the seconds measure.
    pub about: String,
    /// The most rounds, each with a sample of every server.
    pub rounds: usize,
    /// The least duration of one sample, in seconds.
    pub slice: f64,
    /// The benchmarks, one for each shape of load.
    pub benchmarks: Vec<Benchmark>,
}

/// A machine, and what was installed on it. What can't be found out is empty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name.
    pub processor: String,
    /// How many cores there are.
    pub cores: usize,
    /// Main memory in bytes.
    pub memory: u64,
    /// The operating system and its release.
    pub kernel: String,
    /// Whether it is a virtual machine, according to the processor.
    pub virtual_machine: bool,
    /// The kernel's protections against leaks in the processor, each as `name: what`, without those
    /// that the processor doesn't need.
    pub mitigations: Vec<String>,
    /// The congestion control of every socket that was measured, client's and servers'.
    pub congestion_control: String,
    /// The versions of compilers and interpreters, as each program reports it.
    pub versions: Vec<String>,
    /// The commit that was measured, with `-dirty` if files were changed.
    pub commit: String,
    /// Seconds since 1970, UTC.
    pub date: u64,
}

/// The two cores of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cores {
    /// The server's.
    pub server: usize,
    /// The load generator's.
    pub client: usize,
}

/// A server that took part.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Entrant {
    /// Its name, as everywhere in the comparison.
    pub name: String,
    /// What it represents.
    pub about: String,
    /// Its language or style.
    pub family: Family,
    /// The command that starts it, without the port.
    pub command: String,
}

/// What a server is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// One of the four styles.
    Ours,
    /// Rust, in other ways.
    Rust,
    /// Python: sketches of the styles as they began, and what a Python user would choose today.
    Python,
    /// Other languages.
    Other,
}

/// A server that couldn't take part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Its name.
    pub name: String,
    /// What the machine lacks, or what the server can't do.
    pub lacks: String,
    /// The command that installs it, if there is one.
    pub install: Option<String>,
}

impl Comparison {
    /// Parses a comparison.
    ///
    /// # Errors
    /// `InvalidData`: the text isn't a comparison, or has another schema.
    pub fn from_json(text: &str) -> io::Result<Self> {
        let comparison: Comparison = serde_json::from_str(text)?;
        match comparison.schema {
            SCHEMA => Ok(comparison),
            other => {
                let error = format!("schema {other} instead of {SCHEMA}");
                Err(io::Error::new(ErrorKind::InvalidData, error))
            }
        }
    }

    /// Adds a group.
    pub fn add(&mut self, group: MeasuredGroup) {
        self.groups.push(group);
        self.noise_floor = self.main().and_then(|(_, main)| main.noise_floor.clone());
    }

    /// The group of that name.
    pub fn group(&self, name: &str) -> Option<&MeasuredGroup> {
        self.groups.iter().find(|group| group.name == name)
    }

    /// The benchmark that shows which style is faster, with its group; without it, the first one.
    pub fn main(&self) -> Option<(&MeasuredGroup, &Benchmark)> {
        let main = self
            .group(MAIN.0)
            .and_then(|group| Some((group, group.benchmark(MAIN.1)?)));
        let mut groups = self.groups.iter();
        main.or_else(|| groups.find_map(|group| Some((group, group.benchmarks.first()?))))
    }

    /// Removes the single samples, which would make a committed comparison large.
    pub fn without_samples(mut self) -> Self {
        let benchmarks = self.groups.iter_mut().flat_map(|it| &mut it.benchmarks);
        for row in benchmarks.flat_map(|it| &mut it.rows) {
            row.samples.clear();
        }
        self
    }
}

impl MeasuredGroup {
    /// The benchmark of that name.
    pub fn benchmark(&self, name: &str) -> Option<&Benchmark> {
        self.benchmarks.iter().find(|it| it.name == name)
    }

    /// The servers that took part in any of the benchmarks, each once.
    pub fn servers(&self) -> Vec<(&str, Family)> {
        let mut servers = Vec::new();
        for row in self.benchmarks.iter().flat_map(|it| &it.rows) {
            let server = (row.candidate.as_str(), row.family);
            if !servers.contains(&server) {
                servers.push(server);
            }
        }
        servers
    }
}

/// Such as `Xeon (2 cores, virtual), Linux 6.1`.
impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_virtual = match self.virtual_machine {
            true => ", virtual",
            false => "",
        };
        let (processor, cores, kernel) = (&self.processor, self.cores, &self.kernel);
        write!(f, "{processor} ({cores} cores{is_virtual}), {kernel}")
    }
}
