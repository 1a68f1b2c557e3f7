//! The book's shell examples print what their pages show.

mod support;

use anyhow::{Result, ensure};
use book::{problem, shell_examples};

#[test]
fn every_command_prints_what_its_page_shows() -> Result<()> {
    let workspace = support::workspace()?;
    let problems = shell_examples::run_all(&workspace, &support::programs(&workspace)?)?;
    ensure!(problems.is_empty(), "\n{}", problem::list(&problems));
    Ok(())
}
