//! Clients that send lines, verify the answers, and connect again when a connection ends.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{mem, sync::Arc};

use book::machines::{PHASES, Seen};
use common::client::EchoClient;

/// After as many lines, a client ends its connection and makes a new one. The first connection of each
/// client has fewer, so that not all end at the same time.
pub const LINES: usize = 50;

/// The time between an answer and the next line.
const PAUSE: Duration = Duration::from_millis(5);

/// The time limit of a connect, a send, or a receive.
const LIMIT: Duration = Duration::from_secs(5);

/// What all clients know.
#[derive(Debug, Default)]
pub struct Stage {
    phase: AtomicUsize,
    is_over: AtomicBool,
}

impl Stage {
    /// From now on, what clients see belongs to this phase.
    pub fn enter(&self, phase: usize) {
        self.phase.store(phase, Ordering::Relaxed);
    }

    /// Lets all clients end.
    pub fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }
}

/// A client, and what it has seen.
pub struct Client {
    name: String,
    server: SocketAddr,
    stage: Arc<Stage>,
    /// What it has seen in each phase.
    pub seen: [Seen; PHASES.len()],
    /// Its address in each connection that it ended itself, with all answers.
    pub addresses: Vec<SocketAddr>,
    next_line: usize,
    answered_at: Instant,
}

impl Client {
    /// Starts a client that has sent `lines` lines before.
    pub fn start(
        name: String,
        lines: usize,
        server: SocketAddr,
        stage: &Arc<Stage>,
    ) -> JoinHandle<Self> {
        let mut client = Client {
            name,
            server,
            stage: Arc::clone(stage),
            seen: Default::default(),
            addresses: Vec::new(),
            next_line: lines,
            answered_at: Instant::now(),
        };
        thread::spawn(move || {
            while !client.stage.is_over() {
                client.talk();
            }
            client
        })
    }

    fn seen(&mut self) -> &mut Seen {
        &mut self.seen[self.stage.phase.load(Ordering::Relaxed)]
    }

    /// One connection.
    fn talk(&mut self) {
        let connected = EchoClient::connect_within(self.server, LIMIT);
        let Ok(mut connection) = connected else {
            self.seen().refused += 1;
            thread::sleep(PAUSE);
            return;
        };
        let address = connection.socket().local_addr();
        loop {
            let line = format!("{}, line {}\n", self.name, self.next_line);
            match connection.echo(line.as_bytes()) {
                Ok(answer) => self.answered(answer == line.as_bytes()),
                Err(error) => {
                    self.seen().sent_again += 1;
                    return self.ended(&error);
                }
            }
            if let Err(error) = wait(&mut connection) {
                self.seen().closed_idle += 1;
                return self.ended(&error);
            }
            if self.next_line.is_multiple_of(LINES) {
                return self.addresses.extend(address);
            }
            if self.stage.is_over() {
                return;
            }
        }
    }

    fn answered(&mut self, is_right: bool) {
        let now = Instant::now();
        let pause = now - mem::replace(&mut self.answered_at, now);
        self.next_line += 1;
        let seen = self.seen();
        match is_right {
            true => seen.answered += 1,
            false => seen.wrong += 1,
        }
        let milliseconds = (10_000.0 * pause.as_secs_f64()).round() / 10.0;
        seen.longest_pause = seen.longest_pause.max(milliseconds);
    }

    fn ended(&mut self, error: &io::Error) {
        if error.kind() == ErrorKind::ConnectionReset || error.kind() == ErrorKind::BrokenPipe {
            self.seen().resets += 1;
        }
    }
}

/// Waits before the next line. Fails if the connection ends meanwhile.
fn wait(connection: &mut EchoClient) -> io::Result<()> {
    connection.set_time_limit(PAUSE)?;
    let ended = match connection.receive_some(1) {
        Err(error) if error.kind() == ErrorKind::TimedOut => Ok(()),
        Err(error) => Err(error),
        Ok(bytes) if bytes.is_empty() => Err(ErrorKind::UnexpectedEof.into()),
        Ok(_) => Err(io::Error::other("more came back than was sent")),
    };
    connection.set_time_limit(LIMIT)?;
    ended
}
