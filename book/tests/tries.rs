//! What the book asks its reader to try, tried.

use std::env;
use std::process::Command;

use anyhow::{Result, ensure};
use book::workspace::Workspace;
use book::{problem, style::Style, tries};

/// Builds what the reader has built by then.
fn build(workspace: &Workspace) -> Result<()> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(&workspace.root);
    command.args(["build", "--release", "--locked", "--quiet"]);
    command.args(["--package", "common", "--features", "common/client"]);
    for style in Style::ALL {
        command.args(["--package", style.program()]);
    }
    command.args(["--package", "bench", "--bins"]);
    ensure!(command.status()?.success(), "the servers cannot be built");
    Ok(())
}

#[test]
fn every_command_does_what_its_page_says() -> Result<()> {
    let workspace = Workspace::here()?;
    build(&workspace)?;
    let problems = tries::run_all(&workspace)?;
    ensure!(problems.is_empty(), "\n{}", problem::list(&problems));
    Ok(())
}
