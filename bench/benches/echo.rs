//! The benchmarks, with criterion as the statistician.
//!
//! criterion takes all samples of one benchmark, then all of the next. Between the first and the
//! last a machine may have slowed down by a tenth. So the samples are taken here, in rounds over
//! all candidates, and criterion is handed each where it would have taken one.

use std::env;
use std::hint;
use std::io;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use bench::builder::{Builder, Profile, Ready};
use bench::candidate::ALL;
use bench::estimate::Estimate;
use bench::groups::{self, Group, Shape};
use bench::harness::Harness;
use bench::measure::{self, Effort, Samples};
use bench::trial::{Sample, Trial};
use common::{output, terminal};
use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput};
use indicatif::{ProgressBar, ProgressStyle};
use regex::Regex;

/// Ten samples, as criterion wants them at least.
const BENCH: Effort = Effort {
    rounds: 10,
    slice: Duration::from_millis(30),
    seldom: 1,
    most_idle: usize::MAX,
};
/// Each benchmark once, to see that it works.
const TEST: Effort = Effort {
    rounds: 1,
    slice: Duration::from_millis(5),
    seldom: 1,
    most_idle: 100,
};
/// For so long criterion's warm-up lives through the times that were measured.
const WARM_UP: Duration = Duration::from_millis(2);

fn main() -> ExitCode {
    output::exit_code(run().map(|()| ExitCode::SUCCESS))
}

fn run() -> io::Result<()> {
    let options = Options::from_arguments();
    let mut criterion = Criterion::default()
        .without_plots()
        .sample_size(BENCH.rounds)
        .nresamples(10_000)
        .warm_up_time(WARM_UP)
        .measurement_time(BENCH.slice * BENCH.rounds as u32)
        .configure_from_args();
    if options.only_lists {
        for group in groups::all() {
            hand_over(&mut criterion, &group, None);
        }
        return Ok(());
    }
    let builder = Builder::open(ALL, options.profile)?;
    for missing in &builder.missing {
        let (name, lacks) = (missing.candidate.name, &missing.lacks);
        output::complain(format_args!("skipped {name}: {lacks}; {}", missing.install));
    }
    let harness = Harness::enter()?;
    for group in groups::all() {
        let style = ProgressStyle::with_template("{msg:16} {bar:40} {pos}/{len} visits, {elapsed}");
        let bar = match terminal::stderr_redraws() {
            true => ProgressBar::new(0).with_style(style.map_err(io::Error::other)?),
            false => ProgressBar::hidden(),
        };
        let samples = measure::group(
            &harness,
            &group,
            &builder.ready,
            options.effort,
            |shape, ready| options.wants(&name(&group, shape, ready)),
            |visit, visits| show(&bar, group.name, visit, visits),
        )?;
        bar.finish_and_clear();
        if !samples.is_empty() {
            hand_over(&mut criterion, &group, Some(&samples));
            tell_whose_time_it_was(&group, &samples)?;
        }
    }
    criterion.final_summary();
    Ok(())
}

/// On standard error, and only where that is a terminal.
fn show(bar: &ProgressBar, group: &'static str, visit: usize, visits: usize) {
    bar.set_message(group);
    bar.set_length(visits as u64);
    bar.set_position(visit as u64);
}

fn name(group: &Group, shape: &Shape, ready: &Ready) -> String {
    format!("{}/{}/{}", group.name, shape.name, ready.candidate.name)
}

/// Hands the samples of a group to criterion; without samples, only the names.
fn hand_over(criterion: &mut Criterion, group: &Group, samples: Option<&Samples>) {
    let mut benchmarks = criterion.benchmark_group(group.name);
    benchmarks.sampling_mode(SamplingMode::Flat);
    for (place, shape) in group.shapes.iter().enumerate() {
        match shape.trial {
            Trial::Echo(_) if group.name == "stream" => {
                benchmarks.throughput(Throughput::Bytes(shape.bytes))
            }
            Trial::Echo(_) | Trial::Connect => benchmarks.throughput(Throughput::Elements(1)),
            Trial::Fairness => &mut benchmarks,
        };
        for candidate in shape.candidates() {
            let taken = samples.map(|samples| samples.get(&(place, candidate.name)));
            let mut replay = match taken {
                Some(None) => continue,
                Some(Some(taken)) => Replay::of(taken),
                None => Replay::of(&[]),
            };
            let id = BenchmarkId::new(&shape.name, candidate.name);
            benchmarks.bench_function(id, |bencher| {
                bencher.iter_custom(|iterations| replay.next(iterations));
            });
        }
    }
    benchmarks.finish();
}

