//! How busy the client itself is: a load generator without spare time measures itself instead of the
//! server.

use std::io;
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

/// The share of one core that this thread uses, from the meter's start.
pub(super) struct Meter {
    started: Instant,
    processor_time: Duration,
    spun: Duration,
    /// Waits that found answered connections, and the total number of these connections.
    waits: u64,
    found: u64,
}

impl Meter {
    /// Starts to measure at `now`.
    pub(super) fn start(now: Instant) -> io::Result<Self> {
        Ok(Meter {
            started: now,
            processor_time: processor_time()?,
            spun: Duration::ZERO,
            waits: 0,
            found: 0,
        })
    }

    /// Counts a wait that found this many connections answered.
    pub(super) fn add_found(&mut self, connections: usize) {
        self.waits += u64::from(connections > 0);
        self.found += connections as u64;
    }

    /// How many connections a wait found answered, on average; `None` if no wait found any.
    pub(super) fn mean_found(&self) -> Option<f64> {
        (self.waits > 0).then(|| self.found as f64 / self.waits as f64)
    }

    /// Counts time spent only on watching the clock: the core was used, but there was time
    /// to spare.
    pub(super) fn add_spun(&mut self, duration: Duration) {
        self.spun += duration;
    }

    /// The share of one core used so far, from 0 to 1, without the time spent on watching the
    /// clock.
    pub(super) fn share(&self) -> io::Result<f64> {
        let used = (processor_time()? - self.processor_time).as_secs_f64();
        // Read after the processor time, which would otherwise cover a longer time than this.
        let elapsed = self.started.elapsed().as_secs_f64();
        if elapsed == 0.0 {
            return Ok(0.0);
        }
        // Other programs can have had the core while this thread spun: assume an even spread.
        let busy = (1.0 - self.spun.as_secs_f64() / elapsed).max(0.0);
        // The two clocks differ a little.
        Ok((used / elapsed * busy).min(1.0))
    }
}

fn processor_time() -> io::Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hint::black_box;

    #[test]
    fn work_is_seen_and_spinning_is_not() -> io::Result<()> {
        let begin = Instant::now();
        let mut meter = Meter::start(begin)?;
        let mut rounds = 0_u64;
        while processor_time()? - meter.processor_time < Duration::from_millis(20) {
            rounds = black_box(rounds + 1);
        }
        let share = meter.share()?;
        assert!(0.0 < share && share <= 1.0, "{share}");
        meter.add_spun(begin.elapsed());
        assert!(meter.share()? < 0.01);
        Ok(())
    }
}
