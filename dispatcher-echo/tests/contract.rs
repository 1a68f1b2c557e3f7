//! The contract, graded by the checker against the real program.

#[path = "../../common/tests/shared/contract.rs"]
mod contract;

use std::io;

use common::client::check::{Kind, Selection};
use contract::{grade, grade_with_faults, grade_with_workers};

const SERVER: &str = env!("CARGO_BIN_EXE_dispatcher-echo");

#[test]
fn the_contract_is_kept() -> io::Result<()> {
    grade(SERVER, &[], Selection::of(Kind::Stream))
}

#[test]
fn the_contract_is_kept_with_faults() -> io::Result<()> {
    grade_with_faults(SERVER, &[], Kind::Stream)
}

#[test]
fn the_contract_is_kept_with_two_workers() -> io::Result<()> {
    grade_with_workers(SERVER, &[], Kind::Stream)
}