/// Samples in the order in which they were taken, each for as many iterations as criterion likes.
struct Replay {
    seconds: Vec<f64>,
    next: usize,
    /// criterion warms up with one iteration, then two, then four, to see how long one takes.
    warm_up: u64,
}

impl Replay {
    fn of(samples: &[Sample]) -> Self {
        Replay {
            seconds: samples.iter().map(|sample| sample.seconds).collect(),
            next: 0,
            warm_up: 1,
        }
    }

    fn next(&mut self, iterations: u64) -> Duration {
        let warms_up = iterations == self.warm_up;
        let seconds = self.seconds[self.next % self.seconds.len()];
        let duration = Duration::from_secs_f64(seconds * iterations as f64);
        if warms_up {
            self.warm_up *= 2;
            let begun = Instant::now();
            while begun.elapsed() < duration {
                hint::spin_loop();
            }
        } else {
            self.next += 1;
        }
        duration
    }
}

/// Tells of each side's processor time: a client that has none left measures itself.
fn tell_whose_time_it_was(group: &Group, samples: &Samples) -> io::Result<()> {
    let name = group.name;
    output::print(format_args!(
        "{name}: processor time for each, server and client\n"
    ))?;
    for (place, shape) in group.shapes.iter().enumerate() {
        for candidate in shape.candidates() {
            let Some(taken) = samples.get(&(place, candidate.name)) else {
                continue;
            };
            let median = |value: fn(&Sample) -> f64| {
                let estimate = Estimate::of(taken.iter().map(value));
                estimate.map_or(0.0, |estimate| estimate.median * 1e6)
            };
            let saturated = taken
                .iter()
                .filter(|sample| sample.client_was_the_bottleneck);
            let saturated = match saturated.count() {
                0 => String::new(),
                count => format!(", client the bottleneck in {count} of {}", taken.len()),
            };
            output::print(format_args!(
                "  {:<32} {:<16} {:8.2} µs {:8.2} µs{saturated}\n",
                shape.name,
                candidate.name,
                median(|sample| sample.server_cpu),
                median(|sample| sample.client_cpu),
            ))?;
        }
    }
    output::print(format_args!("\n"))
}

/// What was asked for on the command line, as far as criterion does not tell.
struct Options {
    only_lists: bool,
    effort: Effort,
    profile: Profile,
    filter: Option<Regex>,
    exact: Option<String>,
}

impl Options {
    /// Options of criterion that are followed by a value.
    const WITH_VALUE: [&str; 15] = [
        "-c",
        "--color",
        "-s",
        "--save-baseline",
        "-b",
        "--baseline",
        "--baseline-lenient",
        "--load-baseline",
        "--sample-size",
        "--warm-up-time",
        "--measurement-time",
        "--nresamples",
        "--noise-threshold",
        "--confidence-level",
        "--significance-level",
    ];

    fn from_arguments() -> Self {
        let arguments: Vec<String> = env::args().skip(1).collect();
        let has = |option: &str| arguments.iter().any(|argument| argument == option);
        let is_value =
            |place: usize| place > 0 && Self::WITH_VALUE.contains(&arguments[place - 1].as_str());
        let filter = (0..arguments.len())
            .find(|&place| !arguments[place].starts_with('-') && !is_value(place))
            .map(|place| arguments[place].clone());
        // cargo bench says --bench, cargo test does not.
        let is_test = has("--test") || !has("--bench");
        // A test is not worth minutes of building.
        let (effort, profile) = match is_test {
            true => (TEST, Profile::Dev),
            false => (BENCH, Profile::Measured),
        };
        Options {
            only_lists: has("--list"),
            effort,
            profile,
            exact: filter.clone().filter(|_| has("--exact")),
            filter: filter.and_then(|filter| Regex::new(&filter).ok()),
        }
    }

    fn wants(&self, name: &str) -> bool {
        match (&self.exact, &self.filter) {
            (Some(exact), _) => name == exact,
            (None, Some(filter)) => filter.is_match(name),
            (None, None) => true,
        }
    }
}
