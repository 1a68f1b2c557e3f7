//! A proxy: it connects each client to the same target address, and neither side notices that the
//! proxy is there.
//!
//! Shows back-pressure with nothing but the two lists: the proxy reads from one side only while it
//! has nothing to send to the other. So a slow receiver slows down its sender, and the proxy holds
//! at most one buffer for each direction. It also forwards the end of the stream (a half-close) and
//! a reset. Connecting needs no code of its own: select finds the new socket writable once it is
//! connected, or readable with the error.
//!
//! ```sh
//! cargo run -p select-echo -- --port 7000                           # some server
//! cargo run -p select-echo --example select_proxy -- 127.0.0.1:7000 7001
//! nc 127.0.0.1 7001
//! ```

use std::collections::VecDeque;
use std::env;
use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;
use std::rc::Rc;

use common::output::print_to_stderr;
use common::sys::{AsDescriptor, Descriptor, FD_SETSIZE, Listener, Stream, check_fits};
use common::{StopSignal, net};
use select_echo::{NOTHING, Ready, select};

/// Each client takes two descriptors. More clients wait in the queue until one has gone.
const MOST_PAIRS: usize = FD_SETSIZE / 4;

fn main() -> io::Result<()> {
    let mut arguments = env::args().skip(1);
    let target = arguments.next().unwrap_or("127.0.0.1:7".into());
    let target = target.parse().map_err(io::Error::other)?;
    let port = arguments.next().unwrap_or("0".into());
    let stop = StopSignal::on_signals()?;
    let listener = net::listen("127.0.0.1", port.parse().map_err(io::Error::other)?, 128)?;
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?)?;
    serve(listener, target, stop)
}

/// Serves the clients of this listener until the stop signal is raised.
pub fn serve(listener: Listener, target: SocketAddr, stop: StopSignal) -> io::Result<()> {
    let mut pairs: Vec<[Flow; 2]> = Vec::new();
    loop {
        let mut inputs: Vec<Descriptor> = vec![stop.descriptor()];
        inputs.extend((pairs.len() < MOST_PAIRS).then(|| listener.descriptor()));
        let mut outputs: Vec<Descriptor> = Vec::new();
        for flow in pairs.iter().flatten() {
            inputs.extend(flow.wants_to_read().then(|| flow.from.descriptor()));
            outputs.extend(flow.wants_to_write().then(|| flow.to.descriptor()));
        }
        let ready = select(&inputs, &outputs, NOTHING, None)?;
        // Dropping a finished pair closes its sockets.
        pairs.retain_mut(|[there, back]| {
            let carried = there.carry(&ready).and_then(|()| back.carry(&ready));
            if let Err(error) = &carried {
                there.fail(error);
            }
            carried.is_ok() && !(there.finished && back.finished)
        });
        if ready.inputs.contains(&stop.descriptor().number()) {
            return Ok(());
        }
        if ready.inputs.contains(&listener.descriptor().number()) {
            match open(&listener, target) {
                Ok(pair) => pairs.push(pair),
                Err(error) => print_to_stderr(format_args!("cannot serve a client: {error}")),
            }
        }
    }
}

fn open(listener: &Listener, target: SocketAddr) -> io::Result<[Flow; 2]> {
    let client = Rc::new(listener.accept()?.0);
    let server = Rc::new(Stream::connect(target)?);
    check_fits(client.descriptor())?;
    check_fits(server.descriptor())?;
    Ok([Flow::new(&client, &server), Flow::new(&server, &client)])
}

/// One direction: the bytes read from one socket and written to the other.
struct Flow {
    from: Rc<Stream>,
    to: Rc<Stream>,
    pending_output: VecDeque<u8>,
    /// The sender has sent its last byte.
    at_end: bool,
    /// The receiver got the end of the stream, too.
    finished: bool,
}

impl Flow {
    fn new(from: &Rc<Stream>, to: &Rc<Stream>) -> Self {
        Flow {
            from: Rc::clone(from),
            to: Rc::clone(to),
            pending_output: VecDeque::new(),
            at_end: false,
            finished: false,
        }
    }

    // CONCEPT: two-connections
    fn wants_to_read(&self) -> bool {
        self.pending_output.is_empty() && !self.at_end
    }

    fn wants_to_write(&self) -> bool {
        !self.pending_output.is_empty() || self.at_end && !self.finished
    }

    /// Reads or writes, if this direction needs it and select found it possible.
    fn carry(&mut self, ready: &Ready) -> io::Result<()> {
        if self.wants_to_write() && ready.outputs.contains(&self.to.descriptor().number()) {
            self.write()
        } else if self.wants_to_read() && ready.inputs.contains(&self.from.descriptor().number()) {
            self.read()
        } else {
            Ok(())
        }
        .or_else(|error| match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::Interrupted => Ok(()),
            _ => Err(error),
        })
    }

    /// If one peer has reset its connection, resets the other one, too. After an orderly end, the
    /// other peer would take a partial stream for a complete one.
    fn fail(&self, error: &io::Error) {
        if matches!(
            error.kind(),
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
        ) {
            for socket in [&self.from, &self.to] {
                let _ = socket.reset_on_close();
            }
        }
    }

    fn read(&mut self) -> io::Result<()> {
        let mut buffer = [0; 65536];
        let count = self.from.recv(&mut buffer)?;
        self.pending_output.extend(&buffer[..count]);
        self.at_end = count == 0;
        Ok(())
    }

    fn write(&mut self) -> io::Result<()> {
        if self.pending_output.is_empty() {
            self.finished = true;
            return self.to.finish();
        }
        let sent = self.to.send(self.pending_output.as_slices().0)?;
        self.pending_output.drain(..sent);
        Ok(())
    }
}
