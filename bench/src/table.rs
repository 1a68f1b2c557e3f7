//! The table of one benchmark: what its samples amount to. The live comparison, `cargo bench`, and
//! the record all use it, and it is what they write as JSON.

use serde::{Deserialize, Serialize};

use crate::candidate::Family;
use crate::estimate::Estimate;
use crate::groups::{Shape, Unit};
use crate::run::Series;
use crate::trial::{Sample, Trial};

/// With fewer samples no interval reaches 95 % confidence.
const ENOUGH: usize = 6;

/// The server whose rate the book's plots divide by.
pub const FLOOR: &str = "c-epoll";

/// One shape of load on every server that it is for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Benchmark {
    /// Such as `50 × 64 B`.
    pub name: String,
    /// Silent connections beside those under load.
    pub idle: usize,
    /// Bytes each way with each message; 0 where that is not the point.
    pub bytes: u64,
    /// What one over the seconds counts.
    pub unit: Unit,
    /// Connections under load and the most messages in flight on each, where messages are echoed.
    pub load: Option<Load>,
    /// Complete rounds: each server has at least this many samples.
    pub rounds: usize,
    /// The rate of the first server's second instance over that of the first.
    pub noise_floor: Option<NoiseFloor>,
    /// One for each server.
    pub rows: Vec<Row>,
}

/// How busy the client keeps the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// Connections that exchange messages.
    pub connections: usize,
    /// Most messages in flight on one connection.
    pub depth: usize,
}

/// The same server twice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoiseFloor {
    /// Which one.
    pub candidate: String,
    /// The rate of its second instance over that of the first.
    pub ratio: Estimate,
}

/// What one server has shown under one shape of load. All times are in seconds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    /// Which server.
    pub candidate: String,
    /// Its language or style.
    pub family: Family,
    /// Time per message or connection, or the percentile; `None` before the first sample.
    pub seconds: Option<Estimate>,
    /// Its rate over that of the fastest server, each sample against that server's sample of the
    /// same round.
    pub to_fastest: Option<Estimate>,
    /// What that ratio says.
    pub verdict: Option<Verdict>,
    /// Its rate over that of [`FLOOR`] in the same way, if that server took part.
    pub ratio: Option<Estimate>,
    /// The median latency.
    pub p50: Option<Estimate>,
    /// The 99th percentile of the latency.
    pub p99: Option<Estimate>,
    /// The server's processor time per message or connection.
    pub server_cpu: Option<Estimate>,
    /// The client's processor time per message.
    pub client_cpu: Option<Estimate>,
    /// Waits, reads, and writes per message; `None` for a server that does not count them.
    pub system_calls_per_echo: Option<f64>,
    /// Connections whose answers the client found each time it waited.
    pub answers_waiting: Option<Estimate>,
    /// The share of the samples in which the client was the bottleneck.
    pub client_was_the_bottleneck: f64,
    /// The seconds of each sample, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub samples: Vec<f64>,
}

/// What a ratio to the fastest says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The others are compared with this server.
    Fastest,
    /// The interval of the ratio reaches 1, or the noise floor.
    WithinNoise,
    /// It does not.
    Slower,
    /// There are too few rounds for 95 % confidence.
    TooEarly,
}

