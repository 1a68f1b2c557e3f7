//! The rules of the echo contract that hold in every run, whatever clients, network, and kernel
//! do.

use std::fmt::{self, Display, Formatter};

use common::connection_limit::RETRY_AFTER;
use common::sys::sim::{ClientEnd, ClientTrace, Connection, ConnectionState, Ending, Trace};

use crate::case::Case;
use crate::history::{ClientPlan, Moment, Open, Plan, Summary, walk};
use crate::server::Server;

/// A rule that a run has broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The rule.
    pub rule: Rule,
    /// What shows it.
    pub what: String,
    /// The record of the trace at which it shows; `None` if it shows at the end.
    pub place: Option<usize>,
}

/// The rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// The server returns, without an error, once it was stopped, and not before. It neither waits
    /// for ever nor spins.
    Ends,
    /// A client gets its answer in order and nothing else: its bytes, or its complete lines.
    BytesInOrder,
    /// A client that reads gets the whole answer and then a FIN, if there is time.
    NothingIsLost,
    /// A connection holds at most the high-water mark and one read (in chat, and one line).
    BoundedMemory,
    /// Between two waits, each connection that is readable is read once, at most `recv_size` bytes.
    Fairness,
    /// While the server sleeps, there is nothing to read on a connection that it may read, and
    /// nothing to send that the kernel takes.
    SleepsOnlyWhenDone,
    /// While the server sleeps, nobody waits to be accepted who could be; nor when it stops.
    AcceptsWhenItCan,
    /// After an error of accept that lasts, the server waits a while, or until a connection closes.
    BacksOff,
    /// No timer wakes the server that serves no connection.
    Quiet,
    /// At most `max_connections` descriptors of clients.
    Limit,
    /// A connection without traffic is closed after the idle timeout, and not before. Bytes that came
    /// earlier count.
    IdleTimeout,
    /// When the server has ended its stream, it discards what comes, and closes within the grace.
    DrainsInTime,
    /// A server that was asked to stop accepts nobody, ends within its grace, and waits only for
    /// connections that are not done.
    StopsInTime,
    /// Every descriptor is closed.
    ClosesDescriptors,
}

impl Display for Broken {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.rule, self.what)?;
        match self.place {
            Some(place) => write!(f, " (record {place} of the trace)"),
            None => Ok(()),
        }
    }
}

type Verdict = Result<(), Broken>;

fn broken(rule: Rule, what: impl Display) -> Broken {
    Broken {
        rule,
        what: what.to_string(),
        place: None,
    }
}

fn hold(holds: bool, rule: Rule, what: impl FnOnce() -> String) -> Verdict {
    match holds {
        true => Ok(()),
        false => Err(broken(rule, what())),
    }
}

/// Judges a run.
///
/// # Errors
/// The first rule that it has broken.
pub fn judge(case: &Case, trace: &Trace) -> Result<(), Broken> {
    let plan = Plan::new(&case.script);
    let judge = Judge {
        server: &case.server,
        plan: &plan,
    };
    judge.ending(trace)?;
    let summary = walk(trace, |moment| {
        judge.moment(moment).map_err(|broken| Broken {
            place: Some(moment.place),
            ..broken
        })
    })?;
    hold(summary.stop_at.is_some(), Rule::Ends, || {
        "it returns and was not asked to stop".into()
    })?;
    trace.clients.iter().try_for_each(|client| {
        judge.client(client, &summary)?;
        judge.client_at_stop(client, &summary, trace)
    })
}

struct Judge<'case> {
    server: &'case Server,
    plan: &'case Plan,
}

