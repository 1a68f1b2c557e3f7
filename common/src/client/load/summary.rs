//! The results of a run under load.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use hdrhistogram::Histogram;
use indicatif::{HumanCount, HumanFloatCount};
use serde::Serialize;

use super::latency::Latency;

/// A client that uses more than this share of its core counts as the bottleneck.
const SATURATED: f64 = 0.95;

/// The results of a run under load. Serializes to one flat object, without the histogram.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// The server.
    pub address: SocketAddr,
    /// Threads of the client.
    pub threads: usize,
    /// Connections that exchanged messages.
    pub connections: usize,
    /// Connections that stayed silent.
    pub idle: usize,
    /// Length of a message in bytes.
    pub size: usize,
    /// Most messages in flight on one connection.
    pub depth: usize,
    /// The fixed rate in messages per second; `None` in a closed loop.
    pub rate: Option<f64>,
    /// Messages that came back correctly, after the warm-up.
    pub messages: u64,
    /// Whether the run was ended early.
    pub interrupted: bool,
    /// Time from the end of the warm-up to the last of these answers, in seconds.
    pub seconds: f64,
    /// Answered messages per second.
    pub messages_per_second: f64,
    /// Payload each way in megabytes (10⁶ bytes) per second.
    pub megabytes_per_second: f64,
    /// How long answers took; `None` if there were none.
    pub latency: Option<Latency>,
    /// Messages that were due at the fixed rate but never sent.
    pub never_sent: u64,
    /// Connections that failed, were closed, or returned wrong bytes; idle ones that were closed
    /// count too.
    pub errors: u64,
    /// The first of these errors.
    pub first_error: Option<String>,
    /// The share of one core that the client's busiest thread used, from 0 to 1, without the time in
    /// which it only waited for the next message to be due; `None` if the warm-up wasn't over.
    pub client_cpu: Option<f64>,
    /// How many of its connections this thread found answered at each wait, on average; waits that
    /// found none don't count. `None` if all found none.
    pub answers_waiting: Option<f64>,
    #[serde(skip)]
    pub(super) histogram: Histogram<u64>,
}

impl Summary {
    /// The latency that `percent` of the answers didn't exceed, to three digits; `None` if there
    /// were no answers.
    pub fn percentile(&self, percent: f64) -> Option<Duration> {
        let value = || Duration::from_nanos(self.histogram.value_at_percentile(percent));
        (!self.histogram.is_empty()).then(value)
    }

    /// All latencies, in nanoseconds.
    pub fn histogram(&self) -> &Histogram<u64> {
        &self.histogram
    }

    /// Whether the client was slower than the server, so that a faster server would have made no
    /// difference.
    ///
    /// At a fixed rate, the client is the bottleneck if it used up its core. In a closed loop that
    /// shows nothing: a *faster* client wakes up for each single answer and pays a wait for it,
    /// so it is as busy as a slower one. But after each wait it finds few connections answered,
    /// because the others are queued at the server: connections queue at the slower side.
    pub fn client_was_the_bottleneck(&self) -> bool {
        self.client_cpu > Some(SATURATED) && (self.rate.is_some() || self.connections_queued_here())
    }

    /// Whether on average more than half of a thread's connections were answered at each wait,
    /// without the one that ended the wait.
    fn connections_queued_here(&self) -> bool {
        self.answers_waiting > Some((self.connections_of_a_thread() + 1) as f64 / 2.0)
    }

    fn connections_of_a_thread(&self) -> usize {
        self.connections.div_ceil(self.threads)
    }

    /// The summary, if no connection failed and all answers were correct.
    ///
    /// # Errors
    /// The first error of a connection.
    pub fn verified(self) -> io::Result<Self> {
        match &self.first_error {
            Some(error) => Err(io::Error::other(error.clone())),
            None => Ok(self),
        }
    }
}

/// A few lines for people.
impl fmt::Display for Summary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary {
            connections,
            size,
            depth,
            ..
        } = self;
        let plural = if *connections == 1 { "" } else { "s" };
        write!(
            out,
            "{connections} connection{plural}, {size} bytes per message, "
        )?;
        write!(out, "at most {depth} in flight on each, ")?;
        match self.rate {
            Some(rate) => writeln!(out, "fixed rate of {} messages/s", HumanFloatCount(rate))?,
            None => writeln!(out, "closed loop")?,
        }
        if self.idle > 0 {
            writeln!(
                out,
                "{} more connections stay idle",
                HumanCount(self.idle as u64)
            )?;
        }
        self.tell_of_answers(out)?;
        match &self.first_error {
            Some(first) => writeln!(
                out,
                "  errors     {}, the first: {first}",
                HumanCount(self.errors)
            )?,
            None => writeln!(out, "  errors     none")?,
        }
        if self.never_sent > 0 {
            writeln!(
                out,
                "  never sent {} messages: the rate was too high",
                HumanCount(self.never_sent)
            )?;
        }
        self.tell_of_client(out)
    }
}

