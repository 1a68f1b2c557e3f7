//! The clients of a script, on real sockets.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::SockRef;

use super::server::{Activity, PlayedServer, ServerEnding};
use crate::client::TIME_LIMIT;
use crate::script::{ClientSocket, ClientTrace, ParseError, ScriptedClient, Step, TypedScript};

/// Most bytes to read at once.
const CHUNK: usize = 64 * 1024;

/// The time between two looks at a server. If it sleeps at both and wasn't woken between them, it is at
/// rest.
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

/// If the system doesn't show what a server does, it is at rest when nothing has arrived for this long.
const SILENCE: Duration = Duration::from_millis(100);

/// The same at the end of a script, for a client that hasn't received as much as it has sent, or waits for the
/// end of the stream: a busy machine can hold up the server.
const LAST_SILENCE: Duration = Duration::from_secs(1);

/// How long to wait for a connection.
const CONNECT_LIMIT: Duration = Duration::from_secs(1);

/// Checks that all steps can be played.
///
/// # Errors
/// Says which is the first step that can't.
pub(super) fn check(script: &TypedScript, is_started: bool) -> Result<(), ParseError> {
    script.check(|step| {
        let reason = match step {
            Step::Connect(_, Some(_))
            | Step::Listen(..)
            | Step::IgnorePort(_)
            | Step::Signal
            | Step::Descriptors(_) => "only the simulation can do this",
            Step::Stop if !is_started => {
                "only a server that is started here can be stopped: give its command after `--`"
            }
            _ => return None,
        };
        Some(format!("`{step}`: {reason}"))
    })
}

type Client = ScriptedClient<Rc<TcpStream>>;

struct RealSocket(Rc<TcpStream>);

impl ClientSocket for RealSocket {
    fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self.0).write(bytes)
    }

    fn send_urgent(&mut self, bytes: &[u8]) -> io::Result<usize> {
        SockRef::from(&*self.0).send_out_of_band(bytes)
    }

    fn recv(&mut self, most: usize) -> io::Result<Vec<u8>> {
        let mut buffer = vec![0; most.min(CHUNK)];
        let count = (&*self.0).read(&mut buffer)?;
        buffer.truncate(count);
        Ok(buffer)
    }

    fn finish(&mut self) {
        let _ = self.0.shutdown(Shutdown::Write); // The connection can have ended already.
    }

    fn close(&mut self) {} // The client drops it.
}

/// Plays steps.
pub(super) struct Player {
    server: PlayedServer,
    clients: BTreeMap<u32, Client>,
    is_stopped: bool,
}

impl Player {
    pub(super) fn new(server: PlayedServer) -> Self {
        Player {
            server,
            clients: BTreeMap::new(),
            is_stopped: false,
        }
    }

    /// Plays a step, and waits until the server is at rest, for at most [`TIME_LIMIT`].
    pub(super) fn play(&mut self, step: &Step) -> io::Result<()> {
        match step {
            Step::Wait(time) => return self.pass(*time),
            Step::Together(steps) => {
                let (server, clients) = (&self.server, &mut self.clients);
                server.while_paused(|| {
                    let mut steps = steps.iter();
                    steps.try_for_each(|step| begin(step, server, clients))?;
                    move_everything(clients);
                    Ok(())
                })?;
                self.is_stopped |= steps.contains(&Step::Stop);
            }
            step => {
                begin(step, &self.server, &mut self.clients)?;
                self.is_stopped |= *step == Step::Stop;
            }
        }
        self.settle(SILENCE)
    }

    /// Waits until the server has ended if it was stopped. Returns what became of the clients and of the
    /// server.
    pub(super) fn finish(mut self) -> io::Result<(Vec<ClientTrace>, Option<ServerEnding>)> {
        let deadline = Instant::now() + TIME_LIMIT;
        while self.is_stopped
            && self.server.activity() != Activity::Ended
            && Instant::now() < deadline
        {
            move_everything(&mut self.clients);
            self.wait_for_activity(BETWEEN_LOOKS)?;
        }
        let expects_more = self.clients.values().any(ScriptedClient::expects_more);
        self.settle(if expects_more { LAST_SILENCE } else { SILENCE })?;
        let clients = self.clients.iter();
        let clients = clients.map(|(number, client)| client.trace(*number));
        Ok((clients.collect(), self.server.ending()?))
    }

