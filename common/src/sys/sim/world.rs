//! The world around the server: the clock, the network, the clients, and the script that moves
//! them.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::panic::Location;
use std::time::{Duration, Instant};

use fastrand::Rng;

use super::kernel::{Kernel, Object};
use super::tcp::bits;
use super::trace::{CallRecord, Connection, Ending, LostEdge, Record, Trace, TraceEvent};
use super::{Options, Schedule};
use crate::script::{ClientTrace, Script, ScriptedClient, Step};
use crate::sys::Counters;
use crate::sys::call::Call;

mod network;
mod state;

/// The time that a call takes. If it were zero, a flood would stop the clock, and a timer would fire
/// at the moment when it is set.
const CALL_TAKES: Duration = Duration::from_micros(1);

/// The time between two steps of the script.
const STEP_TAKES: Duration = Duration::from_millis(1);

/// The longest time that passes before the server reads the clock, in microseconds.
const MOST_LATE: u64 = 2_000;

/// After this many calls between two waits that last, or this many waits without progress, the
/// server counts as spinning.
const MOST_CALLS: usize = 1_000_000;
const MOST_FRUITLESS_WAITS: usize = 1_000;

/// Waits that a server can begin after the end of the script, to let its timers expire.
const MOST_TIMEOUTS: usize = 10_000;

/// A client, and its end of the connection while it has one.
type Client = ScriptedClient<usize>;

#[derive(Debug)]
pub(super) struct World {
    pub kernel: Kernel,
    pub address: SocketAddr,
    script: Vec<Step>,
    next_step: usize,
    /// The earliest time of the next step.
    step_at: Duration,
    clients: BTreeMap<u32, Client>,
    /// The connections that can still change, by their first ends. The one whose client acted last is
    /// the last.
    active: Vec<usize>,
    now: Duration,
    base: Instant,
    /// Decides what a script leaves open. `None` means that only what the script says happens.
    rng: Option<Rng>,
    records: Vec<Record>,
    is_recording: bool,
    most_records: usize,
    ends_with_script: bool,
    /// How many states of connections the records contain.
    recorded_states: usize,
    /// The descriptor that was closed last, and its peer.
    last_closed: Option<(i32, String)>,
    lost_edges: Vec<LostEdge>,
    /// Set when the server can't go on: each of its calls fails.
    ended: Option<WorldEnd>,
    calls_since_rest: usize,
    has_progressed: bool,
    fruitless_waits: usize,
    timeouts: usize,
}

/// How a run ended, and its clients and connections at that moment.
#[derive(Debug)]
struct WorldEnd {
    ending: Ending,
    clients: Vec<ClientTrace>,
    connections: Vec<Connection>,
}

/// A wait's question to the kernel, and the place for the result.
pub(super) trait ReadinessCheck {
    /// Returns how many descriptors are ready now.
    fn check_readiness(&mut self, kernel: &mut Kernel, rng: Option<&mut Rng>) -> usize;
}

impl World {
    pub fn new(script: &Script, options: &Options, seed: u64) -> Self {
        let rng = (options.schedule == Schedule::Random).then(|| Rng::with_seed(seed));
        World {
            kernel: Kernel::new(options),
            address: options.address,
            script: script.steps.clone(),
            next_step: 0,
            step_at: STEP_TAKES,
            clients: BTreeMap::new(),
            active: Vec::new(),
            now: Duration::ZERO,
            base: Instant::now(),
            rng,
            records: Vec::new(),
            is_recording: options.record,
            most_records: options.most_records,
            ends_with_script: options.ends_with_script,
            recorded_states: 0,
            last_closed: None,
            lost_edges: Vec::new(),
            ended: None,
            calls_since_rest: 0,
            has_progressed: false,
            fruitless_waits: 0,
            timeouts: 0,
        }
    }

    /// The time. A program on a busy machine can be late when it looks at the clock: with a random
    /// schedule, some time passes before that, once in a while.
    pub fn time(&mut self) -> Instant {
        if let Some(rng) = &mut self.rng
            && rng.u8(..4) == 0
        {
            self.now += Duration::from_micros(rng.u64(..MOST_LATE));
        }
        self.base + self.now
    }

    /// Makes a call of the server: some time passes, and a part of the world can move.
    pub fn call<T>(
        &mut self,
        call: impl FnOnce(&mut Kernel, Duration) -> io::Result<T>,
    ) -> io::Result<T> {
        self.begin_call()?;
        let before = self.kernel.sockets.len();
        let result = call(&mut self.kernel, self.now);
        self.active
            .extend((before..self.kernel.sockets.len()).step_by(2));
        result
    }

