//! The book's shell examples do what their pages say.

mod support;

use anyhow::{Result, ensure};
use book::{problem, shell_examples};

#[test]
fn every_command_does_what_its_page_says() -> Result<()> {
    let workspace = support::workspace()?;
    let problems = shell_examples::run_all(&workspace, &support::programs(&workspace)?)?;
    ensure!(problems.is_empty(), "\n{}", problem::list(&problems));
    Ok(())
}
