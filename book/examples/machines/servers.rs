//! The two servers of each style.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::client::program::Program;

/// The four styles.
pub const STYLES: [&str; 4] = ["select", "dispatcher", "chat", "reactor"];

/// A server that can be stopped and started again.
pub struct Server {
    /// Its name for HAProxy, such as `select/one`.
    pub name: String,
    pub address: SocketAddr,
    program: PathBuf,
    log: PathBuf,
    running: Option<Program>,
}

impl Server {
    /// Starts a server on a free port.
    fn start(style: &str, number: &str, programs: &Path, folder: &Path) -> io::Result<Self> {
        let name = format!("{style}/{number}");
        let program = programs.join(format!("{style}-echo"));
        let log = folder.join(format!("{style}-{number}.log"));
        let running = run(&program, 0, &log)?;
        Ok(Server {
            name,
            address: running.address(),
            program,
            log,
            running: Some(running),
        })
    }

    /// Sends it SIGTERM, and waits until it has ended.
    pub fn stop(&mut self) -> io::Result<()> {
        let Some(program) = self.running.take() else {
            return Ok(());
        };
        let (status, _) = program.stop()?;
        match status.success() {
            true => Ok(()),
            false => Err(io::Error::other(format!("{}: {status}", self.name))),
        }
    }

    /// Sends it SIGKILL.
    pub fn kill(&mut self) {
        self.running = None;
    }

    /// Starts it again, on the same port.
    pub fn restart(&mut self) -> io::Result<()> {
        self.running = Some(run(&self.program, self.address.port(), &self.log)?);
        Ok(())
    }
}

fn run(program: &Path, port: u16, log: &Path) -> io::Result<Program> {
    let log = OpenOptions::new().create(true).append(true).open(log)?;
    let mut command = Command::new(program);
    command.args(["--proxy-protocol", "--port", &port.to_string()]);
    Program::start(command.stderr(log))
}

/// All eight servers.
pub struct Servers {
    /// The first one of each style.
    pub one: Vec<Server>,
    /// The second one.
    pub two: Vec<Server>,
}

impl Servers {
    pub fn start(programs: &Path, folder: &Path) -> io::Result<Self> {
        let all = |number| {
            let servers = STYLES.map(|style| Server::start(style, number, programs, folder));
            servers.into_iter().collect::<io::Result<Vec<_>>>()
        };
        Ok(Servers {
            one: all("one")?,
            two: all("two")?,
        })
    }

    /// Their addresses, by the variables of `haproxy.cfg`.
    pub fn addresses(&self) -> BTreeMap<String, SocketAddr> {
        let servers = self.one.iter().chain(&self.two);
        let named = servers.map(|server| {
            let name = server.name.to_uppercase().replace('/', "_");
            (name, server.address)
        });
        named.collect()
    }

    /// Stops all, and returns the addresses of clients that they have logged.
    pub fn logged_clients(&mut self) -> io::Result<BTreeSet<SocketAddr>> {
        let mut clients = BTreeSet::new();
        for server in self.one.iter_mut().chain(&mut self.two) {
            server.stop()?;
            let log = fs::read_to_string(&server.log)?;
            let words = log.split_whitespace();
            clients.extend(words.filter_map(|word| {
                let address = word.strip_prefix("client=")?;
                address.parse::<SocketAddr>().ok()
            }));
        }
        Ok(clients)
    }
}
