//! A line server with a deadline for each line, besides the timeout for silence. A client that sends
//! one byte now and then is never silent, but its line is late.
//!
//! The time begins with a line's first byte, and no later byte extends it.
//!
//! ```sh
//! cargo run -p reactor-echo --example reactor_deadline -- 127.0.0.1:7000 5
//! nc 127.0.0.1 7000          # type half a line, and wait
//! ```

use std::env;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use common::args::seconds;
use common::sys::Listener;
use common::{Settings, StopSignal, output};
use reactor_echo::{DelayedCall, EngineKind, Protocol, Reactor, Reason, Transport};

/// The longest line, in bytes.
const LONGEST_LINE: usize = 1000;

/// One client.
struct Lines {
    /// How long the client can take for one line.
    limit: Duration,
    /// The part of the current line that has arrived so far.
    line: Vec<u8>,
    /// The call that closes the connection. `None` between two lines.
    deadline: Option<DelayedCall>,
}

impl Protocol for Lines {
    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        self.line.extend(data);
        if let Some(end) = self.line.iter().rposition(|byte| *byte == b'\n') {
            transport.write(&self.line[..=end]);
            self.line.drain(..=end);
            self.cancel_deadline(transport.reactor());
        }
        if self.line.len() > LONGEST_LINE {
            transport.lose_connection();
        } else if !self.line.is_empty() && self.deadline.is_none() {
            self.set_deadline(transport);
        }
    }

    fn connection_lost(&mut self, reactor: &mut Reactor, _: &Reason) {
        self.cancel_deadline(reactor);
    }
}

impl Lines {
    // CONCEPT: gone-peers
    fn set_deadline(&mut self, transport: &mut Transport<'_>) {
        let key = transport.key();
        let late = move |reactor: &mut Reactor| {
            if let Some(mut transport) = reactor.transport(key) {
                transport.lose_connection();
            }
        };
        self.deadline = Some(transport.reactor().call_later(self.limit, late));
    }

    fn cancel_deadline(&mut self, reactor: &mut Reactor) {
        if let Some(deadline) = self.deadline.take() {
            reactor.cancel(&deadline);
        }
    }
}

fn main() -> io::Result<()> {
    let mut arguments = env::args().skip(1);
    let address = arguments.next().unwrap_or("127.0.0.1:0".into());
    let address: SocketAddr = address.parse().map_err(io::Error::other)?;
    let limit = arguments.next().unwrap_or("5".into());
    let limit = seconds(&limit).map_err(io::Error::other)?;

    let stop = StopSignal::on_signals()?;
    let reactor = Reactor::new(EngineKind::default(), Settings::default())?;
    let listener = Listener::bind(address, 128)?;
    output::print(format_args!("listening on {}\n", listener.local_addr()?))?;
    serve(reactor, listener, limit, stop)
}

/// Serves the clients of this listener until the stop signal is raised.
pub fn serve(
    mut reactor: Reactor,
    listener: Listener,
    limit: Duration,
    stop: StopSignal,
) -> io::Result<()> {
    let client = move |_| Lines {
        limit,
        line: Vec::new(),
        deadline: None,
    };
    reactor.adopt_stream_port(listener, client)?;
    let stop = Rc::new(stop);
    reactor.add_reader(Rc::<StopSignal>::clone(&stop), move |reactor| {
        if stop.is_raised() {
            reactor.stop();
        }
    })?;
    reactor.run()
}
