//! The recorded stacks are those of today.

use std::io;
use std::path::Path;

use book::record;
use book::stacks::Stacks;

#[test]
fn captured_again_the_calls_are_the_same() -> io::Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/stacks.json");
    let differences = Stacks::read(&path)?.differences(&record::stacks()?);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    Ok(())
}
