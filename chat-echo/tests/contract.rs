//! The contract, judged by the checker against the real program.

use common::check::{Judge, Kept, Kind};

fn judge() -> Judge {
    Judge::of(Kind::Line, env!("CARGO_BIN_EXE_chat-echo"))
}

#[test]
fn the_contract_is_kept() -> Kept {
    judge().on_a_good_day()
}

#[test]
fn the_contract_is_kept_on_a_bad_day() -> Kept {
    judge().on_a_bad_day()
}
