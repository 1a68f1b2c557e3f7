//! The contract, judged by the checker against the real program.

use std::sync::Mutex;

use common::check::{self, Kind, Selection, Target};

/// One check at a time: they measure.
static ALONE: Mutex<()> = Mutex::new(());

#[track_caller]
fn assert_kept(arguments: &[&str], selection: Selection) {
    let _alone = ALONE.lock();
    let target = Target::command(env!("CARGO_BIN_EXE_chat-echo"), arguments);
    // A debug build on a busy machine may take ten times as long as the contract says.
    let report = check::run(&target, &selection.slack(10.0));
    assert!(report.failed().is_empty(), "{arguments:?}\n{report}");
}

#[test]
fn the_contract_is_kept() {
    assert_kept(&[], Selection::of(Kind::Line));
}

/// Short reads and writes, signals, spurious readiness, connections that are gone before they are
/// accepted. How long things take
/// on such a day is no matter.
#[test]
fn the_contract_is_kept_on_bad_days() {
    for seed in 1..=4 {
        let faults = format!("{seed}:short=60,eintr=10,spurious=10,aborted=10");
        assert_kept(
            &["--quiet", "--faults", &faults],
            Selection::of(Kind::Line).wire_only().skip(["fairness"]),
        );
    }
}

#[test]
fn the_contract_is_kept_one_byte_at_a_time() {
    assert_kept(&["--recv-size", "1", "--high-water", "1"], a_few_cases());
    assert_kept(
        &["--faults", "7:short=99,eintr=30"],
        Selection::of(Kind::Line).wire_only(),
    );
}

/// Each time that descriptors run out costs half a second here, for nobody closes anything.
#[test]
fn the_contract_is_kept_when_descriptors_run_out_again_and_again() {
    for seed in 1..=4 {
        assert_kept(
            &["--faults", &format!("{seed}:emfile=30,short=30,eintr=10")],
            a_few_cases(),
        );
    }
}

fn a_few_cases() -> Selection {
    let cases = ["one-line", "every-byte-value", "many-in-one-write"];
    Selection::of(Kind::Line).only(cases)
}
