//! The contract, judged by the checker against the real program on each engine.

use common::check::{Judge, Kept, Kind};

/// The other engines. What isn't on the wire is the same code for all.
const ENGINES: [&str; 2] = ["mio", "select"];

fn judge(engine: &str) -> Judge {
    Judge::of(Kind::Stream, env!("CARGO_BIN_EXE_reactor-echo")).with(&["--reactor", engine])
}

#[test]
fn the_contract_is_kept() -> Kept {
    judge("tokio").on_a_good_day()
}

#[test]
fn the_contract_is_kept_on_each_engine() -> Kept {
    let mut engines = ENGINES.iter().map(|engine| judge(engine));
    engines.try_for_each(|judge| judge.on_the_wire())
}

#[test]
fn the_contract_is_kept_when_answers_are_queued() -> Kept {
    judge("tokio").with(&["--write", "queued"]).on_the_wire()
}

#[test]
fn the_contract_is_kept_on_a_bad_day() -> Kept {
    judge("tokio").on_a_bad_day()
}
