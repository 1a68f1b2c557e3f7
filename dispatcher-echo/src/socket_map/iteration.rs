//! One iteration of the loop: wait, call the handlers, apply their requests.

use std::cmp::Reverse;
use std::io::{self, ErrorKind};
use std::mem;
use std::time::Duration;

use common::net;
use common::sys::{self, Events};

use super::SocketMap;
use crate::entry::{ChannelState, ConnectionState, Entry, Socket};
use crate::readwrite::{now_or_later, readwrite, report_end, report_error};
use crate::registry::{Registry, Request, key};
use crate::{Channel, Dispatcher, Key};

impl SocketMap {
    /// Runs one iteration: waits until something is ready, at most `timeout` (`None` is no limit),
    /// and calls each object that has events once.
    ///
    /// # Errors
    /// The errors of [`Poll::wait`](sys::Poll::wait), except `Interrupted`: a signal only ends the
    /// wait.
    // CONCEPT: fairness
    pub fn poll(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.apply_requests();
        if self.is_empty() {
            return Ok(());
        }
        let timeout = self.time_to_wait(timeout);
        self.wait(timeout)?;
        // An object that is still ready after its call is queued behind these, for the next
        // iteration.
        let ready = self.ready.len();
        for index in 0..ready {
            self.call(self.ready[index], readwrite);
        }
        self.ready.drain(..ready);
        self.meet_deadlines();
        self.apply_requests();
        Ok(())
    }

