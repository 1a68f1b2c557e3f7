//! The recorded stacks match the present code.

mod support;

use std::path::Path;

use anyhow::Result;
use book::stacks::{self, Stacks};

#[test]
fn recorded_stacks_are_up_to_date() -> Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/stacks.json");
    let differences = Stacks::read(&path)?.differences(&stacks::capture(&support::workspace()?)?);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    Ok(())
}
