//! Pings during a flood: how long other clients wait for a server to which one client sends without
//! end.
//!
//! One thread alternates between flood and pings, and never blocks. If the flood had its own thread on
//! the client's core, a ping would wait for the client's scheduler more than for the server.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use common::client::{EchoClient, TIME_LIMIT};

/// Pingers, and the time between two pings of each: 10,000 pings per second in total.
const PINGERS: u32 = 10;
const INTERVAL: Duration = Duration::from_millis(1);
const PING: &[u8; 64] = b"ping, on a line as long as the messages of all other benchmarks\n";

/// The number of bytes that the flooder keeps in flight, roughly.
const AHEAD: usize = 256 << 10;
/// Its lines repeat after this many bytes, the most that it sends or receives at once.
const FLOOD: usize = 32 << 10;
const LINE: usize = 1 << 10;

/// Connections to a server that are ready to begin.
pub(super) struct PingsBesideFlood {
    pingers: Vec<Pinger>,
    flooder: Flooder,
    /// The longest time without any answer to a ping.
    limit: Duration,
}

impl PingsBesideFlood {
    /// Opens all connections.
    ///
    /// # Errors
    /// A connection can't be opened.
    pub(super) fn open(address: SocketAddr) -> io::Result<Self> {
        let pingers = (0..PINGERS).map(|_| connect(address).map(Pinger::over));
        Ok(PingsBesideFlood {
            pingers: pingers.collect::<io::Result<_>>()?,
            flooder: Flooder::over(connect(address)?),
            limit: TIME_LIMIT,
        })
    }

    /// Floods and pings for this long, and returns how long each ping took. The time counts from when a
    /// ping was due, so pings that wait while the server is busy are late too.
    ///
    /// # Errors
    /// A connection is lost or returns wrong bytes, or no ping comes back any more. (How long all of them
    /// take is up to whatever else runs on the machine.)
    pub(super) fn run(mut self, duration: Duration) -> io::Result<Vec<Duration>> {
        let begin = Instant::now();
        let end = begin + duration;
        for (place, pinger) in (0..).zip(&mut self.pingers) {
            pinger.due = begin + INTERVAL * place / PINGERS;
        }
        let (mut times, mut last_answer) = (Vec::new(), begin);
        // Wait for each ping that was due; the flood continues meanwhile.
        while self.pingers.iter().any(|pinger| pinger.due < end) {
            for pinger in self.pingers.iter_mut().filter(|pinger| pinger.due < end) {
                if let Some(took) = pinger.turn()? {
                    times.push(took);
                    last_answer = Instant::now();
                }
            }
            if !self.flooder.turn()? {
                // Where client and server share a core, the server needs it to continue.
                thread::yield_now();
            }
            if last_answer.elapsed() > self.limit {
                return Err(io::Error::other("a ping got no answer during the flood"));
            }
        }
        self.flooder.finish()?;
        Ok(times)
    }
}

/// A client that sends a small message at a fixed rate.
struct Pinger {
    client: EchoClient,
    /// When the ping in flight, or otherwise the next one, should have been sent.
    due: Instant,
    /// Bytes of the answer still to come; none if no ping is in flight.
    missing: usize,
}

impl Pinger {
    fn over(client: EchoClient) -> Self {
        Pinger {
            client,
            due: Instant::now(),
            missing: 0,
        }
    }

    /// Sends its ping if it is due, or looks for the answer. Returns how long an answer took.
    fn turn(&mut self) -> io::Result<Option<Duration>> {
        if self.missing == 0 {
            if Instant::now() >= self.due {
                self.client.send(PING)?;
                self.missing = PING.len();
            }
            return Ok(None);
        }
        let expected = &PING[PING.len() - self.missing..];
        self.missing -= receive(self.client.socket(), expected, &mut [0; PING.len()])?;
        if self.missing > 0 {
            return Ok(None);
        }
        let took = self.due.elapsed();
        self.due += INTERVAL;
        Ok(Some(took))
    }
}

