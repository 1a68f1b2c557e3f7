//! What the slices amount to: the table, as `--json` prints it.

use serde::Serialize;

use super::conditions::Conditions;
use super::run::{Record, Taken};
use crate::candidate::{Candidate, Family};
use crate::estimate::Estimate;

/// With fewer samples no interval reaches 95 % confidence.
const ENOUGH: usize = 6;

/// The comparison so far. Every estimate is a median over slices with its interval.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Table {
    /// Under which it was made.
    #[serde(flatten)]
    pub(super) conditions: Conditions,
    /// Complete rounds: so many slices each server has had.
    pub(super) rounds: usize,
    /// Slices of all servers, and in how many of them a faster server would have made no
    /// difference.
    pub(super) slices: usize,
    pub(super) client_was_the_bottleneck: usize,
    /// The rate of the first server's second instance as a share of the first one's.
    pub(super) noise_floor: Option<Estimate>,
    /// In the order asked for.
    pub(super) servers: Vec<Row>,
}

/// One server.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Row {
    #[serde(skip)]
    pub(super) candidate: &'static Candidate,
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) family: Family,
    pub(super) messages_per_second: Option<Estimate>,
    /// Latency in microseconds: the median slice's percentiles.
    pub(super) p50_us: Option<Estimate>,
    pub(super) p99_us: Option<Estimate>,
    /// Its rate as a share of the fastest one's, compared round by round.
    pub(super) ratio: Option<Estimate>,
    pub(super) verdict: Option<Verdict>,
    /// Processor time for a message in microseconds.
    pub(super) server_cpu_us: Option<Estimate>,
    pub(super) client_cpu_us: Option<Estimate>,
    /// Waits, reads and writes for a message; `None` for a server that does not count them.
    pub(super) system_calls_per_echo: Option<f64>,
    /// In how many slices a faster server would have made no difference.
    pub(super) client_was_the_bottleneck: usize,
    /// Connections that the client found answered at each wait.
    pub(super) answers_waiting: Option<Estimate>,
    /// Messages a second in each slice, in order.
    pub(super) rates: Vec<f64>,
}

/// What the ratio says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Verdict {
    /// It is what the others are compared with.
    Fastest,
    /// Its interval reaches 1, or what the first server is against itself.
    WithinNoise,
    /// It does not.
    Slower,
    /// There are too few rounds for 95 % confidence.
    TooEarly,
}

impl Table {
    /// The table from what is known of each series; the last is the first server's second instance.
    pub(super) fn of(conditions: &Conditions, records: &[Record]) -> Self {
        let (twin, records) = match records.split_last() {
            Some((twin, records)) => (Some(twin), records),
            None => (None, records),
        };
        let noise_floor = twin.and_then(|twin| ratio(twin, records.first()?));
        let fastest = fastest(records);
        let row = |(place, record)| {
            let ratio = ratio(record, &records[fastest?]);
            let verdict = if fastest == Some(place) {
                Some(Verdict::Fastest)
            } else {
                ratio.map(|ratio| verdict(&ratio, noise_floor.as_ref()))
            };
            Some((ratio, verdict))
        };
        let servers = records.iter().enumerate().map(|(place, record)| {
            let (ratio, verdict) = row((place, record)).unwrap_or_default();
            Row::of(record, ratio, verdict)
        });
        let servers: Vec<_> = servers.collect();
        let all = || records.iter().chain(twin);
        Table {
            conditions: conditions.clone(),
            rounds: all().map(|one| one.taken.len()).min().unwrap_or(0),
            slices: all().map(|one| one.taken.len()).sum(),
            client_was_the_bottleneck: all().map(bottlenecks).sum(),
            noise_floor,
            servers,
        }
    }
}

impl Row {
    fn of(record: &Record, ratio: Option<Estimate>, verdict: Option<Verdict>) -> Self {
        let estimate = |value: fn(&Taken) -> f64| Estimate::of(record.taken.iter().map(value));
        Row {
            candidate: record.candidate,
            name: record.candidate.name,
            about: record.candidate.about,
            family: record.candidate.family,
            messages_per_second: estimate(|taken| taken.messages_per_second),
            p50_us: estimate(|taken| taken.p50),
            p99_us: estimate(|taken| taken.p99),
            ratio,
            verdict,
            server_cpu_us: estimate(|taken| taken.server_cpu),
            client_cpu_us: estimate(|taken| taken.client_cpu),
            system_calls_per_echo: record.calls,
            client_was_the_bottleneck: bottlenecks(record),
            answers_waiting: estimate(|taken| taken.answers_waiting),
            rates: rates(record).collect(),
        }
    }
}

fn rates(record: &Record) -> impl Iterator<Item = f64> {
    record.taken.iter().map(|taken| taken.messages_per_second)
}

fn bottlenecks(record: &Record) -> usize {
    let saturated = |taken: &&Taken| taken.client_was_the_bottleneck;
    record.taken.iter().filter(saturated).count()
}

