//! What the book asks its reader to try, tried.

mod support;

use anyhow::{Result, ensure};
use book::workspace::Workspace;
use book::{problem, style::Style, tries};

/// Builds what the reader has built by then: the servers, then the client and the peers. All at once
/// would build the servers' part of `common` with the client's.
fn build(workspace: &Workspace) -> Result<()> {
    let servers = Style::ALL.map(Style::program);
    cargo_build(workspace, &servers, &servers)?;
    let others = ["echo-client", "sequential", "threads"];
    cargo_build(workspace, &["common", "bench"], &others)
}

fn cargo_build(workspace: &Workspace, packages: &[&str], programs: &[&str]) -> Result<()> {
    let mut command = workspace.cargo();
    command.args(["build", "--release", "--locked", "--quiet"]);
    command.args(packages.iter().flat_map(|package| ["--package", package]));
    command.args(programs.iter().flat_map(|program| ["--bin", program]));
    ensure!(command.status()?.success(), "{programs:?} cannot be built");
    Ok(())
}

#[test]
fn every_command_does_what_its_page_says() -> Result<()> {
    let workspace = support::workspace()?;
    build(&workspace)?;
    let problems = tries::run_all(&workspace)?;
    ensure!(problems.is_empty(), "\n{}", problem::list(&problems));
    Ok(())
}
