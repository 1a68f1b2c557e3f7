//! The rules that are checked while the server sleeps.

use common::sys::sim::{Connection, ConnectionState};

use super::{Contract, ITERATION, Outcome, Rule, broken, hold, is_held, microseconds};
use crate::history::{Moment, Open};

impl Contract<'_> {
    pub(super) fn rest(&self, moment: &Moment) -> Outcome {
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

    fn connection_at_rest(&self, connection: &Connection, open: &Open, moment: &Moment) -> Outcome {
        let (rule, name) = (Rule::SleepsOnlyWhenDone, &connection.name);
        let state = connection.state;
        hold(state != ConnectionState::Reset, rule, || {
            format!("it sleeps with {name} open, whose connection was reset")
        })?;
        let Some(pending) = self.pending_output(connection, open) else {
            return Ok(());
        };
        let settings = &self.server.settings;
        let urgent = self.urgent_bytes(name);
        let unread = connection.server_receive_buffer.saturating_sub(urgent);
        let unsent = connection.server_send_buffer;
        let silence = moment.record.microseconds - open.active_at;
        // After a connection has been silent for too long, pending output is still sent, and no more
        // is read.
        let longest = silence.max(open.longest_silence);
        let is_idle = |timeout| longest + ITERATION >= microseconds(timeout);
        let is_closing = pending > 0 && settings.idle_timeout.is_some_and(is_idle);
        let may_read = pending <= settings.low_water() as i64 && !is_closing;
        hold(
            state != ConnectionState::Open || unread == 0 || !may_read,
            rule,
            || format!("it sleeps with {unread} unread bytes of {name}, and {pending} pending"),
        )?;
        hold(!is_held(state) || pending <= 0 || unsent > 0, rule, || {
            format!("it sleeps with {pending} bytes for {name} unsent, which the kernel would take")
        })?;
        let is_over = state == ConnectionState::PeerFinished && unread == 0 && pending == 0;
        hold(!is_over, rule, || {
            format!("it sleeps with {name} open, whose stream has ended and been echoed")
        })?;
        if let Some(idle_timeout) = settings.idle_timeout {
            // Pending output can still be sent, for at most the shutdown timeout.
            let most = 2 * microseconds(idle_timeout + settings.shutdown_timeout);
            hold(silence <= most, Rule::IdleTimeout, || {
                format!("{name} is open after {silence} µs without traffic")
            })?;
        }
        Ok(())
    }

    fn listener_at_rest<'c>(
        &self,
        connections: impl Iterator<Item = &'c Connection>,
        moment: &Moment,
    ) -> Outcome {
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

    fn quiet(&self, moment: &Moment) -> Outcome {
        let has_timed_out = moment.call().is_some_and(|call| call.error.is_none());
        let has_timer = self.server.settings.idle_timeout.is_some() && !moment.open.is_empty()
            || self.backs_off(moment)
            || self.may_drain(moment);
        hold(!has_timed_out || has_timer, Rule::Quiet, || {
            "a timer wakes it, but serves no connection".into()
        })
    }
}