    fn begin_call(&mut self) -> io::Result<()> {
        self.now += CALL_TAKES;
        self.calls_since_rest += 1;
        if self.calls_since_rest > MOST_CALLS {
            self.end(Ending::Spinning);
        }
        if let Some(end) = &self.ended {
            return Err(error_of(&end.ending));
        }
        self.move_at_random();
        Ok(())
    }

    fn end(&mut self, ending: Ending) -> io::Error {
        let ended = self.ended.take().unwrap_or_else(|| self.end_with(ending));
        error_of(&self.ended.insert(ended).ending)
    }

    fn client_traces(&self) -> Vec<ClientTrace> {
        let clients = self.clients.iter();
        clients
            .map(|(number, client)| client.trace(*number))
            .collect()
    }

    fn end_with(&self, ending: Ending) -> WorldEnd {
        WorldEnd {
            ending,
            clients: self.client_traces(),
            connections: self.connections(),
        }
    }

    /// Moves the network and the clients: with a random schedule, they don't wait for the server.
    fn move_at_random(&mut self) {
        let Some(rng) = &mut self.rng else {
            return;
        };
        let (moves, takes_step) = (rng.u8(..3), rng.u8(..16) == 0);
        for _ in 0..moves {
            self.move_something();
        }
        if takes_step && self.step_at <= self.now + STEP_TAKES {
            let at = self.step_at.max(self.now);
            self.perform_next(at);
        }
    }

    /// Waits: the world moves until something is ready, a signal comes, or the time is over.
    pub fn wait(
        &mut self,
        timeout: Option<Duration>,
        interest: &mut impl ReadinessCheck,
    ) -> io::Result<usize> {
        self.begin_call()?;
        let deadline = timeout.map(|timeout| self.now.saturating_add(timeout));
        let has_no_time = timeout == Some(Duration::ZERO);
        if std::mem::take(&mut self.has_progressed) {
            self.fruitless_waits = 0;
        }
        self.fruitless_waits += 1;
        if self.fruitless_waits > MOST_FRUITLESS_WAITS {
            return Err(self.end(Ending::Spinning));
        }
        loop {
            if self.rng.is_none() {
                self.move_everything();
            }
            let ready = interest.check_readiness(&mut self.kernel, self.rng.as_mut());
            if ready > 0 || has_no_time {
                return Ok(ready);
            }
            if self.move_something() {
                continue;
            }
            self.look_for_lost_edges();
            match self.pass_time(deadline)? {
                Passed::Time => {}
                Passed::Deadline => return Ok(0),
                Passed::Signal => return Err(ErrorKind::Interrupted.into()),
            }
        }
    }

    /// Lets time pass until something happens: nothing is ready and nothing can move.
    fn pass_time(&mut self, deadline: Option<Duration>) -> io::Result<Passed> {
        // The server really waits.
        (self.fruitless_waits, self.calls_since_rest) = (0, 0);
        let step = (self.next_step < self.script.len()).then_some(self.step_at);
        let retry = self.kernel.next_retry();
        let events = [step, retry].into_iter().flatten();
        let next = events.chain(deadline).min();
        let is_over = step.is_none() && self.ends_with_script;
        let Some(next) = next.filter(|next| !is_over || *next <= self.step_at) else {
            if is_over {
                self.now = self.now.max(self.step_at);
            }
            return Err(self.end(Ending::Waiting));
        };
        if step.is_none() && retry.is_none() {
            self.timeouts += 1;
            if self.timeouts > MOST_TIMEOUTS {
                return Err(self.end(Ending::Waiting));
            }
        }
        self.now = self.now.max(next);
        if deadline == Some(next) {
            return Ok(Passed::Deadline);
        }
        if step == Some(next) && self.perform_next(self.now) {
            return Ok(Passed::Signal);
        }
        Ok(Passed::Time)
    }

    /// Performs the next step of the script. Returns whether it is a signal.
    pub fn perform_next(&mut self, at: Duration) -> bool {
        let Some(step) = self.script.get(self.next_step).cloned() else {
            return false;
        };
        self.now = self.now.max(at);
        self.next_step += 1;
        self.step_at = self.now + STEP_TAKES;
        let is_signal = self.perform(&step);
        if self.is_recording {
            self.record(TraceEvent::Step(step.to_string()));
        }
        is_signal
    }

