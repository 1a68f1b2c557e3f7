//! HAProxy as a child process, and its socket for commands.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use common::client::TIME_LIMIT;
use common::client::server_process::ProcessGroup;
use socket2::{Domain, Socket, Type};

/// Where the program can be. On Debian, `/usr/sbin` isn't in every user's path.
const PROGRAMS: [&str; 2] = ["haproxy", "/usr/sbin/haproxy"];

/// The program, and the first line that it prints about its version; `None` if it isn't installed.
pub fn find() -> Option<(&'static str, String)> {
    PROGRAMS.into_iter().find_map(|program| {
        let output = Command::new(program).arg("-v").output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        let version = text.lines().next()?.split(' ').nth(2)?;
        Some((program, version.to_owned()))
    })
}

/// A running HAProxy.
pub struct Proxy {
    _process: ProcessGroup,
    socket: PathBuf,
    /// Keep the ports from other programs.
    _reserved: Vec<Socket>,
    frontends: BTreeMap<String, SocketAddr>,
}

/// What HAProxy knows about a server.
#[derive(Debug, Clone)]
pub struct ServerState {
    /// `UP`, `DOWN`, `DRAIN`, …
    pub status: String,
    /// Connections of clients.
    pub connections: u64,
}

impl Proxy {
    /// Starts it with a port for each style, and with the addresses of the servers, which are named
    /// `SELECT_ONE` and so on.
    pub fn start<'a>(
        mut command: Command,
        config: &Path,
        folder: &Path,
        styles: impl Iterator<Item = &'a str>,
        servers: &BTreeMap<String, SocketAddr>,
    ) -> io::Result<Self> {
        let socket = folder.join("haproxy.socket");
        command.args(["-db", "-f"]).arg(config).stdin(Stdio::null());
        command.env("STATS_SOCKET", &socket);
        for (name, address) in servers {
            command.env(name, address.to_string());
        }
        let (mut reserved, mut frontends) = (Vec::new(), BTreeMap::new());
        for style in styles {
            let (socket, address) = reserve()?;
            reserved.push(socket);
            frontends.insert(style.to_owned(), address);
            command.env(style.to_uppercase(), address.to_string());
        }
        let proxy = Proxy {
            _process: ProcessGroup::start(&mut command)?,
            socket,
            _reserved: reserved,
            frontends,
        };
        proxy.wait_until("it answers", |_| true)?;
        Ok(proxy)
    }

    /// Where the clients of a style connect.
    pub fn address(&self, style: &str) -> io::Result<SocketAddr> {
        let address = self.frontends.get(style).copied();
        address.ok_or_else(|| io::Error::new(ErrorKind::NotFound, style))
    }

    /// The state of each server, by `STYLE/SERVER`.
    pub fn servers(&self) -> io::Result<BTreeMap<String, ServerState>> {
        let table = self.tell("show stat")?;
        let mut lines = table.trim_start_matches("# ").lines();
        let names: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
        let place = |name: &str| {
            let place = names.iter().position(|one| *one == name);
            place.ok_or_else(|| io::Error::other(format!("HAProxy tells no {name}: {table}")))
        };
        let (proxy, server) = (place("pxname")?, place("svname")?);
        let (status, connections) = (place("status")?, place("scur")?);
        let states = lines.filter_map(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            let name = format!("{}/{}", fields.get(proxy)?, fields.get(server)?);
            let state = ServerState {
                status: (*fields.get(status)?).to_owned(),
                connections: fields.get(connections)?.parse().ok()?,
            };
            Some((name, state))
        });
        Ok(states.collect())
    }

    /// Gives a server no new connections, or gives it some again: `drain` or `ready`.
    pub fn set_state(&self, server: &str, state: &str) -> io::Result<()> {
        match self
            .tell(&format!("set server {server} state {state}"))?
            .trim()
        {
            "" => Ok(()),
            error => Err(io::Error::other(format!("HAProxy: {error}"))),
        }
    }

    /// Waits until this is true of the servers' states.
    pub fn wait_until(
        &self,
        what: &str,
        is_true: impl Fn(&BTreeMap<String, ServerState>) -> bool,
    ) -> io::Result<()> {
        let started = Instant::now();
        loop {
            let states = self.servers();
            match states {
                Ok(states) if is_true(&states) => return Ok(()),
                _ if started.elapsed() < 2 * TIME_LIMIT => {}
                states => {
                    let message = format!("HAProxy: not true in time: {what}: {states:?}");
                    return Err(io::Error::new(ErrorKind::TimedOut, message));
                }
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn tell(&self, command: &str) -> io::Result<String> {
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(Some(TIME_LIMIT))?;
        stream.set_write_timeout(Some(TIME_LIMIT))?;
        writeln!(stream, "{command}")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }
}

/// A free port, and a socket that keeps it free for HAProxy: as both have SO_REUSEPORT, both can be
/// bound to it. Only HAProxy listens, so all connections are HAProxy's.
fn reserve() -> io::Result<(Socket, SocketAddr)> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_port(true)?;
    socket.bind(&SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0).into())?;
    let address = socket.local_addr()?.as_socket();
    Ok((socket, address.ok_or(ErrorKind::InvalidData)?))
}