    /// Lets the time pass; the clients go on.
    fn pass(&mut self, time: Duration) -> io::Result<()> {
        let end = Instant::now() + time;
        loop {
            move_everything(&mut self.clients);
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            self.wait_for_activity(left)?;
        }
    }

    fn settle(&mut self, silence: Duration) -> io::Result<()> {
        let deadline = Instant::now() + TIME_LIMIT;
        let mut before = Activity::Busy;
        while Instant::now() < deadline {
            if move_everything(&mut self.clients) {
                before = Activity::Busy;
            }
            let now = self.server.activity();
            let is_same = now == before;
            match now {
                Activity::Unknown => {
                    if !self.wait_for_activity(silence)? {
                        return Ok(());
                    }
                }
                Activity::Busy => drop(self.wait_for_activity(BETWEEN_LOOKS)?),
                Activity::Asleep(_) | Activity::Ended if is_same => return Ok(()),
                Activity::Asleep(_) | Activity::Ended => {
                    before = now;
                    if self.wait_for_activity(BETWEEN_LOOKS)? {
                        before = Activity::Busy;
                    }
                }
            }
        }
        Ok(())
    }

    /// Waits until a client can do something, for at most this long. Returns whether one can.
    fn wait_for_activity(&self, limit: Duration) -> io::Result<bool> {
        let streams = self.clients.values().filter_map(|client| {
            let mut events = PollFlags::empty();
            events.set(PollFlags::POLLIN, client.wants_to_read());
            events.set(PollFlags::POLLOUT, client.wants_to_write());
            // Without any interest, poll(2) would report the end of a connection again and again.
            let stream = client.end.as_ref().filter(|_| !events.is_empty())?;
            Some(PollFd::new(stream.as_fd(), events))
        });
        let mut streams: Vec<PollFd> = streams.collect();
        let limit = PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX);
        match poll(&mut streams, limit) {
            Ok(ready) => Ok(ready > 0),
            Err(Errno::EINTR) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }
}

/// Begins with a step; the client goes on with it later.
fn begin(
    step: &Step,
    server: &PlayedServer,
    clients: &mut BTreeMap<u32, Client>,
) -> io::Result<()> {
    match step {
        Step::Connect(number, _) => {
            let client = clients.entry(*number).or_default();
            match connect(server) {
                Ok(stream) => client.end = Some(Rc::new(stream)),
                Err(_) => client.not_connected(),
            }
        }
        Step::Reset(number) => {
            let client = clients.entry(*number).or_default();
            if let Some(stream) = &client.end {
                SockRef::from(&**stream).set_linger(Some(Duration::ZERO))?;
            }
            client.forget_connection();
        }
        Step::Send(number, _)
        | Step::Urgent(number, _)
        | Step::Read(number, _)
        | Step::StopReading(number)
        | Step::ResumeReading(number)
        | Step::HalfClose(number)
        | Step::Close(number) => clients.entry(*number).or_default().begin(step),
        Step::Stop => server.ask_to_stop(),
        // `check` has refused the others.
        _ => {}
    }
    Ok(())
}

fn connect(server: &PlayedServer) -> io::Result<TcpStream> {
    let mut result = Err(io::ErrorKind::NotFound.into());
    for address in server.addresses() {
        result = TcpStream::connect_timeout(address, CONNECT_LIMIT);
        if result.is_ok() {
            break;
        }
    }
    let stream = result?;
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

/// Lets the clients do everything that the kernel allows now. Returns whether they did anything.
fn move_everything(clients: &mut BTreeMap<u32, Client>) -> bool {
    let mut has_moved = false;
    for client in clients.values_mut() {
        while let Some(stream) = client.end.clone() {
            if !client.run(&mut RealSocket(stream), CHUNK) {
                break;
            }
            has_moved = true;
        }
    }
    has_moved
}
