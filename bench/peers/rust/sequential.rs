//! One client at a time: everyone's first echo server. While it serves one client, all others wait
//! in the backlog.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::Duration;

mod start;

fn main() -> io::Result<()> {
    let listener = start::listen()?;
    listener.set_nonblocking(false)?;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match listener.accept() {
            // A client's error ends only that client.
            Ok((socket, _)) => drop(echo(socket, &mut buffer)),
            // For example, out of descriptors or memory: trying again at once would be a busy loop.
            Err(_) => sleep(Duration::from_millis(100)),
        }
    }
}

/// Sends back what the client sends, until its end of stream.
///
/// It doesn't use `io::copy`, with which the kernel splices one socket into the other on Linux: the
/// server should make one read and one write for each message, like all others.
fn echo(mut socket: TcpStream, buffer: &mut [u8]) -> io::Result<()> {
    socket.set_nodelay(true)?;
    loop {
        let count = socket.read(buffer)?;
        if count == 0 {
            return Ok(());
        }
        socket.write_all(&buffer[..count])?;
    }
}
