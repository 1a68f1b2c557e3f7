//! What a run under load has shown.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use hdrhistogram::Histogram;
use indicatif::{HumanCount, HumanFloatCount};
use serde::Serialize;

/// Above this share of its core the client is said to be the bottleneck.
const SATURATED: f64 = 0.95;

/// What a run under load has shown. Serialises to one flat object, all but the histogram.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// The server.
    pub address: SocketAddr,
    /// Connections that exchanged messages.
    pub connections: usize,
    /// Connections that stayed silent.
    pub idle: usize,
    /// Length of a message in bytes.
    pub size: usize,
    /// Most messages under way on one connection.
    pub depth: usize,
    /// Messages a second that were asked for; `None` in a closed loop.
    pub rate: Option<f64>,
    /// Messages that were answered rightly, after the warm-up.
    pub messages: u64,
    /// Time from the end of the warm-up to the last of these answers, in seconds.
    pub seconds: f64,
    /// Answered messages a second.
    pub messages_per_second: f64,
    /// Payload each way in megabytes (10⁶ bytes) a second.
    pub megabytes_per_second: f64,
    /// How long answers took.
    pub latency: Latency,
    /// Messages that were due at the fixed rate but never sent.
    pub never_sent: u64,
    /// Connections that failed, were closed or answered wrongly; idle ones that were closed count
    /// too.
    pub errors: u64,
    /// The first of these errors.
    pub first_error: Option<String>,
    /// Share of one core that the client used, from 0 to 1, less the time it only waited for the
    /// next message's moment.
    pub client_cpu: f64,
    #[serde(skip)]
    pub(super) histogram: Histogram<u64>,
}

/// How long answers took, in microseconds: from when a message was sent, or at a fixed rate should
/// have been, to when its last byte was back.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Latency {
    /// The arithmetic mean.
    pub mean_us: f64,
    /// Half of the answers took no longer.
    pub p50_us: f64,
    /// Nine of ten took no longer.
    pub p90_us: f64,
    /// 99 of 100 took no longer.
    pub p99_us: f64,
    /// 999 of 1,000 took no longer.
    pub p999_us: f64,
    /// The longest.
    pub max_us: f64,
}

impl Latency {
    /// Reads a histogram of nanoseconds.
    pub(super) fn of(histogram: &Histogram<u64>) -> Self {
        let quantile = |quantile| histogram.value_at_quantile(quantile) as f64 / 1e3;
        Latency {
            mean_us: histogram.mean() / 1e3,
            p50_us: quantile(0.5),
            p90_us: quantile(0.9),
            p99_us: quantile(0.99),
            p999_us: quantile(0.999),
            max_us: histogram.max() as f64 / 1e3,
        }
    }
}

impl Summary {
    /// The latency that `percent` of the answers did not exceed, to three digits.
    pub fn percentile(&self, percent: f64) -> Duration {
        Duration::from_nanos(self.histogram.value_at_percentile(percent))
    }

    /// All latencies, in nanoseconds.
    pub fn histogram(&self) -> &Histogram<u64> {
        &self.histogram
    }

    /// Whether the client used up its core, so that a faster server would have made no difference.
    pub fn client_was_the_bottleneck(&self) -> bool {
        self.client_cpu > SATURATED
    }

    /// The summary, if every connection lived and was answered rightly.
    ///
    /// # Errors
    /// The first error that a connection met.
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
            "{connections} connection{plural}, {size} bytes a message, "
        )?;
        write!(out, "at most {depth} under way on each, ")?;
        match self.rate {
            Some(rate) => writeln!(out, "{} messages/s asked for", HumanFloatCount(rate))?,
            None => writeln!(out, "closed loop")?,
        }
        if self.idle > 0 {
            writeln!(
                out,
                "{} idle connections beside them",
                HumanCount(self.idle as u64)
            )?;
        }
        writeln!(
            out,
            "  answered   {} messages in {:.2} s",
            HumanCount(self.messages),
            self.seconds
        )?;
        let (rate, megabytes) = (
            HumanCount(self.messages_per_second as u64),
            self.megabytes_per_second,
        );
        writeln!(
            out,
            "  rate       {rate} messages/s, {megabytes:.1} MB/s each way"
        )?;
        writeln!(out, "  latency    {}", self.latency)?;
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
                "  never sent {} messages: the rate could not be kept",
                HumanCount(self.never_sent)
            )?;
        }
        let percent = self.client_cpu * 100.0;
        write!(out, "  client     used {percent:.0} % of one core")?;
        if self.client_was_the_bottleneck() {
            write!(
                out,
                ": the client was the bottleneck, a faster server would show no more"
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Latency {
            p50_us,
            p90_us,
            p99_us,
            p999_us,
            max_us,
            ..
        } = *self;
        let named = [
            ("p50", p50_us),
            ("p90", p90_us),
            ("p99", p99_us),
            ("p99.9", p999_us),
            ("max", max_us),
        ];
        for (index, (name, microseconds)) in named.into_iter().enumerate() {
            let gap = if index == 0 { "" } else { "   " };
            match microseconds {
                ..1e3 => write!(out, "{gap}{name} {microseconds:.1} µs")?,
                1e3..1e6 => write!(out, "{gap}{name} {:.2} ms", microseconds / 1e3)?,
                _ => write!(out, "{gap}{name} {:.2} s", microseconds / 1e6)?,
            }
        }
        Ok(())
    }
}
