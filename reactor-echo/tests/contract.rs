//! The contract, graded by the checker against the real program on each engine.

#[path = "../../common/tests/shared/contract.rs"]
mod contract;

use std::io;

use common::client::check::{Kind, Selection};
use contract::{grade, grade_with_faults, grade_with_workers};

const SERVER: &str = env!("CARGO_BIN_EXE_reactor-echo");

/// The other engines that wait for readiness. They share all code except the wait, so they need only
/// the wire cases.
const OTHERS: [&str; 2] = ["mio", "select"];

#[test]
fn the_contract_is_kept() -> io::Result<()> {
    grade(SERVER, &["--reactor", "tokio"], Selection::of(Kind::Stream))
}

#[test]
fn the_contract_is_kept_on_each_engine() -> io::Result<()> {
    let mut engines = OTHERS.iter();
    engines.try_for_each(|engine| grade(SERVER, &["--reactor", engine], wire_only()))
}

#[test]
fn the_contract_is_kept_when_answers_are_queued() -> io::Result<()> {
    let queued = ["--reactor", "tokio", "--write", "queued"];
    grade(SERVER, &queued, wire_only())
}

#[test]
fn the_contract_is_kept_with_faults() -> io::Result<()> {
    grade_with_faults(SERVER, &[], Kind::Stream)
}

/// This engine also reads and sends, so it needs all cases.
#[cfg(all(feature = "completion", target_os = "linux"))]
#[test]
fn the_contract_is_kept_on_io_uring() -> io::Result<()> {
    let uring = ["--reactor", "uring"];
    grade(SERVER, &uring, Selection::of(Kind::Stream))?;
    grade_with_faults(SERVER, &uring, Kind::Stream)
}

#[cfg(all(feature = "completion", target_os = "linux"))]
#[test]
fn the_contract_is_kept_on_io_uring_with_two_workers() -> io::Result<()> {
    grade_with_workers(SERVER, &["--reactor", "uring"], Kind::Stream)
}

fn wire_only() -> Selection {
    Selection::of(Kind::Stream).wire_only()
}

#[test]
fn the_contract_is_kept_with_two_workers() -> io::Result<()> {
    grade_with_workers(SERVER, &[], Kind::Stream)
}
