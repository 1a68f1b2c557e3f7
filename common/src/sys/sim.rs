//! A simulated kernel: deterministic, in memory, in one thread, with its own clock.
//!
//! [`run`] runs a server over a [`Script`]: the server makes its calls through [`sys`](super) as
//! always, and this kernel handles them. The result is the whole run as a value, a [`Trace`]. The
//! same script, options, and seed always give the same trace.
//!
//! ```
//! use common::sys::sim::{self, Ending, Options};
//! use common::sys::{AsDescriptor, FdSet, select};
//!
//! let script = "connect 1; send 1 \"hello\"; half-close 1".parse()?;
//! let trace = sim::run(&script, &Options::default(), 0, |listener, _stop| {
//!     let mut inputs = FdSet::new();
//!     inputs.insert(listener.descriptor())?;
//!     select(Some(&mut inputs), None, None, None)?; // Client 1 connects while this waits.
//!     let (stream, _) = listener.accept()?;
//!     inputs = FdSet::new();
//!     inputs.insert(stream.descriptor())?;
//!     select(Some(&mut inputs), None, None, None)?;
//!     let mut buffer = [0; 100];
//!     let count = stream.recv(&mut buffer)?;
//!     stream.send(&buffer[..count])?;
//!     stream.close();
//!     Ok(())
//! });
//! assert_eq!(trace.ending, Ending::Returned);
//! assert_eq!(trace.clients[0].received, b"hello");
//! # Ok::<(), sim::ParseError>(())
//! ```
//!
//! # When things happen
//!
//! Time is virtual. It passes when the server waits and nothing is ready: then the next step of the
//! script happens, or the wait ends. A call takes a microsecond, and a millisecond passes between
//! two steps.
//!
//! With [`Schedule::Lockstep`], the world moves only while the server waits, and everything that
//! can move does, at once. With [`Schedule::Random`], the seed decides when packets and clients move,
//! even between two calls, and where their bytes are split. Calls that fail ([`Options::faults`]) have
//! a seed of their own.
//!
//! # What is simulated
//!
//! TCP as a program sees it on Linux: bounded buffers, the backlog and its overflow, partial reads
//! and writes, FIN, half-close, resets and what they destroy, pending errors, urgent data,
//! descriptors that run out, the readiness of select(2), and the edges of epoll(7) as mio offers
//! them. The test `kernel_comparison` plays random calls on this kernel and on Linux and compares
//! the results.
//!
//! Not simulated: segment sizes, delays of the network, Nagle's algorithm and delayed
//! acknowledgements, a signal that arrives outside of a wait (it does raise the stop signal),
//! SIGSTOP and SIGCONT.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::panic::Location;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::call::Call;
use super::{Counters, Faults, Listener, counters, faults};
use crate::StopSignal;

mod epoll;
pub(crate) mod handles;
mod kernel;
mod select;
mod tcp;
mod trace;
mod world;

pub use crate::script::{ClientEnd, ClientTrace, ParseError, Payload, Script, Step};
pub use trace::{
    CallRecord, Caller, Connection, ConnectionState, Ending, LostEdge, Record, Trace, TraceEvent,
};

use kernel::{Kernel, Object};
use world::World;

/// The properties of the simulated kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Where the server listens. Clients have addresses of the same family.
    pub address: SocketAddr,
    /// Connections that can wait to be accepted. Like Linux, the kernel lets one more wait.
    pub backlog: usize,
    /// The server's descriptors must be below this number: RLIMIT_NOFILE.
    pub descriptors: usize,
    /// Bytes that fit into the receive buffer of each of the server's connections: SO_RCVBUF.
    pub server_receive_buffer: usize,
    /// Bytes that fit into the send buffer of each of the server's connections: SO_SNDBUF.
    pub server_send_buffer: usize,
    /// The receive buffer of each client.
    pub client_receive_buffer: usize,
    /// The send buffer of each client.
    pub client_send_buffer: usize,
    /// When bytes arrive and clients act.
    pub schedule: Schedule,
    /// How often calls fail, with a seed of its own. Serialized as its text form.
    #[serde(with = "as_text")]
    pub faults: Option<Faults>,
    /// Whether the trace contains [`records`](Trace::records). Without them a run is faster.
    pub record: bool,
    /// The run ends when it has made this many records, or ten times as many states of connections
    /// in them.
    pub most_records: usize,
    /// Whether the run ends when the server waits after the last step. Otherwise time passes, so that
    /// its timers can expire.
    pub ends_with_script: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            address: SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8881)),
            backlog: 4096,
            descriptors: 1024,
            server_receive_buffer: 128 * 1024,
            server_send_buffer: 256 * 1024,
            client_receive_buffer: 128 * 1024,
            client_send_buffer: 256 * 1024,
            schedule: Schedule::default(),
            faults: None,
            record: true,
            most_records: usize::MAX,
            ends_with_script: false,
        }
    }
}

/// Optional faults, serialized as their text form.
mod as_text {
    use super::Faults;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    pub fn serialize<S: Serializer>(faults: &Option<Faults>, to: S) -> Result<S::Ok, S::Error> {
        faults.as_ref().map(Faults::to_string).serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Faults>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        let faults = text.map(|text| text.parse().map_err(de::Error::custom));
        faults.transpose()
    }
}