impl Judge<'_> {
    fn ending(&self, trace: &Trace) -> Verdict {
        let ending = &trace.ending;
        hold(*ending == Ending::Returned, Rule::Ends, || {
            format!("{ending:?}")
        })?;
        let lost = trace.lost_edges.first();
        hold(lost.is_none(), Rule::SleepsOnlyWhenDone, || {
            format!("{lost:?}")
        })?;
        let open = &trace.open_descriptors;
        hold(open.is_empty(), Rule::ClosesDescriptors, || {
            format!("{open:?} are open at the end")
        })
    }

    fn client(&self, client: &ClientTrace, summary: &Summary) -> Verdict {
        let Some(plan) = self.plan.clients.get(&client.client) else {
            return Ok(());
        };
        let number = client.client;
        let sent = plan.stream(usize::try_from(client.sent).unwrap_or(usize::MAX));
        let answer = self.answer(&sent);
        let received = &client.received;
        hold(answer.starts_with(received), Rule::BytesInOrder, || {
            let right = received
                .iter()
                .zip(&answer)
                .take_while(|(a, b)| a == b)
                .count();
            format!(
                "client {number}: of {} bytes that it got, the first {right} are right",
                received.len()
            )
        })?;
        let is_served = self.plan.is_patient && summary.of(number).in_time;
        if !is_served || plan.sends_late || !self.is_attentive(plan) {
            return Ok(());
        }
        let whole = self.answer(&plan.whole_stream());
        self.got(client, whole.len())?;
        self.ended_with_fin(client)
    }

    /// Bytes that were read before the stop come back, and clients that wait are accepted. A client
    /// whose bytes were on their way is left out: they can arrive at a closed socket, and the reset
    /// that follows destroys what the client hasn't read.
    fn client_at_stop(&self, client: &ClientTrace, summary: &Summary, trace: &Trace) -> Verdict {
        let number = client.client;
        let (Some(plan), Some(stop_at)) = (self.plan.clients.get(&number), summary.stop_at) else {
            return Ok(());
        };
        let served = summary.of(number);
        let has_time = trace.microseconds - stop_at < microseconds(self.server.settings.grace);
        if !has_time || plan.sends_late || served.was_sending || !self.is_attentive(plan) {
            return Ok(());
        }
        if served.accepted {
            self.got(client, self.answer(&plan.stream(served.read)).len())?;
            return self.ended_with_fin(client);
        }
        let can_accept = self.server.settings.max_connections == usize::MAX
            && summary.accept_failed_at.is_none_or(|at| at < stop_at);
        let is_refused = served.waited_at_stop && can_accept;
        hold(!is_refused, Rule::AcceptsWhenItCan, || {
            format!("client {number} waited when the server stopped, and isn't accepted")
        })
    }

    fn got(&self, client: &ClientTrace, owed: usize) -> Verdict {
        let (number, got) = (client.client, client.received.len());
        hold(got >= owed, Rule::NothingIsLost, || {
            format!("client {number} got {got} of {owed} bytes")
        })
    }

    fn ended_with_fin(&self, client: &ClientTrace) -> Verdict {
        let is_orderly = client.ended == Some(ClientEnd::EndOfStream);
        let (number, ended) = (client.client, client.ended);
        hold(is_orderly, Rule::NothingIsLost, || {
            format!("client {number}'s connection ends with {ended:?}")
        })
    }

    /// Whether this client reads everything and stays, so that the server has no reason to end the
    /// connection early. Of one that sends a line that is too long, it has; then the client has to
    /// read at once.
    fn is_attentive(&self, plan: &ClientPlan) -> bool {
        plan.listens
            && !plan.leaves
            && self.server.settings.idle_timeout.is_none()
            && !(plan.pauses && self.has_long_line(&plan.whole_stream()))
    }

    fn has_long_line(&self, stream: &[u8]) -> bool {
        let mut lines = stream.split(|byte| *byte == b'\n');
        self.server.style.is_of_lines() && lines.any(|line| line.len() > self.server.max_line)
    }

    /// What the server owes to a client that has sent these bytes.
    fn answer(&self, stream: &[u8]) -> Vec<u8> {
        if !self.server.style.is_of_lines() {
            return stream.to_vec();
        }
        let lines = stream.split_inclusive(|byte| *byte == b'\n');
        let is_answered =
            |line: &&[u8]| line.ends_with(b"\n") && line.len() - 1 <= self.server.max_line;
        lines.take_while(is_answered).flatten().copied().collect()
    }

    fn moment(&self, moment: &Moment) -> Verdict {
        self.fairness(moment)?;
        self.limit(moment)?;
        self.drains_in_time(moment)?;
        if let Some(stop_at) = moment.stop_at.filter(|_| !moment.is_stop()) {
            return self.stops_in_time(moment, moment.record.microseconds - stop_at);
        }
        self.turns(moment)?;
        self.backs_off_in_time(moment)?;
        self.memory(moment)?;
        self.is_closed_in_time(moment)?;
        if moment.is_rest() {
            self.rest(moment)?;
        }
        Ok(())
    }

    fn fairness(&self, moment: &Moment) -> Verdict {
        let Some((call, fd)) = moment.call().and_then(|call| Some((call, call.fd?))) else {
            return Ok(());
        };
        let most = self.server.settings.recv_size;
        let bytes = call.bytes.unwrap_or(0);
        hold(call.call != "recv" || bytes <= most, Rule::Fairness, || {
            format!("it reads {bytes} bytes of descriptor {fd} at once, more than {most}")
        })?;
        let reads = moment.open.get(&fd).map_or(0, |open| open.reads_since_wait);
        // When it stops, it looks once for unread input.
        let most = if moment.stop_at.is_some() { 2 } else { 1 };
        hold(reads <= most, Rule::Fairness, || {
            format!("it reads descriptor {fd} {reads} times between two waits")
        })
    }

    fn limit(&self, moment: &Moment) -> Verdict {
        let (count, most) = (moment.open.len(), self.server.settings.max_connections);
        hold(count <= most, Rule::Limit, || {
            format!("{count} connections, and the limit is {most}")
        })
    }

    /// What the last wait has told of is read before the next one.
    fn turns(&self, moment: &Moment) -> Verdict {
        if moment.call().is_none_or(|call| call.call != "wait") {
            return Ok(());
        }
        let mut late = moment.open.iter().filter(|(fd, open)| {
            let connection = moment.connection(**fd);
            let is_open = connection.is_some_and(|one| is_held(one.state));
            open.is_due && is_open && self.urgent_bytes(&open.name) == 0
        });
        match late.next() {
            Some((_, open)) => Err(broken(
                Rule::Fairness,
                format!(
                    "{} was readable, and isn't read before the next wait",
                    open.name
                ),
            )),
            None => Ok(()),
        }
    }

    fn backs_off_in_time(&self, moment: &Moment) -> Verdict {
        let Some(since) = moment.backs_off_since else {
            return Ok(());
        };
        let is_accept = moment.call().is_some_and(|call| call.call == "accept");
        let waited = moment.record.microseconds - since;
        let is_early = is_accept && waited < microseconds(RETRY_AFTER);
        hold(!is_early, Rule::BacksOff, || {
            format!("it calls accept {waited} µs after an error that lasts")
        })
    }

    fn drains_in_time(&self, moment: &Moment) -> Verdict {
        let now = moment.record.microseconds;
        let most = microseconds(self.server.settings.grace) + 100_000;
        moment.open.values().try_for_each(|open| {
            let Some(finished_at) = open.finished_at else {
                return Ok(());
            };
            hold(now <= finished_at + most, Rule::DrainsInTime, || {
                format!(
                    "{} is open for more than {most} µs after its FIN",
                    open.name
                )
            })?;
            let is_left = |since: u64| now > since.max(finished_at) + 2 * ITERATION;
            let is_drained = !open.unread_since.is_some_and(is_left);
            let is_urgent = self.urgent_bytes(&open.name) > 0;
            hold(is_drained || is_urgent, Rule::DrainsInTime, || {
                format!("bytes of {} aren't discarded after its FIN", open.name)
            })
        })
    }

    fn stops_in_time(&self, moment: &Moment, took: u64) -> Verdict {
        let rule = Rule::StopsInTime;
        let grace = microseconds(self.server.settings.grace);
        hold(took <= grace + 100_000, rule, || {
            format!("{took} µs after the stop it still runs; its grace is {grace} µs")
        })?;
        let Some(call) = moment.call().filter(|_| took > 2 * ITERATION) else {
            return Ok(()); // It may not have noticed.
        };
        let accepts = call.call == "accept" && call.error.is_none();
        hold(!accepts, rule, || {
            format!("it accepts {took} µs after the stop")
        })?;
        if call.call != "wait" {
            return Ok(());
        }
        hold(!moment.open.is_empty(), rule, || {
            "it waits, and all clients have left".into()
        })?;
        moment.open.iter().try_for_each(|(fd, open)| {
            let connection = moment.connection(*fd);
            let connection = connection.filter(|one| is_held(one.state));
            let pending = connection.and_then(|connection| self.pending(connection, open));
            let is_done = pending.is_some_and(|pending| pending <= 0);
            hold(!is_done, rule, || {
                format!("it waits for {}, to whom nothing is pending", open.name)
            })
        })
    }

    fn memory(&self, moment: &Moment) -> Verdict {
        let settings = &self.server.settings;
        let line = match self.server.style.is_of_lines() {
            true => self.server.max_line + settings.recv_size,
            false => 0,
        };
        let most = (settings.high_water + settings.recv_size + line) as i64;
        moment.record.connections.iter().try_for_each(|connection| {
            let holds = connection.server_holds;
            let name = &connection.name;
            hold(holds >= 0, Rule::BytesInOrder, || {
                format!("{name} was sent {} bytes more than were read", -holds)
            })?;
            let is_held = is_held(connection.state);
            hold(!is_held || holds <= most, Rule::BoundedMemory, || {
                format!("it holds {holds} bytes of {name}; the most is {most}")
            })
        })
    }

    fn rest(&self, moment: &Moment) -> Verdict {
        let connections = &moment.record.connections;
        let others = connections.iter().filter(|one| !moment.concerns(&one.name));
        for connection in others.clone() {
            let open = connection.fd.and_then(|fd| moment.open.get(&fd));
            if let Some(open) = open {
                self.connection_at_rest(connection, open, moment)?;
            }
        }
        self.listener_at_rest(others, moment)?;
        self.quiet(moment)
    }

    fn connection_at_rest(&self, connection: &Connection, open: &Open, moment: &Moment) -> Verdict {
        let (rule, name) = (Rule::SleepsOnlyWhenDone, &connection.name);
        let state = connection.state;
        hold(state != ConnectionState::Reset, rule, || {
            format!("it sleeps with {name} open, whose connection was reset")
        })?;
        let Some(pending) = self.pending(connection, open) else {
            return Ok(());
        };
        let settings = &self.server.settings;
        let urgent = self.urgent_bytes(name);
        let unread = connection.server_receive_buffer.saturating_sub(urgent);
        let unsent = connection.server_send_buffer;
        let silence = moment.record.microseconds - open.active_at;
        // Once a connection was silent for too long, what is pending is still sent, and no more read.
        let is_idle = |timeout| silence + ITERATION >= microseconds(timeout);
        let is_closing = pending > 0 && settings.idle_timeout.is_some_and(is_idle);
        let may_read = pending <= settings.low_water() as i64 && !is_closing;
        hold(
            state != ConnectionState::Open || unread == 0 || !may_read,
            rule,
            || format!("it sleeps with {unread} unread bytes of {name}, and {pending} pending"),
        )?;
        hold(!is_held(state) || pending <= 0 || unsent > 0, rule, || {
            format!(
                "it sleeps with {pending} pending bytes for {name}, which the kernel would take"
            )
        })?;
        let is_over = state == ConnectionState::PeerFinished && unread == 0 && pending == 0;
        hold(!is_over, rule, || {
            format!("it sleeps with {name} open, whose stream has ended and is answered")
        })?;
        if let Some(idle_timeout) = settings.idle_timeout {
            // What is pending may still be sent, for at most the grace.
            let most = 2 * microseconds(idle_timeout + settings.grace);
            hold(silence <= most, Rule::IdleTimeout, || {
                format!("{name} is open after {silence} µs without traffic")
            })?;
        }
        Ok(())
    }

    /// The bytes that the server has read and should send. `None` if that can't be told: a line is
    /// too long, or urgent data among the bytes.
    fn pending(&self, connection: &Connection, open: &Open) -> Option<i64> {
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

    /// How many bytes of a client lie among those that arrive, and are never read.
    fn urgent_bytes(&self, name: &str) -> usize {
        self.plan_of(name).map_or(0, ClientPlan::urgent_bytes)
    }

    fn plan_of(&self, name: &str) -> Option<&ClientPlan> {
        let number = name.strip_prefix("client ")?.parse().ok()?;
        self.plan.clients.get(&number)
    }

    fn listener_at_rest<'c>(
        &self,
        connections: impl Iterator<Item = &'c Connection>,
        moment: &Moment,
    ) -> Verdict {
        let is_full = moment.open.len() >= self.server.settings.max_connections;
        if is_full || self.backs_off(moment) {
            return Ok(());
        }
        let mut waiting = connections.filter(|one| one.state == ConnectionState::Waiting);
        match waiting.next() {
            Some(one) => Err(broken(
                Rule::AcceptsWhenItCan,
                format!("{} waits to be accepted while it sleeps", one.name),
            )),
            None => Ok(()),
        }
    }

    fn backs_off(&self, moment: &Moment) -> bool {
        let retry_after = microseconds(RETRY_AFTER) + ITERATION;
        let failed_at = moment.accept_failed_at;
        failed_at.is_some_and(|at| moment.record.microseconds <= at + retry_after)
    }

    fn quiet(&self, moment: &Moment) -> Verdict {
        let has_timed_out = moment.call().is_some_and(|call| call.error.is_none());
        let has_timer = self.server.settings.idle_timeout.is_some() && !moment.open.is_empty()
            || self.backs_off(moment)
            || self.may_drain(moment);
        hold(!has_timed_out || has_timer, Rule::Quiet, || {
            "a timer wakes it, and there is nothing that it could be for".into()
        })
    }

    /// A line that was too long has ended a connection, whose input the server may still discard.
    fn may_drain(&self, moment: &Moment) -> bool {
        let mut open = moment.open.values();
        self.server.style.is_of_lines()
            && open.any(|open| {
                let plan = self.plan_of(&open.name);
                plan.is_some_and(|plan| self.has_long_line(&plan.stream(open.read)))
            })
    }

    /// A connection that neither its peer nor a stop has ended is closed for its silence only.
    fn is_closed_in_time(&self, moment: &Moment) -> Verdict {
        let Some(idle_timeout) = self.server.settings.idle_timeout else {
            return Ok(());
        };
        let Some(call) = moment
            .call()
            .filter(|call| matches!(call.call, "close" | "dropped"))
        else {
            return Ok(());
        };
        let Some(open) = call.fd.and_then(|fd| moment.open.get(&fd)) else {
            return Ok(());
        };
        let before = moment.before.map_or(&[][..], |record| &record.connections);
        let is_open = before
            .iter()
            .any(|one| one.fd == call.fd && one.state == ConnectionState::Open);
        let silence = moment.record.microseconds - open.active_at;
        let least = microseconds(idle_timeout);
        // A loop reads the clock after each wait, and takes that time for what it does then.
        let is_idle = is_open && !self.may_drain(moment) && self.urgent_bytes(&open.name) == 0;
        let is_early = silence + ITERATION < least;
        hold(!is_idle || !is_early, Rule::IdleTimeout, || {
            format!("{} is closed after {silence} µs without traffic", open.name)
        })?;
        let in_time = |since: u64| since < open.active_iteration + least;
        let is_unread = open.unread_since.is_some_and(in_time);
        let is_paused = before.iter().any(|one| {
            let pending = self.pending(one, open).unwrap_or(i64::MAX);
            one.fd == call.fd && pending > 0
        });
        // Linux interrupts no read that doesn't block. Where one is, a style reads at its next wait,
        // and the deadline can pass before that.
        let is_excused = is_paused || open.is_interrupted;
        hold(
            !is_idle || !is_unread || is_excused,
            Rule::IdleTimeout,
            || format!("{} is closed although bytes came in time", open.name),
        )
    }
}

/// Whether the server can read, or has something to send.
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