/// The place of the fastest: the highest median share of what all reached in a round.
fn fastest(records: &[Record]) -> Option<usize> {
    let rounds = records.iter().map(|record| record.taken.len()).min()?;
    let rate = |record: &Record, round: usize| record.taken[round].messages_per_second;
    let total = |round| {
        records
            .iter()
            .map(|record| rate(record, round))
            .sum::<f64>()
    };
    let share = |record| {
        let shares = (0..rounds).map(|round| rate(record, round) / total(round));
        Estimate::of(shares).map(|estimate| estimate.median)
    };
    let shares = records.iter().map(share).enumerate();
    let shares = shares.filter_map(|(place, share)| Some((place, share?)));
    let most = shares.max_by(|one, other| one.1.total_cmp(&other.1));
    most.map(|(place, _)| place)
}

/// The one's rate as a share of the other's: round by round, so that what slowed down both counts
/// for neither.
fn ratio(one: &Record, other: &Record) -> Option<Estimate> {
    let pairs = rates(one).zip(rates(other));
    Estimate::of(pairs.map(|(one, other)| one / other))
}

/// What differs no more from the fastest than two instances of one program do is no slower.
fn verdict(ratio: &Estimate, noise_floor: Option<&Estimate>) -> Verdict {
    let noise = noise_floor.map_or(1.0, |floor| floor.low.min(1.0 / floor.high).min(1.0));
    if ratio.samples < ENOUGH {
        Verdict::TooEarly
    } else if ratio.high >= noise {
        Verdict::WithinNoise
    } else {
        Verdict::Slower
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::options::Options;
    use super::*;
    use crate::candidate::named;
    use crate::cores::Cores;
    use crate::machine::Machine;
    use clap::Parser;

    /// A table of these servers, each with its rates; the last is the first one's second instance.
    pub(in super::super) fn table(series: &[(&str, &[f64])]) -> Table {
        let taken = |&messages_per_second: &f64| Taken {
            messages_per_second,
            p50: 298.0,
            p99: 1_571.0,
            server_cpu: 7.31,
            client_cpu: 6.5,
            answers_waiting: 1.5,
            client_was_the_bottleneck: messages_per_second > 90_000.0,
        };
        let record = |&(name, rates): &(&str, &[f64])| Record {
            candidate: named(name).expect("a candidate"),
            calls: (name != "c-epoll").then_some(2.043),
            taken: rates.iter().map(taken).collect(),
        };
        let records: Vec<_> = series.iter().map(record).collect();
        let options = Options::parse_from(["bench"]);
        let cores = Cores {
            server: 1,
            client: 0,
        };
        let conditions = Conditions::of(&options, Machine::here(), Some(cores), Vec::new());
        Table::of(&conditions, &records)
    }

    #[test]
    fn rates_are_compared_round_by_round() {
        // The machine slows down to a half; the ratio stays.
        let select = [100e3, 90e3, 80e3, 70e3, 60e3, 50e3];
        let chat = select.map(|rate| rate * 0.8);
        let twin = select.map(|rate| rate * 0.98);
        let table = table(&[("select", &select), ("chat", &chat), ("select", &twin)]);
        assert_eq!((table.rounds, table.slices), (6, 18));
        let ratio = table.servers[1].ratio.expect("a ratio");
        assert!(ratio.low > 0.799 && ratio.high < 0.801, "{ratio}");
        let verdicts: Vec<_> = table.servers.iter().map(|row| row.verdict).collect();
        assert_eq!(verdicts, [Some(Verdict::Fastest), Some(Verdict::Slower)]);
        assert_eq!(table.client_was_the_bottleneck, 2);
    }

    #[test]
    fn the_fastest_is_so_in_most_rounds() {
        // Only one slice of chat was slow, but that of a fast round.
        let (select, chat) = ([100e3, 50e3, 60e3], [90e3, 55e3, 66e3]);
        let table = table(&[("select", &select), ("chat", &chat), ("select", &select)]);
        assert_eq!(table.servers[1].verdict, Some(Verdict::Fastest));
        assert!(
            table.servers[0]
                .ratio
                .is_some_and(|ratio| ratio.median < 1.0)
        );
    }

    #[test]
    fn noise_is_what_a_server_is_against_itself() {
        let slow = [97e3; 6];
        let verdict = |twin: f64, rounds: usize| {
            let (select, twin) = ([100e3; 6], [twin; 6]);
            let series = [("select", &select), ("chat", &slow), ("select", &twin)];
            let table = table(&series.map(|(name, rates)| (name, &rates[..rounds])));
            table.servers[1].verdict
        };
        assert_eq!(verdict(100e3, 6), Some(Verdict::Slower));
        assert_eq!(verdict(96e3, 6), Some(Verdict::WithinNoise));
        assert_eq!(verdict(104e3, 6), Some(Verdict::WithinNoise));
        assert_eq!(verdict(100e3, 5), Some(Verdict::TooEarly));
        assert_eq!(verdict(100e3, 0), None);
    }
}
