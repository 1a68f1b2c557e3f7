//! The echo server: all that a user of this style writes. (`sys::trace_handler` only writes a line
//! for the option `--trace`.)

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use common::sys::{self, Listener};
use common::{SendPolicy, Settings, StopSignal};

use crate::{EngineKind, Factory, Protocol, Reactor, Transport};

/// Serves until `stop` is raised and all output is sent, or the shutdown timeout is over.
///
/// # Errors
/// The errors of [`server`] and [`Reactor::run`].
pub fn serve(
    listener: Listener,
    settings: Settings,
    engine: EngineKind,
    policy: SendPolicy,
    stop: StopSignal,
) -> io::Result<()> {
    server(listener, settings, engine, policy, stop)?.run()
}

/// Creates a reactor with everything that the server needs, so that its [`run`](Reactor::run) can't
/// fail later because memory or descriptors have run out.
///
/// # Errors
/// No descriptor for the engine, no memory for the read buffer, or an engine that can't watch the
/// listener or the stop signal.
pub fn server(
    listener: Listener,
    settings: Settings,
    engine: EngineKind,
    policy: SendPolicy,
    stop: StopSignal,
) -> io::Result<Reactor> {
    let idle_timeout = settings.idle_timeout;
    let mut reactor = Reactor::new(engine, settings)?.with_send_policy(policy);
    reactor.adopt_stream_port(listener, EchoFactory { idle_timeout })?;
    let stop = Rc::new(stop); // One for the engine to watch, one for the callback to read.
    reactor.add_reader(Rc::<StopSignal>::clone(&stop), move |reactor| {
        if stop.is_raised() {
            reactor.stop();
        }
    })?;
    Ok(reactor)
}

/// The factory of the listener. Creates an [`Echo`] for each client.
#[derive(Debug, Default)]
pub struct EchoFactory {
    /// A connection that was idle for this long is closed; `None` means never.
    pub idle_timeout: Option<Duration>,
}

impl Factory for EchoFactory {
    fn build_protocol(&mut self, _: SocketAddr) -> Option<Box<dyn Protocol>> {
        let idle_timeout = self.idle_timeout;
        Some(Box::new(Echo { idle_timeout }))
    }
}

/// The protocol of one client. Sends back what it receives.
#[derive(Debug)]
pub struct Echo {
    idle_timeout: Option<Duration>,
}

impl Protocol for Echo {
    // CONCEPT: timers
    fn connection_made(&mut self, transport: &mut Transport) {
        sys::trace_handler("connection_made");
        transport.set_timeout(self.idle_timeout);
    }

    fn data_received(&mut self, transport: &mut Transport, data: &[u8]) {
        sys::trace_handler("data_received");
        transport.write(data);
    }
}
