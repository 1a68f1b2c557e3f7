//! Servers on threads, with chat objects made of closures.

use std::borrow::Cow;
use std::io;
use std::mem;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Instant;

use chat_echo::{AsyncChat, Chat, ChatChannel, Terminator};
use common::client::{EchoClient, TIME_LIMIT};
use common::stop::Stopper;
use common::sys::{self, Counters};
use common::{Settings, StopSignal, net};
use dispatcher_echo::{Channel, Dispatcher, House};
use mio::net::TcpStream;

/// A server on a thread. It is asked to stop when this is dropped.
pub struct Server {
    address: SocketAddr,
    stopper: Stopper,
    ended: Receiver<io::Result<Counters>>,
}

impl Server {
    pub fn start(
        settings: Settings,
        serve: impl FnOnce(TcpListener, Settings, StopSignal) -> io::Result<()> + Send + 'static,
    ) -> io::Result<Self> {
        let listener = net::listen("127.0.0.1", 0, 64)?;
        let address = listener.local_addr()?;
        let (stopper, stop) = StopSignal::pair()?;
        let (end, ended) = mpsc::channel();
        thread::spawn(move || {
            let served = serve(listener, settings, stop);
            // Fails when the test is over already.
            let _ = end.send(served.map(|()| sys::counters()));
        });
        Ok(Server {
            address,
            stopper,
            ended,
        })
    }

    /// A server whose clients each talk to an object of their own.
    pub fn of_chats<C: AsyncChat + 'static>(
        settings: Settings,
        terminator: Terminator,
        make: impl Fn() -> C + Send + 'static,
    ) -> io::Result<Self> {
        Self::start(settings, move |listener, settings, stop| {
            let door = Door {
                settings: Rc::new(settings.clone()),
                terminator,
                make,
            };
            House::new(settings).serve(listener, door, stop)
        })
    }

    pub fn connect(&self) -> io::Result<EchoClient> {
        EchoClient::connect(self.address)
    }

    pub fn ask_to_stop(&self) -> io::Result<()> {
        self.stopper.stop()
    }

    /// Waits for the end of a server that was asked to stop, and says what its loop has done.
    pub fn ended(&self) -> io::Result<Counters> {
        self.ended
            .recv_timeout(TIME_LIMIT)
            .map_err(io::Error::other)?
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails when the server has ended already.
        let _ = self.stopper.stop();
    }
}

/// The listener's object.
struct Door<M> {
    settings: Rc<Settings>,
    terminator: Terminator,
    make: M,
}

impl<C: AsyncChat + 'static, M: Fn() -> C> Dispatcher for Door<M> {
    fn handle_accepted(
        &mut self,
        channel: &mut Channel,
        socket: TcpStream,
        _: SocketAddr,
    ) -> io::Result<()> {
        let (terminator, settings) = (self.terminator.clone(), Rc::clone(&self.settings));
        channel.open(socket, Chat::new((self.make)(), terminator, settings))?;
        Ok(())
    }
}

/// An object that collects, and passes each whole message to a closure, but for two: `turn` it
/// answers itself, and at `fail` it does.
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
            b"turn" => chat.push(b"turn\n"),
            b"fail" => return Err(io::Error::other("it was asked for")),
            message => (self.found)(chat, message),
        }
        Ok(())
    }
}

/// What ends a message in most tests.
pub const NEWLINE: Terminator = Terminator::Bytes(Cow::Borrowed(b"\n"));

/// Bytes that show it when some are lost, or come twice.
pub fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n % 251) as u8).collect()
}

/// Waits until `value` stays what it is while the server gives everyone a number of turns, which
/// `other` is a client for.
pub fn settled<T: PartialEq>(other: &mut EchoClient, value: impl Fn() -> T) -> io::Result<T> {
    let begun = Instant::now();
    let mut last = value();
    let mut turns = 0;
    while turns < 100 {
        assert!(begun.elapsed() < TIME_LIMIT, "it goes on and on");
        assert_eq!(other.echo(b"turn\n")?, b"turn\n");
        let now = value();
        turns = if now == last { turns + 1 } else { 0 };
        last = now;
    }
    Ok(last)
}
