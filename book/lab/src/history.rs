//! What script and trace tell of each client and connection.

use std::collections::BTreeMap;

use common::sys::sim::{CallRecord, Connection, Payload, Record, Script, Step, Trace, TraceEvent};

use crate::generate::LONG;

/// What a script has a client do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientPlan {
    /// What it sends, an urgent byte included.
    bytes: Vec<u8>,
    urgent: Vec<usize>,
    /// How many bytes of the alphabet it has sent.
    alphabet: usize,
    /// It has ended its stream, and can't send any more.
    has_ended: bool,
    /// It closes or resets its connection, and doesn't see what comes after that.
    pub leaves: bool,
    /// It reads everything in the end.
    pub listens: bool,
}

impl ClientPlan {
    /// What a server reads of the first `count` bytes that the client sends: all but an urgent
    /// byte.
    pub fn stream(&self, count: usize) -> Vec<u8> {
        let bytes = self.bytes.iter().take(count).enumerate();
        let inline = bytes.filter(|(place, _)| !self.urgent.contains(place));
        inline.map(|(_, byte)| *byte).collect()
    }

    /// Everything that it sends, without an urgent byte.
    pub fn whole_stream(&self) -> Vec<u8> {
        self.stream(self.bytes.len())
    }

    /// How many urgent bytes it sends, which a server doesn't read.
    pub fn urgent_bytes(&self) -> usize {
        self.urgent.len()
    }
}

/// What a script has all clients do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// The clients, by their numbers.
    pub clients: BTreeMap<u32, ClientPlan>,
    /// Before the stop there is time for everything.
    pub is_patient: bool,
}

impl Plan {
    /// The plan of a script.
    pub fn new(script: &Script) -> Self {
        let mut plan = Plan::default();
        for step in &script.steps {
            plan.add(step);
        }
        let stop = script.steps.iter().position(|step| *step == Step::Stop);
        let before = stop.and_then(|stop| script.steps[..stop].last());
        plan.is_patient = before == Some(&Step::Wait(LONG));
        plan
    }

    fn add(&mut self, step: &Step) {
        match step {
            Step::Connect(client, _) => self.client(*client).listens = true,
            Step::Send(client, payload) => self.client(*client).send(payload),
            Step::Urgent(client, text) => {
                let client = self.client(*client);
                client.send(&Payload::Text(text.clone()));
                client.urgent.push(client.bytes.len() - 1);
            }
            Step::StopReading(client) | Step::Read(client, _) => {
                self.client(*client).listens = false;
            }
            Step::ResumeReading(client) => self.client(*client).listens = true,
            Step::HalfClose(client) => self.client(*client).has_ended = true,
            Step::Close(client) | Step::Reset(client) => self.client(*client).leaves = true,
            Step::Together(steps) => steps.iter().for_each(|step| self.add(step)),
            _ => {}
        }
    }

    fn client(&mut self, number: u32) -> &mut ClientPlan {
        self.clients.entry(number).or_default()
    }
}

impl ClientPlan {
    /// What is sent after the end of the stream is lost, and that isn't the server's fault.
    fn send(&mut self, payload: &Payload) {
        self.leaves |= self.has_ended;
        match payload {
            Payload::Text(text) => self.bytes.extend(text),
            Payload::Count(count) => {
                let first = self.alphabet;
                self.alphabet += count;
                let letters = (first..self.alphabet).map(|place| b'a' + (place % 26) as u8);
                self.bytes.extend(letters);
            }
        }
    }
}

/// A place in a trace, and what has happened before it.
#[derive(Debug)]
pub struct Moment<'trace> {
    /// Which record this is.
    pub place: usize,
    /// The record.
    pub record: &'trace Record,
    /// The record before it.
    pub before: Option<&'trace Record>,
    /// When the server was asked to stop, in microseconds.
    pub stop_at: Option<u64>,
    /// When accept(2) last failed otherwise than because nobody waited, in microseconds.
    pub accept_failed_at: Option<u64>,
    /// The server's connections, by their descriptors.
    pub open: &'trace BTreeMap<i32, Open>,
}

