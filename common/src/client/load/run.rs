//! The load generator's loop: one thread, its share of the connections, one [`mio::Poll`].

use std::io::{self, ErrorKind};
use std::mem;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use mio::Events;

use super::LoadSettings;
use super::connection::LoadConnection;
use super::engine::{Progress, Share};
use super::meter::Meter;
use super::payload::LoadPayload;
use super::schedule::LoadSchedule;
use super::tally::Tally;

/// How often to report progress and check for it.
const TICK: Duration = Duration::from_millis(100);
/// One receive buffer for all connections, in bytes.
const BUFFER: usize = 128 * 1024;

/// A share of the load that is running.
pub(super) struct Run<'a> {
    settings: &'a LoadSettings,
    payload: &'a LoadPayload,
    share: Share,
    schedule: LoadSchedule,
    meter: Meter,
    /// The clock as last read; reading it takes a tenth of the time of a message.
    now: Instant,
    measuring: bool,
    /// Connections that can have more to receive. They are served again without an event.
    again: Vec<usize>,
    buffer: Vec<u8>,
    alive: usize,
    outstanding: usize,
    last_progress: Instant,
    /// When the last wait began whose events have all been handled. A stall is judged by this time:
    /// everything that arrived before it has been seen, even if this program itself was stopped.
    seen_until: Instant,
    tally: Tally,
}

impl<'a> Run<'a> {
    /// Prepares the run, on the thread that will run it; the schedule begins at `begin`.
    pub(super) fn new(
        settings: &'a LoadSettings,
        payload: &'a LoadPayload,
        share: Share,
        begin: Instant,
    ) -> io::Result<Self> {
        let now = Instant::now();
        let schedule = LoadSchedule::new(settings, share.thread, begin);
        Ok(Run {
            meter: Meter::start(now)?,
            now,
            measuring: false,
            again: Vec::new(),
            buffer: vec![0; BUFFER],
            alive: share.connections.len(),
            outstanding: 0,
            last_progress: now,
            seen_until: now,
            tally: Tally::new(schedule.measured_from)?,
            schedule,
            settings,
            payload,
            share,
        })
    }

    /// Runs the loop. It ends early if `watch`, which gets the progress every [`TICK`], breaks.
    pub(super) fn go(
        mut self,
        mut watch: impl FnMut(Progress) -> ControlFlow<()>,
    ) -> io::Result<Tally> {
        // Space for all, so that one wait finds every connection that is ready.
        let mut events = Events::with_capacity(self.share.connections.len());
        let mut ready = Vec::new();
        let mut next_tick = self.now;
        if self.settings.rate.is_none() {
            (0..self.share.connections.len()).for_each(|index| self.serve(index));
        }
        while !self.is_done() {
            if !self.measuring && self.now >= self.schedule.measured_from {
                self.measuring = true;
                self.meter = Meter::start(self.now)?;
            }
            if self.now >= next_tick {
                if watch(self.progress()).is_break() {
                    self.tally.interrupted = true;
                    break;
                }
                next_tick = self.now + TICK;
            }
            self.release();
            let waits_from = self.now;
            let is_whole = self.wait(&mut events)?;
            let mut found = self.again.len();
            for event in &events {
                found += usize::from(event.is_readable());
                self.note(event);
            }
            self.meter.add_found(found);
            mem::swap(&mut ready, &mut self.again);
            ready.drain(..).for_each(|index| self.serve(index));
            if is_whole {
                self.seen_until = waits_from;
            }
        }
        self.finish()
    }

    fn is_done(&mut self) -> bool {
        if self.outstanding == 0 {
            return self.alive == 0 || self.schedule.is_over(self.now);
        }
        let silent = self
            .seen_until
            .saturating_duration_since(self.last_progress);
        let stalled = silent >= self.settings.stall_limit;
        if stalled {
            self.give_up();
        }
        stalled
    }

    /// At a fixed rate, sends the messages that have become due.
    fn release(&mut self) {
        let now = self.now;
        while let Some(number) = self.schedule.wake(now) {
            let index = number % self.share.connections.len() as u64;
            self.serve(index as usize);
        }
    }

