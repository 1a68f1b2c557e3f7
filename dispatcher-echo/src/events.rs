//! Which handlers of an object are called, and in what order.

use std::io::{self, ErrorKind};
use std::mem;
use std::ops::ControlFlow;

use crate::channel::is_disconnected;
use crate::entry::{ConnectionState, Socket};
use crate::{Channel, Dispatcher};

/// Calls the handlers that are due, as asyncore's `readwrite` does. Breaks off once one of them has
/// ended the object's part, or has met the end of the connection.
#[inline(always)] // As in `common::sys`.
pub(crate) fn handle_events(
    dispatcher: &mut dyn Dispatcher,
    channel: &mut Channel,
) -> ControlFlow<()> {
    if channel.state.connecting {
        guarded(dispatcher, channel, handle_connect_event)?;
        channel.state.query_interest(dispatcher);
    }
    if channel.state.takes_read() {
        guarded(dispatcher, channel, handle_read_event)?;
    }
    if channel.state.can_write() {
        channel.state.query_interest(dispatcher); // Reading may have changed its mind.
        if channel.state.takes_write() {
            guarded(dispatcher, channel, |object, channel| {
                object.handle_write(channel)
            })?;
        }
    }
    if channel.state.is_exceptional() {
        guarded(dispatcher, channel, handle_expt_event)?;
    }
    ControlFlow::Continue(())
}

/// Calls a handler, and `handle_error` with the error that it returns, as the `try` around every
/// call in asyncore does. Breaks off once the object has ended its part, or its connection has
/// ended.
// CONCEPT: isolation
pub(crate) fn guarded(
    dispatcher: &mut dyn Dispatcher,
    channel: &mut Channel,
    handle: impl FnOnce(&mut dyn Dispatcher, &mut Channel) -> io::Result<()>,
) -> ControlFlow<()> {
    match handle(dispatcher, channel) {
        Ok(()) => {}
        // CONCEPT: readiness
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
        Err(error) if is_disconnected(&error) && !channel.is_listener() && !channel.is_lost() => {
            channel.lose(error);
        }
        Err(error) => dispatcher.handle_error(channel, error),
    }
    match channel.ended || channel.state.has_unreported_end() {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    }
}

/// Calls `handle_close` if the connection has ended in the call before: once for the end of the
/// stream, and once if the connection is lost. A lost connection is closed after that, whatever the
/// object did: it can neither be read nor written, and nothing else will come of it.
#[cold] // Once or twice in the life of a connection.
pub(crate) fn report_end(dispatcher: &mut dyn Dispatcher, channel: &mut Channel) {
    while channel.state.has_unreported_end() && !channel.ended {
        let is_lost = channel.is_lost();
        if !is_lost {
            channel.state.connection = ConnectionState::PeerClosed;
        }
        let _ = guarded(dispatcher, channel, |object, channel| {
            object.handle_close(channel)
        });
        if is_lost {
            channel.close();
        }
    }
}

fn handle_connect_event(dispatcher: &mut dyn Dispatcher, channel: &mut Channel) -> io::Result<()> {
    let state = &mut *channel.state;
    if !mem::take(&mut state.may_write) {
        return Ok(());
    }
    if let Socket::Stream(socket) = &state.socket {
        if let Some(error) = socket.take_error()? {
            return Err(error);
        }
        // No error isn't a connection yet: readiness can be false (select(2), BUGS).
        if matches!(socket.peer_addr(), Err(error) if error.kind() == ErrorKind::NotConnected) {
            return Ok(());
        }
    }
    state.connecting = false;
    state.may_write = true; // That is how it is known to be connected, and no second edge will tell so.
    dispatcher.handle_connect(channel)
}

fn handle_read_event(dispatcher: &mut dyn Dispatcher, channel: &mut Channel) -> io::Result<()> {
    match channel.state.socket {
        Socket::Listener(_) => dispatcher.handle_accept(channel),
        _ => dispatcher.handle_read(channel),
    }
}

fn handle_expt_event(dispatcher: &mut dyn Dispatcher, channel: &mut Channel) -> io::Result<()> {
    let state = &mut *channel.state;
    state.failed = false;
    let is_urgent = mem::take(&mut state.urgent);
    if let Socket::Stream(socket) = &state.socket
        && let Some(error) = socket.take_error()?
    {
        channel.lose(error);
        return Ok(());
    }
    match is_urgent {
        true => dispatcher.handle_expt(channel),
        false => Ok(()),
    }
}
