//! The command line: the part that criterion doesn't keep private.

use std::env;
use std::io;
use std::time::Duration;

use bench::builder::Profile;
use bench::run::Effort;
use clap::ValueEnum;
use regex::Regex;

/// The names of the files of a run of all benchmarks, and of a run of some.
pub const WHOLE: &str = "comparison";
/// The same for a run of some.
pub const PART: &str = "comparison-part";

/// The limit for a group. A group takes a minute or two, unless the machine is busy.
const LIMIT: Duration = Duration::from_secs(4 * 60);

/// Ten samples, criterion's minimum.
const BENCH: Effort = Effort {
    rounds: 10,
    slice: Duration::from_millis(30),
    seldom: 1,
    most_idle: usize::MAX,
    counts_calls: true,
    limit: LIMIT,
};
/// Each benchmark once, to see that it works.
const TEST: Effort = Effort {
    rounds: 1,
    slice: Duration::from_millis(5),
    seldom: 1,
    most_idle: 100,
    counts_calls: false,
    limit: LIMIT,
};

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Measure.
    Bench,
    /// Run each benchmark once.
    Test,
    /// Print their names.
    List,
}

/// The command line.
pub struct Options {
    pub mode: Mode,
    pub effort: Effort,
    pub profile: Profile,
    /// Whether to print criterion's own lines.
    pub shows_criterion: bool,
    /// The command, as the user typed it.
    pub command: String,
    filter: Option<Regex>,
    exact: Option<String>,
}

impl Options {
    /// Options of criterion that take a value.
    const WITH_VALUE: [&str; 19] = [
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
        "--format",
        "--output-format",
        "--plotting-backend",
        "--profile-time",
    ];
    /// Options whose results only criterion prints.
    const CRITERIONS: [&str; 8] = [
        "-v",
        "--verbose",
        "-b",
        "--baseline",
        "--baseline-lenient",
        "--load-baseline",
        "--output-format",
        "--profile-time",
    ];

    /// Parses the command line and the variable `BENCH_PROFILE`.
    ///
    /// # Errors
    /// The profile doesn't exist.
    pub fn from_arguments() -> io::Result<Self> {
        let arguments: Vec<String> = env::args().skip(1).collect();
        // As `--name value` or as `--name=value`.
        let name = |place: usize| arguments[place].split('=').next().unwrap_or_default();
        let has = |option: &str| (0..arguments.len()).any(|place| name(place) == option);
        let value = |option: &str| {
            let place = (0..arguments.len()).find(|&place| name(place) == option)?;
            match arguments[place].split_once('=') {
                Some((_, value)) => Some(value),
                None => arguments.get(place + 1).map(String::as_str),
            }
        };
        let is_value =
            |place: usize| place > 0 && Self::WITH_VALUE.contains(&arguments[place - 1].as_str());
        let filter = (0..arguments.len())
            .find(|&place| !arguments[place].starts_with('-') && !is_value(place))
            .map(|place| arguments[place].clone());
        // cargo bench passes --bench, cargo test doesn't.
        let mode = match (has("--list"), has("--test") || !has("--bench")) {
            (true, _) => Mode::List,
            (_, true) => Mode::Test,
            _ => Mode::Bench,
        };
        let typed: Vec<_> = arguments.iter().filter(|it| *it != "--bench").collect();
        let quoted = typed
            .iter()
            .map(|it| match it.contains([' ', '*', '$', '|']) {
                true => format!("'{it}'"),
                false => (*it).clone(),
            });
        let typed = quoted.collect::<Vec<_>>().join(" ");
        // A test isn't worth minutes of building.
        let profile = match (mode, env::var("BENCH_PROFILE")) {
            (Mode::Bench, Ok(name)) => Profile::from_str(&name, true),
            (Mode::Bench, Err(_)) => Ok(Profile::Measured),
            _ => Ok(Profile::Dev),
        };
        Ok(Options {
            mode,
            effort: match mode {
                Mode::Bench => effort(value("--sample-size"), value("--measurement-time")),
                _ => TEST,
            },
            profile: profile
                .map_err(|error| io::Error::other(format!("BENCH_PROFILE: {error}")))?,
            shows_criterion: mode != Mode::Bench || Self::CRITERIONS.iter().any(|it| has(it)),
            command: match typed.is_empty() {
                true => "cargo bench".to_owned(),
                false => format!("cargo bench -- {typed}"),
            },
            exact: filter.clone().filter(|_| has("--exact")),
            filter: filter.and_then(|filter| Regex::new(&filter).ok()),
        })
    }

    /// Whether to measure the benchmark of that name.
    pub fn wants(&self, name: &str) -> bool {
        match (&self.exact, &self.filter) {
            (Some(exact), _) => name == exact,
            (None, Some(filter)) => filter.is_match(name),
            (None, None) => true,
        }
    }

    /// The name of the files for the results: a run of some benchmarks doesn't overwrite the files
    /// of a run of all.
    pub fn file_name(&self) -> &'static str {
        match (&self.filter, &self.exact) {
            (None, None) => WHOLE,
            _ => PART,
        }
    }
}

/// The effort that criterion's own options request: samples, and the seconds for all of them together.
fn effort(samples: Option<&str>, seconds: Option<&str>) -> Effort {
    let rounds = samples.and_then(|it| it.parse().ok());
    let rounds: usize = rounds.unwrap_or(BENCH.rounds).max(1);
    let seconds = seconds.and_then(|it| it.parse().ok());
    let all = seconds.and_then(|it| Duration::try_from_secs_f64(it).ok());
    Effort {
        rounds,
        slice: all.map_or(BENCH.slice, |all| all / rounds as u32),
        ..BENCH
    }
}