impl Benchmark {
    /// The table of a shape from the series that were measured with it. Servers that were not
    /// measured with it have no samples; they are left out unless `shows_all` is set.
    pub fn of(shape: &Shape, series: &[Series], shows_all: bool) -> Self {
        let is_shown = |one: &&Series| !one.is_twin && (shows_all || !one.samples.is_empty());
        let shown: Vec<&Series> = series.iter().filter(is_shown).collect();
        let twin = series.iter().find(|one| one.is_twin);
        let noise_floor = twin.and_then(|twin| {
            let mut shown = shown.iter();
            let first = shown.find(|one| one.candidate.name == twin.candidate.name)?;
            Some(NoiseFloor {
                candidate: first.candidate.name.to_owned(),
                ratio: ratio(twin, first)?,
            })
        });
        let fastest = fastest(&shown);
        let floor = shown.iter().find(|one| one.candidate.name == FLOOR);
        let row = |place: usize, one: &Series| {
            let mut row = Row::of(one);
            row.to_fastest = fastest.and_then(|fastest| ratio(one, shown[fastest]));
            row.verdict = match fastest {
                Some(fastest) if fastest == place => Some(Verdict::Fastest),
                _ => row
                    .to_fastest
                    .map(|ratio| verdict(&ratio, noise_floor.as_ref())),
            };
            row.ratio = floor.and_then(|floor| ratio(one, floor));
            row
        };
        let rows = shown.iter().enumerate().map(|(place, one)| row(place, one));
        let rows = rows.collect();
        Benchmark {
            name: shape.name.clone(),
            idle: shape.idle,
            bytes: shape.bytes,
            unit: shape.unit,
            load: match &shape.trial {
                Trial::Echo(settings) => Some(Load {
                    connections: settings.connections,
                    depth: settings.depth,
                }),
                _ => None,
            },
            rounds: shown.iter().map(|one| one.samples.len()).min().unwrap_or(0),
            noise_floor,
            rows,
        }
    }

    /// The row of that server.
    pub fn row(&self, candidate: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.candidate == candidate)
    }

    /// The rate of one server over that of another, and what it says.
    pub fn compare(&self, one: &Row, other: &Row) -> Option<(Estimate, Verdict)> {
        let pairs = one.samples.iter().zip(&other.samples);
        let ratio = Estimate::of(pairs.map(|(one, other)| other / one))?;
        Some((ratio, verdict(&ratio, self.noise_floor.as_ref())))
    }
}

impl Row {
    fn of(series: &Series) -> Self {
        let samples = &series.samples;
        let of = |value: fn(&Sample) -> Option<f64>| Estimate::of(samples.iter().filter_map(value));
        let saturated = samples.iter().filter(|it| it.client_was_the_bottleneck);
        Row {
            candidate: series.candidate.name.to_owned(),
            family: series.candidate.family,
            seconds: of(|sample| Some(sample.seconds)),
            to_fastest: None,
            verdict: None,
            ratio: None,
            p50: of(|sample| sample.p50),
            p99: of(|sample| sample.p99),
            server_cpu: of(|sample| sample.server_cpu),
            client_cpu: of(|sample| sample.client_cpu),
            system_calls_per_echo: series.calls,
            answers_waiting: of(|sample| sample.answers_waiting),
            client_was_the_bottleneck: saturated.count() as f64 / samples.len().max(1) as f64,
            samples: samples.iter().map(|sample| sample.seconds).collect(),
        }
    }

    /// Messages or connections per second.
    pub fn rate(&self) -> Option<Estimate> {
        self.seconds.map(|seconds| seconds.inverse())
    }

    /// In how many samples the client was the bottleneck.
    pub fn bottlenecks(&self) -> usize {
        (self.client_was_the_bottleneck * self.samples.len() as f64).round() as usize
    }
}

/// The place of the fastest: the highest median share of the sum of all rates in a round.
fn fastest(series: &[&Series]) -> Option<usize> {
    let rounds = series.iter().map(|one| one.samples.len()).min()?;
    let rate = |one: &Series, round: usize| 1.0 / one.samples[round].seconds;
    let total = |round| series.iter().map(|one| rate(one, round)).sum::<f64>();
    let share = |one: &Series| {
        let shares = (0..rounds).map(|round| rate(one, round) / total(round));
        Estimate::of(shares).map(|estimate| estimate.median)
    };
    let shares = series.iter().map(|one| share(one)).enumerate();
    let shares = shares.filter_map(|(place, share)| Some((place, share?)));
    let most = shares.max_by(|one, other| one.1.total_cmp(&other.1));
    most.map(|(place, _)| place)
}

/// One server's rate over another's, round by round: a round that was slow for both changes nothing.
fn ratio(one: &Series, other: &Series) -> Option<Estimate> {
    let pairs = one.samples.iter().zip(&other.samples);
    Estimate::of(pairs.map(|(one, other)| other.seconds / one.seconds))
}

