//! What the examples of a restart share: an echo that counts its connections, so that the process can
//! stop accepting and end with the last of them.

use std::cell::Cell;
use std::io;
use std::net::TcpListener;
use std::rc::Rc;

use reactor_echo::{Key, Protocol, Reactor, Reason, Transport};

/// What all connections share.
#[derive(Default)]
pub struct Shared {
    connections: Cell<usize>,
    /// Another process accepts from now on.
    is_replaced: Cell<bool>,
}

impl Shared {
    /// Accepts from this listener.
    pub fn listen(
        self: &Rc<Self>,
        reactor: &mut Reactor,
        listener: TcpListener,
    ) -> io::Result<Key> {
        let shared = Rc::clone(self);
        reactor.adopt_stream_port(listener.into(), move |_| Echo {
            shared: Rc::clone(&shared),
        })
    }

    /// Accepts no more, and ends with the last connection. (`Reactor::stop` alone would accept the
    /// waiting clients, which are another process's now.)
    // CONCEPT: restart
    pub fn retire(&self, reactor: &mut Reactor, port: Key) {
        reactor.stop_listening(port);
        self.is_replaced.set(true);
        self.stop_if_done(reactor);
    }

    fn stop_if_done(&self, reactor: &mut Reactor) {
        if self.is_replaced.get() && self.connections.get() == 0 {
            reactor.stop();
        }
    }
}

struct Echo {
    shared: Rc<Shared>,
}

impl Protocol for Echo {
    fn connection_made(&mut self, _: &mut Transport<'_>) {
        let connections = &self.shared.connections;
        connections.set(connections.get() + 1);
    }

    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        transport.write(data);
    }

    fn connection_lost(&mut self, reactor: &mut Reactor, _: &Reason) {
        let connections = &self.shared.connections;
        connections.set(connections.get() - 1);
        self.shared.stop_if_done(reactor);
    }
}
