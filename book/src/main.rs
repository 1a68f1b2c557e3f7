//! The program `book`: builds, checks, and serves the book.

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
use book::build::BuiltSite;
use book::check::Site;
use book::destination::Destination;
use book::problem::{self, Problem};
use book::workspace::Workspace;
use book::{concept_table, grades, lab, lab_files, preprocessor, serve, stacks};
use clap::{Parser, Subcommand};
use common::{StopSignal, args, output};
use signal_hook::consts::SIGXFSZ;

/// Build, check, and serve the book of Four Echoes
///
/// Without a command, it builds the book, serves it at a loopback address, and opens it in the browser. When a file
/// changes, it rebuilds the book, and the open pages reload.
#[derive(Parser)]
#[command(version)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Port to serve the book at; 0 chooses a free one
    #[arg(long, default_value_t = 3000)]
    port: u16,
    /// Don't open the browser
    #[arg(long)]
    no_open: bool,
    /// Let the book's pages grade a server of yours: they can then run any command on this machine
    #[arg(long)]
    grade: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Build the book into a folder, for a web host or to open it from there
    Build {
        /// The folder: a new or an empty one, or an earlier build, which is replaced [default: target/book]
        #[arg(long)]
        dest: Option<PathBuf>,
        /// The lab's program for pages, WebAssembly that was built elsewhere [default: built now, if the
        /// toolchain has the target wasm32-wasip1]
        #[arg(long, value_name = "FILE")]
        lab_wasm: Option<PathBuf>,
    },
    /// List the problems of the book; fails if there are any
    Check,
    /// Run the servers over the simulated kernel, and check each run; `simulate --help` lists the options
    #[command(disable_help_flag = true)]
    Simulate {
        /// Options, such as `--style chat --seeds 1000000`
        #[arg(allow_hyphen_values = true, trailing_var_arg = true)]
        args: Vec<OsString>,
    },
    /// Record the call stacks of the four styles in `book/data/stacks.json`
    Stacks,
    /// Grade the servers of `book/steps` with the checker, and record that in `book/data/grades.json`
    Grades,
    /// Write the concept table into `README.md`, from `book/concepts.toml` and the tags in the code
    Readme,
    /// Run as a preprocessor of mdBook: read a book as JSON, and write it with its directives expanded
    Preprocessor {
        #[command(subcommand)]
        command: Option<PreprocessorCommand>,
    },
}

#[derive(Subcommand)]
enum PreprocessorCommand {
    /// Tell mdBook whether a renderer is supported: all are
    Supports {
        /// Name of the renderer
        renderer: String,
    },
}

fn main() -> ExitCode {
    run(&args::parse()).unwrap_or_else(|error| match error.downcast_ref::<io::Error>() {
        Some(error) if output::is_closed_pipe(error) => ExitCode::SUCCESS,
        _ => {
            output::print_to_stderr(format_args!("error: {error:#}"));
            ExitCode::FAILURE
        }
    })
}

fn run(args: &Args) -> Result<ExitCode> {
    // At the limit for a file's size (`ulimit -f`), this signal would end the program, and leave what
    // it had begun to write. With any handler, write(2) returns EFBIG instead.
    signal_hook::flag::register(SIGXFSZ, Arc::default())?;
    match &args.command {
        None => {
            let options = serve::ServeOptions {
                port: args.port,
                open: !args.no_open,
                grade: args.grade,
            };
            serve::serve(workspace()?, options)?;
        }
        Some(Command::Build { dest, lab_wasm }) => {
            return build(&workspace()?, dest.as_deref(), lab_wasm.as_deref());
        }
        Some(Command::Check) => return check(workspace()?),
        Some(Command::Simulate { args }) => return simulate(args),
        Some(Command::Stacks) => {
            let workspace = workspace()?;
            let path = workspace.book().join("data/stacks.json");
            stacks::capture(&workspace)?.write(&path)?;
        }
        Some(Command::Grades) => {
            let workspace = workspace()?;
            let tell = |server: &str| output::print_to_stderr(format_args!("grading {server}"));
            let path = workspace.book().join("data/grades.json");
            grades::record(&workspace, tell)?.write(&path)?;
        }
        Some(Command::Readme) => concept_table::write(&workspace()?)?,
        Some(Command::Preprocessor { command: None }) => preprocessor::run_as_program()?,
        // Any renderer can show what the directives become.
        Some(Command::Preprocessor { command: Some(_) }) => {}
    }
    Ok(ExitCode::SUCCESS)
}

fn build(
    workspace: &Workspace,
    folder: Option<&Path>,
    lab_wasm: Option<&Path>,
) -> Result<ExitCode> {
    let default = workspace.target.join("book");
    let destination = Destination::new(folder.unwrap_or(&default), &workspace.root)?;
    let stop = StopSignal::on_signals()?;
    let built = BuiltSite::new(&workspace.root, destination.parent())?;
    if !built.problems.is_empty() {
        return Ok(report(&built.problems));
    }
    // Where the book is served, the program runs as it is, and the reader doesn't wait for this.
    if let Some(missing) = lab_files::write_module(workspace, &built.site(), lab_wasm)? {
        output::print_to_stderr(format_args!("{missing}"));
    }
    ensure!(!stop.is_raised(), "stopped before anything was replaced");
    destination.replace(built)?;
    let folder = destination.folder().display();
    output::print(format_args!("the book is in {folder}\n"))?;
    Ok(ExitCode::SUCCESS)
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
    output::print_to_stderr(format_args!("{}", problem::list(problems)));
    ExitCode::FAILURE
}

/// Opens the workspace of the checkout, and prints which checkout that is.
fn workspace() -> Result<Workspace> {
    let workspace = Workspace::here()?;
    output::print_to_stderr(format_args!("the checkout is {}", workspace.root.display()));
    Ok(workspace)
}

/// Runs `lab simulate`. Returns its status.
fn simulate(args: &[OsString]) -> Result<ExitCode> {
    let status = lab::simulate(&Workspace::here()?, args)?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