impl Summary {
    /// The report's lines about the answers.
    fn tell_of_answers(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let interrupted = if self.interrupted {
            ", interrupted"
        } else {
            ""
        };
        let Some(latency) = self.latency else {
            return writeln!(out, "  answered   nothing{interrupted}");
        };
        let (messages, seconds) = (HumanCount(self.messages), self.seconds);
        let rate = HumanCount(self.messages_per_second as u64);
        let megabytes = self.megabytes_per_second;
        writeln!(
            out,
            "  answered   {messages} messages in {seconds:.2} s{interrupted}"
        )?;
        writeln!(
            out,
            "  rate       {rate} messages/s, {megabytes:.1} MB/s each way"
        )?;
        writeln!(out, "  latency    {latency}")
    }

    /// The report's line about the client itself.
    fn tell_of_client(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "  client     ")?;
        let Some(cpu) = self.client_cpu else {
            return write!(out, "not measured: the warm-up was not over");
        };
        if self.threads > 1 {
            write!(out, "{} threads, the busiest ", self.threads)?;
        }
        write!(out, "used {:.0} % of one core", cpu * 100.0)?;
        let found = self.answers_waiting.filter(|_| self.rate.is_none());
        if let Some(found) = found {
            let of = self.connections_of_a_thread();
            write!(
                out,
                ", found {found:.1} of {of} connections answered at each wait"
            )?;
        }
        if self.client_was_the_bottleneck() {
            write!(
                out,
                ": the client was the bottleneck, so a faster server would look the same"
            )?;
        } else if found.is_some() && !self.connections_queued_here() {
            write!(out, ": it waited for the server")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::load::LoadSettings;
    use crate::client::load::tally::Tally;
    use std::time::Instant;

    fn seen(settings: &LoadSettings, cpu: f64, waiting: f64) -> io::Result<Summary> {
        let begin = Instant::now();
        let mut tally = Tally::new(begin)?;
        (tally.client_cpu, tally.answers_waiting) = (Some(cpu), Some(waiting));
        Ok(tally.summarise(SocketAddr::from(([127, 0, 0, 1], 1)), settings, begin))
    }

    #[test]
    fn no_figures_are_made_from_no_answers() -> io::Result<()> {
        let mut tally = Tally::new(Instant::now())?;
        tally.interrupted = true;
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let summary = tally.summarise(address, &LoadSettings::default(), Instant::now());
        assert_eq!(summary.percentile(99.0), None);
        let report = summary.to_string();
        assert!(
            report.contains("answered   nothing, interrupted\n"),
            "{report}"
        );
        for figure in ["p50", "MB/s", "%", "0.0"] {
            assert!(!report.contains(figure), "{report}");
        }
        Ok(())
    }

    #[test]
    fn the_slower_side_is_where_connections_queue() -> io::Result<()> {
        let cases = [
            (50, 1, 0.98, 1.5, false),
            (50, 1, 0.98, 40.0, true),
            (50, 1, 0.60, 40.0, false),
            (50, 2, 0.98, 20.0, true),
            (50, 2, 0.98, 12.0, false),
            (2, 1, 0.98, 1.0, false),
            (1, 1, 0.98, 1.0, false),
        ];
        for (connections, threads, cpu, waiting, expected) in cases {
            let settings = LoadSettings {
                connections,
                threads,
                ..LoadSettings::default()
            };
            let summary = seen(&settings, cpu, waiting)?;
            assert_eq!(summary.client_was_the_bottleneck(), expected, "{summary}");
        }
        let fixed = LoadSettings {
            rate: Some(1e6),
            ..LoadSettings::default()
        };
        assert!(seen(&fixed, 0.98, 1.5)?.client_was_the_bottleneck());
        assert!(!seen(&fixed, 0.5, 40.0)?.client_was_the_bottleneck());
        let report = seen(&LoadSettings::default(), 0.93, 1.5)?.to_string();
        let line = "used 93 % of one core, found 1.5 of 50 connections answered at each wait: \
                    it waited for the server";
        assert!(report.ends_with(line), "{report}");
        Ok(())
    }
}
