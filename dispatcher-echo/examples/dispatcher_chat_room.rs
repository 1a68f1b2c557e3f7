//! A chat room: it sends what one member says to all the others.
//!
//! Shows how objects reach each other. Each has an outbox that it shares with the room. When one
//! object puts a message into another's outbox, the other's `writable` becomes `true`. So the first
//! object calls [`Channel::reconsider`].
//!
//! ```sh
//! cargo run -p dispatcher-echo --example dispatcher_chat_room -- 7000
//! nc 127.0.0.1 7000          # in two other terminals
//! ```

use std::cell::RefCell;
use std::collections::HashMap;
use std::env;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::rc::Rc;

use common::sys::{Listener, Stream};
use common::{StopSignal, net};
use dispatcher_echo::{Channel, Dispatcher, DispatcherWithSend, Key, SocketMap};

/// A member with more unread bytes than this has stopped reading, and is disconnected.
const PATIENCE: usize = 1024 * 1024;

/// More clients wait in the queue until a member leaves.
const SEATS: usize = 500;

type Outbox = Rc<RefCell<DispatcherWithSend>>;
type Room = Rc<RefCell<HashMap<Key, Outbox>>>;

fn main() -> io::Result<()> {
    let port = env::args().nth(1).unwrap_or("0".into());
    let stop = StopSignal::on_signals()?;
    let listener = net::listen("127.0.0.1", port.parse().map_err(io::Error::other)?, 128)?;
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?)?;
    serve(listener, stop)
}

/// Serves the clients of this listener until the stop signal is raised.
pub fn serve(listener: Listener, stop: StopSignal) -> io::Result<()> {
    let mut map = SocketMap::new(vec![0; 4096])?;
    let room = Room::default();
    map.open_listener(listener, Acceptor { room })?;
    map.open_file(stop.try_clone_file()?, StopHandler { stop })?;
    map.run_loop(None, None)
}

/// The object that handles the listener's events.
struct Acceptor {
    room: Room,
}

impl Dispatcher for Acceptor {
    fn readable(&self) -> bool {
        self.room.borrow().len() < SEATS
    }

    fn handle_accepted(
        &mut self,
        channel: &mut Channel,
        socket: Stream,
        _: SocketAddr,
    ) -> io::Result<()> {
        let outbox = Outbox::default();
        outbox.borrow_mut().append(b"welcome\n");
        let member = Member {
            room: Rc::clone(&self.room),
            outbox: Rc::clone(&outbox),
        };
        let key = channel.open(socket, member)?;
        self.room.borrow_mut().insert(key, outbox);
        Ok(())
    }
}

/// The object that handles one member's events.
struct Member {
    room: Room,
    outbox: Outbox,
}

impl Dispatcher for Member {
    fn writable(&self) -> bool {
        self.outbox.borrow().writable()
    }

    fn handle_read(&mut self, channel: &mut Channel) -> io::Result<()> {
        let said = channel.recv(4096)?;
        self.room.borrow_mut().retain(|&key, outbox| {
            if key == channel.key() {
                return true;
            }
            let mut outbox = outbox.borrow_mut();
            outbox.append(said);
            channel.reconsider(key);
            let listens = outbox.pending_output() <= PATIENCE;
            if !listens {
                channel.close_other(key);
            }
            listens
        });
        Ok(())
    }

    fn handle_write(&mut self, channel: &mut Channel) -> io::Result<()> {
        self.outbox.borrow_mut().initiate_send(channel)
    }

    fn handle_close(&mut self, channel: &mut Channel) -> io::Result<()> {
        self.room.borrow_mut().remove(&channel.key());
        channel.close();
        Ok(())
    }

    fn handle_error(&mut self, channel: &mut Channel, _: io::Error) {
        self.room.borrow_mut().remove(&channel.key());
        channel.close();
    }
}

/// The object that handles the stop signal. The loop ends when all channels are closed.
struct StopHandler {
    stop: StopSignal,
}

impl Dispatcher for StopHandler {
    fn handle_read(&mut self, channel: &mut Channel) -> io::Result<()> {
        if self.stop.is_raised() {
            channel.close_all();
        }
        Ok(())
    }
}
