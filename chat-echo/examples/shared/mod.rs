//! What the examples share: the program around a chat object. It has the same parts as the echo
//! server (`src/echo.rs`), without limits.

use std::env;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::rc::Rc;

use chat_echo::{AsyncChat, Chat};
use common::sys::{Listener, Stream};
use common::{Settings, StopSignal, net};
use dispatcher_echo::{Channel, Dispatcher, SocketMap};

/// Calls `serve` with a listener on the port that the command line names, and with a signal that is
/// raised by SIGINT or SIGTERM.
pub fn run(serve: impl FnOnce(Listener, StopSignal) -> io::Result<()>) -> io::Result<()> {
    let port = env::args().nth(1).unwrap_or("0".into());
    let stop = StopSignal::on_signals()?;
    let listener = net::listen("127.0.0.1", port.parse().map_err(io::Error::other)?, 128)?;
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?)?;
    serve(listener, stop)
}

/// Serves the clients of this listener until the stop signal is raised, each with a chat that
/// `new_chat` creates.
pub fn serve_each<C: AsyncChat + 'static>(
    listener: Listener,
    stop: StopSignal,
    new_chat: impl Fn(Rc<Settings>) -> Chat<C> + 'static,
) -> io::Result<()> {
    let settings = Rc::new(Settings::default());
    let mut map = SocketMap::new(settings.read_buffer()?)?;
    map.open_listener(listener, Acceptor { new_chat, settings })?;
    map.open_file(stop.try_clone_file()?, StopHandler { stop })?;
    map.run_loop(None, None)
}

/// The object that handles the listener's events.
struct Acceptor<F> {
    new_chat: F,
    settings: Rc<Settings>,
}

impl<C: AsyncChat + 'static, F: Fn(Rc<Settings>) -> Chat<C>> Dispatcher for Acceptor<F> {
    fn handle_accepted(
        &mut self,
        channel: &mut Channel,
        socket: Stream,
        _: SocketAddr,
    ) -> io::Result<()> {
        let chat = (self.new_chat)(Rc::clone(&self.settings));
        channel.open(socket, chat).map(drop)
    }
}

/// The object that handles the stop signal.
struct StopHandler {
    stop: StopSignal,
}

impl Dispatcher for StopHandler {
    fn handle_read(&mut self, channel: &mut Channel) -> io::Result<()> {
        if self.stop.is_raised() {
            channel.stop_all(Settings::default().shutdown_timeout);
        }
        Ok(())
    }
}
