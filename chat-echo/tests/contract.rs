//! The contract, graded by the checker against the real program.

use common::client::check::{ContractTest, Grade, Kind};

fn contract_test() -> ContractTest {
    ContractTest::of(Kind::Line, env!("CARGO_BIN_EXE_chat-echo"))
}

#[test]
fn the_contract_is_kept() -> Grade {
    contract_test().without_faults()
}

#[test]
fn the_contract_is_kept_with_faults() -> Grade {
    contract_test().with_faults()
}