/// A client that keeps the server's input full and reads every answer.
struct Flooder {
    client: EchoClient,
    lines: Vec<u8>,
    sent: usize,
    received: usize,
    room: Vec<u8>,
}

impl Flooder {
    fn over(client: EchoClient) -> Self {
        let line = |number: usize| format!("{number:>width$}\n", width = LINE - 1);
        let lines: String = (0..FLOOD / LINE).map(line).collect();
        Flooder {
            client,
            lines: lines.into_bytes(),
            sent: 0,
            received: 0,
            room: vec![0; FLOOD],
        }
    }

    /// Sends and receives once, as far as possible. Returns whether anything was moved.
    fn turn(&mut self) -> io::Result<bool> {
        let mut sent = 0;
        if self.sent - self.received < AHEAD {
            let lines = &self.lines[self.sent % FLOOD..];
            sent = unless_blocked(self.client.socket().write(lines))?;
            self.sent += sent;
        }
        let expected = &self.lines[self.received % FLOOD..];
        let received = receive(self.client.socket(), expected, &mut self.room)?;
        self.received += received;
        Ok(sent + received > 0)
    }

    /// Ends the flood and waits until the server has seen that.
    fn finish(mut self) -> io::Result<()> {
        self.client.socket().set_nonblocking(false)?;
        self.client.finish()?;
        self.client.receive_to_end().map(drop)
    }
}

fn connect(address: SocketAddr) -> io::Result<EchoClient> {
    let client = EchoClient::connect(address)?;
    client.socket().set_nonblocking(true)?;
    Ok(client)
}

/// Receives the part of the expected bytes that is there, which can be nothing.
fn receive(mut socket: &TcpStream, expected: &[u8], room: &mut [u8]) -> io::Result<usize> {
    let count = match socket.read(&mut room[..expected.len()]) {
        Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
        result => unless_blocked(result)?,
    };
    if room[..count] != expected[..count] {
        return Err(io::Error::other("wrong bytes came back"));
    }
    Ok(count)
}

fn unless_blocked(result: io::Result<usize>) -> io::Result<usize> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// A server with a thread for each connection, which passes what it sends back through `change`.
    fn server(change: fn(&mut [u8])) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let serve = move |mut socket: TcpStream| {
            let mut room = vec![0; FLOOD];
            while let Ok(count @ 1..) = socket.read(&mut room) {
                change(&mut room[..count]);
                if socket.write_all(&room[..count]).is_err() {
                    return;
                }
            }
        };
        thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                thread::spawn(move || serve(socket));
            }
        });
        Ok(address)
    }

    #[test]
    fn every_ping_that_was_due_is_answered() -> io::Result<()> {
        let pings = PingsBesideFlood::open(server(|_| {})?)?;
        let times = pings.run(INTERVAL * 20)?;
        assert_eq!(times.len(), 200);
        Ok(())
    }

    #[test]
    fn a_slow_server_gets_time_and_a_silent_one_does_not() -> io::Result<()> {
        // All pings together take longer than the limit. It applies to the wait for the next answer.
        let slow = server(|_| thread::sleep(Duration::from_millis(100)))?;
        let mut pings = PingsBesideFlood::open(slow)?;
        pings.limit = Duration::from_secs(1);
        assert_eq!(pings.run(INTERVAL * 12)?.len(), 120);

        let silent = TcpListener::bind("127.0.0.1:0")?;
        let mut pings = PingsBesideFlood::open(silent.local_addr()?)?;
        pings.limit = Duration::from_millis(100);
        let error = pings.run(INTERVAL).expect_err("there is no answer");
        assert_eq!(error.to_string(), "a ping got no answer during the flood");
        Ok(())
    }

    #[test]
    fn a_wrong_answer_is_seen() -> io::Result<()> {
        let pings = PingsBesideFlood::open(server(|bytes| bytes.reverse())?)?;
        let wrong = pings.run(INTERVAL).expect_err("the answers were reversed");
        assert_eq!(wrong.to_string(), "wrong bytes came back");
        Ok(())
    }
}
