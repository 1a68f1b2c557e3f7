//! Compares servers with one worker and with two, and writes what the book shows of it to
//! `book/data/workers.json`.

use std::env;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use bench::builder::{self, Builder, Profile};
use bench::{machine, workers};
use clap::Parser;
use common::args::{number, seconds_above_zero};
use common::comparison::WorkersRecord;
use common::output;

/// Compare servers with one worker and with two
///
/// It takes about two minutes once everything is built. Run nothing else meanwhile.
#[derive(Parser)]
struct Args {
    /// Where to write [default: book/data/workers.json]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Samples of each server, and runs that count how connections are distributed
    #[arg(long, value_name = "NUMBER", default_value_t = 21, value_parser = number(1..=10_000))]
    rounds: usize,
    /// How long one sample takes
    #[arg(long, value_name = "SECONDS", default_value = "0.2", value_parser = seconds_above_zero)]
    slice: Duration,
    /// Measure servers that cargo has built in this profile
    #[arg(long, value_enum, default_value_t = Profile::Measured)]
    profile: Profile,
}

fn main() -> ExitCode {
    output::exit_code(run(Args::parse()).map(|()| ExitCode::SUCCESS))
}

fn run(args: Args) -> io::Result<()> {
    let builder = Builder::open(workers::candidates(), args.profile)?;
    let rows = workers::rows(&builder.ready, args.rounds, args.slice, |round| {
        output::print_to_stderr(format_args!("round {} of {}", round + 1, args.rounds));
    })?;
    let load = workers::load();
    let missing = builder.missing.iter();
    let record = WorkersRecord {
        command: command(),
        machine: machine::here(),
        client_threads: load.threads,
        connections: load.connections,
        rows,
        balances: workers::balances(&builder.ready, args.rounds)?,
        skipped: missing.map(|one| one.candidate.name.to_owned()).collect(),
    };
    let output = args
        .output
        .unwrap_or_else(|| builder::root().join("book/data/workers.json"));
    fs::write(output, serde_json::to_string_pretty(&record)? + "\n")
}

/// The command that makes this record, with the options of this run.
fn command() -> String {
    let options: Vec<String> = env::args().skip(1).collect();
    let command = "cargo run --release -p bench --bin workers";
    match &options[..] {
        [] => command.to_owned(),
        options => format!("{command} -- {}", options.join(" ")),
    }
}