    /// Waits for events, until the next message is due or the next tick. Returns `false` if a
    /// signal interrupted the wait.
    ///
    /// epoll waits in whole milliseconds, which is far too coarse for a fixed rate: in the last
    /// millisecond before a message is due, this polls the clock.
    fn wait(&mut self, events: &mut Events) -> io::Result<bool> {
        let pause = match self.schedule.next_due() {
            _ if !self.again.is_empty() => Duration::ZERO,
            Some(due) => due.saturating_duration_since(self.now).min(TICK),
            None => TICK,
        };
        let pause = Duration::from_millis(pause.as_millis() as u64);
        let is_whole = match self.share.poll.poll(events, Some(pause)) {
            Ok(()) => true,
            Err(error) if error.kind() == ErrorKind::Interrupted => false,
            Err(error) => return Err(error),
        };
        // With events, serving the connections reads the clock.
        if events.is_empty() {
            let before = self.read_clock();
            if pause.is_zero() && self.again.is_empty() {
                self.meter.add_spun(self.now - before);
            }
        }
        Ok(is_whole)
    }

    fn note(&mut self, event: &mio::event::Event) {
        let index = event.token().0;
        if let Some(connection) = &mut self.share.connections[index] {
            connection.note(event);
            self.again.push(index);
        }
    }

    /// Serves one connection: at most one receive, then as many messages as are due.
    fn serve(&mut self, index: usize) {
        let Some(mut connection) = self.share.connections[index].take() else {
            return;
        };
        match self.exchange(&mut connection, index) {
            Ok(()) => {
                if connection.may_receive {
                    self.again.push(index);
                }
                self.share.connections[index] = Some(connection);
            }
            Err(error) => self.lose(&connection, index, &error),
        }
    }

    fn exchange(&mut self, connection: &mut LoadConnection, index: usize) -> io::Result<()> {
        let payload = self.payload;
        let mut bytes = 0;
        if connection.may_receive {
            bytes += connection.receive(payload, &mut self.buffer)?;
        }
        // The time of these answers is also the time of the messages that follow them.
        self.now = Instant::now();
        while let Some(due) = connection.next_answered(payload) {
            self.outstanding -= 1;
            if due >= self.schedule.measured_from {
                self.tally.record(due, self.now);
            }
        }
        let connections = self.share.connections.len() as u64;
        while connection.outstanding() < self.settings.depth {
            let number = index as u64 + connection.taken * connections;
            let Some(due) = self.schedule.take(number, self.now) else {
                break;
            };
            connection.taken += 1;
            connection.queue(due, payload);
            self.outstanding += 1;
        }
        bytes += connection.flush(payload)?;
        if bytes > 0 {
            self.last_progress = self.now;
        }
        Ok(())
    }

    fn lose(&mut self, connection: &LoadConnection, index: usize, error: &io::Error) {
        self.alive -= 1;
        self.outstanding -= connection.outstanding();
        let number = self.share.thread + index * self.settings.threads + 1;
        self.tally
            .count_error(self.now, || format!("connection {number}: {error}"));
    }

    /// Counts as lost every connection that still expects an answer.
    fn give_up(&mut self) {
        let limit = self.settings.stall_limit.as_secs_f64();
        for (index, connection) in mem::take(&mut self.share.connections).iter().enumerate() {
            if let Some(connection) = connection.as_ref().filter(|open| open.outstanding() > 0) {
                let open = connection.outstanding();
                let error = format!("no progress for {limit} s, with {open} unanswered messages");
                self.lose(
                    connection,
                    index,
                    &io::Error::new(ErrorKind::TimedOut, error),
                );
            }
        }
    }

    fn read_clock(&mut self) -> Instant {
        mem::replace(&mut self.now, Instant::now())
    }

    fn progress(&self) -> Progress {
        let (messages, errors) = (self.tally.messages(), self.tally.errors);
        let fraction = self.schedule.fraction(self.now, messages).clamp(0.0, 1.0);
        Progress {
            fraction,
            messages,
            errors,
        }
    }

    fn finish(mut self) -> io::Result<Tally> {
        self.tally.never_sent = self.schedule.never_sent(self.tally.interrupted);
        if self.measuring {
            self.tally.client_cpu = Some(self.meter.share()?);
            self.tally.answers_waiting = self.meter.mean_found();
        }
        Ok(self.tally)
    }
}
