//! Which handlers of an object are called, and in what order.

use std::io::{self, ErrorKind};
use std::mem;

use crate::channel::is_disconnected;
use crate::entry::{ConnectionState, Socket};
use crate::{Channel, Dispatcher};

/// Calls the handlers that are due: asyncore's function of the same name. An error ends it, and so
/// does a handler that has closed the channel or met the end of the connection.
///
/// # Errors
/// What a handler returns, for [`report_error`].
pub(crate) fn readwrite(object: &mut dyn Dispatcher, channel: &mut Channel) -> io::Result<()> {
    match channel.state.connection {
        ConnectionState::Draining => {
            channel.discard_input(); // The object is not called any more.
            return Ok(());
        }
        ConnectionState::Connecting => handle_connect_event(object, channel)?,
        _ => {}
    }
    if channel.state.takes_read() {
        match channel.state.socket {
            Socket::Listener(_) => object.handle_accept(channel)?,
            _ => now_or_later(object.handle_read(channel))?,
        }
    }
    if channel.state.takes_write(object) {
        now_or_later(object.handle_write(channel))?;
    }
    if channel.state.is_exceptional() {
        handle_expt_event(object, channel)?;
    }
    Ok(())
}

/// A handler that has to wait until its socket is ready has not failed.
pub(crate) fn now_or_later(result: io::Result<()>) -> io::Result<()> {
    match result {
        // CONCEPT: readiness
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
            Ok(())
        }
        result => result,
    }
}

fn handle_connect_event(object: &mut dyn Dispatcher, channel: &mut Channel) -> io::Result<()> {
    let state = &mut *channel.state;
    if !state.readiness.may_write() {
        return Ok(());
    }
    state.readiness.clear_write();
    if let Socket::Stream(socket) = &state.socket {
        if let Some(error) = socket.take_error()? {
            return Err(error);
        }
        // No error isn't a connection yet: readiness can be false (select(2), BUGS).
        if matches!(socket.peer_addr(), Err(error) if error.kind() == ErrorKind::NotConnected) {
            return Ok(());
        }
    }
    state.connection = ConnectionState::Open;
    state.readiness.set_write(); // That is how it is known to be connected, and no second edge will tell so.
    now_or_later(object.handle_connect(channel))?;
    channel.state.query_interest(object);
    Ok(())
}

fn handle_expt_event(object: &mut dyn Dispatcher, channel: &mut Channel) -> io::Result<()> {
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
        true => object.handle_expt(channel),
        false => Ok(()),
    }
}

/// Tells an object of the error that its handler has returned, as the `except` in asyncore's
/// `readwrite` does: a lost connection goes to `handle_close`, all else to `handle_error`.
// CONCEPT: isolation
#[cold]
pub(crate) fn report_error(object: &mut dyn Dispatcher, channel: &mut Channel, error: io::Error) {
    if is_disconnected(&error) && !channel.is_listener() && !channel.is_lost() {
        channel.lose(error);
    } else {
        object.handle_error(channel, error);
    }
}

/// Calls `handle_close`: once for the end of the stream, and once if the connection is lost. A lost
/// connection is closed after that, whatever the object did: it can neither be read nor written,
/// and nothing else will come of it.
#[cold] // Once or twice in the life of a connection.
pub(crate) fn report_end(object: &mut dyn Dispatcher, channel: &mut Channel) {
    while channel.state.connection.is_unreported_end() {
        let is_lost = channel.is_lost();
        if !is_lost {
            channel.state.connection = ConnectionState::PeerClosed;
        }
        if let Err(error) = now_or_later(object.handle_close(channel)) {
            report_error(object, channel, error);
        }
        if is_lost {
            channel.close();
        }
    }
}
