//! The recorded stacks are those of today.

mod support;

use std::path::Path;

use anyhow::Result;
use book::record;
use book::stacks::Stacks;

#[test]
fn captured_again_the_calls_are_the_same() -> Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/stacks.json");
    let differences = Stacks::read(&path)?.differences(&record::stacks(&support::workspace()?)?);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    Ok(())
}
