//! What script and trace tell of each client and connection.

use std::collections::BTreeMap;

use common::sys::sim::{
    CallRecord, Connection, ConnectionState, Payload, Record, Script, Step, Trace, TraceEvent,
};

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
    /// It sends after the stop.
    pub sends_late: bool,
    /// For a while it doesn't read.
    pub pauses: bool,
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
        let stop = script.steps.iter().position(|step| *step == Step::Stop);
        let (before, after) = script.steps.split_at(stop.unwrap_or(script.steps.len()));
        before.iter().for_each(|step| plan.add(step));
        plan.is_patient = stop.is_some() && before.last() == Some(&Step::Wait(LONG));
        let counts = plan.clients.clone();
        after.iter().for_each(|step| plan.add(step));
        for (number, client) in &mut plan.clients {
            let count = counts.get(number).map_or(0, |before| before.bytes.len());
            client.sends_late = client.bytes.len() > count;
        }
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
                let client = self.client(*client);
                (client.listens, client.pauses) = (false, true);
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
    /// The call before it was a wait: perhaps other steps have happened in it.
    pub is_waiting: bool,
    /// When the server was asked to stop, in microseconds.
    pub stop_at: Option<u64>,
    /// When accept(2) last failed otherwise than because nobody waited, in microseconds.
    pub accept_failed_at: Option<u64>,
    /// When accept(2) last failed in a way that lasts, if no connection has closed since.
    pub backs_off_since: Option<u64>,
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
    /// When a wait last ended before `active_at`: a loop takes that for the time of all that it
    /// does then.
    pub active_iteration: u64,
    /// Since when bytes are there that the server hasn't read.
    pub unread_since: Option<u64>,
    /// The last wait has told that there is something to read, and no read was tried since.
    pub is_due: bool,
    /// A signal interrupted the last read.
    pub is_interrupted: bool,
    /// When the server ended its stream.
    pub finished_at: Option<u64>,
}

/// What a run shows of each client by its end.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// The clients, by their names.
    clients: BTreeMap<String, Served>,
    /// When the server was asked to stop, in microseconds.
    pub stop_at: Option<u64>,
    /// When accept(2) last failed otherwise than because nobody waited, in microseconds.
    pub accept_failed_at: Option<u64>,
}

/// What a run shows of a client.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Served {
    /// It was accepted before the stop.
    pub in_time: bool,
    /// It was accepted.
    pub accepted: bool,
    /// It waited to be accepted when the stop came.
    pub waited_at_stop: bool,
    /// It had bytes that were not with the server's kernel when the stop came.
    pub was_sending: bool,
    /// The bytes that the server had read when the stop came.
    pub read: usize,
}

impl Summary {
    /// What it shows of a client.
    pub fn of(&self, client: u32) -> Served {
        let served = self.clients.get(&format!("client {client}"));
        served.copied().unwrap_or_default()
    }

    fn accepted(&mut self, name: &str) {
        let in_time = self.stop_at.is_none();
        let served = self.clients.entry(name.to_owned()).or_default();
        (served.accepted, served.in_time) = (true, in_time);
    }

    fn stop(&mut self, record: &Record, open: &BTreeMap<i32, Open>) {
        self.stop_at = Some(record.microseconds);
        for connection in &record.connections {
            let served = self.clients.entry(connection.name.clone()).or_default();
            served.waited_at_stop = connection.state == ConnectionState::Waiting;
            served.was_sending = connection.client_to_send + connection.client_send_buffer > 0;
        }
        for one in open.values() {
            self.clients.entry(one.name.clone()).or_default().read = one.read;
        }
    }
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

    /// Whether the stop comes with this record.
    pub fn is_stop(&self) -> bool {
        matches!(&self.record.event, TraceEvent::Step(step) if step == "stop")
    }

    /// Whether the server has just waited, for longer than anything took that was on its way: until
    /// the next step of the script, or the end of its time.
    pub fn is_rest(&self) -> bool {
        let Some(before) = self.before else {
            return false;
        };
        let is_end_of_rest = match &self.record.event {
            TraceEvent::Step(_) => true,
            TraceEvent::Call(call) => call.call == "wake" && call.ready == Some(0),
        };
        let waited = self.record.microseconds - before.microseconds;
        self.is_waiting && is_end_of_rest && waited >= REST
    }

