//! A server, its clients, and what happens between them, step by step.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::client::{Came, Client, in_words};
use super::events::Events;
use super::server::{Programs, Server};
use crate::style::Style;
use crate::trace::Lane;

/// How long a server may take to begin with what a step asks of it.
const BEGIN: Duration = Duration::from_secs(1);
/// A server that waits, and has not moved for so long, has done all that a step asked for.
const QUIET: Duration = Duration::from_millis(50);
/// How long a step may take in all.
const TIME_LIMIT: Duration = Duration::from_secs(20);
/// How often the trace is looked at.
const LOOK: Duration = Duration::from_millis(2);

/// A running server and its clients.
pub(super) struct Stage {
    server: Server,
    clients: Vec<Option<Client>>,
    events: Events,
    steps: Vec<String>,
    lane: Lane,
}

impl Stage {
    /// Starts the server. Its first step is to wait.
    pub(super) fn open(
        style: Style,
        arguments: &[&str],
        programs: &Programs,
        root: &Path,
    ) -> io::Result<Self> {
        let arguments: Vec<String> = arguments.iter().map(|&text| text.to_owned()).collect();
        let server = Server::start(programs, style, &arguments)?;
        let mut stage = Stage {
            server,
            clients: Vec::new(),
            events: Events::new(root),
            steps: Vec::new(),
            lane: Lane {
                program: style.program().to_owned(),
                arguments,
                events: Vec::new(),
                counters: Default::default(),
                replies: Vec::new(),
            },
        };
        stage.step("the server starts", |_| Ok(()))?;
        Ok(stage)
    }

    /// Leaves the server descriptors for so many connections.
    pub(super) fn leave_room_for(&self, connections: usize) -> io::Result<()> {
        self.server.leave_descriptors(connections)
    }

    /// A client connects, the first of them as client 1.
    pub(super) fn connect(&mut self) -> io::Result<()> {
        let name = format!("client {} connects", self.clients.len() + 1);
        self.step(name, |stage| {
            let client = Client::connect(stage.server.address())?;
            stage.clients.push(Some(client));
            Ok(())
        })
    }

    /// A client connects that has a small receive buffer, and reads only when told to.
    pub(super) fn connect_slow(&mut self) -> io::Result<()> {
        let name = format!(
            "client {} connects; it will not read",
            self.clients.len() + 1
        );
        self.step(name, |stage| {
            let client = Client::connect_slow(stage.server.address())?;
            stage.clients.push(Some(client));
            Ok(())
        })
    }

    pub(super) fn send(&mut self, number: usize, bytes: &[u8]) -> io::Result<()> {
        let name = format!("client {number} sends {}", in_words(bytes));
        self.step(name, |stage| stage.client(number)?.send(bytes))
    }

    /// The client sends until the server takes no more.
    pub(super) fn send_until_refused(&mut self, number: usize, line: &[u8]) -> io::Result<()> {
        let name = format!("client {number} sends until the server takes no more");
        self.step(name, |stage| stage.client(number)?.send_until_refused(line))
    }

    /// Several send while the server is held by SIGSTOP, so that it finds all of it at once.
    pub(super) fn send_at_once(&mut self, messages: &[(usize, &[u8])]) -> io::Result<()> {
        let said: Vec<_> = messages
            .iter()
            .map(|(number, bytes)| format!("client {number} sends {}", in_words(bytes)))
            .collect();
        let name = format!("while the server is held, {}", said.join(" and "));
        self.step(name, |stage| {
            stage.server.hold()?;
            for (number, bytes) in messages {
                stage.client(*number)?.send(bytes)?;
            }
            stage.server.signal(Signal::SIGCONT)
        })
    }

    /// The client reads all that it is owed.
    pub(super) fn read(&mut self, number: usize) -> io::Result<()> {
        self.step(format!("client {number} reads"), |stage| {
            stage.client(number)?.reads = true;
            Ok(())
        })
    }