    fn perform(&mut self, step: &Step) -> bool {
        match step {
            Step::Connect(client, port) => {
                let port = port.unwrap_or(self.address.port());
                let address = SocketAddr::new(self.address.ip(), port);
                let end = self.kernel.connect_client(*client, address, self.now);
                self.active.push(end);
                self.client(*client).end = Some(end);
            }
            Step::Listen(client, port) => {
                let address = SocketAddr::new(self.address.ip(), *port);
                self.kernel.awaiting.push((address, *client));
                self.client(*client);
            }
            Step::IgnorePort(port) => {
                self.kernel.silent_ports.insert(*port);
            }
            Step::Send(client, _)
            | Step::Urgent(client, _)
            | Step::Read(client, _)
            | Step::StopReading(client)
            | Step::ResumeReading(client)
            | Step::HalfClose(client)
            | Step::Close(client) => self.client(*client).begin(step),
            Step::Reset(client) => {
                let client = self.client(*client);
                let end = client.end;
                client.forget_connection();
                if let Some(end) = end {
                    self.kernel.sockets[end].reset_on_close();
                    self.kernel.sockets[end].close();
                }
            }
            Step::Wait(duration) => self.step_at += *duration,
            Step::Stop => {
                self.kernel.write_stop_byte();
                return true;
            }
            Step::Signal => return true,
            Step::Descriptors(limit) => self.kernel.descriptor_limit = *limit,
            Step::Together(steps) => {
                // Every step is performed, even after a signal.
                return steps
                    .iter()
                    .fold(false, |any, step| self.perform(step) | any);
            }
        }
        false
    }

    /// A client that is about to act.
    fn client(&mut self, number: u32) -> &mut Client {
        let client = self.clients.entry(number).or_default();
        if let Some(end) = client.end {
            let first = end & !1;
            self.active.retain(|active| *active != first);
            self.active.push(first);
        }
        client
    }

    fn look_for_lost_edges(&mut self) {
        let quiet: Vec<(i32, u32)> = self
            .kernel
            .polls
            .iter()
            .flat_map(|poll| poll.quiet())
            .collect();
        for (fd, watched) in quiet {
            let Ok(object @ Object::Stream(end)) = self.kernel.object(fd) else {
                continue;
            };
            let ready = self.kernel.readiness(object) & watched;
            let socket = &self.kernel.sockets[end];
            let is_read = ready & bits::IN != 0 && socket.bytes_read == socket.bytes_written;
            let is_write = ready & bits::OUT != 0 && socket.was_refused;
            let name = self.name(end);
            let known = |lost: &LostEdge| lost.name == name && lost.is_read == is_read;
            if (is_read || is_write) && !self.lost_edges.iter().any(known) {
                self.lost_edges.push(LostEdge {
                    record: self.records.len().saturating_sub(1),
                    name,
                    is_read,
                });
            }
        }
    }

    /// close(2), which succeeds even at the end of the run.
    pub fn close(&mut self, fd: i32) {
        let _ = self.begin_call();
        self.last_closed = self.peer(fd).map(|peer| (fd, peer));
        self.kernel.close(fd);
    }

    pub fn note(&mut self, call: Call, caller: &'static Location<'static>) {
        self.has_progressed |= call.is_progress();
        if self.is_recording {
            let closed = self.last_closed.take_if(|(fd, _)| call.fd == Some(*fd));
            let peer = call.fd.and_then(|fd| self.peer(fd));
            let peer = peer.or(closed.map(|(_, peer)| peer));
            self.record(TraceEvent::Call(CallRecord::new(call, peer, caller)));
        }
    }

    fn record(&mut self, event: TraceEvent) {
        let is_full = self.records.len() >= self.most_records
            || self.recorded_states / 10 >= self.most_records;
        if is_full {
            self.end(Ending::Cut);
            return;
        }
        let record = Record {
            microseconds: self.now.as_micros() as u64,
            event,
            listening: self.listening(),
            connections: self.connections(),
        };
        self.recorded_states += record.connections.len();
        self.records.push(record);
    }

    /// Makes the trace of the run. What the server has sent still arrives.
    pub fn into_trace(mut self, served: io::Result<()>, counters: Counters) -> Trace {
        self.move_everything();
        let end = self.ended.take().unwrap_or_else(|| {
            self.end_with(match served {
                Ok(()) => Ending::Returned,
                Err(error) => Ending::Failed(error.to_string()),
            })
        });
        let open = self.kernel.descriptors();
        let open = open.filter(|(_, object)| *object != Object::Standard);
        let open_descriptors = open.map(|(fd, _)| fd).collect();
        Trace {
            records: self.records,
            ending: end.ending,
            clients: end.clients,
            connections: end.connections,
            counters,
            lost_edges: self.lost_edges,
            steps_left: self.script.len() - self.next_step,
            open_descriptors,
            microseconds: self.now.as_micros() as u64,
        }
    }

    /// Performs the next step now, and moves everything.
    pub fn step_now(&mut self) {
        self.move_everything();
        self.perform_next(self.now);
        self.move_everything();
    }
}

/// Why a wait continues, or doesn't.
enum Passed {
    Time,
    Deadline,
    Signal,
}

fn error_of(ending: &Ending) -> io::Error {
    io::Error::other(match ending {
        Ending::Waiting => "the script is over, and the server waits",
        Ending::Cut => "the trace is full",
        _ => "the server spins",
    })
}
