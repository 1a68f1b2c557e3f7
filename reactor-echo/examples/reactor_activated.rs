//! Socket activation: one process keeps the listener, and starts a server when a client connects.
//! Shows how a program inherits a listener.
//!
//! The first process opens the listener and waits, as inetd does for a service in its mode `wait`. When
//! a client is in the queue, it starts this program once more, with the listener as its standard input.
//! This second process is the server. It accepts clients for some seconds, ends when the last of them
//! has left, and the first process waits again. No client is refused: the queue belongs to the listener.
//!
//! ```sh
//! cargo run -p reactor-echo --example reactor_activated -- 127.0.0.1:7000 5   # the address, and the seconds
//! nc 127.0.0.1 7000
//! ```

use std::env;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, OwnedFd};
use std::process::Command;
use std::rc::Rc;

use common::sys::{self, AsDescriptor, FdSet};
use common::{Settings, StopSignal, args, net, output};
use reactor_echo::{EngineKind, Reactor};
use shared::Shared;

mod shared;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.as_slice() {
        [address, seconds] => keep_listening(address, seconds),
        [seconds] => serve(inherited_listener()?, seconds),
        _ => Err(ErrorKind::InvalidInput.into()),
    }
}

/// Starts a server whenever a client waits and no server runs, until the stop signal is raised.
fn keep_listening(address: &str, seconds: &str) -> io::Result<()> {
    let address: SocketAddr = address.parse().map_err(io::Error::other)?;
    let stop = StopSignal::on_signals()?;
    let listener = net::bind(address, 128)?;
    output::print(format_args!("listening on {}\n", listener.local_addr()?))?;
    loop {
        let mut inputs = FdSet::new();
        inputs.insert(listener.descriptor())?;
        inputs.insert(stop.descriptor())?;
        match sys::select(Some(&mut inputs), None, None, None) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            result => result?,
        };
        if stop.is_raised() {
            return Ok(());
        }
        start_server(&listener, seconds)?;
    }
}

/// Runs this program as a server, and waits until it has ended.
fn start_server(listener: &TcpListener, seconds: &str) -> io::Result<()> {
    let duplicate = OwnedFd::from(listener.try_clone()?);
    let status = Command::new(env::current_exe()?)
        .arg(seconds)
        .stdin(duplicate)
        .status()?;
    match status.success() {
        true => Ok(()),
        false => Err(io::Error::other(format!("the server failed: {status}"))),
    }
}

fn inherited_listener() -> io::Result<TcpListener> {
    Ok(io::stdin().as_fd().try_clone_to_owned()?.into())
}

/// Accepts clients for this time, or until the stop signal is raised. Ends when they have left.
fn serve(listener: TcpListener, seconds: &str) -> io::Result<()> {
    let accepting = args::seconds(seconds).map_err(io::Error::other)?;
    let stop = Rc::new(StopSignal::on_signals()?);
    let mut reactor = Reactor::new(EngineKind::default(), Settings::default())?;
    let shared = Rc::<Shared>::default();
    let port = shared.listen(&mut reactor, listener)?;
    output::print_to_stderr(format_args!("process {} serves", std::process::id()));
    let of_timer = Rc::clone(&shared);
    let _ = reactor.call_later(accepting, move |reactor| of_timer.retire(reactor, port));
    reactor.add_reader(Rc::<StopSignal>::clone(&stop), move |reactor| {
        if stop.is_raised() {
            shared.retire(reactor, port);
        }
    })?;
    reactor.run()
}