/// When bytes arrive and clients act.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// While the server waits, at once and completely, one step after the other.
    #[default]
    Lockstep,
    /// Whenever the seed decides, in pieces, and steps can happen early. The server can be late when it
    /// reads the clock.
    Random,
}

thread_local! {
    /// The number of the run that the calling thread is in, or 0.
    static RUN: Cell<u64> = const { Cell::new(0) };
    static LAST_RUN: Cell<u64> = const { Cell::new(0) };
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

/// Whether the calling thread is in a simulation.
#[inline]
pub(super) fn is_running() -> bool {
    RUN.get() != 0
}

fn with_current<T>(call: impl FnOnce(&mut World) -> T) -> io::Result<T> {
    let called = WORLD.with_borrow_mut(|world| world.as_mut().map(call));
    called.ok_or_else(|| io::Error::other("the simulation is over"))
}

/// Makes a call that opens a descriptor.
fn here(call: impl FnOnce(&mut Kernel, Duration) -> io::Result<i32>) -> io::Result<Handle> {
    let fd = with_current(|world| world.call(call))??;
    Ok(Handle { run: RUN.get(), fd })
}

/// The thread's state outside the run, restored when the run ends or panics.
struct Outside {
    run: u64,
    world: Option<World>,
    faults: Option<faults::FaultState>,
    counters: Counters,
}

impl Outside {
    fn enter(world: World, faults: faults::FaultState) -> Self {
        LAST_RUN.set(LAST_RUN.get() + 1);
        Outside {
            run: RUN.replace(LAST_RUN.get()),
            world: WORLD.replace(Some(world)),
            faults: Some(faults::replace(faults)),
            counters: counters::replace(&Counters::default()),
        }
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        RUN.set(self.run);
        WORLD.replace(self.world.take());
        self.faults.take().map(faults::replace);
        counters::replace(&self.counters);
    }
}

/// Runs a server over a script, to its end. `serve` gets a listener and a stop signal of the
/// simulated kernel, which handles every call that it makes through [`sys`](super).
///
/// The run also ends if the server waits although the script is over, or spins, or if the trace has
/// as many records as the options allow: then every call
/// fails, so that `serve` returns.
///
/// Nothing of a run remains in the thread afterwards, even if `serve` panics.
pub fn run(
    script: &Script,
    options: &Options,
    seed: u64,
    serve: impl FnOnce(Listener, StopSignal) -> io::Result<()>,
) -> Trace {
    let world = World::new(script, options, seed);
    let outside = Outside::enter(world, faults::FaultState::new(options.faults.as_ref()));
    let served = begin(options).and_then(|(stop, listener)| serve(listener, stop));
    let world = WORLD.take();
    let counters = counters();
    drop(outside);
    match world {
        Some(world) => world.into_trace(served, counters),
        None => World::new(script, options, seed).into_trace(served, counters),
    }
}

/// The descriptors that a server starts with. The script has not begun.
fn begin(options: &Options) -> io::Result<(StopSignal, Listener)> {
    let open = |open: &dyn Fn(&mut Kernel) -> io::Result<i32>| -> io::Result<Handle> {
        let fd = with_current(|world| open(&mut world.kernel))??;
        Ok(Handle { run: RUN.get(), fd })
    };
    let stop = handles::StopPipe(open(&|kernel| kernel.open(Object::Stop))?);
    let listen = |kernel: &mut Kernel| kernel.listen(options.address, options.backlog);
    let listener = handles::Listener(open(&listen)?);
    Ok((
        super::kernel::StopPipe::from(stop).into(),
        super::kernel::Listener::from(listener).into(),
    ))
}

/// Performs the next step of the script now, and delivers everything. For a test that decides
/// itself when steps happen, inside [`run`].
///
/// # Errors
/// No simulation runs on this thread.
pub fn perform_next_step() -> io::Result<()> {
    with_current(World::step_now)
}

/// Delivers everything that is on its way. For a test, inside [`run`].
///
/// # Errors
/// No simulation runs on this thread.
pub fn deliver() -> io::Result<()> {
    with_current(World::move_everything)
}

/// Adds a call to the trace.
pub(super) fn note(call: Call, caller: &'static Location<'static>) {
    // Fails only for a value that outlived its run.
    let _ = with_current(|world| world.note(call, caller));
}

/// A simulated descriptor. Dropping it closes it.
#[derive(Debug)]
pub struct Handle {
    run: u64,
    /// -1 when it is closed.
    fd: i32,
}

impl Handle {
    fn with<T>(&self, call: impl FnOnce(&mut World) -> T) -> io::Result<T> {
        if self.run != RUN.get() {
            return Err(io::Error::other("the simulation is over"));
        }
        with_current(call)
    }

    /// Makes a call on the descriptor.
    fn call<T>(&self, call: impl FnOnce(&mut Kernel, i32) -> io::Result<T>) -> io::Result<T> {
        self.with(|world| world.call(|kernel, _| call(kernel, self.fd)))?
    }

    /// Another descriptor of the same run.
    fn beside(&self, fd: i32) -> Handle {
        Handle { run: self.run, fd }
    }

    fn close(&mut self) {
        let fd = std::mem::replace(&mut self.fd, -1);
        if fd >= 0 {
            // A close succeeds even at the end of the run.
            let _ = self.with(|world| world.close(fd));
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.close();
    }
}
