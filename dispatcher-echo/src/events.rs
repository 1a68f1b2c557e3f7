//! Which handlers of an object are called, and in what order.

use std::io::{self, ErrorKind};
use std::mem;
use std::ops::ControlFlow;

use crate::entry::Socket;
use crate::{Channel, Dispatcher};

/// Calls the handlers that are due, as asyncore's `readwrite` does, until one of them has ended the
/// object's part. Discards what a channel that is draining has received.
pub(crate) fn handle_events(dispatcher: &mut dyn Dispatcher, channel: &mut Channel) {
    if channel.state.draining {
        channel.drain();
    } else {
        let _ = until_ended(dispatcher, channel);
    }
}

fn until_ended(dispatcher: &mut dyn Dispatcher, channel: &mut Channel) -> ControlFlow<()> {
    if channel.state.connecting {
        guarded(dispatcher, channel, handle_connect_event)?;
        channel.state.ask(dispatcher);
    }
    if mem::take(&mut channel.state.urgent) {
        guarded(dispatcher, channel, |object, channel| {
            object.handle_expt(channel)
        })?;
        channel.state.ask(dispatcher);
    }
    if channel.state.takes_write() {
        guarded(dispatcher, channel, |object, channel| {
            object.handle_write(channel)
        })?;
        channel.state.ask(dispatcher);
    }
    if channel.state.takes_read() {
        guarded(dispatcher, channel, handle_read_event)?;
    }
    if channel.state.takes_end() {
        guarded(dispatcher, channel, |object, channel| {
            object.handle_close(channel)
        })?;
    }
    ControlFlow::Continue(())
}

/// Calls a handler, and `handle_error` for what it answers, as the `try` around every call in
/// asyncore does. Breaks off once the object has ended its part.
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
        Err(error) => dispatcher.handle_error(channel, error),
    }
    match channel.ended {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    }
}

fn handle_connect_event(dispatcher: &mut dyn Dispatcher, channel: &mut Channel) -> io::Result<()> {
    let state = &mut *channel.state;
    if !mem::take(&mut state.may_write) {
        return Ok(());
    }
    if let Socket::Stream(socket) = &state.socket
        && let Some(error) = socket.take_error()?
    {
        return Err(error);
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