    /// Whether the step of this record concerns the client of this name.
    pub fn concerns(&self, name: &str) -> bool {
        match &self.record.event {
            TraceEvent::Step(step) => {
                let number = name.strip_prefix("client ").unwrap_or(name);
                let steps = step.strip_prefix("together {").unwrap_or(step).split(';');
                let mut words = steps.map(|step| step.split_ascii_whitespace().nth(1));
                words.any(|word| word == Some(number))
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
pub fn walk<E>(
    trace: &Trace,
    mut visit: impl FnMut(&Moment) -> Result<(), E>,
) -> Result<Summary, E> {
    let mut open: BTreeMap<i32, Open> = BTreeMap::new();
    let (mut summary, mut before) = (Summary::default(), None);
    let (mut backs_off_since, mut iteration, mut is_waiting) = (None, 0, false);
    for (place, record) in trace.records.iter().enumerate() {
        match &record.event {
            TraceEvent::Step(step) if step == "stop" => summary.stop(record, &open),
            TraceEvent::Step(_) => {}
            TraceEvent::Call(call) => {
                if call.call == "wake" {
                    iteration = record.microseconds;
                }
                note(&mut open, record, call, iteration);
                let accepted = call.fd.filter(|_| is_accepted(call));
                if let Some(one) = accepted.and_then(|fd| open.get(&fd)) {
                    summary.accepted(&one.name);
                }
                if accept_error(call).is_some_and(|kind| kind != "WouldBlock") {
                    summary.accept_failed_at = Some(record.microseconds);
                }
            }
        }
        note_unread(&mut open, record);
        visit(&Moment {
            place,
            record,
            before,
            is_waiting,
            stop_at: summary.stop_at,
            accept_failed_at: summary.accept_failed_at,
            backs_off_since,
            open: &open,
        })?;
        if let TraceEvent::Call(call) = &record.event {
            is_waiting = call.call == "wait";
            if accept_error(call).is_some_and(|kind| !PASSING.contains(&kind)) {
                backs_off_since = Some(record.microseconds);
            }
            if let ("close" | "dropped", Some(fd)) = (call.call, call.fd)
                && open.remove(&fd).is_some()
            {
                backs_off_since = None;
            }
        }
        before = Some(record);
    }
    Ok(summary)
}

/// Errors of accept(2) that concern no more than one connection.
const PASSING: [&str; 3] = ["WouldBlock", "ConnectionAborted", "Interrupted"];

fn is_accepted(call: &CallRecord) -> bool {
    call.call == "accept" && call.error.is_none()
}

fn accept_error(call: &CallRecord) -> Option<&str> {
    call.error.as_deref().filter(|_| call.call == "accept")
}

fn note(open: &mut BTreeMap<i32, Open>, record: &Record, call: &CallRecord, iteration: u64) {
    let now = record.microseconds;
    match (call.call, call.fd) {
        ("wait", _) => open.values_mut().for_each(|open| open.reads_since_wait = 0),
        ("wake", _) if call.error.is_none() => {
            for connection in &record.connections {
                if let Some(open) = connection.fd.and_then(|fd| open.get_mut(&fd)) {
                    let is_readable = connection.server_receive_buffer > 0;
                    open.is_due = is_readable && connection.watched_for_reading;
                }
            }
        }
        ("accept", Some(fd)) if is_accepted(call) => {
            let connections = &record.connections;
            let accepted = connections.iter().find(|one| one.fd == Some(fd));
            let connection = Open {
                name: accepted.map_or_else(String::new, |one| one.name.clone()),
                active_at: now,
                active_iteration: iteration,
                ..Open::default()
            };
            open.insert(fd, connection);
        }
        ("recv" | "send", Some(fd)) => {
            let bytes = call.bytes.unwrap_or(0);
            let Some(open) = open.get_mut(&fd) else {
                return;
            };
            if call.call == "recv" {
                open.is_due = false;
                open.is_interrupted = call.error.as_deref() == Some("Interrupted");
            }
            if bytes > 0 {
                (open.active_at, open.active_iteration) = (now, iteration);
                if call.call == "recv" {
                    open.read += bytes;
                    open.reads_since_wait += 1;
                    open.unread_since = None;
                }
            }
        }
        ("shutdown", Some(fd)) if call.error.is_none() => {
            if let Some(open) = open.get_mut(&fd) {
                open.finished_at = Some(now);
            }
        }
        _ => {}
    }
}

fn note_unread(open: &mut BTreeMap<i32, Open>, record: &Record) {
    for connection in &record.connections {
        if let Some(open) = connection.fd.and_then(|fd| open.get_mut(&fd)) {
            match connection.server_receive_buffer {
                0 => open.unread_since = None,
                _ => drop(open.unread_since.get_or_insert(record.microseconds)),
            }
        }
    }
}
