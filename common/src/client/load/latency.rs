//! Latencies as numbers.

use std::fmt;

use hdrhistogram::Histogram;
use serde::Serialize;

/// How long answers took, in microseconds: from when a message was sent, or at a fixed rate should
/// have been sent, until its last byte had come back.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Latency {
    /// The arithmetic mean.
    pub mean_us: f64,
    /// Half of the answers took at most this long.
    pub p50_us: f64,
    /// 9 of 10 took at most this long.
    pub p90_us: f64,
    /// 99 of 100 took at most this long.
    pub p99_us: f64,
    /// 999 of 1,000 took at most this long.
    pub p999_us: f64,
    /// The longest.
    pub max_us: f64,
}

impl Latency {
    /// Summarizes a histogram of nanoseconds; `None` if it is empty.
    pub(super) fn of(histogram: &Histogram<u64>) -> Option<Self> {
        let quantile = |quantile| histogram.value_at_quantile(quantile) as f64 / 1e3;
        (!histogram.is_empty()).then(|| Latency {
            mean_us: histogram.mean() / 1e3,
            p50_us: quantile(0.5),
            p90_us: quantile(0.9),
            p99_us: quantile(0.99),
            p999_us: quantile(0.999),
            max_us: histogram.max() as f64 / 1e3,
        })
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
