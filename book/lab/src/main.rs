//! `lab trace` runs a server over a script from standard input and prints the trace as JSON;
//! `lab run` runs several and prints what pages show of them;
//! `lab simulate` runs many generated scripts and checks each run against the contract.

use std::io::{self, BufWriter, Read, Write};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use common::script::{MOST_SCRIPT_BYTES, ParseError, Script};
use lab::bug;
use lab::case::SimulationArgs;
use lab::contract::check_contract;
use lab::matrix::matrix;
use lab::run::{RunArgs, run};
use lab::server::Style;
use lab::simulate::simulate;
use serde::Serialize;

/// Run the four styles over the simulated kernel
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a script from standard input, and print the trace as JSON
    Trace(SimulationArgs),
    /// Run a script from standard input on several servers, and print what each of them does as JSON
    Run(RunArgs),
    /// Run generated scripts, or one of your own, and check each run against the contract
    #[command(override_usage = "cargo run --release -p book -- simulate [OPTIONS]")]
    Simulate(SimulateArgs),
    /// Print the published bugs as JSON
    Bugs,
    /// Print the published bugs as JSON, with what a run of each shows
    Matrix,
}

#[derive(clap::Args)]
struct SimulateArgs {
    /// Number of scripts to generate for each style
    #[arg(long, default_value_t = 1000, conflicts_with = "script")]
    seeds: u64,
    /// Number of the first script; the same number always generates the same script
    #[arg(long, default_value_t = 0, conflicts_with = "script")]
    first: u64,
    /// Run all styles, one after the other
    #[arg(long, conflicts_with_all = ["style", "script"])]
    all: bool,
    /// Run this script instead, with the other options
    #[arg(long)]
    script: Option<Script>,
    #[command(flatten)]
    case: SimulationArgs,
}

impl SimulateArgs {
    /// Checks what clap can't. A generated script comes with options of its own, so those of the command
    /// line would have no effect.
    fn check(&self, known: &clap::Command, given: &ArgMatches) -> Result<(), String> {
        const OF_GENERATED: [&str; 4] = ["seeds", "first", "all", "style"];
        if self.script.is_some() {
            return self.case.check();
        }
        let (Some(known), Some(given)) = (
            known.find_subcommand("simulate"),
            given.subcommand_matches("simulate"),
        ) else {
            return Ok(());
        };
        let mut arguments = known.get_arguments();
        let unused = arguments.find(|argument| {
            let id = argument.get_id();
            let is_given = given.ids().any(|given| given == id)
                && given.value_source(id.as_str()) == Some(ValueSource::CommandLine);
            is_given && !OF_GENERATED.contains(&id.as_str())
        });
        match unused.and_then(clap::Arg::get_long) {
            None => Ok(()),
            Some(name) => Err(format!(
                "the argument '--{name}' needs '--script': each generated script has options of its own"
            )),
        }
    }
}

fn main() -> ExitCode {
    let mut known = Cli::command();
    let given = known.get_matches_mut();
    let Cli { command } = Cli::from_arg_matches(&given).unwrap_or_else(|error| error.exit());
    let checked = match &command {
        Command::Trace(args) => args.check(),
        Command::Run(args) => args.check(),
        Command::Simulate(args) => args.check(&known, &given),
        Command::Bugs | Command::Matrix => Ok(()),
    };
    if let Err(error) = checked {
        clap::Error::raw(ErrorKind::ArgumentConflict, format_args!("{error}\n")).exit();
    }
    let done = match command {
        Command::Trace(args) => trace(&args).map(|()| true),
        Command::Run(args) => run_from_args(&args).map(|()| true),
        Command::Simulate(args) => simulate_from_args(args),
        Command::Bugs => say(bug::TABLE).map(|()| true),
        Command::Matrix => matrix().and_then(say).map(|()| true),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn trace(args: &SimulationArgs) -> io::Result<()> {
    let mut script = String::new();
    io::stdin().read_to_string(&mut script)?;
    let script: Script = script.parse().map_err(io::Error::other)?;
    print_as_json(&args.case(script).run())
}

fn run_from_args(args: &RunArgs) -> io::Result<()> {
    // One byte more shows that the script is too long.
    let mut script = String::new();
    let limit = MOST_SCRIPT_BYTES as u64 + 1;
    io::stdin().take(limit).read_to_string(&mut script)?;
    match run(args, &script) {
        Ok(result) => print_as_json(&result),
        Err(error) => {
            // For a page, which shows the error where it is in the script.
            let inside = error.get_ref();
            if let Some(place) = inside.and_then(|error| error.downcast_ref::<ParseError>()) {
                print_as_json(place)?;
            }
            Err(error)
        }
    }
}

fn print_as_json(value: &impl Serialize) -> io::Result<()> {
    let mut output = BufWriter::new(io::stdout().lock());
    serde_json::to_writer(&mut output, value)?;
    output.write_all(b"\n")?;
    output.flush()
}

/// Returns whether every run keeps every rule.
fn simulate_from_args(args: SimulateArgs) -> io::Result<bool> {
    if let Some(script) = args.script {
        let case = args.case.case(script);
        return match check_contract(&case, &case.run()) {
            Ok(()) => say("every rule is kept").map(|()| true),
            Err(broken) => say(broken).map(|()| false),
        };
    }
    let styles = match args.all {
        true => Style::ALL.to_vec(),
        false => vec![args.case.style],
    };
    let mut is_good = true;
    for style in styles {
        let numbers = args.first..args.first.saturating_add(args.seeds);
        match simulate(style, numbers) {
            None => say(format_args!(
                "{}: {} runs keep every rule",
                style.name(),
                args.seeds
            ))?,
            Some(failure) => {
                is_good = false;
                say(&failure)?;
            }
        }
    }
    Ok(is_good)
}

fn say(what: impl std::fmt::Display) -> io::Result<()> {
    writeln!(io::stdout(), "{what}")
}
