//! The program `book`: builds, checks and serves the book.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use book::check::Site;
use book::problem::{self, Problem};
use book::workspace::Workspace;
use book::{build, preprocessor, record, serve};
use clap::{Parser, Subcommand};

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
    match run(&Args::parse()) {
        Ok(problems) if problems.is_empty() => ExitCode::SUCCESS,
        Ok(problems) => {
            eprintln!("{}", problem::list(&problems));
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<Vec<Problem>> {
    match &args.command {
        None => {
            let options = serve::Options {
                port: args.port,
                open: !args.no_open,
            };
            serve::serve(workspace()?, options)?;
            Ok(Vec::new())
        }
        Some(Command::Build { dest }) => {
            let workspace = workspace()?;
            let default = || workspace.target.join("book");
            let folder = dest.clone().unwrap_or_else(default);
            let (folder, problems) = build::replace(&workspace.root, &folder)?;
            if problems.is_empty() {
                println!("the book is in {}", folder.display());
            }
            Ok(problems)
        }
        Some(Command::Check) => Ok(Site::build(workspace()?)?.check()),
        Some(Command::Record { names }) => {
            record_all(&workspace()?, names)?;
            Ok(Vec::new())
        }
        Some(Command::Preprocessor { question: None }) => {
            preprocessor::speak()?;
            Ok(Vec::new())
        }
        // Any renderer can show what the directives become.
        Some(Command::Preprocessor { question: Some(_) }) => Ok(Vec::new()),
    }
}

/// The checkout's workspace; says which checkout that is.
fn workspace() -> Result<Workspace> {
    let workspace = Workspace::here()?;
    eprintln!("the checkout is {}", workspace.root.display());
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
        println!("recorded {name}");
    }
    Ok(())
}