/// A server that differs from the fastest by no more than two instances of one program differ is
/// not slower.
fn verdict(ratio: &Estimate, noise_floor: Option<&NoiseFloor>) -> Verdict {
    let noise = noise_floor.map_or(1.0, |floor| {
        floor.ratio.low.min(1.0 / floor.ratio.high).min(1.0)
    });
    if ratio.samples < ENOUGH {
        Verdict::TooEarly
    } else if ratio.high >= noise {
        Verdict::WithinNoise
    } else {
        Verdict::Slower
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::candidate::named;
    use crate::groups::{self, MAIN};

    /// The table of these servers, each with its rates; the last is the first one's second instance.
    pub(crate) fn table(series: &[(&str, &[f64])]) -> Benchmark {
        let sample = |&rate: &f64| Sample {
            seconds: 1.0 / rate,
            p50: Some(298e-6),
            p99: Some(1_571e-6),
            server_cpu: Some(7.31e-6),
            client_cpu: Some(6.5e-6),
            answers_waiting: Some(1.5),
            client_was_the_bottleneck: rate > 90_000.0,
        };
        let last = series.len() - 1;
        let series = series
            .iter()
            .enumerate()
            .map(|(place, &(name, rates))| Series {
                candidate: named(name).expect("a candidate"),
                is_twin: place == last,
                calls: (name != "c-epoll").then_some(2.043),
                samples: rates.iter().map(sample).collect(),
            });
        let series: Vec<_> = series.collect();
        let groups = groups::all();
        let mut shapes = groups.iter().flat_map(|group| &group.shapes);
        let shape = shapes
            .find(|shape| shape.name == MAIN.1)
            .expect("the main shape");
        Benchmark::of(shape, &series, false)
    }

    #[test]
    fn rates_are_compared_round_by_round() {
        // The machine slows down to a half; the ratio stays.
        let select = [100e3, 90e3, 80e3, 70e3, 60e3, 50e3];
        let chat = select.map(|rate| rate * 0.8);
        let twin = select.map(|rate| rate * 0.98);
        let table = table(&[("select", &select), ("chat", &chat), ("select", &twin)]);
        assert_eq!(table.rounds, 6);
        let ratio = table.rows[1].to_fastest.expect("a ratio");
        assert!(ratio.low > 0.799 && ratio.high < 0.801, "{ratio}");
        let verdicts: Vec<_> = table.rows.iter().map(|row| row.verdict).collect();
        assert_eq!(verdicts, [Some(Verdict::Fastest), Some(Verdict::Slower)]);
        assert_eq!(table.rows[0].bottlenecks(), 1);
        assert_eq!(table.rows[1].ratio, None, "c-epoll has not taken part");
    }

    #[test]
    fn the_fastest_is_so_in_most_rounds() {
        // Only one sample of chat was slow, but that of a fast round.
        let (select, chat) = ([100e3, 50e3, 60e3], [90e3, 55e3, 66e3]);
        let table = table(&[("select", &select), ("chat", &chat), ("select", &select)]);
        assert_eq!(table.rows[1].verdict, Some(Verdict::Fastest));
        let ratio = table.rows[0].to_fastest.expect("a ratio");
        assert!(ratio.median < 1.0, "{ratio}");
    }

    #[test]
    fn noise_is_what_a_server_is_against_itself() {
        let slow = [97e3; 6];
        let verdict = |twin: f64, rounds: usize| {
            let (select, twin) = ([100e3; 6], [twin; 6]);
            let series = [("select", &select), ("chat", &slow), ("select", &twin)];
            let table = table(&series.map(|(name, rates)| (name, &rates[..rounds])));
            table.rows.get(1).and_then(|row| row.verdict)
        };
        assert_eq!(verdict(100e3, 6), Some(Verdict::Slower));
        assert_eq!(verdict(96e3, 6), Some(Verdict::WithinNoise));
        assert_eq!(verdict(104e3, 6), Some(Verdict::WithinNoise));
        assert_eq!(verdict(100e3, 5), Some(Verdict::TooEarly));
        assert_eq!(verdict(100e3, 0), None);
    }
}
