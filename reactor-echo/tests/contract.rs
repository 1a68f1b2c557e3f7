//! The contract, graded by the checker against the real program on each engine.

use common::client::check::{ContractTest, Grade, Kind};

/// The other engines. What isn't on the wire is the same code for all.
const ENGINES: [&str; 2] = ["mio", "select"];

fn contract_test(engine: &str) -> ContractTest {
    ContractTest::of(Kind::Stream, env!("CARGO_BIN_EXE_reactor-echo")).with(&["--reactor", engine])
}

#[test]
fn the_contract_is_kept() -> Grade {
    contract_test("tokio").without_faults()
}

#[test]
fn the_contract_is_kept_on_each_engine() -> Grade {
    let mut engines = ENGINES.iter().map(|engine| contract_test(engine));
    engines.try_for_each(|test| test.wire_only())
}

#[test]
fn the_contract_is_kept_when_answers_are_queued() -> Grade {
    contract_test("tokio")
        .with(&["--write", "queued"])
        .wire_only()
}

#[test]
fn the_contract_is_kept_with_faults() -> Grade {
    contract_test("tokio").with_faults()
}
