//! What the Rust peers do before they serve, so that their own files contain only the way
//! in which they serve.

use std::io::{self, ErrorKind, Write};
use std::net::{TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::{ArgAction, Parser};
use common::args::ListenArgs;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// An echo server to compare with
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    listen: ListenArgs,
    /// Accepted and ignored: a peer logs nothing
    #[arg(short = 'q', long = "quiet", action = ArgAction::Count)]
    _quiet: u8,
}

/// Listens where the command line says, and prints the address on standard output. The listener
/// doesn't block. From now on, SIGINT and SIGTERM end the process with status 0.
///
/// # Errors
/// The errors of bind(2), or standard output's reader has gone.
pub fn listen() -> io::Result<TcpListener> {
    let Args { listen, .. } = Args::parse();
    for signal in [SIGINT, SIGTERM] {
        flag::register_conditional_shutdown(signal, 0, Arc::new(AtomicBool::new(true)))?;
    }
    let mut addresses = (listen.host.as_str(), listen.port).to_socket_addrs()?;
    let address = addresses.next().ok_or(ErrorKind::AddrNotAvailable)?;
    let listener = common::net::bind(address, listen.backlog)?;
    let mut stdout = io::stdout();
    writeln!(stdout, "listening on {}", listener.local_addr()?)?;
    stdout.flush()?;
    Ok(listener)
}
