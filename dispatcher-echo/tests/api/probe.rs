//! An object that logs its calls, and functions that run the loop for it.

use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use common::client::EchoClient;
use common::net;
use common::sys::{self, Stream};
use dispatcher_echo::{Channel, Dispatcher, SocketMap};

/// A call of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    Accepted,
    Connect,
    Read,
    Write,
    Expt,
    Close,
    Stop,
    Error(ErrorKind),
}

/// The calls of all probes of one test, in order.
#[derive(Clone, Default)]
pub struct CallLog(Rc<RefCell<Vec<(&'static str, Call)>>>);

impl CallLog {
    pub fn all(&self) -> Vec<(&'static str, Call)> {
        self.0.borrow().clone()
    }

    pub fn of(&self, name: &str) -> Vec<Call> {
        let of_name = self.all().into_iter().filter(|(who, _)| *who == name);
        of_name.map(|(_, call)| call).collect()
    }

    pub fn count(&self, name: &str, call: Call) -> usize {
        self.of(name).iter().filter(|noted| **noted == call).count()
    }
}

/// What a probe returns from `readable` and `writable`. The test and the probe share it.
pub struct Interest {
    pub readable: Cell<bool>,
    pub writable: Cell<bool>,
}

type Act = Box<dyn FnMut(Call, &mut Channel) -> io::Result<()>>;

/// An object that logs each call, then acts.
pub struct Probe {
    name: &'static str,
    log: CallLog,
    interest: Rc<Interest>,
    act: Act,
}

impl Probe {
    /// A probe that reads everything, and closes at the end of the stream, a stop, or an
    /// error.
    pub fn new(name: &'static str, log: &CallLog) -> Self {
        let interest = Interest {
            readable: Cell::new(true),
            writable: Cell::new(false),
        };
        Probe {
            name,
            log: log.clone(),
            interest: Rc::new(interest),
            act: Box::new(behave),
        }
    }

    #[must_use]
    pub fn doing(
        mut self,
        act: impl FnMut(Call, &mut Channel) -> io::Result<()> + 'static,
    ) -> Self {
        self.act = Box::new(act);
        self
    }

    pub fn interest(&self) -> Rc<Interest> {
        Rc::clone(&self.interest)
    }

    fn note(&mut self, call: Call, channel: &mut Channel) -> io::Result<()> {
        self.log.0.borrow_mut().push((self.name, call));
        (self.act)(call, channel)
    }
}

/// What a probe does by default.
pub fn behave(call: Call, channel: &mut Channel) -> io::Result<()> {
    match call {
        Call::Read => channel.recv(usize::MAX).map(drop),
        Call::Close | Call::Stop | Call::Error(_) => {
            channel.close();
            Ok(())
        }
        Call::Accepted | Call::Connect | Call::Write | Call::Expt => Ok(()),
    }
}

impl Dispatcher for Probe {
    fn readable(&self) -> bool {
        self.interest.readable.get()
    }

    fn writable(&self) -> bool {
        self.interest.writable.get()
    }

    fn handle_accepted(
        &mut self,
        channel: &mut Channel,
        _: Stream,
        _: SocketAddr,
    ) -> io::Result<()> {
        self.note(Call::Accepted, channel)
    }

    fn handle_connect(&mut self, channel: &mut Channel) -> io::Result<()> {
        self.note(Call::Connect, channel)
    }

    fn handle_read(&mut self, channel: &mut Channel) -> io::Result<()> {
        self.note(Call::Read, channel)
    }

    fn handle_write(&mut self, channel: &mut Channel) -> io::Result<()> {
        self.note(Call::Write, channel)
    }

    fn handle_expt(&mut self, channel: &mut Channel) -> io::Result<()> {
        self.note(Call::Expt, channel)
    }

    fn handle_close(&mut self, channel: &mut Channel) -> io::Result<()> {
        self.note(Call::Close, channel)
    }

    fn handle_stop(&mut self, channel: &mut Channel) -> io::Result<()> {
        self.note(Call::Stop, channel)
    }

    fn handle_error(&mut self, channel: &mut Channel, error: io::Error) {
        // There is no handler for an error of this handler.
        let _ = self.note(Call::Error(error.kind()), channel);
    }
}

/// The time limit of every wait in these tests. A loop that takes longer hangs.
pub const LIMIT: Duration = Duration::from_secs(3);

/// An empty map with a read buffer as large as the servers'.
pub fn new_map() -> io::Result<SocketMap> {
    SocketMap::new(vec![0; 64 * 1024])
}

/// The two ends of a connection: one for a map, one for the test.
pub fn pair() -> io::Result<(Stream, EchoClient)> {
    let listener = net::listen("127.0.0.1", 0, 16)?;
    let client = EchoClient::connect(listener.local_addr()?)?;
    let (socket, _) = listener.accept()?;
    Ok((socket, client))
}

/// Runs iterations of the loop until `done` returns true.
pub fn poll_until(map: &mut SocketMap, done: impl Fn() -> bool) -> io::Result<()> {
    let begun = Instant::now();
    while !done() {
        if begun.elapsed() >= LIMIT {
            return Err(io::Error::new(ErrorKind::TimedOut, "the loop hangs"));
        }
        map.poll(Some(LIMIT))?;
    }
    Ok(())
}

/// Runs the loop until all channels are closed.
pub fn poll_to_end(map: &mut SocketMap) -> io::Result<()> {
    let begun = Instant::now();
    while !map.is_empty() {
        if begun.elapsed() >= LIMIT {
            return Err(io::Error::new(ErrorKind::TimedOut, "the loop hangs"));
        }
        map.poll(Some(LIMIT))?;
    }
    Ok(())
}

/// Checks that the loop has nothing to do: it waits once, and nothing wakes it.
pub fn assert_quiet(map: &mut SocketMap) -> io::Result<()> {
    let (begun, pause) = (Instant::now(), Duration::from_millis(20));
    let before = sys::counters();
    map.poll(Some(pause))?;
    let after = sys::counters();
    assert_eq!(after.waits - before.waits, 1);
    assert_eq!(after.wakeups - before.wakeups, 0, "something woke the loop");
    assert!(begun.elapsed() >= pause, "the loop did not wait");
    Ok(())
}
