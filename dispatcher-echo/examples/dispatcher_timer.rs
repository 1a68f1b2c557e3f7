//! A distant wall: an echo that returns a while after the call.
//!
//! Shows how to write timers, which this style doesn't have. The loop waits at most until the next
//! echo is due. Then it calls `writable` of the echo's object again, which returns `true` by now.
//! All echoes have the same delay, so a queue keeps them in order; with different delays, use a
//! heap or a `BTreeMap`.
//!
//! ```sh
//! cargo run -p dispatcher-echo --example dispatcher_timer -- 7000 0.5     # the port, and the seconds until an echo comes back
//! nc 127.0.0.1 7000
//! ```

use std::cell::RefCell;
use std::collections::VecDeque;
use std::env;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use common::sys::{self, Listener, Stream};
use common::{args, net};
use dispatcher_echo::{Channel, Dispatcher, DispatcherWithSend, Key, SocketMap};

/// The server doesn't read from a caller with this many echoes under way.
const MOST_ECHOES: usize = 100;

/// In the order in which the items are due.
type Queue<T> = VecDeque<(Instant, T)>;

/// Which objects to reconsider, and when.
type Timers = Rc<RefCell<Queue<Key>>>;

fn main() -> io::Result<()> {
    let mut arguments = env::args().skip(1);
    let port = arguments.next().unwrap_or("0".into());
    let delay = arguments.next().unwrap_or("1".into());
    let delay = args::seconds(&delay).map_err(io::Error::other)?;
    let listener = net::listen("127.0.0.1", port.parse().map_err(io::Error::other)?, 128)?;
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?)?;
    serve(listener, delay)
}

/// Serves the callers of this listener until the process ends.
pub fn serve(listener: Listener, delay: Duration) -> io::Result<()> {
    let timers = Timers::default();
    let valley = Valley {
        delay,
        timers: Rc::clone(&timers),
    };
    let mut map = SocketMap::new(vec![0; 4096])?;
    map.open_listener(listener, valley)?;
    while !map.is_empty() {
        let next = timers.borrow().front().map(|(due, _)| *due);
        map.poll(next.map(|due| due.saturating_duration_since(sys::now())))?;
        while let Some(key) = pop_due(&mut timers.borrow_mut()) {
            map.reconsider(key);
        }
    }
    Ok(())
}

fn is_due<T>(queue: &Queue<T>) -> bool {
    queue.front().is_some_and(|(due, _)| *due <= sys::now())
}

fn pop_due<T>(queue: &mut Queue<T>) -> Option<T> {
    if is_due(queue) {
        queue.pop_front().map(|(_, item)| item)
    } else {
        None
    }
}

/// The object that handles the listener's events.
struct Valley {
    delay: Duration,
    timers: Timers,
}

impl Dispatcher for Valley {
    fn handle_accepted(
        &mut self,
        channel: &mut Channel,
        socket: Stream,
        _: SocketAddr,
    ) -> io::Result<()> {
        let (delay, timers) = (self.delay, Rc::clone(&self.timers));
        let (echoes, out) = (Queue::new(), DispatcherWithSend::default());
        channel
            .open(
                socket,
                Wall {
                    delay,
                    timers,
                    echoes,
                    out,
                },
            )
            .map(drop)
    }
}

/// The object that handles one caller's events.
struct Wall {
    delay: Duration,
    timers: Timers,
    echoes: Queue<Vec<u8>>,
    out: DispatcherWithSend,
}

impl Dispatcher for Wall {
    fn readable(&self) -> bool {
        self.echoes.len() < MOST_ECHOES && !self.out.writable()
    }

    fn writable(&self) -> bool {
        self.out.writable() || is_due(&self.echoes)
    }

    fn handle_read(&mut self, channel: &mut Channel) -> io::Result<()> {
        let call = channel.recv(4096)?.to_vec();
        let due = sys::now() + self.delay;
        self.echoes.push_back((due, call));
        self.timers.borrow_mut().push_back((due, channel.key()));
        Ok(())
    }

    fn handle_write(&mut self, channel: &mut Channel) -> io::Result<()> {
        while let Some(echo) = pop_due(&mut self.echoes) {
            self.out.append(&echo);
        }
        self.out.initiate_send(channel)
    }
}
