//! A thread for each client: the code serves one client at a time, and the kernel does the
//! waiting. It costs a stack and a buffer for each client, and a switch of threads for each
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
            // Not `thread::spawn`, which panics if no more threads can be started.
            thread::Builder::new().spawn(|| echo(socket))
        });
        if served.is_err() {
            // For example, out of descriptors or threads: trying again at once would be a busy loop.
            sleep(Duration::from_millis(100));
        }
    }
}

/// Sends back what the client sends, until its end of stream. An error ends this thread, and affects
/// no other.
fn echo(mut socket: TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = socket.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        // Blocks while the client doesn't read, so the server stops reading from it: back-pressure
        // takes no line of code here.
        socket.write_all(&buffer[..count])?;
    }
}
