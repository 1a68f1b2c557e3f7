//! The server in async/await keeps the contract of the four styles.

#[path = "../../common/tests/shared/contract.rs"]
#[expect(
    dead_code,
    reason = "tokio makes the calls to the kernel, so there are no faults"
)]
mod contract;

use std::io;

use common::client::check::{Kind, Selection};

#[test]
fn the_contract_is_kept() -> io::Result<()> {
    let server = env!("CARGO_BIN_EXE_async-echo");
    contract::grade(server, &[], Selection::of(Kind::Stream))
}
