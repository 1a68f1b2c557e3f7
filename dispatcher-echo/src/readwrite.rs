//! Decides which handlers of an object to call, and in which order.

use std::io::{self, ErrorKind};
use std::mem;

use crate::channel::is_disconnected;
use crate::entry::{ConnectionState, Socket};
use crate::{Channel, Dispatcher};

/// Calls the handlers that are due, like asyncore's `readwrite`. An error stops it, and so does a
/// handler that closed the channel or saw the end of the connection.
///
/// # Errors
/// The error of a handler, for [`report_error`].
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

/// Turns an error that only means "not ready" into `Ok`: such a handler hasn't failed.
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
        // Without an error, it can still be connecting: readiness can be false (select(2), BUGS).
        if matches!(socket.peer_addr(), Err(error) if error.kind() == ErrorKind::NotConnected) {
            return Ok(());
        }
    }
    state.connection = ConnectionState::Open;
    state.readiness.set_write(); // This edge said that it is connected. There is no second one.
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

/// Handles the error of a handler like the `except` clauses in asyncore's `readwrite`: a lost
/// connection leads to `handle_close`, any other error to `handle_error`.
// CONCEPT: isolation
#[cold]
pub(crate) fn report_error(object: &mut dyn Dispatcher, channel: &mut Channel, error: io::Error) {
    if is_disconnected(&error) && !channel.is_listener() && !channel.is_lost() {
        channel.lose(error);
    } else {
        object.handle_error(channel, error);
    }
}

/// Calls `handle_close`: once for the end of the stream, and once if the connection is lost. Then
/// it closes a lost connection, whatever the object did, because nothing can be read or written on
/// it any more.
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
