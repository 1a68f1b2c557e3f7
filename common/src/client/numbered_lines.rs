//! What the checker and the tests send: numbered lines of 64 bytes, so that a lost, doubled, or
//! misplaced line shows.

use std::io::{self, ErrorKind, Write};
use std::sync::LazyLock;
use std::time::Duration;

use super::EchoClient;

/// Bytes in one line, its `\n` included.
pub const LINE: usize = 64;

/// More than the kernel's buffers of one connection hold: a server that takes this much from a
/// client that doesn't read keeps it in its own memory.
pub const TOO_MUCH: usize = 64 << 20;

/// If no byte was taken for this long, the server takes no more.
const STALL: Duration = Duration::from_millis(250);

/// The numbered lines, 1 MiB. Longer messages repeat them.
pub(super) static LINES: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let line = |number: usize| {
        format!("{number:05} the quick brown fox jumps over the lazy dog 0123456789abc\n")
    };
    (0..(1 << 20) / LINE)
        .flat_map(|number| line(number).into_bytes())
        .collect()
});

/// The first `size` bytes of the numbered lines.
pub fn lines(size: usize) -> Vec<u8> {
    let mut bytes = LINES.repeat(size.div_ceil(LINES.len()));
    bytes.truncate(size);
    bytes
}

/// Sends numbered lines and reads nothing, until the server takes no more. Returns how many bytes
/// the server and the kernel took, at most [`TOO_MUCH`].
///
/// # Errors
/// What send(2) returns.
pub fn fill(client: &EchoClient) -> io::Result<usize> {
    fill_on(client, 0)
}

/// The same for a client that has already sent `sent` bytes; they count.
///
/// # Errors
/// What send(2) returns.
pub fn fill_on(client: &EchoClient, mut sent: usize) -> io::Result<usize> {
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
