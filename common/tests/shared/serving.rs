//! Tests for every server, which runs on a thread of the test.

use std::io::{self, ErrorKind};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use common::client::program::Serving;
use common::client::{EchoClient, TIME_LIMIT};
use common::sys::{self, Listener};
use common::{Settings, StopSignal};

/// The server closes a client that sends nothing when the idle timeout has passed, and not one that
/// sends `message` again and again. `start` starts the server.
///
/// A busy machine can delay the busy client for as long as the timeout, and then the server is
/// right to close it. Such a round proves nothing, and the next one has a longer timeout.
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
        // The server can count two of the client's gaps as one, if it was itself delayed.
        if result.is_ok() || busy.longest_gap() * 2 < idle_timeout {
            return result.and_then(|()| server.stop().map(drop));
        }
    }
    Err(io::Error::other("the machine is too busy for this test"))
}

/// Keeps the busy client busy until the server has closed an idle one, and a little longer.
fn idle_is_closed(server: &Serving, busy: &mut Busy, idle_timeout: Duration) -> io::Result<()> {
    // The loop reads its clock once per iteration. The iteration that sent to the busy client can still
    // be running, and accept the idle one if the listener looks ready.
    let begun = busy.sent_at;
    let mut idle = server.connect()?;
    idle.set_time_limit(Duration::from_millis(1))?;
    loop {
        busy.echo()?;
        match idle.receive_some(1) {
            Err(error) if error.kind() == ErrorKind::TimedOut => {}
            end => break expect(end?.is_empty(), "the idle client received something")?,
        }
        let is_patient = begun.elapsed() < idle_timeout + TIME_LIMIT;
        expect(is_patient, "the idle client was not closed")?;
    }
    let in_time = begun.elapsed() >= idle_timeout;
    expect(in_time, "the idle client was closed too early")?;
    busy.echo()
}

/// A client that knows how long the server can have received nothing from it.
struct Busy<'a> {
    client: EchoClient,
    message: &'a [u8],
    /// A moment before its last send.
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
        expect(
            answer == self.message,
            "the busy client received wrong bytes",
        )
    }

    /// The longest time from one send to the next, including the present gap.
    fn longest_gap(&self) -> Duration {
        self.longest_gap.max(self.sent_at.elapsed())
    }
}

/// Fails with an error instead of a panic: a round that proves nothing doesn't count.
fn expect(is_so: bool, otherwise: &str) -> io::Result<()> {
    match is_so {
        true => Ok(()),
        false => Err(io::Error::other(otherwise)),
    }
}

/// A stop can come while the server waits before it accepts again, because accept(2) has failed
/// with a lasting error. Then the server must try once more: closing the listener would reset the client.
///
/// Two thirds of the calls fail, so the server accepts about half of the clients if it tries twice,
/// and a third of them if it doesn't.
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
            // It begins to serve when the client has connected and the stop was requested.
            wait.recv().map_err(io::Error::other)?;
            sys::inject(faults);
            serve(listener, settings, stop)
        })?;
        let _client = server.connect()?;
        server.ask_to_stop()?;
        go.send(()).map_err(io::Error::other)?;
        accepted += server.ended()?.accepts;
    }
    assert!(
        (45..=65).contains(&accepted),
        "{accepted} of {ROUNDS} clients were accepted"
    );
    Ok(())
}
