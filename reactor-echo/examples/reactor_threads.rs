//! Work that blocks, on other threads. A client sends `here 2` or `thread 2`, and the server blocks for
//! two seconds: on the loop's own thread, or on a thread of a pool. Any other line comes back at once.
//!
//! Shows Twisted's `callFromThread` and `deferToThread`. Both need a way to wake the loop: a thread
//! puts a call into a queue and writes a byte to a pipe, whose other end the loop watches.
//!
//! ```sh
//! cargo run -p reactor-echo --example reactor_threads -- 127.0.0.1:7000
//! nc 127.0.0.1 7000          # in two terminals: `here 5` in one, anything in the other
//! ```

use std::env;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use clap::ValueEnum;
use common::args::seconds;
use common::sys::Listener;
use common::{Settings, StopSignal, output};
use reactor_echo::{EngineKind, Protocol, Reactor, Transport};

/// Threads of the pool.
const THREADS: usize = 4;

/// Most jobs that wait for a thread. After that, the server refuses more.
const MOST_WAITING: usize = 100;

/// The longest line, in bytes.
const LONGEST_LINE: usize = 1000;

/// A call that another thread requests.
type Call = Box<dyn FnOnce(&mut Reactor) + Send>;

/// Lets other threads make calls on the loop's thread.
#[derive(Clone)]
struct LoopHandle {
    calls: Sender<Call>,
    /// The writing end of the pipe.
    waker: Arc<UnixStream>,
}

impl LoopHandle {
    fn new(reactor: &mut Reactor) -> io::Result<Self> {
        let (waker, woken) = UnixStream::pair()?;
        waker.set_nonblocking(true)?;
        woken.set_nonblocking(true)?;
        let (sender, calls) = mpsc::channel::<Call>();
        let woken = Rc::new(woken);
        reactor.add_reader(Rc::<UnixStream>::clone(&woken), move |reactor| {
            // First the pipe, then the queue: a call that comes in between has a byte of its own.
            while matches!((&*woken).read(&mut [0; 64]), Ok(1..)) {}
            while let Ok(call) = calls.try_recv() {
                call(reactor);
            }
        })?;
        Ok(LoopHandle {
            calls: sender,
            waker: Arc::new(waker),
        })
    }

    /// Makes the call on the loop's thread, between two callbacks. Any thread can request it. If the
    /// loop has ended, nothing happens.
    #[doc(alias = "callFromThread")]
    // CONCEPT: blocking
    fn call_from_thread(&self, call: impl FnOnce(&mut Reactor) + Send + 'static) {
        if self.calls.send(Box::new(call)).is_ok() {
            // If the pipe is full, this fails with `WouldBlock`, and the loop wakes up anyway.
            let _ = (&*self.waker).write(&[0]);
        }
    }
}

/// A few threads, and a queue of jobs for them.
#[derive(Clone)]
struct Pool {
    jobs: SyncSender<Box<dyn FnOnce() + Send>>,
    reactor: LoopHandle,
}

impl Pool {
    fn start(reactor: LoopHandle) -> io::Result<Self> {
        let (jobs, queue) = mpsc::sync_channel::<Box<dyn FnOnce() + Send>>(MOST_WAITING);
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..THREADS {
            let queue = Arc::clone(&queue);
            thread::Builder::new().spawn(move || {
                while let Some(job) = next(&queue) {
                    job();
                }
            })?;
        }
        Ok(Pool { jobs, reactor })
    }

    /// Runs `work` on a thread of the pool, and then `done` with its result on the loop's thread.
    /// Returns whether the pool takes the job.
    #[doc(alias = "deferToThread")]
    fn defer_to_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
        done: impl FnOnce(&mut Reactor, T) + Send + 'static,
    ) -> bool {
        let handle = self.reactor.clone();
        let job = move || {
            let result = work();
            handle.call_from_thread(move |reactor| done(reactor, result));
        };
        self.jobs.try_send(Box::new(job)).is_ok()
    }
}

/// Waits for the next job. Only one thread at a time waits in `recv`, the others wait for the lock.
fn next<T>(queue: &Mutex<Receiver<T>>) -> Option<T> {
    let queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
    queue.recv().ok()
}

struct Client {
    pool: Pool,
    line: Vec<u8>,
}

impl Protocol for Client {
    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        self.line.extend(data);
        while let Some(end) = self.line.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.line.drain(..=end).collect();
            self.handle(transport, &line);
        }
        if self.line.len() > LONGEST_LINE {
            transport.lose_connection();
        }
    }
}

impl Client {
    fn handle(&self, transport: &mut Transport<'_>, line: &[u8]) {
        match parse(line) {
            None => transport.write(line),
            Some((Place::Here, time)) => {
                thread::sleep(time); // Wrong: the loop's only thread sleeps.
                transport.write(b"done here\n");
            }
            Some((Place::Thread, time)) => {
                let key = transport.key();
                let is_taken = self.pool.defer_to_thread(
                    move || thread::sleep(time),
                    move |reactor, ()| {
                        // The client can have left meanwhile.
                        if let Some(mut transport) = reactor.transport(key) {
                            transport.write(b"done on a thread\n");
                        }
                    },
                );
                if !is_taken {
                    transport.write(b"busy\n");
                }
            }
        }
    }
}

/// Where the server blocks.
enum Place {
    Here,
    Thread,
}

/// `here SECONDS` or `thread SECONDS`.
fn parse(line: &[u8]) -> Option<(Place, Duration)> {
    let (place, time) = str::from_utf8(line).ok()?.trim_end().split_once(' ')?;
    let place = match place {
        "here" => Place::Here,
        "thread" => Place::Thread,
        _ => return None,
    };
    Some((place, seconds(time).ok()?))
}

fn main() -> io::Result<()> {
    let mut arguments = env::args().skip(1);
    let address = arguments.next().unwrap_or("127.0.0.1:0".into());
    let address: SocketAddr = address.parse().map_err(io::Error::other)?;
    let engine = match arguments.next() {
        Some(name) => EngineKind::from_str(&name, true).map_err(io::Error::other)?,
        None => EngineKind::default(),
    };
    let stop = StopSignal::on_signals()?;
    let reactor = Reactor::new(engine, Settings::default())?;
    let listener = Listener::bind(address, 128)?;
    output::print(format_args!("listening on {}\n", listener.local_addr()?))?;
    serve(reactor, listener, stop)
}

/// Serves the clients of this listener until the stop signal is raised. The threads of the pool end
/// with the process, whatever they do at that moment.
fn serve(mut reactor: Reactor, listener: Listener, stop: StopSignal) -> io::Result<()> {
    let handle = LoopHandle::new(&mut reactor)?;
    let pool = Pool::start(handle)?;
    reactor.adopt_stream_port(listener, move |_| Client {
        pool: pool.clone(),
        line: Vec::new(),
    })?;
    let stop = Rc::new(stop);
    reactor.add_reader(Rc::<StopSignal>::clone(&stop), move |reactor| {
        if stop.is_raised() {
            reactor.stop();
        }
    })?;
    reactor.run()
}