    /// Waits, and records in the entries what became ready.
    // CONCEPT: scaling
    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let Registry { poll, clock, .. } = &mut self.registry;
        let waited = poll.wait(&mut self.events, timeout);
        let capacity = self.events.capacity();
        let is_full = matches!(waited, Ok(count) if count >= capacity);
        clock.waited(waited.is_ok() && !is_full);
        match waited {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            Err(error) => return Err(error),
        }
        for event in self.events.iter() {
            let key = key(event.token());
            let Some(Entry { state, .. }) = self.entries.get_mut(key) else {
                continue;
            };
            state.record(event);
            if !mem::replace(&mut state.queued, true) {
                self.ready.push(key);
            }
        }
        if is_full {
            // If every wait fills the list, the loop never sees all events, and no deadline passes.
            self.events = Events::with_capacity(2 * capacity);
        }
        Ok(())
    }

    /// Makes one call of an object, unless its channel was closed earlier in this iteration. Then
    /// reports an error or the end of the connection to it, and updates what it is interested in.
    // CONCEPT: stale-events
    pub(super) fn call(
        &mut self,
        key: Key,
        call: impl FnOnce(&mut dyn Dispatcher, &mut Channel) -> io::Result<()>,
    ) {
        let Some(Entry { state, object }) = self.entries.get_mut(key) else {
            return;
        };
        state.queued = false;
        if state.connection == ConnectionState::Closed {
            return;
        }
        let mut channel = Channel {
            key,
            state,
            registry: &mut self.registry,
            read_buffer: Some(sys::read_window(&mut self.buffer)),
            lost_with: None,
        };
        if let Err(error) = now_or_later(call(&mut **object, &mut channel)) {
            report_error(&mut **object, &mut channel, error);
        }
        if channel.state.connection.is_unreported_end() {
            report_end(&mut **object, &mut channel);
        }
        channel.state.query_interest(&**object);
        if !channel.state.is_up_to_date() {
            self.dirty.push(key);
        }
        if !self.registry.requests.is_empty() {
            self.take_requests();
        }
    }

    /// Takes the requests of the last call. No channel is opened or closed before that.
    pub(super) fn take_requests(&mut self) {
        for request in mem::take(&mut self.registry.requests) {
            match request {
                Request::Open(key, entry) => self.put(key, entry),
                Request::Close(key) => self.close(key),
                Request::CloseAll => self.close_all(),
                Request::StopAll(within) => self.stop_all(within),
                Request::Reconsider(key) => self.reconsider(key),
            }
        }
    }

    fn put(&mut self, key: Key, entry: Entry) {
        if matches!(entry.state.socket, Socket::Listener(_)) {
            self.listeners.push(key);
        }
        self.entries.insert(key, entry);
        self.queue_if_ready(key);
    }

    /// Applies the requests of this iteration.
    fn apply_requests(&mut self) {
        if mem::take(&mut self.stop_requested) {
            self.stop_objects();
        }
        self.update_dirty();
    }

    /// Calls `handle_stop` of all objects, connections first: that frees permits for the clients
    /// that are still waiting. Closing the listener would reset those clients.
    // CONCEPT: graceful-stop
    fn stop_objects(&mut self) {
        self.tell_to_stop(|state| !matches!(state.socket, Socket::Listener(_)));
        self.update_dirty();
        for key in self.listeners.clone() {
            self.accept_waiting(key);
        }
        self.tell_to_stop(|_| true);
    }

    fn tell_to_stop(&mut self, is_meant: impl Fn(&ChannelState) -> bool) {
        let is_meant = |state: &ChannelState| {
            !state.told_to_stop && !state.connection.is_over() && is_meant(state)
        };
        for key in self.keys_where(is_meant) {
            self.call(key, |object, channel| {
                channel.state.told_to_stop = true;
                object.handle_stop(channel)
            });
        }
    }

    /// Lets a listener accept the waiting clients while it is readable, at most
    /// [`net::MOST_ACCEPTED_AT_STOP`] of them.
    fn accept_waiting(&mut self, key: Key) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.state.readiness.set_read();
        }
        for _ in 0..net::MOST_ACCEPTED_AT_STOP / net::ACCEPTS_PER_ITERATION {
            let listener = self.entries.get_mut(key);
            if !listener.is_some_and(|entry| entry.state.takes_read()) {
                return;
            }
            self.call(key, |object, channel| object.handle_accept(channel));
        }
    }

    /// Closes channels, updates what the kernel watches for, and queues the channels that are
    /// already ready. Listeners come last: a closed channel can free a permit for a client.
    fn update_dirty(&mut self) {
        self.update_each_dirty();
        self.dirty.extend(&self.listeners);
        self.update_each_dirty();
    }

    fn update_each_dirty(&mut self) {
        while let Some(key) = self.dirty.pop() {
            let Some(entry) = self.entries.get_mut(key) else {
                continue;
            };
            if entry.state.connection == ConnectionState::Closed {
                self.remove(key);
            } else if let Err(error) = self.registry.update_interest(key, entry) {
                self.cannot_watch(key, error);
            } else {
                self.queue_if_ready(key);
            }
        }
    }

    /// The kernel can't watch a channel, for example because memory ran out. Reports the error to
    /// the object and closes the channel. A listener stays open: the next iteration tries it again.
    fn cannot_watch(&mut self, key: Key, error: io::Error) {
        let Some(Entry { state, .. }) = self.entries.get_mut(key) else {
            return;
        };
        let is_listener = matches!(state.socket, Socket::Listener(_));
        if state.connection != ConnectionState::Draining {
            self.call(key, |_, _| Err(error));
        }
        if is_listener {
            self.dirty.retain(|dirty| *dirty != key);
        } else {
            self.close(key);
        }
    }

    /// Queues a channel whose object can be called without waiting for an event.
    fn queue_if_ready(&mut self, key: Key) {
        if let Some(Entry { state, .. }) = self.entries.get_mut(key)
            && state.can_be_called()
            && !mem::replace(&mut state.queued, true)
        {
            self.ready.push(key);
        }
    }

    fn remove(&mut self, key: Key) {
        if let Some(entry) = self.entries.remove(key) {
            self.listeners.retain(|listening| *listening != key);
            self.registry.close(key, entry);
            self.retry_starved();
        }
    }

    /// A descriptor is free, so listeners without one can try again. There is no edge for that.
    fn retry_starved(&mut self) {
        for key in self.registry.starved.drain(..) {
            if let Some(entry) = self.entries.get_mut(key) {
                entry.state.readiness.set_read();
                self.dirty.push(key);
            }
        }
    }

    /// Closes the channels that have drained for long enough, and all when the stop's time is over.
    fn meet_deadlines(&mut self) {
        let clock = self.clock();
        while let Some(Reverse((until, key))) = self.registry.draining.peek().copied()
            && clock.has_passed(until)
        {
            self.registry.draining.pop();
            self.close(key);
        }
        if self.stop_at.take_if(|at| clock.has_passed(*at)).is_some() {
            self.fail_where("not finished within the shutdown timeout", |_| true);
            self.close_all();
        }
    }

    /// How long to wait: not at all if a channel is ready, and at most until the next deadline.
    fn time_to_wait(&mut self, timeout: Option<Duration>) -> Option<Duration> {
        if !self.ready.is_empty() {
            return Some(Duration::ZERO);
        }
        let draining = &mut self.registry.draining;
        while let Some(Reverse((_, key))) = draining.peek()
            && !self.entries.contains_key(*key)
        {
            draining.pop(); // Its peer has closed in time.
        }
        let drained = draining.peek().map(|Reverse((until, _))| *until);
        let deadlines = [drained, self.stop_at].into_iter().flatten();
        let waits = deadlines.map(|deadline| self.registry.clock.until(deadline));
        waits.chain(timeout).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::token;
    use common::client::EchoClient;
    use std::cell::Cell;
    use std::rc::Rc;
    use std::time::Instant;

    /// A listener's object that accepts or not, and counts its errors.
    struct Acceptor {
        accepts: Rc<Cell<bool>>,
        errors: Rc<Cell<usize>>,
    }

    impl Dispatcher for Acceptor {
        fn readable(&self) -> bool {
            self.accepts.get()
        }

        fn handle_error(&mut self, _: &mut Channel, _: io::Error) {
            self.errors.set(self.errors.get() + 1);
        }
    }

    #[test]
    fn a_listener_that_cannot_be_watched_stays_open_and_is_tried_again() -> io::Result<()> {
        let mut map = SocketMap::new(vec![0; 16])?;
        let listener = net::listen("127.0.0.1", 0, 16)?;
        let (accepts, errors) = (Rc::new(Cell::new(true)), Rc::default());
        let object = Acceptor {
            accepts: Rc::clone(&accepts),
            errors: Rc::clone(&errors),
        };
        let key = map.open_listener(listener, object)?;
        map.poll(Some(Duration::ZERO))?;
        // Now the kernel fails to change or end its watch.
        let descriptor = map.entries[key].state.socket.descriptor();
        map.registry.poll.deregister(descriptor)?;
        accepts.set(false);
        map.poll(Some(Duration::ZERO))?;
        assert!(errors.get() > 0 && map.entries.contains_key(key));
        let descriptor = map.entries[key].state.socket.descriptor();
        let interest = map.entries[key].state.interest.expect("it was watched");
        map.registry
            .poll
            .register(descriptor, token(key), interest)?;
        map.poll(Some(Duration::ZERO))?;
        assert_eq!(map.entries[key].state.interest, None, "it is tried again");
        Ok(())
    }

    /// Keeps one byte, and stores the capacity of the buffer for it.
    struct Keeper(Rc<Cell<usize>>);

    impl Dispatcher for Keeper {
        fn handle_read(&mut self, channel: &mut Channel) -> io::Result<()> {
            let data = channel.recv(1)?;
            let mut line = Vec::new();
            channel.collect(&mut line, data);
            self.0.set(line.capacity());
            Ok(())
        }
    }

    #[test]
    fn a_short_line_does_not_get_the_memory_of_a_long_one() -> io::Result<()> {
        let mut map = SocketMap::new(vec![0; 16])?;
        map.registry.spare_buffer = Vec::with_capacity(1000);
        let listener = net::listen("127.0.0.1", 0, 16)?;
        let mut client = EchoClient::connect(listener.local_addr()?)?;
        let capacity = Rc::new(Cell::new(usize::MAX));
        map.open(listener.accept()?.0, Keeper(Rc::clone(&capacity)))?;
        client.send(b"x")?;
        while capacity.get() == usize::MAX {
            map.poll(None)?;
        }
        assert!(capacity.get() < 1000);
        Ok(())
    }

    /// Reads one byte per call.
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
        map.registry.clock.waited(false); // The deadline is over from now on.
        for has_seen_all in [false, false, false, true] {
            for client in &mut clients {
                client.send(b"x")?;
            }
            map.poll(Some(Duration::ZERO))?;
            assert_eq!(map.clock().has_passed(deadline), has_seen_all);
        }
        Ok(())
    }
}
