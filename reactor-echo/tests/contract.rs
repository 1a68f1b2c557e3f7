//! The contract, judged by the checker against the real program on every engine.

use std::sync::Mutex;

use common::check::{self, Kind, Selection, Target};

const ENGINES: [&str; 3] = ["tokio", "mio", "select"];

/// One check at a time: they measure.
static ALONE: Mutex<()> = Mutex::new(());

#[track_caller]
fn assert_kept(engine: &str, arguments: &[&str], selection: Selection) {
    let _alone = ALONE.lock();
    let arguments = [&["--reactor", engine], arguments].concat();
    let target = Target::command(env!("CARGO_BIN_EXE_reactor-echo"), &arguments);
    // A debug build on a busy machine may take ten times as long as the contract says.
    let report = check::run(&target, &selection.slack(10.0));
    assert!(report.failed().is_empty(), "{arguments:?}\n{report}");
}

#[test]
fn the_contract_is_kept_on_tokio() {
    assert_kept("tokio", &[], Selection::of(Kind::Stream));
}

#[test]
fn the_contract_is_kept_on_mio() {
    assert_kept("mio", &[], Selection::of(Kind::Stream));
}

#[test]
fn the_contract_is_kept_on_select() {
    assert_kept("select", &[], Selection::of(Kind::Stream));
}

#[test]
fn the_contract_is_kept_when_answers_are_queued() {
    for engine in ENGINES {
        assert_kept(
            engine,
            &["--write", "queued"],
            Selection::of(Kind::Stream).wire_only(),
        );
    }
}

/// Short reads and writes, signals, spurious readiness, connections that are gone before they are
/// accepted. How long things take
/// on such a day is no matter.
#[test]
fn the_contract_is_kept_on_bad_days() {
    for engine in ENGINES {
        for seed in 1..=2 {
            let faults = format!("{seed}:short=60,eintr=10,spurious=10,aborted=10");
            let arguments = ["--quiet", "--faults", &faults];
            assert_kept(
                engine,
                &arguments,
                Selection::of(Kind::Stream).wire_only().skip(["fairness"]),
            );
        }
    }
}

#[test]
fn the_contract_is_kept_one_byte_at_a_time() {
    for engine in ENGINES {
        assert_kept(
            engine,
            &["--recv-size", "1", "--high-water", "1"],
            a_few_cases(),
        );
        assert_kept(engine, &["--faults", "7:short=99,eintr=30"], a_few_cases());
    }
}

/// Each time that descriptors run out costs half a second here, for nobody closes anything.
#[test]
fn the_contract_is_kept_when_descriptors_run_out_again_and_again() {
    for engine in ENGINES {
        for seed in 1..=4 {
            let faults = format!("{seed}:emfile=30,short=30,eintr=10");
            assert_kept(engine, &["--faults", &faults], a_few_cases());
        }
    }
}

fn a_few_cases() -> Selection {
    let cases = ["one-line", "every-byte-value", "many-in-one-write"];
    Selection::of(Kind::Stream).only(cases)
}
