//! The record of a whole comparison, as the book reads it: every figure with its interval, and what
//! it was measured on.

use std::io;

use serde::{Deserialize, Serialize};

use crate::builder::{Builder, Missing};
use crate::candidate::{Candidate, Family};
use crate::cores::Cores;
use crate::counts::Counts;
use crate::estimate::Estimate;
use crate::groups::{Group, Shape};
use crate::harness::Harness;
use crate::machine::Machine;
use crate::measure::{self, Effort, Samples};
use crate::trial::Sample;

/// Raised when the fields below change their meaning.
pub const SCHEMA: u32 = 1;

/// Whose rate is 1 in every ratio.
pub const FLOOR: &str = "c-epoll";

/// A whole comparison.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The command that made it.
    pub command: String,
    /// What it was measured on, and when.
    pub machine: Machine,
    /// The cores of servers and client; none if they shared what there was.
    pub cores: Option<Cores>,
    /// Who took part.
    pub candidates: Vec<Entrant>,
    /// Who did not, and why.
    pub skipped: Vec<Skipped>,
    /// One server against itself: the ratio that no difference makes.
    pub noise_floor: NoiseFloor,
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

/// A server that the machine lacked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Skipped {
    /// Its name.
    pub name: String,
    /// What was not there.
    pub lacks: String,
}

/// The same server twice.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NoiseFloor {
    /// Which one.
    pub candidate: String,
    /// The rate of one of the two over the other's.
    pub ratio: Estimate,
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

/// One shape of load on every server that it is for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Benchmark {
    /// Such as `50 × 64 B`.
    pub name: String,
    /// Silent connections beside those under load.
    pub idle: usize,
    /// Bytes each way with each message; 0 where that is not the point.
    pub bytes: u64,
    /// One for each server.
    pub rows: Vec<Row>,
}

/// What one server has shown under one shape of load.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    /// Which server.
    pub candidate: String,
    /// Seconds for each message, connection or percentile.
    pub seconds: Estimate,
    /// Its rate over that of [`FLOOR`], each sample against that server's sample of the same
    /// round; none if the floor was not there.
    pub ratio: Option<Estimate>,
    /// The server's processor time for each, in seconds.
    pub server_cpu: Estimate,
    /// The client's processor time for each, in seconds; 0 where it was not measured.
    pub client_cpu: Estimate,
    /// The share of the samples in which the client was the bottleneck.
    pub client_was_the_bottleneck: f64,
}

impl Record {
    /// A record of nothing yet.
    pub fn begin(
        machine: Machine,
        harness: &Harness,
        builder: &Builder,
        noise_floor: NoiseFloor,
    ) -> Self {
        let entrant = |candidate: &Candidate, command: String| Entrant {
            name: candidate.name.to_owned(),
            about: candidate.about.to_owned(),
            family: candidate.family,
            command,
        };
        let skipped = |missing: &Missing| Skipped {
            name: missing.candidate.name.to_owned(),
            lacks: missing.lacks.clone(),
        };
        let ready = builder.ready.iter();
        Record {
            schema: SCHEMA,
            command: "cargo run --release -p bench --bin record".to_owned(),
            machine,
            cores: harness.cores(),
            candidates: ready.map(|it| entrant(it.candidate, it.typed())).collect(),
            skipped: builder.missing.iter().map(skipped).collect(),
            noise_floor,
            counts: Vec::new(),
            groups: Vec::new(),
        }
    }

    /// Adds what a group's samples show.
    pub fn add(&mut self, group: &Group, effort: Effort, samples: &Samples) {
        let benchmarks = group.shapes.iter().enumerate();
        self.groups.push(Recorded {
            name: group.name.to_owned(),
            about: group.about.to_owned(),
            rounds: effort.rounds,
            slice: effort.slice.as_secs_f64(),
            benchmarks: benchmarks
                .map(|(place, shape)| benchmark(place, shape, samples))
                .collect(),
        });
    }
}

/// Measures a server against itself.
///
/// # Errors
/// As [`measure::group`]; a server that was not built.
pub fn noise_floor(
    harness: &Harness,
    builder: &Builder,
    candidate: &'static str,
    effort: Effort,
) -> io::Result<NoiseFloor> {
    let missing = || io::Error::other(format!("{candidate} is not there"));
    let ready = builder.get(candidate).ok_or_else(missing)?;
    let ratio = measure::against_itself(harness, ready, &builder.ready, effort)?;
    Ok(NoiseFloor {
        candidate: candidate.to_owned(),
        ratio,
    })
}

fn benchmark(place: usize, shape: &Shape, samples: &Samples) -> Benchmark {
    let floor = samples.get(&(place, FLOOR));
    let row = |candidate: &'static Candidate| {
        let taken = samples.get(&(place, candidate.name))?;
        row(candidate.name, taken, floor.map(Vec::as_slice))
    };
    Benchmark {
        name: shape.name.clone(),
        idle: shape.idle,
        bytes: shape.bytes,
        rows: shape.candidates().filter_map(row).collect(),
    }
}

fn row(candidate: &str, taken: &[Sample], floor: Option<&[Sample]>) -> Option<Row> {
    let of = |value: fn(&Sample) -> f64| Estimate::of(taken.iter().map(value));
    let ratios = |floor: &[Sample]| {
        let pairs = floor.iter().zip(taken);
        Estimate::of(pairs.map(|(floor, own)| floor.seconds / own.seconds))
    };
    let saturated = taken
        .iter()
        .filter(|sample| sample.client_was_the_bottleneck);
    Some(Row {
        candidate: candidate.to_owned(),
        seconds: of(|sample| sample.seconds)?,
        ratio: floor.and_then(ratios),
        server_cpu: of(|sample| sample.server_cpu)?,
        client_cpu: of(|sample| sample.client_cpu)?,
        client_was_the_bottleneck: saturated.count() as f64 / taken.len() as f64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(seconds: f64) -> Sample {
        Sample {
            seconds,
            server_cpu: seconds,
            client_cpu: 0.0,
            client_was_the_bottleneck: seconds > 2.0,
        }
    }

    #[test]
    fn each_sample_is_compared_with_the_floor_of_its_own_round() {
        // The machine slows down by a factor of three; the ratio stays.
        let floor: Vec<_> = [1.0, 2.0, 3.0].map(sample).into();
        let taken: Vec<_> = [2.0, 4.0, 6.0].map(sample).into();
        let row = row("x", &taken, Some(&floor)).expect("there are samples");
        let ratio = row.ratio.expect("the floor is there");
        assert_eq!((ratio.low, ratio.median, ratio.high), (0.5, 0.5, 0.5));
        assert_eq!(row.seconds.median, 4.0);
        assert_eq!(row.client_was_the_bottleneck, 2.0 / 3.0);
    }
}
