//! Plays a scenario, step by step, with clients and a server on the real kernel.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use book::scenario::ScenarioStep;
use book::style::Style;
use book::trace::StyleTrace;

use super::client::{Received, ScriptedClient};
use super::events::TraceReader;
use super::server::TracedServer;

/// How long a server can take until its first call in a step.
const BEGIN: Duration = Duration::from_secs(1);
/// A step is over once the server waits, and nothing has happened for this long.
const QUIET: Duration = Duration::from_millis(50);
/// The same while a client still has to receive something: a busy machine can hold up both sides.
const QUIET_BEHIND: Duration = Duration::from_secs(2);
/// How long a step can take.
pub const TIME_LIMIT: Duration = Duration::from_secs(20);
/// Time between two reads of the trace.
const POLL_INTERVAL: Duration = Duration::from_millis(2);

/// A running server and its clients.
pub struct ScenarioPlayer {
    server: TracedServer,
    clients: Vec<Option<ScriptedClient>>,
    events: TraceReader,
    trace: StyleTrace,
}

impl ScenarioPlayer {
    /// Starts the server. Its first step is to wait.
    pub fn open(style: Style, arguments: &[String], programs: &Path) -> io::Result<Self> {
        let mut player = ScenarioPlayer {
            server: TracedServer::start(programs, style, arguments)?,
            clients: Vec::new(),
            events: TraceReader::default(),
            trace: StyleTrace::default(),
        };
        player.wait(Duration::ZERO, 0)?;
        Ok(player)
    }

    /// Leaves the server descriptors for this number of connections.
    pub fn leave_descriptors(&self, connections: usize) -> io::Result<()> {
        self.server.leave_descriptors(connections)
    }

    /// Does what the step says, and waits until the server has reacted to all of it.
    pub fn play(&mut self, step: &ScenarioStep) -> io::Result<()> {
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
    pub fn close(mut self) -> io::Result<StyleTrace> {
        self.trace.counters = self.server.counters()?;
        self.trace.events = self.events.into_events();
        Ok(self.trace)
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
                let new = ScriptedClient::connect(self.server.address())?;
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
                    false => client.send_until_refused(),
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

    /// Meanwhile, SIGSTOP holds the server, so that it finds everything at once.
    fn act_together(&mut self, lines: &str) -> io::Result<()> {
        let lines: Vec<&str> = lines.split(';').map(str::trim).collect();
        if lines == ["connect 1", "stop-reading 1"] {
            let new = ScriptedClient::connect_slow(self.server.address())?;
            self.clients.push(Some(new));
            return Ok(());
        }
        self.server.hold()?;
        for line in lines {
            self.act(line)?;
        }
        self.server.let_go()
    }

    fn client(&mut self, number: usize) -> io::Result<&mut ScriptedClient> {
        let client = self.clients.get_mut(number - 1).and_then(Option::as_mut);
        Ok(client.ok_or(ErrorKind::NotConnected)?)
    }

    fn take(&mut self, number: usize) -> io::Result<ScriptedClient> {
        let client = self.clients.get_mut(number - 1).and_then(Option::take);
        Ok(client.ok_or(ErrorKind::NotConnected)?)
    }

    /// Waits for this time, or without one until the server is at rest. `before` is the number of events
    /// before the step.
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
            let is_behind = self.clients.iter().flatten().any(ScriptedClient::is_behind);
            let quiet = if is_behind { QUIET_BEHIND } else { QUIET };
            let is_quiet = self.events.is_waiting() && moved.elapsed() > quiet;
            if begun && is_quiet && started.elapsed() > time || has_ended {
                break;
            }
            if started.elapsed() > TIME_LIMIT {
                return Err(ErrorKind::TimedOut.into());
            }
            thread::sleep(POLL_INTERVAL);
        }
        self.trace.replies.push(replies(&received));
        Ok(())
    }

    /// Whether the server did anything, or anything came back, since the last call of this.
    fn moves(&mut self, received: &mut [Received]) -> io::Result<bool> {
        let lines = self.server.new_lines()?;
        let mut moves = self.events.add_lines(&lines, self.trace.replies.len())?;
        for (client, received) in self.clients.iter_mut().zip(received) {
            if let Some(client) = client {
                moves |= client.read_available(received)?;
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
        let words = received.describe().into_iter();
        words.map(move |words| format!("client {number} gets {words}"))
    });
    words.collect()
}
