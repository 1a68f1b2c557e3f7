//! What happens to a listener's queue when the listener is closed, and when its port can be used again.
//!
//! `cargo run -p common --example listener_rules`

use std::io::{self, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use common::output;
use socket2::{Domain, Socket, Type};

const TIME_LIMIT: Duration = Duration::from_secs(5);

/// Whether a listener has SO_REUSEADDR.
#[derive(Clone, Copy)]
enum ReuseAddress {
    No,
    Yes,
}

fn main() -> io::Result<()> {
    use ReuseAddress::{No, Yes};
    show(
        "closed, with a client in the queue",
        closed_with_a_client()?,
    )?;
    show(
        "closed, but a duplicate accepts the client",
        duplicate_accepts()?,
    )?;
    for (name, first, second) in [
        ("bound again, SO_REUSEADDR on neither", No, No),
        ("bound again, SO_REUSEADDR on the second", No, Yes),
        ("bound again, SO_REUSEADDR on both", Yes, Yes),
    ] {
        show(name, bind_again(first, second)?)?;
    }
    show("the first one still listens, both", bind_twice()?)
}

fn show(what: &str, result: Result<(), io::Error>) -> io::Result<()> {
    let result = result.map_or_else(|error| error.to_string(), |()| "works".to_owned());
    output::print(format_args!("{what:43} {result}\n"))
}

fn listen(address: SocketAddr, reuse: ReuseAddress) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(matches!(reuse, ReuseAddress::Yes))?;
    socket.bind(&address.into())?;
    socket.listen(16)?;
    Ok(socket.into())
}

fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn connect(listener: &TcpListener) -> io::Result<TcpStream> {
    let client = TcpStream::connect(listener.local_addr()?)?;
    client.set_read_timeout(Some(TIME_LIMIT))?;
    Ok(client)
}

/// The client is connected, although no one has accepted it.
fn closed_with_a_client() -> io::Result<io::Result<()>> {
    let listener = listen(any_port(), ReuseAddress::Yes)?;
    let mut client = connect(&listener)?;
    drop(listener);
    Ok(client.read(&mut [0]).map(drop))
}

fn duplicate_accepts() -> io::Result<io::Result<()>> {
    let listener = listen(any_port(), ReuseAddress::Yes)?;
    let duplicate = listener.try_clone()?;
    let _client = connect(&listener)?;
    drop(listener);
    Ok(duplicate.accept().map(drop))
}

/// A server closes a connection first, ends, and is started again.
fn bind_again(first: ReuseAddress, second: ReuseAddress) -> io::Result<io::Result<()>> {
    let listener = listen(any_port(), first)?;
    let address = listener.local_addr()?;
    let mut client = connect(&listener)?;
    let (accepted, _) = listener.accept()?;
    drop(accepted); // The first FIN is the server's, so its side of the connection stays.
    client.read_to_end(&mut Vec::new())?;
    drop((client, listener));
    Ok(listen(address, second).map(drop))
}

fn bind_twice() -> io::Result<io::Result<()>> {
    let listener = listen(any_port(), ReuseAddress::Yes)?;
    Ok(listen(listener.local_addr()?, ReuseAddress::Yes).map(drop))
}
