//! One iteration of the loop: wait, call, and apply what was requested.

use std::io::{self, ErrorKind};
use std::mem;
use std::time::Duration;

use common::net;
use common::sys::{self, Events, Token};
use slotmap::{Key as _, KeyData};
use tracing::debug;

use super::{Key, SocketMap};
use crate::entry::{Entry, Socket, State};
use crate::events::{guarded, handle_events, report_end};
use crate::{Channel, Dispatcher};

impl SocketMap {
    /// One iteration: waits at most `timeout` (`None` is for ever) until something is ready, and
    /// calls each object that is concerned once.
    ///
    /// # Errors
    /// What [`Poll::wait`](sys::Poll::wait) returns, but for `Interrupted`: a signal only ends the
    /// wait.
    // CONCEPT: fairness
    pub fn poll(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.apply_requests();
        if self.is_empty() {
            return Ok(());
        }
        self.wait(self.time_to_wait(timeout))?;
        mem::swap(&mut self.current, &mut self.ready);
        let mut current = mem::take(&mut self.current);
        for key in current.drain(..) {
            self.call(key, |object, channel| {
                if channel.state.draining {
                    channel.discard_input(); // The object is not called any more.
                } else {
                    let _ = handle_events(object, channel);
                }
            });
        }
        self.current = current;
        self.close_drained();
        self.apply_requests();
        Ok(())
    }

    /// Waits, and notes in the entries what became ready.
    // CONCEPT: scaling
    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let waited = self.poll.wait(&mut self.events, timeout);
        let capacity = self.events.capacity();
        let is_full = matches!(waited, Ok(count) if count >= capacity);
        self.clock.waited(waited.is_ok() && !is_full);
        match waited {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            Err(error) => return Err(error),
        }
        for event in self.events.iter() {
            let key = key(event.token());
            let Some(Some(entry)) = self.entries.get_mut(key) else {
                continue;
            };
            entry.state.record(event);
            if !mem::replace(&mut entry.state.queued, true) {
                self.ready.push(key);
            }
        }
        if is_full {
            // A wait that is always full never sees all, and then no deadline would ever pass.
            self.events = Events::with_capacity(2 * capacity);
        }
        Ok(())
    }

    /// Calls an object and asks what it wants to know of now, unless it was closed earlier in this
    /// iteration.
    // CONCEPT: stale-events
    #[inline(always)] // As in `common::sys`.
    pub(super) fn call(&mut self, key: Key, call: impl FnOnce(&mut dyn Dispatcher, &mut Channel)) {
        let Some(mut entry) = self.take(key) else {
            return;
        };
        entry.state.queued = false;
        if !entry.state.closing {
            self.lend(key, &mut entry, call);
            entry.state.query_interest(&entry.dispatcher);
            if !entry.state.is_up_to_date() {
                self.dirty.push(key);
            }
        }
        self.put_back(key, entry);
    }

    /// Lends the channel to its object for one call, and for the one that follows if the connection
    /// has ended in it.
    #[inline(always)] // As in `common::sys`.
    fn lend(
        &mut self,
        key: Key,
        entry: &mut Entry,
        call: impl FnOnce(&mut dyn Dispatcher, &mut Channel),
    ) {
        let mut buffer = mem::take(&mut self.buffer);
        let read_buffer = sys::read_window(&mut buffer);
        let mut channel = Channel::new(key, &mut entry.state, self, read_buffer);
        call(&mut entry.dispatcher, &mut channel);
        if channel.state.has_unreported_end() {
            report_end(&mut entry.dispatcher, &mut channel);
        }
        self.buffer = buffer;
    }

    /// Applies what was requested in this iteration.
    fn apply_requests(&mut self) {
        if mem::take(&mut self.stop_requested) {
            self.stop_objects();
        }
        self.update_dirty();
    }

    /// Tells all objects to stop, and those of connections first: places become free then, for the
    /// clients that still wait to be accepted. Closing the listener would reset these.
    // CONCEPT: graceful-stop
    fn stop_objects(&mut self) {
        self.tell_to_stop(|state| !matches!(state.socket, Socket::Listener(_)));
        self.update_dirty();
        for key in self.listeners.clone() {
            self.accept_waiting(key);
        }
        self.tell_to_stop(|_| true);
    }

    fn tell_to_stop(&mut self, whom: impl Fn(&State) -> bool) {
        let is_meant = |state: &State| !state.told_to_stop && !state.draining && whom(state);
        let entries = self.entries.iter();
        let keys: Vec<Key> = entries
            .filter(|(_, entry)| entry.as_ref().is_some_and(|entry| is_meant(&entry.state)))
            .map(|(key, _)| key)
            .collect();
        for key in keys {
            self.call(key, |object, channel| {
                channel.state.told_to_stop = true;
                let _ = guarded(object, channel, |object, channel| {
                    object.handle_stop(channel)
                });
            });
        }
    }

    /// Lets a listener accept the clients that wait, as long as it wants to, and at most
    /// [`net::MOST_ACCEPTED_AT_STOP`] of them.
    fn accept_waiting(&mut self, key: Key) {
        self.call(key, |_, channel| channel.state.may_read = true);
        for _ in 0..net::MOST_ACCEPTED_AT_STOP / net::ACCEPTS_PER_ITERATION {
            match self.entries.get(key) {
                Some(Some(entry)) if entry.state.can_be_called() => {}
                _ => return,
            }
            self.call(key, |object, channel| {
                channel.state.takes_read();
                let _ = guarded(object, channel, |object, channel| {
                    object.handle_accept(channel)
                });
            });
        }
    }

    /// Closes channels, tells the kernel what the others want to know of now, and lists those that
    /// need not wait for it. Listeners come last: a channel that closes can make room for a client.
    fn update_dirty(&mut self) {
        self.update_each_dirty();
        self.dirty.extend(&self.listeners);
        self.update_each_dirty();
    }

    fn update_each_dirty(&mut self) {
        while let Some(key) = self.dirty.pop() {
            let Some(mut entry) = self.take(key) else {
                continue;
            };
            if entry.state.closing {
                self.remove(key, entry);
            } else if let Err(error) = self.update_interest(key, &mut entry) {
                if !entry.state.draining {
                    self.lend(key, &mut entry, |dispatcher, channel| {
                        dispatcher.handle_error(channel, error)
                    });
                }
                self.remove(key, entry);
            } else {
                self.put_back(key, entry);
            }
        }
    }

    /// Asks an object what it wants to know of, and tells the kernel if that has changed.
    pub(super) fn update_interest(&mut self, key: Key, entry: &mut Entry) -> io::Result<()> {
        let is_ready = entry.update_interest(&self.poll, token(key))?;
        if is_ready && !mem::replace(&mut entry.state.queued, true) {
            self.ready.push(key);
        }
        Ok(())
    }

    fn take(&mut self, key: Key) -> Option<Box<Entry>> {
        self.entries.get_mut(key)?.take()
    }

    #[inline]
    pub(super) fn put_back(&mut self, key: Key, entry: Box<Entry>) {
        if let Some(place @ None) = self.entries.get_mut(key) {
            *place = Some(entry);
        }
    }

    fn remove(&mut self, key: Key, mut entry: Box<Entry>) {
        self.entries.remove(key);
        if let Err(error) = entry.state.unwatch(&self.poll) {
            debug!(%error, "a channel could not be deregistered");
        }
        match entry.state.socket {
            Socket::Listener(_) => self.listeners.retain(|listening| *listening != key),
            Socket::Stream(_) => self.streams -= 1,
            _ => {}
        }
        if entry.state.draining {
            self.draining.remove(&(entry.state.since_or_until, key));
        }
        entry.state.socket.close(); // And then, with the entry, the object is dropped.
        drop(entry);
        self.retry_starved();
    }

    /// A descriptor is free: listeners that had none may try again. No edge will tell them to.
    fn retry_starved(&mut self) {
        for key in &self.listeners {
            if let Some(Some(entry)) = self.entries.get_mut(*key)
                && mem::take(&mut entry.state.starved)
            {
                entry.state.may_read = true;
                self.dirty.push(*key);
            }
        }
    }

    /// Closes the channels whose time to drain is over.
    fn close_drained(&mut self) {
        while let Some((until, key)) = self.draining.first().copied()
            && self.clock.has_passed(until)
        {
            self.draining.pop_first();
            self.close(key);
        }
    }

    /// No channel that is ready waits for others, and none drains for longer than it should.
    fn time_to_wait(&self, timeout: Option<Duration>) -> Option<Duration> {
        if !self.ready.is_empty() {
            return Some(Duration::ZERO);
        }
        let drained = self.draining.first();
        let drained = drained.map(|(until, _)| self.clock.until(*until));
        [timeout, drained].into_iter().flatten().min()
    }
}

