//! TLS over a loop: a server and a client in one process, with one wait for both. Prints what each side's
//! TLS library waits for.
//!
//! `cargo run --manifest-path book/tls/Cargo.toml`

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, Connection, RootCertStore, ServerConfig, ServerConnection,
};

/// The server's name, for which its certificate is made.
const NAME: &str = "localhost";

/// How long a wait can take.
const TIME_LIMIT: Duration = Duration::from_secs(5);

fn main() -> io::Result<()> {
    run(&mut io::stdout())
}

/// Lets the client send a line, and the server send it back. Then both end their streams.
fn run(output: &mut impl Write) -> io::Result<()> {
    let (client, server) = connections()?;
    let (client_socket, server_socket) = UnixStream::pair()?;
    let mut sides = [
        Side::new("client", client_socket, client)?,
        Side::new("server", server_socket, server)?,
    ];
    let [client, _] = &mut sides;
    client.tls.writer().write_all(b"hello\n")?; // Encrypted after the handshake.
    writeln!(
        output,
        "side    called     data for its program  waits to        phase"
    )?;
    for side in &sides {
        side.report("", "", output)?;
    }
    while sides.iter().any(|side| !side.interest().is_empty()) {
        let ready = wait(&sides)?;
        for (side, ready) in sides.iter_mut().zip(ready) {
            if ready.contains(PollFlags::IN) {
                side.handle_read(output)?;
            }
            if ready.contains(PollFlags::OUT) {
                side.handle_write(output)?;
            }
        }
    }
    Ok(())
}

/// One side of the connection.
struct Side {
    name: &'static str,
    socket: UnixStream,
    tls: Connection,
}

impl Side {
    fn new(name: &'static str, socket: UnixStream, tls: Connection) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Side { name, socket, tls })
    }

    /// What to wait for. The library decides, and not the output of this program.
    fn interest(&self) -> PollFlags {
        let mut interest = PollFlags::empty();
        interest.set(PollFlags::IN, self.tls.wants_read());
        interest.set(PollFlags::OUT, self.tls.wants_write());
        interest
    }

    /// From the network into the library, and from there into the program.
    fn handle_read(&mut self, output: &mut impl Write) -> io::Result<()> {
        let count = self.tls.read_tls(&mut self.socket)?;
        let processed = self.tls.process_new_packets();
        let state = processed.map_err(|error| {
            let _ = self.tls.write_tls(&mut self.socket); // The alert, if there is space for it.
            io::Error::other(error)
        })?;
        if count == 0 && !state.peer_has_closed() {
            return Err(io::ErrorKind::UnexpectedEof.into()); // Without a `close_notify`.
        }
        let mut data = vec![0; state.plaintext_bytes_to_read()];
        self.tls.reader().read_exact(&mut data)?;
        match (&self.tls, data.is_empty()) {
            (_, true) => {}
            (Connection::Server(_), false) => self.tls.writer().write_all(&data)?, // The echo.
            (Connection::Client(_), false) => self.tls.send_close_notify(),
        }
        if state.peer_has_closed() {
            self.tls.send_close_notify();
        }
        let data = match data.is_empty() {
            true => "none".to_owned(),
            false => format!("{:?}", String::from_utf8_lossy(&data)),
        };
        self.report("read_tls", &data, output)
    }

    /// From the library to the network.
    fn handle_write(&mut self, output: &mut impl Write) -> io::Result<()> {
        self.tls.write_tls(&mut self.socket)?;
        self.report("write_tls", "", output)
    }

    fn report(&self, called: &str, data: &str, output: &mut impl Write) -> io::Result<()> {
        let interest = match (self.tls.wants_read(), self.tls.wants_write()) {
            (true, true) => "read and write",
            (true, false) => "read",
            (false, true) => "write",
            (false, false) => "nothing",
        };
        let phase = match self.tls.is_handshaking() {
            true => "handshake",
            false => "",
        };
        let line = format!(
            "{:7} {called:10} {data:21} {interest:15} {phase}",
            self.name
        );
        writeln!(output, "{}", line.trim_end())
    }
}

/// Waits until a socket is ready for what its side waits for.
fn wait(sides: &[Side; 2]) -> io::Result<[PollFlags; 2]> {
    let mut sockets = sides
        .each_ref()
        .map(|side| PollFd::new(&side.socket, side.interest()));
    let limit = Timespec::try_from(TIME_LIMIT).map_err(io::Error::other)?;
    match poll(&mut sockets, Some(&limit))? {
        0 => Err(io::ErrorKind::TimedOut.into()),
        _ => Ok(sockets.map(|socket| socket.revents())),
    }
}

/// A client and a server with a new certificate, which the client trusts.
fn connections() -> io::Result<(Connection, Connection)> {
    let issued = rcgen::generate_simple_self_signed([NAME.to_owned()]).map_err(io::Error::other)?;
    let certificate = issued.cert.der().clone();
    let key = PrivatePkcs8KeyDer::from(issued.signing_key.serialize_der());
    let mut trusted = RootCertStore::empty();
    trusted.add(certificate.clone()).map_err(io::Error::other)?;

    let client = ClientConfig::builder()
        .with_root_certificates(trusted)
        .with_no_client_auth();
    let name = ServerName::try_from(NAME).map_err(io::Error::other)?;
    let client = ClientConnection::new(Arc::new(client), name).map_err(io::Error::other)?;

    let server = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key.into())
        .map_err(io::Error::other)?;
    let server = ServerConnection::new(Arc::new(server)).map_err(io::Error::other)?;
    Ok((client.into(), server.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that has got these bytes and the end of its stream, and what it then sends.
    fn server_after(bytes: &[u8]) -> io::Result<(io::ErrorKind, Vec<u8>)> {
        let (_, tls) = connections()?;
        let (mut client, socket) = UnixStream::pair()?;
        let mut server = Side::new("server", socket, tls)?;
        client.write_all(bytes)?;
        client.shutdown(std::net::Shutdown::Write)?;
        let read = |_| server.handle_read(&mut io::sink()).err();
        let error = (0..10).find_map(read).ok_or(io::ErrorKind::Other)?;
        drop(server);
        let mut sent = Vec::new();
        client.read_to_end(&mut sent)?;
        Ok((error.kind(), sent))
    }

    #[test]
    fn a_stream_without_close_notify_was_cut_off() -> io::Result<()> {
        assert_eq!(server_after(b"")?, (io::ErrorKind::UnexpectedEof, vec![]));
        Ok(())
    }

    #[test]
    fn the_peer_gets_an_alert_for_what_is_not_tls() -> io::Result<()> {
        let (error, sent) = server_after(b"GET / HTTP/1.1\r\n\r\n")?;
        assert_eq!(error, io::ErrorKind::Other);
        const ALERT: u8 = 21; // RFC 8446, section 5.1: the type of the record.
        assert_eq!(sent.first(), Some(&ALERT), "{sent:?}");
        Ok(())
    }

    /// The page shows this file.
    #[test]
    fn it_prints_what_the_page_shows() -> io::Result<()> {
        let mut printed = Vec::new();
        run(&mut printed)?;
        let shown: String = include_str!("../output.txt")
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| format!("{line}\n"))
            .collect();
        assert_eq!(String::from_utf8_lossy(&printed), shown);
        Ok(())
    }
}
