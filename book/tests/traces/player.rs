//! A server, its clients, and what happens between them, step by step.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use book::scenario::Step;
use book::style::Style;
use book::trace::Lane;

use super::client::{Client, Received};
use super::events::Events;
use super::server::Server;

/// How long a server may take to begin with what a step asks of it.
const BEGIN: Duration = Duration::from_secs(1);
/// A server that waits, and has not moved for so long, has done all that a step asks for.
const QUIET: Duration = Duration::from_millis(50);
/// How long a step may take in all.
pub const TIME_LIMIT: Duration = Duration::from_secs(20);
/// How often the trace is looked at.
const LOOK: Duration = Duration::from_millis(2);

/// What a client sends that doesn't read: lines of this size, until the server takes no more.
pub const LINE: [u8; 8192] = {
    let mut line = [b'x'; 8192];
    line[8191] = b'\n';
    line
};

/// A running server and its clients.
pub struct Stage {
    server: Server,
    clients: Vec<Option<Client>>,
    events: Events,
    lane: Lane,
}

impl Stage {
    /// Starts the server. Its first step is to wait.
    pub fn open(style: Style, arguments: &[String], programs: &Path) -> io::Result<Self> {
        let mut stage = Stage {
            server: Server::start(programs, style, arguments)?,
            clients: Vec::new(),
            events: Events::default(),
            lane: Lane::default(),
        };
        stage.wait(Duration::ZERO, 0)?;
        Ok(stage)
    }

    /// Leaves the server descriptors for so many connections.
    pub fn leave_room_for(&self, connections: usize) -> io::Result<()> {
        self.server.leave_descriptors(connections)
    }

    /// Does what the step says, and waits until the server has done all that this asks for.
    pub fn play(&mut self, step: &Step) -> io::Result<()> {
        let before = self.events.count();
        let mut time = Duration::ZERO;
        for line in &step.lines {
            match line.strip_prefix("wait ") {
                Some(duration) => time += parse_duration(duration)?,
                None => self.act(line)?,
            }
        }
        self.wait(time, before)
    }

    /// Stops the server if it still runs. Returns what it did.
    pub fn close(mut self) -> io::Result<Lane> {
        self.lane.counters = self.server.counters()?;
        self.lane.events = self.events.into_all();
        Ok(self.lane)
    }

    /// A line of a script.
    fn act(&mut self, line: &str) -> io::Result<()> {
        if let Some(together) = line.strip_prefix("together {") {
            return self.act_together(together.trim_end_matches('}'));
        }
        let mut words = line.splitn(3, ' ');
        let verb = words.next().unwrap_or_default();
        let client = words.next().and_then(|number| number.parse().ok());
        let client = client.unwrap_or(0);
        match verb {
            "connect" => {
                let new = Client::connect(self.server.address())?;
                self.clients.push(Some(new));
                Ok(())
            }
            "send" => {
                let client = self.client(client)?;
                match client.reads {
                    // A script's text has the same escapes.
                    true => client.send(
                        serde_json::from_str::<String>(words.next().unwrap_or_default())?
                            .as_bytes(),
                    ),
                    false => client.send_until_refused(&LINE),
                }
            }
            "resume-reading" => {
                self.client(client)?.reads = true;
                Ok(())
            }
            "half-close" => self.client(client)?.finish(),
            "close" => self.take(client).map(drop),
            "reset" => self.take(client)?.reset(),
            "stop" => self.server.ask_to_stop(),
            _ => Err(io::Error::other(format!("{line:?} can't be played"))),
        }
    }

    /// The server is held by SIGSTOP meanwhile, so that it finds all of it at once.
    fn act_together(&mut self, lines: &str) -> io::Result<()> {
        let lines: Vec<&str> = lines.split(';').map(str::trim).collect();
        if lines == ["connect 1", "stop-reading 1"] {
            let new = Client::connect_slow(self.server.address())?;
            self.clients.push(Some(new));
            return Ok(());
        }
        self.server.hold()?;
        for line in lines {
            self.act(line)?;
        }
        self.server.let_go()
    }

    fn client(&mut self, number: usize) -> io::Result<&mut Client> {
        let client = self.clients.get_mut(number - 1).and_then(Option::as_mut);
        Ok(client.ok_or(ErrorKind::NotConnected)?)
    }

    fn take(&mut self, number: usize) -> io::Result<Client> {
        let client = self.clients.get_mut(number - 1).and_then(Option::take);
        Ok(client.ok_or(ErrorKind::NotConnected)?)
    }

    /// Waits for this time, or without one until the server is at rest. `before` is how many events there
    /// were before the step.
    fn wait(&mut self, time: Duration, before: usize) -> io::Result<()> {
        let mut received: Vec<Received> =
            self.clients.iter().map(|_| Received::default()).collect();
        let started = Instant::now();
        let mut moved = started;
        loop {
            let has_ended = self.server.has_ended()?;
            if self.moves(&mut received)? {
                moved = Instant::now();
            }
            let begun = self.events.count() > before || started.elapsed() > BEGIN;
            let is_quiet = self.events.is_waiting() && moved.elapsed() > QUIET;
            if begun && is_quiet && started.elapsed() > time || has_ended {
                break;
            }
            if started.elapsed() > TIME_LIMIT {
                return Err(ErrorKind::TimedOut.into());
            }
            thread::sleep(LOOK);
        }
        self.lane.replies.push(replies(&received));
        Ok(())
    }

    /// Whether the server did anything, or anything came back, since this was called before.
    fn moves(&mut self, received: &mut [Received]) -> io::Result<bool> {
        let lines = self.server.new_lines()?;
        let mut moves = self.events.take(&lines, self.lane.replies.len())?;
        for (client, received) in self.clients.iter_mut().zip(received) {
            if let Some(client) = client {
                moves |= client.look(received)?;
            }
        }
        Ok(moves)
    }
}

/// Milliseconds or seconds.
fn parse_duration(text: &str) -> io::Result<Duration> {
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 1),
        None => (text.trim_end_matches('s'), 1000),
    };
    let number: u64 = number.parse().map_err(io::Error::other)?;
    Ok(Duration::from_millis(number * unit))
}

/// What came back, in words.
fn replies(received: &[Received]) -> Vec<String> {
    let numbered = (1..).zip(received);
    let words = numbered.flat_map(|(number, received)| {
        let words = received.in_words().into_iter();
        words.map(move |words| format!("client {number} gets {words}"))
    });
    words.collect()
}
