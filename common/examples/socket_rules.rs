//! How UDP and Unix sockets differ from TCP, as a loop sees them. No call here blocks.
//!
//! `cargo run -p common --example socket_rules`

use std::env;
use std::fs;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::process;

use common::output;

/// More datagrams than a receive buffer holds.
const MANY: usize = 10_000;

fn main() -> io::Result<()> {
    udp()?;
    unix()
}

fn show(what: &str, result: io::Result<String>) -> io::Result<()> {
    let result = result.unwrap_or_else(|error| match error.kind() {
        ErrorKind::WouldBlock => "WouldBlock".to_owned(),
        _ => error.to_string(),
    });
    output::print(format_args!("{what:39} {result}\n"))
}

/// A result of `recv`.
fn bytes(received: io::Result<usize>) -> io::Result<String> {
    received.map(|count| format!("{count} bytes"))
}

/// Two connected sockets that don't block.
fn udp_pair() -> io::Result<[UdpSocket; 2]> {
    let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
    let pair = [UdpSocket::bind(any_port)?, UdpSocket::bind(any_port)?];
    let [one, other] = &pair;
    one.connect(other.local_addr()?)?;
    other.connect(one.local_addr()?)?;
    one.set_nonblocking(true)?;
    other.set_nonblocking(true)?;
    Ok(pair)
}

fn udp() -> io::Result<()> {
    let [sender, receiver] = udp_pair()?;
    let mut buffer = [0; 64];
    for datagram in [&b"one"[..], b"three", b"", b"hello"] {
        sender.send(datagram)?;
    }
    show("UDP, 'one' and 'three':", bytes(receiver.recv(&mut buffer)))?;
    show("UDP, the next read:", bytes(receiver.recv(&mut buffer)))?;
    show("UDP, an empty datagram:", bytes(receiver.recv(&mut buffer)))?;
    show(
        "UDP, 'hello' into 2 bytes:",
        bytes(receiver.recv(&mut buffer[..2])),
    )?;
    show(
        "UDP, the rest of 'hello':",
        bytes(receiver.recv(&mut buffer)),
    )?;

    let sent = (0..MANY).take_while(|_| sender.send(&[0; 1000]).is_ok());
    show(
        "UDP, sent to a program that is busy:",
        Ok(sent.count().to_string()),
    )?;
    let received = (0..MANY).take_while(|_| receiver.recv(&mut [0; 1000]).is_ok());
    let lost = MANY - received.count();
    show("UDP, some of them were lost:", Ok((lost > 0).to_string()))?;

    drop(receiver);
    sender.send(b"x")?;
    show(
        "UDP, no one has the port any more:",
        bytes(sender.recv(&mut buffer)),
    )
}

fn unix() -> io::Result<()> {
    let (sender, _receiver) = UnixDatagram::pair()?;
    sender.set_nonblocking(true)?;
    let refused = (0..MANY).find_map(|_| sender.send(&[0; 1000]).err());
    show(
        "Unix datagrams, to a busy program:",
        refused.map_or(Ok("sent".to_owned()), Err),
    )?;

    let path = env::temp_dir().join(format!("socket_rules-{}", process::id()));
    let listener = UnixListener::bind(&path)?;
    drop(listener);
    let again = UnixListener::bind(&path).map(|_| "works".to_owned());
    show("Unix, closed, and bound again:", again)?;
    let connected = UnixStream::connect(&path).map(|_| "works".to_owned());
    show("Unix, connect to the file that is left:", connected)?;
    fs::remove_file(&path)?;
    let listener = UnixListener::bind(&path).map(drop);
    show(
        "Unix, the file removed, bound again:",
        listener.map(|()| "works".to_owned()),
    )?;
    fs::remove_file(&path)
}
