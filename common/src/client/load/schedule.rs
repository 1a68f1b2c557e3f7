//! When each message is due.
//!
//! In a **closed loop** the next message is due when an earlier one has been answered. So a slow
//! server slows the load down, and its pauses hit few messages. At a **fixed rate** (an open loop)
//! the times are set beforehand: a pause delays every message that is due meanwhile.
//! Latencies of a closed loop hide that. This mistake is known as coordinated omission (Gil Tene,
//! "How NOT to Measure Latency"; his wrk2 has the same remedy).

use std::time::{Duration, Instant};

use super::{Length, LoadSettings};

/// Which messages are due when on one thread, including the warm-up. Each of `threads` threads has
/// every `threads`-th message of the fixed rate, so together they keep it exactly.
pub(super) struct LoadSchedule {
    begin: Instant,
    /// Messages due from this time on are measured.
    pub(super) measured_from: Instant,
    /// Nothing is sent from this time on.
    end: Option<Instant>,
    /// Messages per second over all threads, or `None` for a closed loop.
    rate: Option<f64>,
    /// The number of this thread, from 0.
    thread: u64,
    threads: u64,
    /// How many messages can be sent: in a closed loop, after the warm-up; at a fixed rate, in total.
    total: u64,
    /// Closed loop: how many of them have been taken.
    taken: u64,
    /// Fixed rate: how many of them have become due.
    woken: u64,
}

impl LoadSchedule {
    /// The share of `thread` in a schedule that begins at `begin`.
    pub(super) fn new(settings: &LoadSettings, thread: usize, begin: Instant) -> Self {
        let warm_up = settings.warm_up;
        let (end, total) = match (settings.length, settings.rate) {
            (Length::Duration(duration), None) => (Some(begin + warm_up + duration), u64::MAX),
            (Length::Duration(duration), Some(rate)) => (
                Some(begin + warm_up + duration),
                messages_in(warm_up + duration, rate),
            ),
            (Length::Count(count), None) => (None, count),
            (Length::Count(count), Some(rate)) => {
                (None, messages_in(warm_up, rate).saturating_add(count))
            }
        };
        let (thread, threads) = (thread as u64, settings.threads as u64);
        LoadSchedule {
            begin,
            measured_from: begin + warm_up,
            end,
            rate: settings.rate,
            thread,
            threads,
            // The remainder goes to the first threads, one each.
            total: total / threads + u64::from(thread < total % threads),
            taken: 0,
            woken: 0,
        }
    }

    /// Takes message `number` (which matters only at a fixed rate): returns when it is due, if it
    /// can be sent by now.
    pub(super) fn take(&mut self, number: u64, now: Instant) -> Option<Instant> {
        if self.is_past_end(now) {
            return None;
        }
        if let Some(rate) = self.rate {
            let due = self.due(number, rate);
            let may_go = number < self.total && due <= now;
            self.taken += u64::from(may_go);
            return may_go.then_some(due);
        }
        if now >= self.measured_from {
            if self.taken == self.total {
                return None;
            }
            self.taken += 1;
        }
        Some(now)
    }

    /// At a fixed rate, the number of the next message that has become due.
    pub(super) fn wake(&mut self, now: Instant) -> Option<u64> {
        if self.next_due()? > now || self.is_past_end(now) {
            return None;
        }
        self.woken += 1;
        Some(self.woken - 1)
    }

    /// At a fixed rate, when the next message becomes due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let rate = self.rate.filter(|_| self.woken < self.total)?;
        Some(self.due(self.woken, rate))
    }

    /// Whether no more messages become due.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        let used = if self.rate.is_some() {
            self.woken
        } else {
            self.taken
        };
        self.is_past_end(now) || used == self.total
    }

    /// How many messages became due and were never sent, because the server (or this client) couldn't
    /// keep up with the rate. Messages due after an interrupt don't count.
    pub(super) fn never_sent(&self, is_interrupted: bool) -> u64 {
        let due = if is_interrupted {
            self.woken
        } else {
            self.total
        };
        self.rate.map_or(0, |_| due.saturating_sub(self.taken))
    }

    /// How much of the measured part is over, from 0 to 1, when `measured` messages have been
    /// answered.
    pub(super) fn fraction(&self, now: Instant, measured: u64) -> f64 {
        match self.end {
            Some(end) => {
                let whole = end.duration_since(self.measured_from).as_secs_f64();
                now.saturating_duration_since(self.measured_from)
                    .as_secs_f64()
                    / whole
            }
            None => measured as f64 / self.total as f64,
        }
    }

    fn is_past_end(&self, now: Instant) -> bool {
        self.end.is_some_and(|end| now >= end)
    }

    fn due(&self, number: u64, rate: f64) -> Instant {
        let moment = number * self.threads + self.thread;
        self.begin + Duration::from_secs_f64(moment as f64 / rate)
    }
}

/// How many messages become due in the first `duration`.
fn messages_in(duration: Duration, rate: f64) -> u64 {
    (duration.as_secs_f64() * rate).ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_closed_loop_counts_what_is_taken_after_the_warm_up() {
        let settings = LoadSettings {
            length: Length::Count(2),
            warm_up: SECOND,
            ..LoadSettings::default()
        };
        let begin = Instant::now();
        let mut schedule = LoadSchedule::new(&settings, 0, begin);
        for _ in 0..5 {
            assert_eq!(schedule.take(0, begin), Some(begin));
        }
        let later = begin + SECOND;
        assert_eq!(schedule.take(0, later), Some(later));
        assert!(!schedule.is_over(later));
        assert_eq!(schedule.take(0, later), Some(later));
        assert_eq!(schedule.take(0, later), None);
        assert!(schedule.is_over(later));
    }

    #[test]
    fn a_fixed_rate_keeps_its_schedule_when_polled_late() {
        let settings = LoadSettings {
            length: Length::Duration(SECOND),
            rate: Some(10.0),
            ..LoadSettings::default()
        };
        let begin = Instant::now();
        let mut schedule = LoadSchedule::new(&settings, 0, begin);
        let late = begin + SECOND / 2;
        let woken: Vec<_> = std::iter::from_fn(|| schedule.wake(late)).collect();
        assert_eq!(woken, [0, 1, 2, 3, 4, 5]);
        assert_eq!(schedule.take(3, late), Some(begin + SECOND * 3 / 10));
        assert_eq!(schedule.take(6, late), None);
        assert_eq!(schedule.next_due(), Some(begin + SECOND * 6 / 10));
        assert!(schedule.is_over(begin + SECOND));
        assert_eq!(schedule.never_sent(false), 9);
        assert_eq!(schedule.never_sent(true), 5);
    }

    #[test]
    fn threads_share_messages_and_moments_without_a_gap() {
        let settings = LoadSettings {
            threads: 3,
            length: Length::Count(11),
            rate: Some(10.0),
            ..LoadSettings::default()
        };
        let begin = Instant::now();
        let mut moments: Vec<_> = (0..3)
            .map(|thread| LoadSchedule::new(&settings, thread, begin))
            .flat_map(|mut share| {
                std::iter::from_fn(move || {
                    let number = share.wake(begin + 2 * SECOND)?;
                    share.take(number, begin + 2 * SECOND)
                })
            })
            .collect();
        moments.sort_unstable();
        let expected: Vec<_> = (0..11).map(|number| begin + SECOND * number / 10).collect();
        assert_eq!(moments, expected);
    }
}
