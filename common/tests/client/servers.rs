//! Small echo servers, good and bad, on ports that the system picks.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use crate::TIME_LIMIT;

/// Serves each connection on its own thread, for as long as the test runs.
pub fn serve(handle: fn(TcpStream) -> io::Result<()>) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            thread::spawn(move || {
                socket.set_read_timeout(Some(TIME_LIMIT))?;
                socket.set_nodelay(true)?;
                handle(socket)
            });
        }
    });
    Ok(address)
}

/// Passes each chunk that is read to `answer`, until the end of the stream.
pub fn exchange(mut socket: TcpStream, mut answer: impl FnMut(&mut Vec<u8>)) -> io::Result<()> {
    let mut buffer = vec![0; 65536];
    loop {
        let count = match socket.read(&mut buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            count => count?,
        };
        if count == 0 {
            return socket.shutdown(Shutdown::Write);
        }
        let mut chunk = buffer[..count].to_vec();
        answer(&mut chunk);
        socket.write_all(&chunk)?;
    }
}

pub fn echo(socket: TcpStream) -> io::Result<()> {
    exchange(socket, |_| {})
}

/// Returns complete lines only.
pub fn echo_lines(socket: TcpStream) -> io::Result<()> {
    let mut tail = Vec::new();
    exchange(socket, |chunk| {
        tail.append(chunk);
        let complete = tail
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |last| last + 1);
        chunk.extend(tail.drain(..complete));
    })
}

/// Changes the 1,000th byte of each connection.
pub fn corrupt(socket: TcpStream) -> io::Result<()> {
    let mut position = 0;
    exchange(socket, move |chunk| {
        if let Some(byte) = 999_usize
            .checked_sub(position)
            .and_then(|index| chunk.get_mut(index))
        {
            *byte ^= 0x20;
        }
        position += chunk.len();
    })
}

/// Swaps the connection's first two messages of 64 bytes.
pub fn swap(mut socket: TcpStream) -> io::Result<()> {
    let mut two = [0; 128];
    socket.read_exact(&mut two)?;
    two.rotate_left(64);
    socket.write_all(&two)?;
    echo(socket)
}

/// Sends everything twice.
pub fn stutter(socket: TcpStream) -> io::Result<()> {
    exchange(socket, |chunk| chunk.extend_from_within(..))
}

/// Pauses once, for 300 ms, before the connection's 20th answer.
pub fn pause_once(socket: TcpStream) -> io::Result<()> {
    let mut answers = 0;
    exchange(socket, move |_| {
        answers += 1;
        if answers == 20 {
            thread::sleep(Duration::from_millis(300));
        }
    })
}

/// Closes with a FIN after 500 bytes.
pub fn close_early(mut socket: TcpStream) -> io::Result<()> {
    let mut answers = socket.try_clone()?;
    io::copy(&mut (&socket).take(500), &mut answers)?;
    socket.shutdown(Shutdown::Write)?;
    io::copy(&mut socket, &mut io::sink()).map(drop)
}

/// Reads everything and sends nothing.
pub fn keep_silent(mut socket: TcpStream) -> io::Result<()> {
    io::copy(&mut socket, &mut io::sink()).map(drop)
}
