//! A server in the test's own process, on a thread: what its loop has done can be asked afterwards.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::check::traffic::{self, TOO_MUCH, lines};
use crate::client::{EchoClient, TIME_LIMIT};
use crate::stop::Stopper;
use crate::sys::{self, Counters, Listener};
use crate::{Settings, StopSignal, net};

/// A server on a thread of its own. It is asked to stop when this is dropped.
#[derive(Debug)]
pub struct Serving {
    address: SocketAddr,
    stopper: Stopper,
    ended: Receiver<io::Result<Counters>>,
}

impl Serving {
    /// Starts `serve` on a thread and a listener of its own. To test with faults, `serve` injects
    /// faults before anything else, since they concern the thread that asks for them.
    ///
    /// # Errors
    /// The listener or the stop signal cannot be made.
    pub fn start(
        settings: Settings,
        serve: impl FnOnce(Listener, Settings, StopSignal) -> io::Result<()> + Send + 'static,
    ) -> io::Result<Self> {
        let listener = net::listen("127.0.0.1", 0, 128)?;
        let address = listener.local_addr()?;
        let (stopper, stop) = StopSignal::pair()?;
        let (end, ended) = mpsc::channel();
        thread::spawn(move || {
            let served = serve(listener, settings, stop);
            // Fails when the test is over already.
            let _ = end.send(served.map(|()| sys::counters()));
        });
        Ok(Serving {
            address,
            stopper,
            ended,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A client of it.
    ///
    /// # Errors
    /// As [`EchoClient::connect`].
    pub fn connect(&self) -> io::Result<EchoClient> {
        EchoClient::connect(self.address)
    }

    /// Asks it to stop, and does not wait for that.
    ///
    /// # Errors
    /// The server has ended already.
    pub fn ask_to_stop(&self) -> io::Result<()> {
        self.stopper.stop()
    }

    /// Waits for the end of a server that was asked to stop, for at most [`TIME_LIMIT`]: what its
    /// loop has done.
    ///
    /// # Errors
    /// It does not end, it panicked, or what it answered.
    pub fn ended(&self) -> io::Result<Counters> {
        let ended = self.ended.recv_timeout(TIME_LIMIT);
        ended.map_err(io::Error::other)?
    }

    /// Asks it to stop and waits until it has: what its loop has done.
    ///
    /// # Errors
    /// As [`ask_to_stop`](Self::ask_to_stop) and [`ended`](Self::ended).
    pub fn stop(self) -> io::Result<Counters> {
        self.ask_to_stop()?;
        self.ended()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Fails when the server has ended already.
        let _ = self.stopper.stop();
    }
}

/// Sends `count` bytes and the end of the stream from a second thread, and expects the same back:
/// together they may be more than the buffers on the way hold.
///
/// # Errors
/// What [`EchoClient`] answers, or other bytes than were sent.
pub fn converse(mut client: EchoClient, count: usize) -> io::Result<()> {
    let mut sender = client.try_clone()?;
    let sending = thread::spawn(move || {
        sender.send(&lines(count))?;
        sender.finish()
    });
    let received = client.receive_to_end()?;
    sending
        .join()
        .map_err(|_| io::Error::other("the sender panicked"))??;
    expect(
        received == lines(count),
        "other bytes came back than were sent",
    )
}

/// A client that does not read delays nobody, and when it reads at last, it has lost nothing,
/// although it half-closed with all that pending.
///
/// # Errors
/// What [`EchoClient`] answers, or what the server did instead.
pub fn deaf_client_delays_nobody(server: Serving) -> io::Result<()> {
    let mut deaf = server.connect()?;
    let sent = fill(&deaf)?;
    let mut other = server.connect()?;
    expect(other.echo(b"ping")? == b"ping", "the other was not served")?;
    deaf.finish()?;
    expect(deaf.receive_to_end()? == sent, "some bytes were lost")?;
    server.stop().map(drop)
}

/// A stop lets go who is idle at once, flushes pending output, and waits for who does not read as
/// long as the `shutdown_timeout`.
///
/// # Errors
/// What [`EchoClient`] answers, or what the server did instead.
pub fn stop_flushes_pending_output(server: Serving, shutdown_timeout: Duration) -> io::Result<()> {
    let mut idle = server.connect()?;
    expect(idle.echo(b"ping")? == b"ping", "it did not serve")?;
    let mut slow = server.connect()?;
    let sent = fill(&slow)?;
    let never_reads = server.connect()?;
    fill(&never_reads)?;

    let begun = Instant::now();
    server.ask_to_stop()?;
    let is_let_go = idle.receive_to_end()?.is_empty() && begun.elapsed() < shutdown_timeout;
    expect(is_let_go, "the idle one was not let go")?;
    // What the server has read is a beginning of what was sent, and it ends in good order although
    // input is unread.
    let received = slow.receive_to_end()?;
    let is_whole = received.len() >= 64 * 1024 && sent.starts_with(&received);
    expect(is_whole, "pending output was not sent")?;
    server.ended()?;
    expect(
        begun.elapsed() >= shutdown_timeout,
        "it did not wait for the shutdown timeout",
    )
}

/// A client that sends nothing is closed when the idle timeout has passed, and one that sends
/// `message` again and again is not. `start` starts the server.
///
/// A busy machine can hold up the busy client for as long as the timeout, and then the server is
/// right to close it. Such a round proves nothing, and the next one has a longer timeout.
///
/// # Errors
/// What [`EchoClient`] answers, or what the server did instead.
pub fn only_idle_clients_are_closed(
    message: &[u8],
    start: impl Fn(Settings) -> io::Result<Serving>,
) -> io::Result<()> {
    for milliseconds in [500, 1000, 2000] {
        let idle_timeout = Duration::from_millis(milliseconds);
        let settings = Settings {
            idle_timeout: Some(idle_timeout),
            ..Settings::default()
        };
        let server = start(settings)?;
        let mut busy = Busy::over(server.connect()?, message)?;
        let result = idle_is_closed(&server, &mut busy, idle_timeout);
        // The server can count two of the client's gaps as one, if it was itself held up.
        if result.is_ok() || busy.longest_gap() * 2 < idle_timeout {
            return result.and_then(|()| server.stop().map(drop));
        }
    }
    Err(io::Error::other("the machine is too busy for this test"))
}

/// Keeps the busy client busy until the server has closed an idle one, and a little longer.
fn idle_is_closed(server: &Serving, busy: &mut Busy, idle_timeout: Duration) -> io::Result<()> {
    // The loop reads its clock once per iteration. The iteration that answered the busy client can still
    // go on, and accept the idle one if the listener looks ready.
    let begun = busy.sent_at;
    let mut idle = server.connect()?;
    idle.set_time_limit(Duration::from_millis(1))?;
    loop {
        busy.echo()?;
        match idle.receive_some(1) {
            Err(error) if error.kind() == ErrorKind::TimedOut => {}
            end => break expect(end?.is_empty(), "the idle one was sent something")?,
        }
        let is_patient = begun.elapsed() < idle_timeout + TIME_LIMIT;
        expect(is_patient, "the idle one was kept")?;
    }
    let in_time = begun.elapsed() >= idle_timeout;
    expect(in_time, "the idle one was closed too early")?;
    busy.echo()
}

/// A client that knows for how long the server can have heard nothing of it.
struct Busy<'a> {
    client: EchoClient,
    message: &'a [u8],
    /// A moment before it sent for the last time.
    sent_at: Instant,
    longest_gap: Duration,
}

impl<'a> Busy<'a> {
    fn over(client: EchoClient, message: &'a [u8]) -> io::Result<Self> {
        let (sent_at, longest_gap) = (Instant::now(), Duration::ZERO);
        let mut busy = Busy {
            client,
            message,
            sent_at,
            longest_gap,
        };
        busy.echo()?; // The server has accepted it now.
        Ok(busy)
    }

    fn echo(&mut self) -> io::Result<()> {
        let sent_at = Instant::now();
        let sent = self.client.send(self.message);
        self.longest_gap = self.longest_gap();
        self.sent_at = sent_at;
        sent?;
        let answer = self.client.receive(self.message.len())?;
        expect(answer == self.message, "the busy one got a wrong answer")
    }

    /// The longest time from one send to the next, the one that is still going on included.
    fn longest_gap(&self) -> Duration {
        self.longest_gap.max(self.sent_at.elapsed())
    }
}

/// A server that is asked to stop while it waits before it accepts again, because accept(2) has
/// failed with an error that lasts, tries once more: the client would be reset with the listener.
///
/// Two thirds of the calls fail, so the server accepts about half of the clients if it tries twice,
/// and a third of them if it does not.
///
/// # Errors
/// What [`EchoClient`] answers, or what the server did instead.
pub fn stop_tries_to_accept_again<S>(serve: S) -> io::Result<()>
where
    S: FnOnce(Listener, Settings, StopSignal) -> io::Result<()> + Copy + Send + 'static,
{
    const ROUNDS: u64 = 100;
    let mut accepted = 0;
    for seed in 1..=ROUNDS {
        let faults = format!("{seed}:eacces=67");
        let faults = faults.parse().map_err(io::Error::other)?;
        let (go, wait) = mpsc::channel::<()>();
        let server = Serving::start(Settings::default(), move |listener, settings, stop| {
            // It begins to serve when the client has connected and the stop was asked for.
            wait.recv().map_err(io::Error::other)?;
            sys::inject(faults);
            serve(listener, settings, stop)
        })?;
        let _client = server.connect()?;
        server.ask_to_stop()?;
        go.send(()).map_err(io::Error::other)?;
        accepted += server.ended()?.accepts;
    }
    let seen = format!("{accepted} of {ROUNDS} clients were accepted");
    expect((45..=65).contains(&accepted), &seen)
}

fn expect(is_so: bool, otherwise: &str) -> io::Result<()> {
    match is_so {
        true => Ok(()),
        false => Err(io::Error::other(otherwise)),
    }
}

/// Sends without reading until nobody takes more: what was taken.
///
/// # Errors
/// What send(2) answers, or that somebody took all of 64 MiB.
pub fn fill(client: &EchoClient) -> io::Result<Vec<u8>> {
    match traffic::fill(client)? {
        TOO_MUCH.. => Err(io::Error::other("somebody keeps 64 MiB")),
        sent => Ok(lines(sent)),
    }
}
