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

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Result, bail, ensure};
use book::build::Built;
use book::check::Site;
use book::destination::Destination;
use book::problem::{self, Problem};
use book::workspace::Workspace;
use book::{preprocessor, record, serve};
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
    /// Run the servers again and write down what they do
    Record {
        /// Scenarios, or "stacks"; all if none is named
        names: Vec<String>,
    },
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
        Some(Command::Record { names }) => record_all(&workspace()?, names)?,
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
    Ok(complain(&built.problems))
}

fn check(workspace: Workspace) -> Result<ExitCode> {
    let stop = StopSignal::on_signals()?;
    let problems = Site::build(workspace)?.check();
    ensure!(!stop.is_raised(), "stopped before the check was over");
    Ok(complain(&problems))
}

/// Lists the problems, and returns the status that they end the program with.
fn complain(problems: &[Problem]) -> ExitCode {
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

/// Records what is named, or all.
fn record_all(workspace: &Workspace, names: &[String]) -> Result<()> {
    let data = workspace.book().join("data");
    const STACKS: &str = "stacks";
    let known: Vec<&str> = record::names().chain([STACKS]).collect();
    if let Some(name) = names.iter().find(|name| !known.contains(&name.as_str())) {
        bail!("there is no {name} to record, but {}", known.join(", "));
    }
    let is_wanted = |name: &&str| names.is_empty() || names.iter().any(|of| of == name);
    for name in known.into_iter().filter(is_wanted) {
        match name {
            STACKS => record::stacks(workspace)?.write(&data.join("stacks.json"))?,
            name => record::scenario(workspace, name)?
                .write(&data.join(format!("traces/{name}.json")))?,
        }
        output::complain(format_args!("recorded {name}"));
    }
    Ok(())
}