/// The kernel hands back a number with each event: the key with its version, so that an event of a
/// channel that is gone finds nothing, even where its place in the map was given to another.
// CONCEPT: stale-events
fn token(key: Key) -> Token {
    Token(key.data().as_ffi())
}

fn key(token: Token) -> Key {
    KeyData::from_ffi(token.0).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::client::EchoClient;
    use std::time::Instant;

    /// Reads what comes.
    struct Reader;

    impl Dispatcher for Reader {
        fn handle_read(&mut self, channel: &mut Channel) -> io::Result<()> {
            channel.recv(1).map(drop)
        }
    }

    #[test]
    fn a_list_of_events_that_was_full_grows_until_it_shows_all() -> io::Result<()> {
        let mut map = SocketMap::new(vec![0; 16])?;
        map.events = Events::with_capacity(2);
        let listener = net::listen("127.0.0.1", 0, 16)?;
        let mut clients = Vec::new();
        for _ in 0..8 {
            clients.push(EchoClient::connect(listener.local_addr()?)?);
            let (socket, _) = listener.accept()?;
            map.open(socket, Reader)?;
        }
        let deadline = Instant::now();
        map.clock.waited(false); // It is over from now on.
        for has_seen_all in [false, false, false, true] {
            for client in &mut clients {
                client.send(b"x")?;
            }
            map.poll(Some(Duration::ZERO))?;
            assert_eq!(map.clock.has_passed(deadline), has_seen_all);
        }
        Ok(())
    }
}