/// A connection that the server has accepted and not closed.
#[derive(Debug, Clone, Default)]
pub struct Open {
    /// Whose it is, such as `client 1`.
    pub name: String,
    /// Bytes that the server has read.
    pub read: usize,
    /// When a byte last went in or out, or the connection was accepted, in microseconds.
    pub active_at: u64,
    /// Reads that returned bytes since the last wait.
    pub reads_since_wait: usize,
}

/// How long a wait lasts at least that shows a server at rest, in microseconds: much longer than
/// what is on its way needs to arrive.
const REST: u64 = 20_000;

impl Moment<'_> {
    /// The call that this record shows, if it is one.
    pub fn call(&self) -> Option<&CallRecord> {
        call_of(self.record)
    }

    /// The connection of the call's descriptor.
    pub fn connection(&self, fd: i32) -> Option<&Connection> {
        let is_it = |connection: &&Connection| connection.fd == Some(fd);
        self.record.connections.iter().find(is_it)
    }

    /// Whether the server has just waited, for longer than anything took that was on its way: until
    /// the next step of the script, or the end of its time.
    pub fn is_rest(&self) -> bool {
        let Some(before) = self.before else {
            return false;
        };
        let has_waited = call_of(before).is_some_and(|call| call.call == "wait");
        let is_end_of_rest = match &self.record.event {
            TraceEvent::Step(_) => true,
            TraceEvent::Call(call) => call.call == "wake" && call.ready == Some(0),
        };
        let waited = self.record.microseconds - before.microseconds;
        has_waited && is_end_of_rest && waited >= REST
    }

    /// Whether the step of this record concerns the client of this name.
    pub fn concerns(&self, name: &str) -> bool {
        match &self.record.event {
            TraceEvent::Step(step) => {
                let number = name.strip_prefix("client ").unwrap_or(name);
                step.split_ascii_whitespace().nth(1) == Some(number)
            }
            TraceEvent::Call(_) => false,
        }
    }
}

fn call_of(record: &Record) -> Option<&CallRecord> {
    match &record.event {
        TraceEvent::Call(call) => Some(call),
        TraceEvent::Step(_) => None,
    }
}

/// Calls `visit` with each moment of a trace, until one is an error.
///
/// # Errors
/// That error.
pub fn walk<E>(trace: &Trace, mut visit: impl FnMut(&Moment) -> Result<(), E>) -> Result<(), E> {
    let mut open: BTreeMap<i32, Open> = BTreeMap::new();
    let (mut stop_at, mut accept_failed_at, mut before) = (None, None, None);
    for (place, record) in trace.records.iter().enumerate() {
        match &record.event {
            TraceEvent::Step(step) if step == "stop" => stop_at = Some(record.microseconds),
            TraceEvent::Step(_) => {}
            TraceEvent::Call(call) => {
                note(&mut open, record, call);
                let has_failed = call
                    .error
                    .as_deref()
                    .is_some_and(|kind| kind != "WouldBlock");
                if call.call == "accept" && has_failed {
                    accept_failed_at = Some(record.microseconds);
                }
            }
        }
        visit(&Moment {
            place,
            record,
            before,
            stop_at,
            accept_failed_at,
            open: &open,
        })?;
        if let TraceEvent::Call(CallRecord {
            call: "close" | "dropped",
            fd: Some(fd),
            ..
        }) = &record.event
        {
            open.remove(fd);
        }
        before = Some(record);
    }
    Ok(())
}

fn note(open: &mut BTreeMap<i32, Open>, record: &Record, call: &CallRecord) {
    let now = record.microseconds;
    match (call.call, call.fd) {
        ("wait", _) => open.values_mut().for_each(|open| open.reads_since_wait = 0),
        ("accept", Some(fd)) if call.error.is_none() => {
            let connections = &record.connections;
            let accepted = connections.iter().find(|one| one.fd == Some(fd));
            let connection = Open {
                name: accepted.map_or_else(String::new, |one| one.name.clone()),
                active_at: now,
                ..Open::default()
            };
            open.insert(fd, connection);
        }
        ("recv" | "send", Some(fd)) => {
            let bytes = call.bytes.unwrap_or(0);
            if let Some(open) = open.get_mut(&fd)
                && bytes > 0
            {
                open.active_at = now;
                if call.call == "recv" {
                    open.read += bytes;
                    open.reads_since_wait += 1;
                }
            }
        }
        _ => {}
    }
}
