//! Servers on threads, whose chat objects are made of closures.

use std::borrow::Cow;
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use chat_echo::{AsyncChat, Chat, ChatChannel, Terminator};
use common::client::program::Serving;
use common::client::{EchoClient, TIME_LIMIT};
use common::sys::Stream;
use common::{Settings, StopSignal};
use dispatcher_echo::{Channel, Dispatcher, SocketMap};

/// A server with an object of its own for each client.
pub fn serve_chats<C: AsyncChat + 'static>(
    settings: Settings,
    terminator: Terminator,
    make: impl Fn() -> C + Send + 'static,
) -> io::Result<Serving> {
    Serving::start(settings, move |listener, settings, stop| {
        let (idle_timeout, shutdown_timeout) = (settings.idle_timeout, settings.shutdown_timeout);
        let mut map = SocketMap::new(settings.read_buffer()?)?;
        let acceptor = Acceptor {
            settings: Rc::new(settings),
            terminator,
            make,
        };
        map.open_listener(listener, acceptor)?;
        let pipe = stop.try_clone_file()?;
        map.open_file(
            pipe,
            StopHandler {
                stop,
                shutdown_timeout,
            },
        )?;
        let mut next_look = None;
        while !map.is_empty() {
            let clock = map.clock();
            map.poll(next_look.map(|next| clock.until(next)))?;
            next_look = idle_timeout.and_then(|idle_timeout| map.expire(idle_timeout));
        }
        Ok(())
    })
}

/// The object that handles the stop signal.
struct StopHandler {
    stop: StopSignal,
    shutdown_timeout: Duration,
}

impl Dispatcher for StopHandler {
    fn handle_read(&mut self, channel: &mut Channel) -> io::Result<()> {
        if self.stop.is_raised() {
            channel.stop_all(self.shutdown_timeout);
        }
        Ok(())
    }
}

/// The object that handles the listener's events.
struct Acceptor<M> {
    settings: Rc<Settings>,
    terminator: Terminator,
    make: M,
}

impl<C: AsyncChat + 'static, M: Fn() -> C> Dispatcher for Acceptor<M> {
    fn handle_accepted(
        &mut self,
        channel: &mut Channel,
        socket: Stream,
        _: SocketAddr,
    ) -> io::Result<()> {
        let (terminator, settings) = (self.terminator.clone(), Rc::clone(&self.settings));
        channel.open(socket, Chat::new((self.make)(), terminator, settings))?;
        Ok(())
    }
}

/// An object that collects messages and passes each to a closure. It handles two itself: it echoes
/// `tick`, and returns an error for `fail`.
pub struct OnMessage<F> {
    message: Vec<u8>,
    found: F,
}

pub fn on_message<F>(found: F) -> OnMessage<F>
where
    F: FnMut(&mut ChatChannel, &[u8]),
{
    let message = Vec::new();
    OnMessage { message, found }
}

impl<F> AsyncChat for OnMessage<F>
where
    F: FnMut(&mut ChatChannel, &[u8]),
{
    fn collect_incoming_data(&mut self, _: &mut ChatChannel, data: &[u8]) -> io::Result<()> {
        self.message.extend_from_slice(data);
        Ok(())
    }

    fn found_terminator(&mut self, chat: &mut ChatChannel) -> io::Result<()> {
        match &*mem::take(&mut self.message) {
            b"tick" => chat.push(b"tick\n"),
            b"fail" => return Err(io::Error::other("the test sent `fail`")),
            message => (self.found)(chat, message),
        }
        Ok(())
    }
}

/// The terminator in most tests.
pub const NEWLINE: Terminator = Terminator::Bytes(Cow::Borrowed(b"\n"));

/// Bytes in which lost, repeated, or swapped ones show.
pub fn pattern(length: usize) -> Vec<u8> {
    // Copied block by block: the server's thread makes it while its client waits, and byte by byte
    // that would take half a second in a debug build.
    let block: Vec<u8> = (0..251).collect();
    let mut pattern = block.repeat(length.div_ceil(block.len()));
    pattern.truncate(length);
    pattern
}

/// Waits until `value` is stable for a number of iterations. The client `other` makes the server
/// run them.
pub fn stable_value<T: PartialEq>(other: &mut EchoClient, value: impl Fn() -> T) -> io::Result<T> {
    let begun = Instant::now();
    let mut last = value();
    let mut iterations = 0;
    while iterations < 100 {
        assert!(begun.elapsed() < TIME_LIMIT, "the value keeps changing");
        assert_eq!(other.echo(b"tick\n")?, b"tick\n");
        let now = value();
        iterations = if now == last { iterations + 1 } else { 0 };
        last = now;
    }
    Ok(last)
}
