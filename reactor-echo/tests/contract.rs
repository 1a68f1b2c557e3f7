//! The contract, judged by the checker against the real program on every engine.

use common::check::{Judge, Kept, Kind};

const ENGINES: [&str; 3] = ["tokio", "mio", "select"];

fn judge(engine: &str) -> Judge {
    Judge::of(Kind::Stream, env!("CARGO_BIN_EXE_reactor-echo")).with(&["--reactor", engine])
}

#[test]
fn the_contract_is_kept_on_tokio() -> Kept {
    judge("tokio").on_a_good_day()
}

#[test]
fn the_contract_is_kept_on_mio() -> Kept {
    judge("mio").on_a_good_day()
}

#[test]
fn the_contract_is_kept_on_select() -> Kept {
    judge("select").on_a_good_day()
}

#[test]
fn the_contract_is_kept_when_answers_are_queued() -> Kept {
    ENGINES
        .iter()
        .try_for_each(|engine| judge(engine).with(&["--write", "queued"]).on_the_wire())
}

#[test]
fn the_contract_is_kept_on_bad_days() -> Kept {
    ENGINES
        .iter()
        .try_for_each(|engine| judge(engine).on_bad_days(4))
}

#[test]
fn the_contract_is_kept_one_byte_at_a_time() -> Kept {
    ENGINES
        .iter()
        .try_for_each(|engine| judge(engine).one_byte_at_a_time())
}

#[test]
fn the_contract_is_kept_when_descriptors_run_out_again_and_again() -> Kept {
    ENGINES
        .iter()
        .try_for_each(|engine| judge(engine).when_descriptors_run_out(1))
}
