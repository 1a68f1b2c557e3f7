//! The rules that are checked at the end: how the run ended, and what each client received.

use common::sys::sim::{ClientEnd, ClientTrace, Ending, Trace};

use super::{Contract, Outcome, Rule, Violation, broken, hold, microseconds};
use crate::history::RunSummary;
use crate::plan::ClientPlan;

impl Contract<'_> {
    pub(super) fn ending(&self, trace: &Trace) -> Outcome {
        let ending = &trace.ending;
        hold(*ending == Ending::Returned, Rule::Ends, || match ending {
            Ending::Spinning => "it spins".into(),
            Ending::Waiting => "it waits after the last step".into(),
            ending => format!("{ending:?}"),
        })?;
        self.lost_edges(trace)?;
        let open = &trace.open_descriptors;
        hold(open.is_empty(), Rule::ClosesDescriptors, || {
            format!("{open:?} are open at the end")
        })
    }

    pub(super) fn lost_edges(&self, trace: &Trace) -> Outcome {
        let Some(lost) = trace.lost_edges.first() else {
            return Ok(());
        };
        let what = if lost.is_read { "readable" } else { "writable" };
        let text = format!("it forgets that {} is {what}", lost.name);
        Err(Violation {
            place: Some(lost.record),
            ..broken(Rule::SleepsOnlyWhenDone, text)
        })
    }

    pub(super) fn client(&self, client: &ClientTrace, summary: &RunSummary) -> Outcome {
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
                "of the {} bytes that client {number} reads, the first {right} are right",
                received.len()
            )
        })?;
        let is_served = self.plan.is_patient && summary.of(number).in_time;
        if !is_served || plan.sends_late || !self.is_attentive(plan) {
            return Ok(());
        }
        let whole = self.answer(&plan.whole_stream());
        self.got(client, whole.len(), summary)?;
        match self.plan.has_stop || plan.has_ended {
            true => self.ended_with_fin(client),
            false => Ok(()),
        }
    }

    /// Bytes that were read before the stop come back, and waiting clients are accepted. A client
    /// whose bytes were on their way is left out: they can arrive at a closed socket, and the reset
    /// that follows destroys what the client hasn't read.
    pub(super) fn client_at_stop(
        &self,
        client: &ClientTrace,
        summary: &RunSummary,
        trace: &Trace,
    ) -> Outcome {
        let number = client.client;
        let (Some(plan), Some(stop_at)) = (self.plan.clients.get(&number), summary.stop_at) else {
            return Ok(());
        };
        let served = summary.of(number);
        let has_time =
            trace.microseconds - stop_at < microseconds(self.server.settings.shutdown_timeout);
        if !has_time || plan.sends_late || served.was_sending || !self.is_attentive(plan) {
            return Ok(());
        }
        if served.accepted {
            let answer = self.answer(&plan.stream(served.read));
            self.got(client, answer.len(), summary)?;
            return self.ended_with_fin(client);
        }
        let can_accept = self.server.settings.max_connections == usize::MAX
            && summary.accept_failed_at.is_none_or(|at| at < stop_at);
        let is_refused = served.waited_at_stop && can_accept;
        hold(!is_refused, Rule::AcceptsWhenItCan, || {
            format!("client {number} waited when the server stopped, and isn't accepted")
        })
    }

    /// The sentence is shown at the moment when the server closes the connection. What it has sent can
    /// still be on its way then, and a reset can destroy it.
    fn got(&self, client: &ClientTrace, expected: usize, summary: &RunSummary) -> Outcome {
        let (number, got) = (client.client, client.received.len());
        hold(got >= expected, Rule::NothingIsLost, || {
            let sent = summary.of(number).sent;
            format!(
                "of {expected} bytes for client {number}, the server has sent {sent}, and the client has \
                 read {got} at the end of the run"
            )
        })
    }

    fn ended_with_fin(&self, client: &ClientTrace) -> Outcome {
        let is_orderly = client.ended == Some(ClientEnd::EndOfStream);
        hold(is_orderly, Rule::NothingIsLost, || {
            let ending = match client.ended {
                Some(ClientEnd::Reset) => "ends with a reset",
                Some(_) => "is never established",
                None => "has no end",
            };
            format!("the connection of client {} {ending}", client.client)
        })
    }

    /// Whether this client reads everything and stays, so that the server has no reason to end the
    /// connection early. If the client sends a line that is too long, the server has one; then the
    /// client has to read at once.
    fn is_attentive(&self, plan: &ClientPlan) -> bool {
        plan.listens
            && !plan.leaves
            && self.server.settings.idle_timeout.is_none()
            && !(plan.pauses && self.has_long_line(&plan.whole_stream()))
    }
}
