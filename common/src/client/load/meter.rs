//! How busy the client itself is: a load generator that has no time left measures itself, not the
//! server.

use std::io;
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

/// The share of one core that this thread uses, from the meter's start on.
pub(super) struct Meter {
    started: Instant,
    processor_time: Duration,
    spun: Duration,
    /// Waits that found some connection answered, and how many connections these were in all.
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

    /// Counts a wait that has found so many connections answered.
    pub(super) fn add_found(&mut self, connections: usize) {
        self.waits += u64::from(connections > 0);
        self.found += connections as u64;
    }

    /// How many connections a wait has found answered, on average; `None` if none has found any.
    pub(super) fn mean_found(&self) -> Option<f64> {
        (self.waits > 0).then(|| self.found as f64 / self.waits as f64)
    }

    /// Counts time that was spent only to look at the clock: the core was used, but there was time
    /// to spare.
    pub(super) fn add_spun(&mut self, duration: Duration) {
        self.spun += duration;
    }

    /// The share of one core in use up to now, from 0 to 1, less the share of the time that was
    /// spun.
    pub(super) fn share(&self) -> io::Result<f64> {
        let used = (processor_time()? - self.processor_time).as_secs_f64();
        // Read after the processor time, which would otherwise be of a longer time than this.
        let elapsed = self.started.elapsed().as_secs_f64();
        if elapsed == 0.0 {
            return Ok(0.0);
        }
        // Others may have had the core while this thread spun: take their part as spread evenly.
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
