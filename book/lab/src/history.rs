//! What a trace shows about each connection.

use std::collections::BTreeMap;

use common::sys::sim::{CallRecord, Connection, ConnectionState, Record, TraceEvent};

/// A record of a trace, and what happened before it.
#[derive(Debug)]
pub struct Moment<'trace> {
    /// The index of the record.
    pub place: usize,
    /// The record.
    pub record: &'trace Record,
    /// The record before it.
    pub before: Option<&'trace Record>,
    /// Whether the call before it was a wait: other steps can have happened in it.
    pub is_waiting: bool,
    /// When the stop was requested, in microseconds.
    pub stop_at: Option<u64>,
    /// When accept(2) last failed for another reason than an empty queue, in microseconds.
    pub accept_failed_at: Option<u64>,
    /// When accept(2) last failed with a lasting error, if no connection has closed since.
    pub backs_off_since: Option<u64>,
    /// The server's connections, by their descriptors.
    pub open: &'trace BTreeMap<i32, Open>,
}

/// A connection that the server has accepted and not closed.
#[derive(Debug, Clone, Default)]
pub struct Open {
    /// The client's name, such as `client 1`.
    pub name: String,
    /// Bytes that the server has read.
    pub read: usize,
    /// The most of them that it has read at once.
    pub largest_read: usize,
    /// When a byte was last read or sent, or the connection was accepted, in microseconds.
    pub active_at: u64,
    /// The longest time without traffic before `active_at`, in microseconds.
    pub longest_silence: u64,
    /// Reads that returned bytes since the last wait.
    pub reads_since_wait: usize,
    /// When a wait last ended before `active_at`: a loop uses that time for everything that it does
    /// until the next wait.
    pub active_iteration: u64,
    /// Since when there are bytes that the server hasn't read.
    pub unread_since: Option<u64>,
    /// The client that had the same descriptor, if the server hasn't waited since it closed that connection.
    pub former: Option<String>,
    /// Whether the last wait reported that there is something to read, and no read was tried since.
    pub is_due: bool,
    /// Whether a signal interrupted the last read.
    pub is_interrupted: bool,
    /// When the server ended its stream.
    pub finished_at: Option<u64>,
}

/// What a run shows about each client by its end.
#[derive(Debug, Clone, Default)]
pub struct RunSummary {
    /// The clients, by their names.
    clients: BTreeMap<String, ClientSummary>,
    /// When the stop was requested, in microseconds.
    pub stop_at: Option<u64>,
    /// When accept(2) last failed for another reason than an empty queue, in microseconds.
    pub accept_failed_at: Option<u64>,
}

/// What a run shows about a client.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClientSummary {
    /// Whether it was accepted before the stop.
    pub in_time: bool,
    /// Whether it was accepted.
    pub accepted: bool,
    /// Whether it waited to be accepted when the stop came.
    pub waited_at_stop: bool,
    /// Whether some of its bytes had not reached the server's kernel when the stop came.
    pub was_sending: bool,
    /// The bytes that the server had read when the stop came.
    pub read: usize,
    /// The bytes that the server has sent.
    pub sent: usize,
}

impl RunSummary {
    /// What it shows about a client.
    pub fn of(&self, client: u32) -> ClientSummary {
        let served = self.clients.get(&format!("client {client}"));
        served.copied().unwrap_or_default()
    }

    fn accepted(&mut self, name: &str) {
        let in_time = self.stop_at.is_none();
        let served = self.clients.entry(name.to_owned()).or_default();
        (served.accepted, served.in_time) = (true, in_time);
    }

