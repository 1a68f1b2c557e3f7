//! An echo server that has to compute for each line, and refuses new clients while it is behind.
//!
//! It measures the loop's lag: it requests a call every 10 ms, and looks how late that call is. While
//! the lag is above a limit, a new client gets the line `busy` and no service. That costs little, and
//! the clients that are connected keep theirs.
//!
//! ```sh
//! cargo run -p reactor-echo --example reactor_lag -- 127.0.0.1:7000 0.1 0.05   # seconds: each line, the limit
//! nc 127.0.0.1 7000
//! ```

use std::cell::Cell;
use std::env;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use common::args::seconds;
use common::sys::{self, Listener};
use common::{Settings, StopSignal, output};
use reactor_echo::{EngineKind, Protocol, Reactor, Transport};

/// The time between two measurements.
const PERIOD: Duration = Duration::from_millis(10);

/// The longest line, in bytes.
const LONGEST_LINE: usize = 1000;

/// What the measurements found.
#[derive(Default)]
struct Lag {
    /// The lag of the last measurement, or what is left of an earlier and longer one.
    recent: Cell<Duration>,
    largest: Cell<Duration>,
}

impl Lag {
    /// A lag of one second fades within two, so that one good measurement doesn't let everyone in.
    fn measured(&self, lag: Duration) {
        let faded = self.recent.get().saturating_sub((PERIOD + lag) / 2);
        self.recent.set(lag.max(faded));
        self.largest.set(lag.max(self.largest.get()));
    }
}

/// Measures once, and requests the next measurement.
// CONCEPT: overload
fn measure(reactor: &mut Reactor, lag: Rc<Lag>) {
    let due = sys::now() + PERIOD;
    let _ = reactor.call_later(PERIOD, move |reactor| {
        lag.measured(sys::now().saturating_duration_since(due));
        measure(reactor, lag);
    });
}

struct Worker {
    line: Vec<u8>,
    /// How long the server computes for each line.
    work: Duration,
    is_refused: bool,
}

impl Protocol for Worker {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        if self.is_refused {
            transport.write(b"busy\n");
            transport.lose_connection();
        }
    }

    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        self.line.extend(data);
        while let Some(end) = self.line.iter().position(|byte| *byte == b'\n') {
            compute(self.work);
            transport.write(&self.line[..=end]);
            self.line.drain(..=end);
        }
        if self.line.len() > LONGEST_LINE {
            transport.lose_connection();
        }
    }
}

/// Keeps the loop busy, as a parser or a compression would.
fn compute(time: Duration) {
    let end = sys::now() + time;
    while sys::now() < end {}
}

fn main() -> io::Result<()> {
    let mut arguments = env::args().skip(1);
    let address = arguments.next().unwrap_or("127.0.0.1:0".into());
    let address: SocketAddr = address.parse().map_err(io::Error::other)?;
    let work = arguments.next().unwrap_or("0.1".into());
    let work = seconds(&work).map_err(io::Error::other)?;
    let limit = arguments.next().unwrap_or("0.05".into());
    let limit = seconds(&limit).map_err(io::Error::other)?;

    let stop = StopSignal::on_signals()?;
    let listener = Listener::bind(address, 128)?;
    output::print(format_args!("listening on {}\n", listener.local_addr()?))?;
    let largest = serve(listener, work, limit, stop)?;
    output::print(format_args!("largest lag: {} ms\n", largest.as_millis()))
}

/// Serves the clients of this listener until the stop signal is raised. Returns the largest lag.
fn serve(
    listener: Listener,
    work: Duration,
    limit: Duration,
    stop: StopSignal,
) -> io::Result<Duration> {
    let mut reactor = Reactor::new(EngineKind::default(), Settings::default())?;
    let lag = Rc::<Lag>::default();
    measure(&mut reactor, Rc::clone(&lag));
    let measured = Rc::clone(&lag);
    reactor.adopt_stream_port(listener, move |_| Worker {
        line: Vec::new(),
        work,
        is_refused: measured.recent.get() > limit,
    })?;
    let stop = Rc::new(stop);
    reactor.add_reader(Rc::<StopSignal>::clone(&stop), move |reactor| {
        if stop.is_raised() {
            reactor.stop();
        }
    })?;
    reactor.run()?;
    Ok(lag.largest.get())
}
