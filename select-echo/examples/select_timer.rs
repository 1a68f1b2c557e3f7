//! A clock: it sends a tick to every client, at fixed intervals.
//!
//! Select has no timers, but it has a timeout: wait at most until the next tick is due, and look at
//! the clock when the wait is over. It doesn't matter if the wait ended early because a client
//! connected.
//!
//! ```sh
//! cargo run -p select-echo --example select_timer -- 7000 0.5         # the port, and the seconds between two ticks
//! nc 127.0.0.1 7000
//! ```

use std::env;
use std::io::{self, Write};
use std::time::Duration;

use common::output::print_to_stderr;
use common::sys::{self, AsDescriptor, FD_SETSIZE, Listener, Stream, check_fits};
use common::{StopSignal, args, net};
use select_echo::{NOTHING, select};

/// More clients wait in the queue until one has gone.
const MOST_CLIENTS: usize = FD_SETSIZE / 2;

fn main() -> io::Result<()> {
    let mut arguments = env::args().skip(1);
    let port = arguments.next().unwrap_or("0".into());
    let period = arguments.next().unwrap_or("1".into());
    let period = args::seconds(&period).map_err(io::Error::other)?;
    let stop = StopSignal::on_signals()?;
    let listener = net::listen("127.0.0.1", port.parse().map_err(io::Error::other)?, 128)?;
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?)?;
    serve(listener, period, stop)
}

/// Serves the clients of this listener until the stop signal is raised.
pub fn serve(listener: Listener, period: Duration, stop: StopSignal) -> io::Result<()> {
    let mut clients: Vec<Stream> = Vec::new();
    let mut ticks: u64 = 0;
    let mut due = sys::now() + period;
    loop {
        let left = due.saturating_duration_since(sys::now());
        let mut inputs = vec![stop.descriptor()];
        inputs.extend((clients.len() < MOST_CLIENTS).then(|| listener.descriptor()));
        let ready = select(&inputs, NOTHING, NOTHING, Some(left))?;
        if ready.inputs.contains(&stop.descriptor().number()) {
            return Ok(());
        }
        if ready.inputs.contains(&listener.descriptor().number()) {
            match listener.accept() {
                Ok((client, _)) if check_fits(client.descriptor()).is_ok() => clients.push(client),
                Ok(_) => print_to_stderr(format_args!(
                    "cannot serve a client: select cannot watch more"
                )),
                Err(error) => print_to_stderr(format_args!("cannot accept a client: {error}")),
            }
        }
        if sys::now() >= due {
            ticks += 1;
            // Count from when it was due, not from now: a late tick doesn't delay the next ones.
            due += period;
            tell(&mut clients, format!("tick {ticks}\n").as_bytes());
        }
    }
}

/// Sends `line` to all clients, and drops those that don't take all of it: they don't read.
fn tell(clients: &mut Vec<Stream>, line: &[u8]) {
    clients.retain_mut(|client| client.send(line).is_ok_and(|sent| sent == line.len()));
}
