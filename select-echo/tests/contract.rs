//! The contract, judged by the checker against the real program.

use common::check::{Judge, Kept, Kind};

fn judge() -> Judge {
    Judge::of(Kind::Stream, env!("CARGO_BIN_EXE_select-echo"))
}

#[test]
fn the_contract_is_kept() -> Kept {
    judge().on_a_good_day()
}

#[test]
fn the_contract_is_kept_when_answers_are_queued() -> Kept {
    judge().with(&["--write", "queued"]).on_a_good_day()
}

#[test]
fn the_contract_is_kept_on_bad_days() -> Kept {
    judge().on_bad_days(8)
}

#[test]
fn the_contract_is_kept_one_byte_at_a_time() -> Kept {
    judge().one_byte_at_a_time()
}

#[test]
fn the_contract_is_kept_when_descriptors_run_out_again_and_again() -> Kept {
    judge().when_descriptors_run_out(2)
}
