//! Runs the whole comparison and writes what the book shows of it to `book/data/reference.json`.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use bench::builder::{self, Builder, Profile};
use bench::candidate::ALL;
use bench::comparison;
use bench::counts::{self, Tools};
use bench::groups;
use bench::harness::Harness;
use bench::machine;
use bench::run::{Effort, Run};
use bench::table;
use clap::Parser;
use common::args::{number, seconds_above_zero};
use common::output;

/// Measure everything and write the record that the book reads
///
/// It takes about a quarter of an hour. Run nothing else meanwhile: it keeps two cores busy.
#[derive(Parser)]
struct Args {
    /// Where to write [default: book/data/reference.json]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Visits to each server with each shape of load
    #[arg(long, value_name = "NUMBER", default_value_t = 41, value_parser = number(1..=10_000))]
    rounds: usize,
    /// How long one sample takes
    #[arg(long, value_name = "SECONDS", default_value = "0.03", value_parser = seconds_above_zero)]
    slice: Duration,
    /// Only these groups of benchmarks [default: all]
    #[arg(value_name = "GROUP")]
    groups: Vec<String>,
}

fn main() -> ExitCode {
    output::exit_code(run(Args::parse()).map(|()| ExitCode::SUCCESS))
}

fn run(args: Args) -> io::Result<()> {
    let effort = Effort {
        rounds: args.rounds,
        slice: args.slice,
        seldom: 3,
        most_idle: usize::MAX,
        counts_calls: true,
        limit: Duration::MAX,
    };
    let builder = Builder::open(ALL, Profile::Measured)?;
    // Before this thread is kept on one core: after that, it sees only that core.
    let machine = machine::here();
    let harness = Harness::enter()?;
    let command = "cargo run --release -p bench --bin record";
    let mut comparison = comparison::begin(command, machine, &harness, &builder);
    for group in groups::all() {
        if !args.groups.is_empty() && !args.groups.iter().any(|name| name == group.name) {
            continue;
        }
        let run = Run::start(&harness, &group, &builder.ready, effort, |_, _| true)?;
        let series = run.finish(|visit, visits| {
            if visit % 100 == 0 {
                let name = group.name;
                output::print_to_stderr(format_args!("{name}: visit {visit} of {visits}"));
            }
        })?;
        comparison.add(table::group(&group, effort, &series, false));
    }
    let tools = Tools::find();
    for ready in &builder.ready {
        output::print_to_stderr(format_args!("counts: {}", ready.candidate.name));
        comparison
            .counts
            .push(counts::count(ready, &harness, &tools)?);
    }
    let output = args
        .output
        .unwrap_or_else(|| builder::root().join("book/data/reference.json"));
    if let Some(folder) = output.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut text = serde_json::to_string_pretty(&comparison.without_samples())?;
    text.push('\n');
    fs::write(output, text)
}