    fn sent(&mut self, call: &CallRecord) {
        if let (Some(name), Some(bytes)) = (&call.peer, call.bytes) {
            self.clients.entry(name.clone()).or_default().sent += bytes;
        }
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

/// The least length of a wait that shows a server at rest, in microseconds: much longer than
/// packets take to arrive.
const REST: u64 = 20_000;

impl Moment<'_> {
    /// The call in this record, if it is one.
    pub fn call(&self) -> Option<&CallRecord> {
        call_of(self.record)
    }

    /// The connection of the call's descriptor.
    pub fn connection(&self, fd: i32) -> Option<&Connection> {
        let is_it = |connection: &&Connection| connection.fd == Some(fd);
        self.record.connections.iter().find(is_it)
    }

    /// Whether this record is the stop.
    pub fn is_stop(&self) -> bool {
        matches!(&self.record.event, TraceEvent::Step(step) if is_stop(step))
    }

    /// Whether the server has just waited for longer than any packet took to arrive: until the next
    /// step of the script, or the end of its time, or for ever.
    pub fn is_rest(&self) -> bool {
        let Some(before) = self.before else {
            return false;
        };
        if is_last(self.record) {
            return self.is_waiting;
        }
        let is_end_of_rest = match &self.record.event {
            TraceEvent::Step(_) => true,
            TraceEvent::Call(call) => call.call == "wake" && call.ready == Some(0),
        };
        let waited = self.record.microseconds - before.microseconds;
        self.is_waiting && is_end_of_rest && waited >= REST
    }

    /// Whether the step in this record concerns the client of this name.
    pub fn concerns(&self, name: &str) -> bool {
        match &self.record.event {
            TraceEvent::Step(step) => {
                let number = name.strip_prefix("client ").unwrap_or(name);
                let mut words = parts(step).map(|step| step.split_ascii_whitespace().nth(1));
                words.any(|word| word == Some(number))
            }
            TraceEvent::Call(_) => false,
        }
    }
}

/// The steps that happen together in a step.
fn parts(step: &str) -> impl Iterator<Item = &str> {
    let inner = step.strip_prefix("together {");
    let inner = inner.and_then(|inner| inner.strip_suffix('}'));
    inner.unwrap_or(step).split(';').map(str::trim)
}

fn is_stop(step: &str) -> bool {
    parts(step).any(|step| step == "stop")
}

/// Whether this call fails because the run is over, although the server hasn't returned. All calls after
/// it fail, too.
pub fn is_last(record: &Record) -> bool {
    call_of(record).is_some_and(|call| call.error.as_deref() == Some("Other"))
}

fn call_of(record: &Record) -> Option<&CallRecord> {
    match &record.event {
        TraceEvent::Call(call) => Some(call),
        TraceEvent::Step(_) => None,
    }
}

/// Calls `visit` with each moment of a run, until it returns an error.
///
/// # Errors
/// That error.
pub fn walk<E>(
    records: &[Record],
    mut visit: impl FnMut(&Moment) -> Result<(), E>,
) -> Result<RunSummary, E> {
    let mut open: BTreeMap<i32, Open> = BTreeMap::new();
    // The connections that were closed since the last wait.
    let mut closed: BTreeMap<i32, String> = BTreeMap::new();
    let (mut summary, mut before) = (RunSummary::default(), None);
    let (mut backs_off_since, mut iteration, mut is_waiting) = (None, 0, false);
    for (place, record) in records.iter().enumerate() {
        match &record.event {
            TraceEvent::Step(step) if is_stop(step) => summary.stop(record, &open),
            TraceEvent::Step(_) => {}
            TraceEvent::Call(call) => {
                if call.call == "wake" {
                    iteration = record.microseconds;
                }
                note(&mut open, &closed, record, call, iteration);
                if call.call == "send" {
                    summary.sent(call);
                }
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
            if is_waiting {
                closed.clear();
            }
            if accept_error(call).is_some_and(|kind| !PASSING.contains(&kind)) {
                backs_off_since = Some(record.microseconds);
            }
            if let ("close" | "dropped", Some(fd)) = (call.call, call.fd)
                && let Some(one) = open.remove(&fd)
            {
                closed.insert(fd, one.name);
                backs_off_since = None;
            }
        }
        before = Some(record);
    }
    Ok(summary)
}

/// Errors of accept(2) that concern at most one connection.
const PASSING: [&str; 3] = ["WouldBlock", "ConnectionAborted", "Interrupted"];

fn is_accepted(call: &CallRecord) -> bool {
    call.call == "accept" && call.error.is_none()
}

fn accept_error(call: &CallRecord) -> Option<&str> {
    call.error.as_deref().filter(|_| call.call == "accept")
}

fn note(
    open: &mut BTreeMap<i32, Open>,
    closed: &BTreeMap<i32, String>,
    record: &Record,
    call: &CallRecord,
    iteration: u64,
) {
    let now = record.microseconds;
    match (call.call, call.fd) {
        ("wait", _) => open.values_mut().for_each(|open| {
            open.reads_since_wait = 0;
            open.former = None;
        }),
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
                former: closed.get(&fd).cloned(),
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
                open.longest_silence = open.longest_silence.max(now - open.active_at);
                (open.active_at, open.active_iteration) = (now, iteration);
                if call.call == "recv" {
                    open.read += bytes;
                    open.largest_read = open.largest_read.max(bytes);
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
