//! What the book asks its reader to try, tried.

mod support;

use anyhow::{Result, ensure};
use book::{problem, tries};

#[test]
fn every_command_does_what_its_page_says() -> Result<()> {
    let workspace = support::workspace()?;
    let problems = tries::run_all(&workspace, &support::programs(&workspace)?)?;
    ensure!(problems.is_empty(), "\n{}", problem::list(&problems));
    Ok(())
}
