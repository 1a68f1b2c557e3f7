//! `machines`: runs two servers of each style behind HAProxy, with clients. Stops one server of each
//! style, drains it, kills the other, and counts what the clients see.
//!
//! Without HAProxy, it says in one line how to get it.

#![deny(clippy::print_stdout, clippy::print_stderr)]

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use book::machines::{Machines, PHASES};
use book::workspace::Workspace;
use clap::Parser;
use common::{args, cargo, output};

mod clients;
mod proxy;
mod servers;
mod story;

/// Run two servers of each style behind HAProxy, stop, drain, and kill some, and count what clients see
#[derive(Parser)]
struct Args {
    /// Folder of the servers' programs [default: build them]
    #[arg(long, value_name = "FOLDER")]
    programs: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    /// Record the result in `book/data/machines.json`
    #[arg(long)]
    record: bool,
}

fn main() -> Result<()> {
    let args: Args = args::parse();
    let Some((program, version)) = proxy::find() else {
        let hint =
            "skipped: HAProxy isn't installed; on Debian and Ubuntu: sudo apt-get install haproxy";
        output::print_to_stderr(format_args!("{hint}"));
        return Ok(());
    };
    let workspace = Workspace::here()?;
    let programs = match args.programs {
        Some(folder) => folder,
        None => build(&workspace)?,
    };
    let config = workspace.book().join("machines/haproxy.cfg");
    let mut haproxy = Command::new(program);
    if args.json {
        haproxy.arg("-q"); // Otherwise it reports which servers are up and down.
    }
    let machines = story::play(haproxy, version, &programs, &config)?;
    if args.record {
        machines.write(&workspace.book().join("data/machines.json"))?;
    }
    match args.json {
        true => output::print(format_args!("{}\n", serde_json::to_string(&machines)?))?,
        false => output::print(format_args!("{}", table(&machines)))?,
    }
    Ok(())
}

/// Builds the servers, optimised, and returns their folder.
fn build(workspace: &Workspace) -> Result<PathBuf> {
    let packages = servers::STYLES.map(|style| format!("--package={style}-echo"));
    let mut arguments = vec!["--release", "--quiet", "--bins"];
    arguments.extend(packages.iter().map(String::as_str));
    let programs = cargo::build(&mut workspace.cargo(), &arguments)?;
    let program = programs
        .values()
        .next()
        .context("cargo has built nothing")?;
    Ok(program.parent().context("no folder")?.to_owned())
}

fn table(machines: &Machines) -> String {
    let mut text = format!(
        "HAProxy {}, {} clients of each style\n{:44}{:>9}{:>12}{:>13}{:>8}{:>9}{:>9}\n",
        machines.haproxy,
        machines.clients,
        "",
        "answered",
        "sent again",
        "closed idle",
        "resets",
        "refused",
        "pause",
    );
    for (phase, (_, what)) in machines.phases.iter().zip(PHASES) {
        let seen = phase.total();
        text += &format!(
            "{what:44}{:>9}{:>12}{:>13}{:>8}{:>9}{:>6.0} ms\n",
            seen.answered,
            seen.sent_again,
            seen.closed_idle,
            seen.resets,
            seen.refused,
            seen.longest_pause,
        );
    }
    text
}
