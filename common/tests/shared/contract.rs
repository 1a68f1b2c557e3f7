//! How a server's own tests grade it against the contract: without faults, and with them.

use std::io;

use common::client::check::{self, Kind, Selection, Target};

/// A debug build on a busy machine can take ten times as long as the contract allows.
const SLACK: f64 = 10.0;

/// Expects `program` to pass the selected cases. It takes the options that all servers here take.
pub fn grade(program: &str, arguments: &[&str], selection: Selection) -> io::Result<()> {
    let target = Target::command(program, arguments);
    let report = check::run(&target, &selection.slack(SLACK).hurried())?;
    assert!(report.failed().is_empty(), "{arguments:?}\n{report}");
    Ok(())
}

/// Expects `program` to pass a few cases with faults: short reads and writes, signals, spurious
/// readiness, connections that are gone before they are accepted, and sometimes no descriptor for
/// one. This shows that the real program copes with each kind; the simulation tries thousands of
/// seeds.
pub fn grade_with_faults(program: &str, arguments: &[&str], kind: Kind) -> io::Result<()> {
    let cases = [
        "one-line",
        "every-byte-value",
        "many-in-one-write",
        "half-close-flushes",
        "reset-amid-traffic",
    ];
    let faults = "7:short=60,eintr=20,spurious=20,aborted=10,emfile=5";
    let faulty = ["--quiet", "--recv-size", "1000", "--faults", faults];
    let arguments = [arguments, &faulty].concat();
    grade(program, &arguments, Selection::of(kind).only(cases))
}

/// Expects `program` to pass with two workers what can go wrong between them: start, stop, limits, and
/// the log. Each other promise is one worker's alone. So is fairness: which worker goes first is up to
/// the system.
pub fn grade_with_workers(program: &str, arguments: &[&str], kind: Kind) -> io::Result<()> {
    let cases = [
        "full-duplex",
        "thousand-at-once",
        "port-in-use",
        "few-descriptors-at-start",
        "sigterm-pending-output",
        "sigterm-never-reader",
        "second-signal",
        "stop-backlog",
        "quiet-idle-timeout",
        "out-of-descriptors",
        "out-of-descriptors-quiet",
        "max-connections",
    ];
    let arguments = [arguments, &["--workers", "2"]].concat();
    grade(program, &arguments, Selection::of(kind).only(cases))
}
