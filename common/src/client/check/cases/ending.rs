//! How connections end, and that this affects no other connection.

use std::time::Duration;

use crate::client::check::Case;
use crate::client::check::case_run::{CaseResult, CaseRun, While, ensure};
use crate::client::check::traffic::{
    expect_end, expect_same, fill, lines, narrow, ping, receive_rest, will_reset,
};

const HALF_CLOSE: &str = "contract: half-close; RFC 9293 §3.6";
const ISOLATION: &str = "contract: isolation";

pub(super) const CASES: &[Case] = &[
    Case::wire(
        "half-close-at-once",
        "a client that half-closes without sending anything sees the end",
        HALF_CLOSE,
        half_close_at_once,
    ),
    Case::wire(
        "half-close-small",
        "a message and a half-close right after it: the answer, then the end",
        HALF_CLOSE,
        half_close_small,
    ),
    Case::wire(
        "half-close-flushes",
        "all pending output at the half-close arrives, then the end, not a reset",
        HALF_CLOSE,
        half_close_flushes,
    )
    .waits(),
    Case::wire(
        "reset-amid-traffic",
        "resets cost only their own connections",
        "contract: isolation; RFC 9293 §3.5.3",
        reset_amid_traffic,
    ),
    Case::wire(
        "vanishing-clients",
        "clients that leave at once, or with answers unread, affect no other client",
        ISOLATION,
        vanishing_clients,
    ),
];

fn half_close_at_once(case: &CaseRun) -> CaseResult {
    let mut client = case.connect()?;
    client.finish()?;
    expect_end(&mut client)?;
    Ok("the server closed".into())
}

fn half_close_small(case: &CaseRun) -> CaseResult {
    let message = lines(256);
    for _ in 0..50 {
        let mut client = case.connect()?;
        client.send(&message)?;
        client.finish()?;
        expect_same(
            &message,
            &client.receive_to_end().while_("after the half-close")?,
        )?;
    }
    Ok("50 times 256 bytes, then the end".into())
}

fn half_close_flushes(case: &CaseRun) -> CaseResult {
    let mut client = narrow(case.address()?)?;
    let sent = fill(&client)?;
    client.finish()?;
    let received = receive_rest(&mut client, 0, Duration::ZERO)?;
    let expected = case.expected_answer(sent);
    ensure!(
        received == expected,
        "{received} of {expected} bytes came before the end"
    );
    Ok(format!("{received} bytes, then the end"))
}

fn reset_amid_traffic(case: &CaseRun) -> CaseResult {
    let mut steady = case.connect()?;
    for _ in 0..20 {
        let rude = case.connect()?;
        fill_a_little(&rude)?;
        ping(&mut steady)?;
        rude.reset()?;
        ping(&mut steady)?;
    }
    ping(&mut case.connect()?)?;
    Ok("20 resets, and the other clients were served".into())
}

fn vanishing_clients(case: &CaseRun) -> CaseResult {
    let mut steady = case.connect()?;
    for _ in 0..100 {
        drop(case.connect()?);
        will_reset(&case.connect()?)?;
        fill_a_little(&case.connect()?)?;
    }
    ping(&mut steady)?;
    ping(&mut case.connect()?)?;
    Ok("300 clients left early, and the other clients were served".into())
}

/// Leaves answers unread: 16 KiB, which the kernel takes in any case.
fn fill_a_little(client: &crate::client::EchoClient) -> std::io::Result<()> {
    use std::io::Write;
    client.socket().write_all(&lines(16 << 10))
}
