//! What the cases send, and what they expect to come back.

use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, SockRef, Socket, Type};

use super::case_run::{CaseError, While, ensure};
use crate::client::numbered_lines::LINES;
pub(super) use crate::client::numbered_lines::{LINE, TOO_MUCH, fill, fill_on, lines};
use crate::client::{EchoClient, TIME_LIMIT};

/// Expects `got` to be the numbered lines from byte `offset` on.
pub(super) fn expect_lines(offset: usize, got: &[u8]) -> Result<(), CaseError> {
    let mut at = 0;
    while at < got.len() {
        let expected = &LINES[(offset + at) % LINES.len()..];
        let size = expected.len().min(got.len() - at);
        expect_run(offset + at, &expected[..size], &got[at..at + size])?;
        at += size;
    }
    Ok(())
}

/// Expects two slices of equal length to be equal; their first byte is number `offset`.
fn expect_run(offset: usize, expected: &[u8], got: &[u8]) -> Result<(), CaseError> {
    if expected == got {
        return Ok(());
    }
    let Some(wrong) = expected
        .iter()
        .zip(got)
        .position(|(expected, got)| expected != got)
    else {
        return Ok(());
    };
    let (place, expected, got) = (offset + wrong, expected[wrong], got[wrong]);
    Err(CaseError::Fail(format!(
        "byte {place} came back as {got:#04x}, not {expected:#04x}"
    )))
}

/// Expects two short messages to be equal.
pub(super) fn expect_same(expected: &[u8], got: &[u8]) -> Result<(), CaseError> {
    let (shown_got, shown_expected) = (got.escape_ascii(), expected.escape_ascii());
    ensure!(
        expected == got,
        "\"{shown_got}\" came back, not \"{shown_expected}\""
    );
    Ok(())
}

/// Sends a line and receives it. Returns how long that took.
pub(super) fn ping(client: &mut EchoClient) -> Result<Duration, CaseError> {
    let line = &LINES[..LINE];
    let started = Instant::now();
    let answer = client.echo(line).while_("an echo of one line")?;
    expect_same(line, &answer)?;
    Ok(started.elapsed())
}

/// A client whose kernel holds at most 128 KiB of unread input, so that a server's output soon
/// blocks.
pub(super) fn narrow(address: SocketAddr) -> Result<EchoClient, CaseError> {
    let connect = || {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        socket.set_recv_buffer_size(128 << 10)?;
        socket.connect_timeout(&address.into(), TIME_LIMIT)?;
        EchoClient::over(socket.into())
    };
    connect().while_("connecting")
}

/// Receives the numbered lines from byte `from` to `to`.
pub(super) fn receive_lines(
    client: &mut EchoClient,
    from: usize,
    to: usize,
) -> Result<(), CaseError> {
    let mut at = from;
    while at < to {
        let got = client.receive_some((256 << 10).min(to - at)).or_at(at)?;
        ensure!(
            !got.is_empty(),
            "the connection was closed after {at} of {to} bytes"
        );
        expect_lines(at, &got)?;
        at += got.len();
    }
    Ok(())
}

/// Receives the numbered lines from byte `from` to the end of the stream, 64 KiB at a time with
/// pauses of `pause`. Returns how far they came.
pub(super) fn receive_rest(
    client: &mut EchoClient,
    from: usize,
    pause: Duration,
) -> Result<usize, CaseError> {
    let mut at = from;
    loop {
        let got = client.receive_some(64 << 10).or_at(at)?;
        if got.is_empty() {
            return Ok(at);
        }
        expect_lines(at, &got)?;
        at += got.len();
        thread::sleep(pause);
    }
}

/// Expects the server to close with a FIN and to send nothing more.
pub(super) fn expect_end(client: &mut EchoClient) -> Result<(), CaseError> {
    let rest = client
        .receive_to_end()
        .while_("waiting for the server to close")?;
    expect_same(b"", &rest)
}

/// Makes the next close a reset.
pub(super) fn will_reset(client: &EchoClient) -> io::Result<()> {
    SockRef::from(client.socket()).set_linger(Some(Duration::ZERO))
}

/// Adds to an error how many bytes were received.
trait OrAt<T> {
    fn or_at(self, at: usize) -> Result<T, CaseError>;
}

impl<T> OrAt<T> for io::Result<T> {
    fn or_at(self, at: usize) -> Result<T, CaseError> {
        self.map_err(|error| CaseError::Fail(format!("after {at} bytes: {error}")))
    }
}
