//! Makes a group's tables from the samples of each benchmark. The live comparison,
//! `cargo bench`, and the record all use them, and write them as JSON.

use common::comparison::{Benchmark, Estimate, FLOOR, MeasuredGroup, NoiseFloor, Row, Verdict};

use crate::groups::{Group, Shape};
use crate::run::{Effort, Series};
use crate::trial::{Sample, Trial};

/// Makes the tables of a group. Servers and shapes that were not measured have no samples; they are
/// left out unless `shows_all` is set.
pub fn group(
    group: &Group,
    effort: Effort,
    series: &[Vec<Series>],
    shows_all: bool,
) -> MeasuredGroup {
    let shapes = group.shapes.iter().zip(series);
    let benchmarks = shapes.map(|(shape, series)| benchmark(shape, series, shows_all));
    MeasuredGroup {
        name: group.name.to_owned(),
        about: group.about.to_owned(),
        rounds: effort.rounds,
        slice: effort.slice.as_secs_f64(),
        benchmarks: benchmarks.filter(|it| !it.rows.is_empty()).collect(),
    }
}

fn benchmark(shape: &Shape, series: &[Series], shows_all: bool) -> Benchmark {
    let is_shown = |one: &&Series| !one.is_twin && (shows_all || !one.samples.is_empty());
    let shown: Vec<&Series> = series.iter().filter(is_shown).collect();
    let noise_floor = noise_floor(series);
    let fastest = fastest(&shown);
    let floor = shown.iter().find(|one| one.candidate.name == FLOOR);
    let row = |(place, one): (usize, &&Series)| {
        let to_fastest = fastest.and_then(|fastest| ratio(one, shown[fastest]));
        let verdict = to_fastest.map(|ratio| Verdict::of(&ratio, noise_floor.as_ref()));
        let is_fastest = fastest == Some(place);
        Row {
            to_fastest,
            verdict: verdict.map(|verdict| match verdict {
                Verdict::WithinNoise if is_fastest => Verdict::Fastest,
                other => other,
            }),
            ratio: floor.and_then(|floor| ratio(one, floor)),
            ..self::row(one)
        }
    };
    let (connections, depth) = match &shape.trial {
        Trial::Echo(settings) => (settings.connections, settings.depth),
        Trial::Connect | Trial::Fairness => (0, 0),
    };
    Benchmark {
        name: shape.name.clone(),
        idle: shape.idle,
        connections,
        depth,
        bytes: shape.bytes,
        unit: shape.unit,
        rounds: shown.iter().map(|one| one.samples.len()).min().unwrap_or(0),
        rows: shown.iter().enumerate().map(row).collect(),
        noise_floor,
    }
}

/// The comparison of the server that runs twice with itself.
fn noise_floor(series: &[Series]) -> Option<NoiseFloor> {
    let twin = series.iter().find(|one| one.is_twin)?;
    let is_its_twin = |one: &&Series| !one.is_twin && one.candidate.name == twin.candidate.name;
    let first = series.iter().find(is_its_twin)?;
    Some(NoiseFloor {
        candidate: first.candidate.name.to_owned(),
        ratio: ratio(twin, first)?,
    })
}

/// The results of one server, without a comparison.
fn row(series: &Series) -> Row {
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

/// The index of the fastest: the highest median share of the sum of all rates in a round.
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

/// One server's rate divided by another's, round by round: rounds that are slow for both don't matter.
fn ratio(one: &Series, other: &Series) -> Option<Estimate> {
    let pairs = one.samples.iter().zip(&other.samples);
    Estimate::of(pairs.map(|(one, other)| other.seconds / one.seconds))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::candidate::named;
    use crate::groups;
    use common::comparison::MAIN;

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
        benchmark(shape, &series, false)
    }

    #[test]
    fn rates_are_compared_round_by_round() {
        // The machine slows down to half its speed; the ratio stays.
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
        // Only one sample of chat was slow, but it came in a fast round.
        let select = [100e3, 50e3, 60e3, 50e3, 60e3, 50e3];
        let chat = [90e3, 55e3, 66e3, 55e3, 66e3, 55e3];
        let table = table(&[("select", &select), ("chat", &chat), ("select", &select)]);
        assert_eq!(table.rows[1].verdict, Some(Verdict::Fastest));
        let ratio = table.rows[0].to_fastest.expect("a ratio");
        assert!(ratio.median < 1.0, "{ratio}");
    }

    #[test]
    fn too_few_rounds_have_no_fastest() {
        let (select, chat) = ([100e3; 5], [50e3; 5]);
        let table = table(&[("select", &select), ("chat", &chat), ("select", &select)]);
        let verdicts: Vec<_> = table.rows.iter().map(|row| row.verdict).collect();
        assert_eq!(verdicts, [Some(Verdict::TooEarly); 2]);
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
        assert_eq!(verdict(79e3, 6), Some(Verdict::TooNoisy));
        assert_eq!(verdict(127e3, 6), Some(Verdict::TooNoisy));
        assert_eq!(verdict(100e3, 5), Some(Verdict::TooEarly));
        assert_eq!(verdict(100e3, 0), None);
    }
}
