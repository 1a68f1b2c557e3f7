//! What the cases send: numbered lines of 64 bytes, so that one which is lost, doubled or out of
//! place is seen.

use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, SockRef, Socket, Type};

use super::case_run::{CaseError, While, ensure};
use crate::client::{EchoClient, TIME_LIMIT};

/// Bytes in one line, its `\n` included.
pub(super) const LINE: usize = 64;

/// More than the kernel's buffers of one connection hold: a server that takes so much without being
/// read keeps it itself.
pub(crate) const TOO_MUCH: usize = 64 << 20;

/// When no byte was taken for so long, the server takes no more.
const STALL: Duration = Duration::from_millis(250);

/// The lines, repeated without end, are what every long message consists of. 1 MiB.
static LINES: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let line = |number: usize| {
        format!("{number:05} the quick brown fox jumps over the lazy dog 0123456789abc\n")
    };
    (0..(1 << 20) / LINE)
        .flat_map(|number| line(number).into_bytes())
        .collect()
});

/// The first `size` bytes of the numbered lines.
pub(crate) fn lines(size: usize) -> Vec<u8> {
    let mut bytes = LINES.repeat(size.div_ceil(LINES.len()));
    bytes.truncate(size);
    bytes
}

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

/// Expects two runs of the same length to be the same; the first of their bytes is number `offset`.
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

/// Expects two short messages to be the same.
pub(super) fn expect_same(expected: &[u8], got: &[u8]) -> Result<(), CaseError> {
    let (shown_got, shown_expected) = (got.escape_ascii(), expected.escape_ascii());
    ensure!(
        expected == got,
        "\"{shown_got}\" came back, not \"{shown_expected}\""
    );
    Ok(())
}

/// One line there and back: how long it took.
pub(super) fn ping(client: &mut EchoClient) -> Result<Duration, CaseError> {
    let line = &LINES[..LINE];
    let started = Instant::now();
    let answer = client.echo(line).while_("an echo of one line")?;
    expect_same(line, &answer)?;
    Ok(started.elapsed())
}

/// A client whose kernel takes only so much (128 KiB) unread, so that a server's output is blocked
/// soon.
pub(super) fn narrow(address: SocketAddr) -> Result<EchoClient, CaseError> {
    let connect = || {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        socket.set_recv_buffer_size(128 << 10)?;
        socket.connect_timeout(&address.into(), TIME_LIMIT)?;
        EchoClient::over(socket.into())
    };
    connect().while_("connecting")
}

/// Sends numbered lines and reads nothing, until the server takes no more: how many bytes it and
/// the kernel took. At most [`TOO_MUCH`].
pub(crate) fn fill(client: &EchoClient) -> io::Result<usize> {
    fill_on(client, 0)
}

/// The same for a client that has sent so many bytes before; they count.
pub(super) fn fill_on(client: &EchoClient, mut sent: usize) -> io::Result<usize> {
    let mut socket = client.socket();
    let normal = socket.write_timeout()?;
    socket.set_write_timeout(Some(STALL))?;
    while sent < TOO_MUCH {
        let from = sent % LINES.len();
        let to = LINES.len().min(from + (64 << 10));
        match socket.write(&LINES[from..to]) {
            Ok(count) => sent += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    socket.set_write_timeout(normal)?;
    Ok(sent)
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

/// Receives the numbered lines from byte `from` to the end of the stream, 64 KiB at a time and
/// `pause` between: up to which byte they came.
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

/// Expects the server to close in an orderly way and to send nothing more.
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

/// Says how far the receiving had come.
trait OrAt<T> {
    fn or_at(self, at: usize) -> Result<T, CaseError>;
}

impl<T> OrAt<T> for io::Result<T> {
    fn or_at(self, at: usize) -> Result<T, CaseError> {
        self.map_err(|error| CaseError::Fail(format!("after {at} bytes: {error}")))
    }
}
