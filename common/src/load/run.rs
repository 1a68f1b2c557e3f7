//! The load generator's loop: one thread, all connections, one [`mio::Poll`].

use std::io::{self, ErrorKind};
use std::mem;
use std::time::{Duration, Instant};

use mio::Events;

use super::connect;
use super::connection::Connection;
use super::engine::{Load, Progress};
use super::meter::Meter;
use super::schedule::Schedule;
use super::summary::Summary;
use super::tally::Tally;

/// How often progress is shown and looked for.
const TICK: Duration = Duration::from_millis(100);
/// One receive buffer for all connections, in bytes.
const BUFFER: usize = 128 * 1024;
/// Most events that one wait brings.
const EVENTS: usize = 1024;

/// A load that is running.
pub(super) struct Run {
    load: Load,
    schedule: Schedule,
    meter: Meter,
    /// The clock as last read; looking at it costs as much as a tenth of a message.
    now: Instant,
    measuring: bool,
    /// Connections that may have more to receive, whose turn comes again without an event.
    again: Vec<usize>,
    buffer: Vec<u8>,
    alive: usize,
    outstanding: usize,
    last_progress: Instant,
    tally: Tally,
}

impl Run {
    /// Prepares the run; the schedule begins now.
    pub(super) fn new(load: Load) -> io::Result<Self> {
        let now = Instant::now();
        let schedule = Schedule::new(&load.settings, now);
        Ok(Run {
            meter: Meter::start(now)?,
            now,
            measuring: false,
            again: Vec::new(),
            buffer: vec![0; BUFFER],
            alive: load.connections.len(),
            outstanding: 0,
            last_progress: now,
            tally: Tally::new(schedule.measured_from)?,
            schedule,
            load,
        })
    }

    /// The loop.
    pub(super) fn go(mut self, mut watch: impl FnMut(Progress)) -> io::Result<Summary> {
        let mut events = Events::with_capacity(EVENTS);
        let mut turns = Vec::new();
        let mut next_tick = self.now;
        if self.load.settings.rate.is_none() {
            (0..self.load.connections.len()).for_each(|index| self.turn(index));
        }
        while !self.is_done() {
            if !self.measuring && self.now >= self.schedule.measured_from {
                self.measuring = true;
                self.meter = Meter::start(self.now)?;
            }
            if self.now >= next_tick {
                watch(self.progress());
                next_tick = self.now + TICK;
            }
            self.release();
            self.wait(&mut events)?;
            for event in &events {
                self.note(event);
            }
            mem::swap(&mut turns, &mut self.again);
            turns.drain(..).for_each(|index| self.turn(index));
        }
        self.finish()
    }

    fn is_done(&mut self) -> bool {
        if self.outstanding == 0 {
            return self.alive == 0 || self.schedule.is_over(self.now);
        }
        let stalled = self.now.duration_since(self.last_progress) >= self.load.settings.stall_limit;
        if stalled {
            self.give_up();
        }
        stalled
    }

    /// At a fixed rate: sends what has come due.
    fn release(&mut self) {
        let now = self.now;
        while let Some(number) = self.schedule.wake(now) {
            let index = number % self.load.connections.len() as u64;
            self.turn(index as usize);
        }
    }

    /// Waits for events, until the next message is due or the next tick.
    ///
    /// epoll waits in whole milliseconds, which is far too coarse for the moments of a fixed rate:
    /// the last millisecond before a message is due is spent looking.
    fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        let pause = match self.schedule.next_due() {
            _ if !self.again.is_empty() => Duration::ZERO,
            Some(due) => due.saturating_duration_since(self.now).min(TICK),
            None => TICK,
        };
        let pause = Duration::from_millis(pause.as_millis() as u64);
        match self.load.poll.poll(events, Some(pause)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        // With events, the turns that follow read the clock.
        if events.is_empty() {
            let before = self.read_clock();
            if pause.is_zero() && self.again.is_empty() {
                self.meter.add_spun(self.now - before);
            }
        }
        Ok(())
    }

    fn note(&mut self, event: &mio::event::Event) {
        let index = event.token().0;
        if let Some(connection) = &mut self.load.connections[index] {
            connection.note(event);
            self.again.push(index);
        }
    }

    /// One connection's turn: at most one receive, then as many messages as are due.
    fn turn(&mut self, index: usize) {
        let Some(mut connection) = self.load.connections[index].take() else {
            return;
        };
        match self.exchange(&mut connection, index) {
            Ok(()) => {
                if connection.may_receive {
                    self.again.push(index);
                }
                self.load.connections[index] = Some(connection);
            }
            Err(error) => self.lose(&connection, index, &error),
        }
    }

    fn exchange(&mut self, connection: &mut Connection, index: usize) -> io::Result<()> {
        let payload = &self.load.payload;
        let mut bytes = 0;
        if connection.may_receive {
            bytes += connection.receive(payload, &mut self.buffer)?;
        }
        // The moment of these answers is also the moment of the messages that follow them.
        self.now = Instant::now();
        while let Some(due) = connection.next_answered(payload) {
            self.outstanding -= 1;
            if due >= self.schedule.measured_from {
                self.tally.record(due, self.now);
            }
        }
        let connections = self.load.connections.len() as u64;
        while connection.outstanding() < self.load.settings.depth {
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

    fn lose(&mut self, connection: &Connection, index: usize, error: &io::Error) {
        self.alive -= 1;
        self.outstanding -= connection.outstanding();
        self.tally
            .count_error(|| format!("connection {}: {error}", index + 1));
    }

    /// Counts as lost every connection that is still owed an answer.
    fn give_up(&mut self) {
        let limit = self.load.settings.stall_limit.as_secs_f64();
        for (index, connection) in mem::take(&mut self.load.connections).iter().enumerate() {
            if let Some(connection) = connection.as_ref().filter(|open| open.outstanding() > 0) {
                let open = connection.outstanding();
                let error = format!("no progress for {limit} s, with {open} messages not answered");
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

    fn finish(mut self) -> io::Result<Summary> {
        for index in connect::closed(&self.load.idle) {
            self.tally
                .count_error(|| format!("idle connection {} was closed by the server", index + 1));
        }
        let never_sent = self.schedule.never_sent();
        let client_cpu = self.meter.share(self.now)?;
        let seconds = self
            .tally
            .last_answer
            .duration_since(self.schedule.measured_from);
        let summary = self
            .tally
            .summarise(self.load.address, &self.load.settings, seconds);
        Ok(Summary {
            never_sent,
            client_cpu,
            ..summary
        })
    }
}