    /// The client says nothing until the server closes the connection.
    pub(super) fn say_nothing(&mut self, number: usize) -> io::Result<()> {
        let name = format!("client {number} says nothing more");
        let is_closed = |came: &[Came]| came.get(number - 1).is_some_and(|came| came.end.is_some());
        self.step_until(name, |_| Ok(()), is_closed)
    }

    /// The client half-closes.
    pub(super) fn finish(&mut self, number: usize) -> io::Result<()> {
        let name = format!("client {number} will send no more (FIN)");
        self.step(name, |stage| stage.client(number)?.finish())
    }

    pub(super) fn close_client(&mut self, number: usize) -> io::Result<()> {
        self.step(format!("client {number} closes"), |stage| {
            stage.take(number).map(drop)
        })
    }

    /// The client goes with a reset.
    pub(super) fn reset(&mut self, number: usize) -> io::Result<()> {
        let name = format!("client {number} resets the connection (RST)");
        self.step(name, |stage| stage.take(number)?.reset())
    }

    /// The server is asked to stop.
    pub(super) fn stop(&mut self) -> io::Result<()> {
        let name = "the server is asked to stop (SIGTERM)";
        self.step(name, |stage| stage.server.signal(Signal::SIGTERM))
    }

    /// Stops the server if it still runs. Answers the client's steps, and what the server did.
    pub(super) fn close(mut self) -> io::Result<(Vec<String>, Lane)> {
        if !self.server.has_ended()? {
            self.stop()?;
        }
        self.lane.counters = self.server.counters()?;
        self.lane.events = self.events.into_all();
        Ok((self.steps, self.lane))
    }

    fn client(&mut self, number: usize) -> io::Result<&mut Client> {
        let client = self.clients.get_mut(number - 1).and_then(Option::as_mut);
        Ok(client.ok_or(ErrorKind::NotConnected)?)
    }

    fn take(&mut self, number: usize) -> io::Result<Client> {
        let client = self.clients.get_mut(number - 1).and_then(Option::take);
        Ok(client.ok_or(ErrorKind::NotConnected)?)
    }

    /// Does one thing, and waits until the server has done all that it asks for.
    fn step(
        &mut self,
        name: impl Into<String>,
        act: impl FnOnce(&mut Self) -> io::Result<()>,
    ) -> io::Result<()> {
        self.step_until(name, act, |_| true)
    }

    /// A step that is not over before `is_enough` of what came back.
    fn step_until(
        &mut self,
        name: impl Into<String>,
        act: impl FnOnce(&mut Self) -> io::Result<()>,
        is_enough: impl Fn(&[Came]) -> bool,
    ) -> io::Result<()> {
        self.steps.push(name.into());
        let before = self.events.count();
        act(self)?;
        let mut came: Vec<Came> = self.clients.iter().map(|_| Came::default()).collect();
        let started = Instant::now();
        let mut moved = started;
        loop {
            let has_ended = self.server.has_ended()?;
            if self.moves(&mut came)? {
                moved = Instant::now();
            }
            let begun = self.events.count() > before || started.elapsed() > BEGIN;
            let is_quiet =
                begun && is_enough(&came) && self.events.is_waiting() && moved.elapsed() > QUIET;
            if is_quiet || has_ended {
                break;
            }
            if started.elapsed() > TIME_LIMIT {
                return Err(ErrorKind::TimedOut.into());
            }
            thread::sleep(LOOK);
        }
        self.lane.replies.push(replies(&came));
        Ok(())
    }

    /// Whether the server did anything, or anything came back, since this was asked before.
    fn moves(&mut self, came: &mut [Came]) -> io::Result<bool> {
        let lines = self.server.new_lines()?;
        let mut moves = self.events.take(&lines, self.steps.len() - 1)?;
        for (client, came) in self.clients.iter_mut().zip(came) {
            if let Some(client) = client {
                moves |= client.look(came)?;
            }
        }
        Ok(moves)
    }
}

/// What came back, in words.
fn replies(came: &[Came]) -> Vec<String> {
    let numbered = (1..).zip(came);
    let words = numbered.flat_map(|(number, came)| {
        let words = came.in_words().into_iter();
        words.map(move |words| format!("client {number} gets {words}"))
    });
    words.collect()
}
