//! The results of one shape of load on every server that it applies to.

use serde::{Deserialize, Serialize};

use super::{Estimate, Family};

/// With fewer samples no interval reaches 95 % confidence.
const ENOUGH: usize = 6;

/// If noise alone can make a server seem slower than this ratio, the report calls no server slower.
const TOO_NOISY: f64 = 0.8;

/// The results of one shape of load.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Benchmark {
    /// Such as `50 × 64 B`.
    pub name: String,
    /// Silent connections in addition to those under load.
    pub idle: usize,
    /// Connections under load; 0 where the benchmark doesn't count messages.
    pub connections: usize,
    /// The most messages in flight on each of them.
    pub depth: usize,
    /// Bytes each way with each message; 0 where that doesn't matter.
    pub bytes: u64,
    /// The unit of the rate, which is one over the seconds.
    pub unit: Unit,
    /// Complete rounds: each server has at least this many samples.
    pub rounds: usize,
    /// A server against itself.
    pub noise_floor: Option<NoiseFloor>,
    /// One for each server.
    pub rows: Vec<Row>,
}

/// The unit of one over the seconds of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Messages per second.
    Messages,
    /// Messages per second, shown as bytes per second too, because the messages are large.
    Bytes,
    /// Connections per second.
    Connections,
    /// None: the seconds are a latency.
    Latency,
}

/// The results of one server under one shape of load. All times are in seconds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    /// The server's name.
    pub candidate: String,
    /// Its language or style.
    pub family: Family,
    /// Time per message or connection, or the percentile; `None` before the first sample.
    pub seconds: Option<Estimate>,
    /// Its rate divided by that of the fastest server: each sample by that server's sample of
    /// the same round.
    pub to_fastest: Option<Estimate>,
    /// What that ratio means.
    pub verdict: Option<Verdict>,
    /// Its rate divided by that of [`FLOOR`](super::FLOOR) in the same way, if that server took part.
    pub ratio: Option<Estimate>,
    /// The median latency.
    pub p50: Option<Estimate>,
    /// The 99th percentile of the latency.
    pub p99: Option<Estimate>,
    /// The server's processor time per message or connection.
    pub server_cpu: Option<Estimate>,
    /// The client's processor time per message.
    pub client_cpu: Option<Estimate>,
    /// Waits, reads, and writes per message; `None` for a server that doesn't count them.
    pub system_calls_per_echo: Option<f64>,
    /// Connections with an answer to read each time the client's wait returned.
    pub answers_waiting: Option<Estimate>,
    /// The share of the samples in which the client was the bottleneck.
    pub client_was_the_bottleneck: f64,
    /// The seconds of each sample, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub samples: Vec<f64>,
}

/// What a ratio means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The server that the others are compared with.
    Fastest,
    /// The same speed: the interval of the ratio reaches 1, or the noise floor.
    WithinNoise,
    /// Slower: the interval doesn't reach them.
    Slower,
    /// There are too few rounds for 95 % confidence.
    TooEarly,
    /// The noise is so large that no server can be called faster or slower.
    TooNoisy,
}

/// The same server twice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoiseFloor {
    /// The server's name.
    pub candidate: String,
    /// The rate of its second instance divided by that of the first.
    pub ratio: Estimate,
}

impl Benchmark {
    /// The row of that server.
    pub fn row(&self, candidate: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.candidate == candidate)
    }

    /// The rate of one server divided by that of another, and what it means.
    pub fn compare(&self, one: &Row, other: &Row) -> Option<(Estimate, Verdict)> {
        let pairs = one.samples.iter().zip(&other.samples);
        let ratio = Estimate::of(pairs.map(|(one, other)| other / one))?;
        Some((ratio, Verdict::of(&ratio, self.noise_floor.as_ref())))
    }

    /// Whether the noise is too large to call any server faster or slower.
    pub fn is_too_noisy(&self) -> bool {
        let floor = self.noise_floor.as_ref();
        floor.is_some_and(|floor| floor.least() < TOO_NOISY)
    }
}

impl Row {
    /// Messages or connections per second.
    pub fn rate(&self) -> Option<Estimate> {
        self.seconds.map(|seconds| seconds.inverse())
    }

    /// How many samples had the client as the bottleneck.
    pub fn bottlenecks(&self) -> usize {
        (self.client_was_the_bottleneck * self.samples.len() as f64).round() as usize
    }
}

impl Verdict {
    /// The verdict for a ratio. A server isn't slower if it differs from another no more than two
    /// instances of one program do.
    pub fn of(ratio: &Estimate, noise_floor: Option<&NoiseFloor>) -> Self {
        let noise = noise_floor.map_or(1.0, NoiseFloor::least);
        if ratio.samples < ENOUGH {
            Verdict::TooEarly
        } else if noise < TOO_NOISY {
            Verdict::TooNoisy
        } else if ratio.high >= noise {
            Verdict::WithinNoise
        } else {
            Verdict::Slower
        }
    }
}

impl NoiseFloor {
    /// The least ratio that noise alone can produce, 1 at most.
    pub fn least(&self) -> f64 {
        self.ratio.low.min(1.0 / self.ratio.high).min(1.0)
    }
}
