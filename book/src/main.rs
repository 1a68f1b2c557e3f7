//! The program `book`: builds, checks and serves the book.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::print_stdout,
        clippy::print_stderr
    )
)]

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Result, ensure};
use book::build::Built;
use book::check::Site;
use book::destination::Destination;
use book::problem::{self, Problem};
use book::workspace::Workspace;
use book::{concept_table, lab, preprocessor, serve, stacks};
use clap::{Parser, Subcommand};
use common::{StopSignal, args, output};
use signal_hook::consts::SIGXFSZ;

/// The book of the four echoes: reads itself to you at a loopback address
#[derive(Parser)]
#[command(version)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// The port to serve at; 0 takes a free one
    #[arg(long, default_value_t = 3000)]
    port: u16,
    /// Do not open the browser
    #[arg(long)]
    no_open: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Write the site, for a plain web host or to be opened from its folder
    Build {
        /// Where to: an empty or absent folder, or an earlier build, which is replaced [default: target/book]
        #[arg(long)]
        dest: Option<PathBuf>,
    },
    /// Say what is wrong with the book
    Check,
    /// Run the servers over the simulated kernel and check each run: `simulate --help` shows the options
    #[command(disable_help_flag = true)]
    Simulate {
        /// What to run, such as `--style chat --seeds 1000000`
        #[arg(allow_hyphen_values = true, trailing_var_arg = true)]
        args: Vec<OsString>,
    },
    /// Capture the calls that lead to the code of each style's user, for `book/data/stacks.json`
    Stacks,
    /// Write the concept table in `README.md` again, from `book/concepts.toml` and the tags in the code
    Readme,
    /// Speak mdBook's protocol of preprocessors
    Preprocessor {
        #[command(subcommand)]
        question: Option<Question>,
    },
}

#[derive(Subcommand)]
enum Question {
    /// Whether the renderer is supported: all are
    Supports {
        /// Its name
        renderer: String,
    },
}

fn main() -> ExitCode {
    run(&args::parse()).unwrap_or_else(|error| match error.downcast_ref::<io::Error>() {
        Some(error) if output::is_closed_pipe(error) => ExitCode::SUCCESS,
        _ => {
            output::complain(format_args!("error: {error:#}"));
            ExitCode::FAILURE
        }
    })
}

fn run(args: &Args) -> Result<ExitCode> {
    // At the limit of a file's size (`ulimit -f`) this signal would end the program, and leave what
    // it had begun to write. With any handler, write(2) returns EFBIG instead.
    signal_hook::flag::register(SIGXFSZ, Arc::default())?;
    match &args.command {
        None => {
            let options = serve::Options {
                port: args.port,
                open: !args.no_open,
            };
            serve::serve(workspace()?, options)?;
        }
        Some(Command::Build { dest }) => return build(&workspace()?, dest.as_deref()),
        Some(Command::Check) => return check(workspace()?),
        Some(Command::Simulate { args }) => return simulate(args),
        Some(Command::Stacks) => {
            let workspace = workspace()?;
            let path = workspace.book().join("data/stacks.json");
            stacks::capture(&workspace)?.write(&path)?;
        }
        Some(Command::Readme) => concept_table::write(&workspace()?)?,
        Some(Command::Preprocessor { question: None }) => preprocessor::speak()?,
        // Any renderer can show what the directives become.
        Some(Command::Preprocessor { question: Some(_) }) => {}
    }
    Ok(ExitCode::SUCCESS)
}

fn build(workspace: &Workspace, folder: Option<&Path>) -> Result<ExitCode> {
    let default = workspace.target.join("book");
    let destination = Destination::new(folder.unwrap_or(&default), &workspace.root)?;
    let stop = StopSignal::on_signals()?;
    let built = Built::new(&workspace.root, destination.parent())?;
    ensure!(!stop.is_raised(), "stopped before anything was replaced");
    if built.problems.is_empty() {
        destination.replace(built)?;
        let folder = destination.folder().display();
        output::print(format_args!("the book is in {folder}\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    Ok(report(&built.problems))
}

fn check(workspace: Workspace) -> Result<ExitCode> {
    let stop = StopSignal::on_signals()?;
    let problems = Site::build(workspace)?.check();
    ensure!(!stop.is_raised(), "stopped before the check was over");
    Ok(report(&problems))
}

/// Lists the problems, and returns the status that they end the program with.
fn report(problems: &[Problem]) -> ExitCode {
    if problems.is_empty() {
        return ExitCode::SUCCESS;
    }
    output::complain(format_args!("{}", problem::list(problems)));
    ExitCode::FAILURE
}

/// The checkout's workspace; says which checkout that is.
fn workspace() -> Result<Workspace> {
    let workspace = Workspace::here()?;
    output::complain(format_args!("the checkout is {}", workspace.root.display()));
    Ok(workspace)
}

/// Runs `lab simulate`. Returns its status.
fn simulate(args: &[OsString]) -> Result<ExitCode> {
    let status = lab::simulate(&Workspace::here()?, args)?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
