//! The rules of the echo contract that hold in every run, whatever clients, network, and kernel
//! do.

use std::fmt::{self, Display, Formatter};

use common::connection_limit::RETRY_AFTER;
use common::sys::sim::{Connection, ConnectionState, Ending, Record, Trace, TraceEvent};
use serde::Serialize;

use crate::case::SimulationCase;
use crate::history::{Moment, Open, is_last, walk};
use crate::plan::{ClientPlan, Plan};
use crate::server::ServerConfig;

mod calls;
mod outcome;
mod rest;

/// A rule that a run broke.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// The rule.
    pub rule: Rule,
    /// What the run did.
    #[serde(rename = "text")]
    pub what: String,
    /// The record of the trace that shows it; `None` if the end of the run shows it.
    #[serde(rename = "record")]
    pub place: Option<usize>,
}

/// The rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The server returns, without an error, once it was stopped, and not before. It neither waits
    /// forever nor spins.
    Ends,
    /// A client receives its answer in order and nothing else: its bytes, or its complete lines.
    BytesInOrder,
    /// A client that reads receives the whole answer and then a FIN, if there is time.
    NothingIsLost,
    /// A connection holds at most the high-water mark and one read (in chat, and one line). If no
    /// option sets the size of a read, it's the largest one so far.
    BoundedMemory,
    /// Between two waits, each readable connection is read once, at most `recv_size` bytes if the server
    /// has this option.
    Fairness,
    /// If a connection gets the descriptor of one that was closed in the same iteration, it is read only
    /// after the next wait: no event so far can be its own.
    ReadsWhenReported,
    /// While the server sleeps, no connection that it can read has anything to read, and it has
    /// nothing to send that the kernel would take.
    SleepsOnlyWhenDone,
    /// While the server sleeps, and when it stops, no client waits that it could accept.
    AcceptsWhenItCan,
    /// After a lasting error of accept, the server waits a while, or until a connection closes.
    BacksOff,
    /// No timer wakes the server unless it serves a connection.
    Quiet,
    /// At most `max_connections` descriptors of clients.
    Limit,
    /// A connection without traffic is closed after the idle timeout, and not before. Bytes that
    /// arrived earlier count.
    IdleTimeout,
    /// After the server has ended its stream, it discards input, and closes within the shutdown
    /// timeout.
    DrainsInTime,
    /// After a stop is requested, the server accepts no client, ends within its shutdown timeout, and
    /// waits only for connections that still have something to do.
    StopsInTime,
    /// Every descriptor is closed.
    ClosesDescriptors,
}

impl Display for Violation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.rule, self.what)?;
        match self.place {
            Some(place) => write!(f, " (record {place} of the trace)"),
            None => Ok(()),
        }
    }
}

type Outcome = Result<(), Violation>;

fn broken(rule: Rule, what: impl Display) -> Violation {
    Violation {
        rule,
        what: what.to_string(),
        place: None,
    }
}

fn hold(holds: bool, rule: Rule, what: impl FnOnce() -> String) -> Outcome {
    match holds {
        true => Ok(()),
        false => Err(broken(rule, what())),
    }
}

/// Checks a run. If its script contains no stop, the server is expected to wait for ever at the end.
///
/// # Errors
/// The first rule that it broke.
pub fn check_contract(case: &SimulationCase, trace: &Trace) -> Result<(), Violation> {
    let plan = Plan::new(&case.script);
    let contract = Contract {
        server: &case.server,
        plan: &plan,
    };
    let records = &trace.records;
    let last = records.iter().position(is_last);
    let records = &records[..last.map_or(records.len(), |last| last + 1)];
    let summary = walk(records, |moment| {
        contract.moment(moment).map_err(|broken| Violation {
            place: Some(moment.place),
            ..broken
        })
    })?;
    match &trace.ending {
        Ending::Cut => return Ok(()),
        Ending::Waiting if !plan.has_stop => {
            contract.lost_edges(trace)?;
            let mut clients = trace.clients.iter();
            return clients.try_for_each(|client| contract.client(client, &summary));
        }
        _ => contract.ending(trace)?,
    }
    hold(summary.stop_at.is_some(), Rule::Ends, || {
        "it returns although no stop was requested".into()
    })?;
    trace.clients.iter().try_for_each(|client| {
        let result = contract.client(client, &summary);
        let result = result.and_then(|()| contract.client_at_stop(client, &summary, trace));
        result.map_err(|broken| Violation {
            place: closed_at(records, client.client),
            ..broken
        })
    })
}

