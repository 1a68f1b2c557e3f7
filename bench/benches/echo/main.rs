//! `cargo bench`: the benchmarks, with criterion's statistics.
//!
//! criterion takes all samples of one benchmark, then all of the next. Between the first and the
//! last, a machine can slow down by a tenth. So this program takes the samples itself, in rounds over
//! all servers, and passes each to criterion where criterion would have taken one.
//!
//! criterion's own report has a block for each of about two hundred benchmarks. It is printed only
//! with `--verbose`; the summary that says which style is faster comes at the end.

mod options;
mod progress;
mod silence;

use std::fs;
use std::hint;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use bench::builder::Builder;
use bench::candidate::{ALL, Candidate};
use bench::comparison;
use bench::groups::{self, Group, Shape};
use bench::harness::Harness;
use bench::machine;
use bench::report::{self, LastRun};
use bench::run::{Run, Series};
use bench::table;
use common::comparison::{Comparison, Unit};
use common::output;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, SamplingMode, Throughput};

use options::{Mode, Options};
use progress::Progress;
use silence::Silence;

/// criterion's warm-up only replays times that were measured, so it can be short.
const WARM_UP: Duration = Duration::from_millis(2);

fn main() -> ExitCode {
    output::exit_code(run().map(|()| ExitCode::SUCCESS))
}

fn run() -> io::Result<()> {
    let options = Options::from_arguments()?;
    if options.mode == Mode::List {
        let mut criterion = criterion(&options);
        for group in groups::all() {
            hand_over(&mut criterion, &group, None);
        }
        return Ok(());
    }
    let groups = groups::all();
    let wants = |group: &Group, shape: &Shape, candidate: &Candidate| {
        shape.is_for(candidate) && options.wants(&name(group, shape, candidate))
    };
    let is_wanted = |candidate: &&Candidate| {
        let mut groups = groups.iter();
        groups.any(|group| group.shapes.iter().any(|it| wants(group, it, candidate)))
    };
    let builder = Builder::open(ALL.iter().filter(is_wanted), options.profile)?;
    // Before this thread is kept on one core: after that, it sees only that core.
    let machine = machine::here();
    let harness = Harness::enter()?;
    let mut comparison = comparison::begin(&options.command, machine, &harness, &builder);
    let mut progress = Progress::new(&groups, &builder.ready, options.effort, &wants);
    // criterion checks whether standard output is a terminal, and must not draw on it.
    let mut criterion = {
        let _silence = Silence::unless(options.shows_criterion)?;
        criterion(&options)
    };
    // If a group fails, the earlier results are still worth reading.
    let mut outcome = Ok(());
    for group in &groups {
        if !progress.begin(group) {
            continue;
        }
        let wanted = |shape: &Shape, candidate: &Candidate| wants(group, shape, candidate);
        let run = Run::start(&harness, group, &builder.ready, options.effort, wanted);
        let series = run.and_then(|run| run.finish(|visit, visits| progress.visit(visit, visits)));
        let series = match series {
            Ok(series) => series,
            Err(error) => {
                let name = group.name;
                outcome = Err(io::Error::new(error.kind(), format!("{name}: {error}")));
                break;
            }
        };
        progress.end();
        comparison.add(table::group(group, options.effort, &series, false));
        let _silence = Silence::unless(options.shows_criterion)?;
        hand_over(&mut criterion, group, Some(&series));
    }
    if options.mode == Mode::Bench {
        summarise(&options, &comparison)?;
    }
    outcome
}

/// Prints the summary, and writes it to two files in criterion's folder.
fn summarise(options: &Options, comparison: &Comparison) -> io::Result<()> {
    let folder = folder();
    let file = |name: &str, kind: &str| folder.join(format!("{name}.{kind}"));
    let name = options.file_name();
    let (json, markdown) = (file(name, "json"), file(name, "md"));
    let earlier = [options::WHOLE, options::PART].map(|name| file(name, "json"));
    let last = LastRun::read(&earlier);
    if comparison.groups.is_empty() {
        return output::print(format_args!("nothing was measured\n"));
    }
    fs::create_dir_all(&folder)?;
    fs::write(&json, serde_json::to_string(comparison)? + "\n")?;
    fs::write(&markdown, report::summary_as_markdown(comparison, &last))?;
    let files: [&Path; 2] = [&markdown, &json];
    let text = report::summary(comparison, &last, &files);
    output::print(format_args!("\n{text}"))
}

/// The folder that criterion writes to, by criterion's own rules.
fn folder() -> PathBuf {
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    let target =
        || variable("CARGO_TARGET_DIR").unwrap_or_else(|| bench::builder::root().join("target"));
    variable("CRITERION_HOME").unwrap_or_else(|| target().join("criterion"))
}

fn criterion(options: &Options) -> Criterion {
    let effort = options.effort;
    Criterion::default()
        .without_plots()
        .sample_size(effort.rounds.max(10))
        .nresamples(10_000)
        .warm_up_time(WARM_UP)
        .measurement_time(effort.slice * effort.rounds as u32)
        .configure_from_args()
        .warm_up_time(WARM_UP)
}

fn name(group: &Group, shape: &Shape, candidate: &Candidate) -> String {
    format!("{}/{}/{}", group.name, shape.name, candidate.name)
}

/// Passes the samples of a group to criterion; without samples, only the names.
fn hand_over(criterion: &mut Criterion, group: &Group, series: Option<&[Vec<Series>]>) {
    let mut benchmarks = criterion.benchmark_group(group.name);
    benchmarks.sampling_mode(SamplingMode::Flat);
    for (place, shape) in group.shapes.iter().enumerate() {
        match shape.unit {
            Unit::Bytes => drop(benchmarks.throughput(Throughput::Bytes(shape.bytes))),
            Unit::Messages | Unit::Connections => {
                benchmarks.throughput(Throughput::Elements(1));
            }
            Unit::Latency => {}
        }
        let Some(series) = series else {
            for candidate in shape.candidates() {
                replay(&mut benchmarks, shape, candidate, Replay::of(Vec::new()));
            }
            continue;
        };
        let measured = |one: &&Series| !one.is_twin && !one.samples.is_empty();
        for one in series[place].iter().filter(measured) {
            let seconds = one.samples.iter().map(|sample| sample.seconds);
            let samples = Replay::of(seconds.collect());
            replay(&mut benchmarks, shape, one.candidate, samples);
        }
    }
    benchmarks.finish();
}

fn replay(
    benchmarks: &mut BenchmarkGroup<'_, WallTime>,
    shape: &Shape,
    candidate: &Candidate,
    mut replay: Replay,
) {
    let id = BenchmarkId::new(&shape.name, candidate.name);
    benchmarks.bench_function(id, |bencher| {
        bencher.iter_custom(|iterations| replay.next(iterations));
    });
}

/// Samples in the order in which they were taken. Each stands for any number of iterations.
struct Replay {
    seconds: Vec<f64>,
    next: usize,
    /// criterion warms up with one iteration, then two, then four, to see how long one takes.
    warm_up: u64,
}

impl Replay {
    fn of(seconds: Vec<f64>) -> Self {
        Replay {
            seconds,
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
