//! A thread for each client: the code is that of one client at a time, and the kernel does the
//! waiting. What it costs is a stack and a buffer for each client, and a switch of threads for each
//! message.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::thread::{self, sleep};
use std::time::Duration;

mod start;

fn main() -> io::Result<()> {
    let listener = start::listen()?;
    listener.set_nonblocking(false)?;
    loop {
        let served = listener.accept().and_then(|(socket, _)| {
            // Not `thread::spawn`, which panics when there can be no more threads.
            thread::Builder::new().spawn(|| echo(socket))
        });
        if served.is_err() {
            // Out of descriptors or threads, say: trying again at once would be a busy loop.
            sleep(Duration::from_millis(100));
        }
    }
}

/// Sends back what the client sends, until its end of stream. An error ends this thread, and costs
/// nobody else.
fn echo(mut socket: TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = socket.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        // Blocks while the client does not read, so no more is read from it either: back-pressure
        // costs no line of code here.
        socket.write_all(&buffer[..count])?;
    }
}