/// The record in which the server closes the connection of a client.
fn closed_at(records: &[Record], client: u32) -> Option<usize> {
    let name = format!("client {client}");
    records.iter().position(|record| match &record.event {
        TraceEvent::Call(call) => {
            matches!(call.call, "close" | "dropped") && call.peer.as_ref() == Some(&name)
        }
        TraceEvent::Step(_) => false,
    })
}

struct Contract<'case> {
    server: &'case ServerConfig,
    plan: &'case Plan,
}

impl Contract<'_> {
    fn has_long_line(&self, stream: &[u8]) -> bool {
        let mut lines = stream.split(|byte| *byte == b'\n');
        self.server.style.is_of_lines() && lines.any(|line| line.len() > self.server.max_line)
    }

    /// The server's answer to a client that has sent these bytes.
    fn answer(&self, stream: &[u8]) -> Vec<u8> {
        if !self.server.style.is_of_lines() {
            return stream.to_vec();
        }
        let lines = stream.split_inclusive(|byte| *byte == b'\n');
        let is_answered =
            |line: &&[u8]| line.ends_with(b"\n") && line.len() - 1 <= self.server.max_line;
        lines.take_while(is_answered).flatten().copied().collect()
    }

    fn moment(&self, moment: &Moment) -> Outcome {
        self.fairness(moment)?;
        self.limit(moment)?;
        self.drains_in_time(moment)?;
        if let Some(stop_at) = moment.stop_at.filter(|_| !moment.is_stop()) {
            return self.stops_in_time(moment, moment.record.microseconds - stop_at);
        }
        self.reads_what_is_ready(moment)?;
        self.reads_when_reported(moment)?;
        self.backs_off_in_time(moment)?;
        self.memory(moment)?;
        self.is_closed_in_time(moment)?;
        if moment.is_rest() {
            self.rest(moment)?;
        }
        Ok(())
    }

    /// The bytes that the server has read and should send. `None` if the trace doesn't show it because a
    /// line is too long, or the bytes include urgent data.
    fn pending_output(&self, connection: &Connection, open: &Open) -> Option<i64> {
        if !self.server.style.is_of_lines() {
            return Some(connection.server_holds);
        }
        let plan = self.plan_of(&connection.name)?;
        if plan.urgent_bytes() > 0 {
            return None;
        }
        let read = plan.stream(open.read);
        let mut lines = read.split_inclusive(|byte| *byte == b'\n');
        if lines.any(|line| line.len() > self.server.max_line) {
            return None;
        }
        let complete = self.answer(&read).len();
        Some(connection.server_holds - (read.len() - complete) as i64)
    }

    /// How many of a client's bytes that arrive are urgent, and so never read.
    fn urgent_bytes(&self, name: &str) -> usize {
        self.plan_of(name).map_or(0, ClientPlan::urgent_bytes)
    }

    fn plan_of(&self, name: &str) -> Option<&ClientPlan> {
        let number = name.strip_prefix("client ")?.parse().ok()?;
        self.plan.clients.get(&number)
    }

    fn backs_off(&self, moment: &Moment) -> bool {
        let retry_after = microseconds(RETRY_AFTER) + ITERATION;
        let failed_at = moment.accept_failed_at;
        failed_at.is_some_and(|at| moment.record.microseconds <= at + retry_after)
    }

    /// Whether a line that was too long has ended a connection whose input the server can still read.
    fn may_drain(&self, moment: &Moment) -> bool {
        let mut open = moment.open.values();
        self.server.style.is_of_lines()
            && open.any(|open| {
                let plan = self.plan_of(&open.name);
                plan.is_some_and(|plan| self.has_long_line(&plan.stream(open.read)))
            })
    }
}

/// Whether the server can read from it, or has something to send.
fn is_held(state: ConnectionState) -> bool {
    matches!(state, ConnectionState::Open | ConnectionState::PeerFinished)
}

/// Longer than an iteration of a loop takes, in microseconds.
const ITERATION: u64 = 10_000;

fn microseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
