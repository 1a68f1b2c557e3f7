//! The first server of the reactor style.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use common::sys::Listener;
use common::{Settings, StopSignal};
use reactor_echo::{EngineKind, Factory, Protocol, Reactor, Transport};

/// Serves until a stop is requested.
pub fn serve(listener: Listener, stop: StopSignal) -> io::Result<()> {
    let mut reactor = Reactor::new(EngineKind::Mio, Settings::default())?;
    reactor.adopt_stream_port(listener, EchoFactory)?;
    reactor.add_reader(Rc::new(stop), Reactor::stop)?;
    reactor.run()
}

/// The listener's factory: makes an [`Echo`] for each client.
struct EchoFactory;

impl Factory for EchoFactory {
    fn build_protocol(&mut self, _: SocketAddr) -> Option<Box<dyn Protocol>> {
        Some(Box::new(Echo))
    }
}

/// One client's: sends back what it sends.
struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &mut Transport, data: &[u8]) {
        transport.write(data);
    }
}
