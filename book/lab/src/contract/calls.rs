//! The rules that are checked after each call.

use common::connection_limit::RETRY_AFTER;
use common::sys::sim::ConnectionState;

use super::{Contract, ITERATION, Outcome, Rule, broken, hold, is_held, microseconds};
use crate::history::{Moment, Open};

impl Contract<'_> {
    pub(super) fn fairness(&self, moment: &Moment) -> Outcome {
        let Some((call, fd)) = moment.call().and_then(|call| Some((call, call.fd?))) else {
            return Ok(());
        };
        let most = self.server.recv_size().unwrap_or(usize::MAX);
        let bytes = call.bytes.unwrap_or(0);
        hold(call.call != "recv" || bytes <= most, Rule::Fairness, || {
            format!("it reads {bytes} bytes of descriptor {fd} at once, more than {most}")
        })?;
        let reads = moment.open.get(&fd).map_or(0, |open| open.reads_since_wait);
        // When it stops, it checks once for unread input.
        let most = if moment.stop_at.is_some() { 2 } else { 1 };
        hold(reads <= most, Rule::Fairness, || {
            format!("it reads descriptor {fd} {reads} times between two waits")
        })
    }

    pub(super) fn limit(&self, moment: &Moment) -> Outcome {
        let (count, most) = (moment.open.len(), self.server.settings.max_connections);
        hold(count <= most, Rule::Limit, || {
            format!("{count} connections, and the limit is {most}")
        })
    }

    /// Everything that the last wait reported is read before the next wait.
    pub(super) fn reads_what_is_ready(&self, moment: &Moment) -> Outcome {
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
                    "{} was readable, but isn't read before the next wait",
                    open.name
                ),
            )),
            None => Ok(()),
        }
    }

    pub(super) fn reads_when_reported(&self, moment: &Moment) -> Outcome {
        let read = moment.call().filter(|call| call.call == "recv");
        let open = read.and_then(|call| moment.open.get(&call.fd?));
        match open.and_then(|open| Some((&open.name, open.former.as_ref()?))) {
            Some((name, former)) => Err(broken(
                Rule::ReadsWhenReported,
                format!("it reads {name} at an event of {former}, which had the same descriptor"),
            )),
            None => Ok(()),
        }
    }

    pub(super) fn backs_off_in_time(&self, moment: &Moment) -> Outcome {
        let Some(since) = moment.backs_off_since else {
            return Ok(());
        };
        let is_accept = moment.call().is_some_and(|call| call.call == "accept");
        let waited = moment.record.microseconds - since;
        let is_early = is_accept && waited < microseconds(RETRY_AFTER);
        hold(!is_early, Rule::BacksOff, || {
            format!("it calls accept {waited} µs after a lasting error")
        })
    }

    pub(super) fn drains_in_time(&self, moment: &Moment) -> Outcome {
        let now = moment.record.microseconds;
        let most = microseconds(self.server.settings.shutdown_timeout) + 100_000;
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

    pub(super) fn stops_in_time(&self, moment: &Moment, took: u64) -> Outcome {
        let rule = Rule::StopsInTime;
        let shutdown_timeout = microseconds(self.server.settings.shutdown_timeout);
        hold(took <= shutdown_timeout + 100_000, rule, || {
            format!(
                "{took} µs after the stop it still runs; its shutdown timeout is {shutdown_timeout} µs"
            )
        })?;
        let Some(call) = moment.call().filter(|_| took > 2 * ITERATION) else {
            return Ok(()); // It can have missed the signal so far.
        };
        let accepts = call.call == "accept" && call.error.is_none();
        hold(!accepts, rule, || {
            format!("it accepts {took} µs after the stop")
        })?;
        if call.call != "wait" {
            return Ok(());
        }
        hold(!moment.open.is_empty(), rule, || {
            "it waits although all clients have left".into()
        })?;
        moment.open.iter().try_for_each(|(fd, open)| {
            let connection = moment.connection(*fd);
            let connection = connection.filter(|one| is_held(one.state));
            let pending = connection.and_then(|connection| self.pending_output(connection, open));
            let is_done = pending.is_some_and(|pending| pending <= 0);
            hold(!is_done, rule, || {
                format!("it waits for {}, which has no pending output", open.name)
            })
        })
    }

    pub(super) fn memory(&self, moment: &Moment) -> Outcome {
        moment.record.connections.iter().try_for_each(|connection| {
            let holds = connection.server_holds;
            let name = &connection.name;
            hold(holds >= 0, Rule::BytesInOrder, || {
                format!("{name} was sent {} more bytes than were read", -holds)
            })?;
            let open = connection.fd.and_then(|fd| moment.open.get(&fd));
            let Some(open) = open.filter(|_| is_held(connection.state)) else {
                return Ok(());
            };
            let most = self.most_held(open) as i64;
            hold(holds <= most, Rule::BoundedMemory, || {
                let (read, sent) = (open.read, open.read as i64 - holds);
                format!(
                    "it has read {read} bytes of {name} and sent only {sent}; at most {most} can be pending"
                )
            })
        })
    }

    /// The most bytes that the server can hold for a connection.
    fn most_held(&self, open: &Open) -> usize {
        let read = self.server.recv_size().unwrap_or(open.largest_read);
        let line = match self.server.style.is_of_lines() {
            true => self.server.max_line + read,
            false => 0,
        };
        self.server.settings.high_water + read + line
    }

    /// A connection that neither its peer nor a stop has ended is only closed for its silence.
    pub(super) fn is_closed_in_time(&self, moment: &Moment) -> Outcome {
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
        // A loop reads the clock after each wait, and uses that time for everything until the next one.
        let is_idle = is_open && !self.may_drain(moment) && self.urgent_bytes(&open.name) == 0;
        let is_early = silence + ITERATION < least;
        hold(!is_idle || !is_early, Rule::IdleTimeout, || {
            format!("{} is closed after {silence} µs without traffic", open.name)
        })?;
        let in_time = |since: u64| since < open.active_iteration + least;
        let is_unread = open.unread_since.is_some_and(in_time);
        let is_paused = before.iter().any(|one| {
            let pending = self.pending_output(one, open).unwrap_or(i64::MAX);
            one.fd == call.fd && pending > 0
        });
        // Linux interrupts no read that doesn't block. If a read is interrupted here, a style reads
        // after its next wait, and the deadline can pass before that.
        let is_excused = is_paused || open.is_interrupted;
        hold(
            !is_idle || !is_unread || is_excused,
            Rule::IdleTimeout,
            || format!("{} is closed although bytes came in time", open.name),
        )
    }
}
