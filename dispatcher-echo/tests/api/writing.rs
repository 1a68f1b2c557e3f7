//! `writable`, `handle_write`, `send`, and the output buffer of `DispatcherWithSend`.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::thread;

use common::sys::{self, Stream};
use dispatcher_echo::{Channel, Dispatcher, DispatcherWithSend, SocketMap};
use socket2::SockRef;

use crate::probe::{
    Call, CallLog, LIMIT, Probe, assert_quiet, behave, new_map, pair, poll_to_end, poll_until,
};

#[test]
fn handle_write_is_not_called_unless_writable() -> io::Result<()> {
    let (mut map, log) = (new_map()?, CallLog::default());
    let (socket, _client) = pair()?;
    let probe = Probe::new("a", &log);
    let interest = probe.interest();
    let key = map.open(socket, probe)?;
    assert_quiet(&mut map)?;
    assert_eq!(log.all(), []);
    interest.writable.set(true);
    map.reconsider(key);
    poll_until(&mut map, || log.of("a") == [Call::Write])
}

#[test]
fn a_writable_object_that_does_not_write_causes_no_busy_loop() -> io::Result<()> {
    let (mut map, log) = (new_map()?, CallLog::default());
    let (socket, _client) = pair()?;
    let probe = Probe::new("a", &log);
    probe.interest().writable.set(true);
    map.open(socket, probe)?;
    for _ in 0..5 {
        map.poll(Some(std::time::Duration::from_millis(1)))?;
    }
    assert!(log.of("a").len() <= 2, "{:?}", log.all());
    assert_quiet(&mut map)
}

#[test]
fn an_object_that_changes_its_mind_while_reading_is_not_called_for_a_write() -> io::Result<()> {
    let (mut map, log) = (new_map()?, CallLog::default());
    let (socket, mut client) = pair()?;
    let probe = Probe::new("a", &log);
    let interest = probe.interest();
    interest.writable.set(true);
    let probe = probe.doing(move |call, channel| match call {
        Call::Read => {
            interest.writable.set(false);
            channel.recv(100).map(drop)
        }
        call => behave(call, channel),
    });
    client.send(b"hello")?;
    open_ready(&mut map, socket, probe)?;
    assert_eq!(log.of("a"), [Call::Read]);
    assert_quiet(&mut map)
}

#[test]
fn handle_write_is_called_after_a_read_that_would_block() -> io::Result<()> {
    let (mut map, log) = (new_map()?, CallLog::default());
    let (socket, mut client) = pair()?;
    let probe = Probe::new("a", &log);
    probe.interest().writable.set(true);
    let probe = probe.doing(|call, channel| match call {
        Call::Read => Err(io::ErrorKind::WouldBlock.into()),
        call => behave(call, channel),
    });
    client.send(b"hello")?;
    open_ready(&mut map, socket, probe)?;
    assert_eq!(log.of("a"), [Call::Read, Call::Write]);
    Ok(())
}

#[test]
fn handlers_are_called_in_the_order_read_write_expt_close() -> io::Result<()> {
    let (mut map, log) = (new_map()?, CallLog::default());
    let (socket, mut client) = pair()?;
    let probe = Probe::new("a", &log);
    probe.interest().writable.set(true);
    client.send(b"hello")?;
    SockRef::from(client.socket()).send_out_of_band(b"!")?;
    open_ready(&mut map, socket, probe)?;
    let mut expected = vec![Call::Read, Call::Write];
    expected.extend(cfg!(target_os = "linux").then_some(Call::Expt));
    assert_eq!(log.of("a"), expected);
    client.finish()?;
    poll_to_end(&mut map)?;
    assert_eq!(log.of("a").last(), Some(&Call::Close));
    Ok(())
}

/// Adds a socket that already has events to the map, and has the loop see all of them before the
/// object is called for the first time.
fn open_ready(map: &mut SocketMap, socket: Stream, probe: Probe) -> io::Result<()> {
    let interest = probe.interest();
    let wants_to_write = interest.writable.replace(false);
    let key = map.open(socket, probe)?;
    interest.writable.set(wants_to_write);
    map.reconsider(key);
    map.poll(Some(LIMIT))
}

#[test]
fn a_full_socket_takes_nothing_and_tells_when_there_is_room() -> io::Result<()> {
    let (mut map, log) = (new_map()?, CallLog::default());
    let (socket, mut client) = pair()?;
    let total = Rc::new(RefCell::new(0));
    let probe = Probe::new("a", &log);
    let interest = probe.interest();
    let sent = Rc::clone(&total);
    let fill = move |call, channel: &mut Channel| match call {
        Call::Write => loop {
            match channel.send(&[0; 65536])? {
                0 => break Ok(()),
                count => *sent.borrow_mut() += count,
            }
        },
        call => behave(call, channel),
    };
    interest.writable.set(true);
    map.open(socket, probe.doing(fill))?;
    map.poll(Some(LIMIT))?;
    assert_quiet(&mut map)?;
    let before = *total.borrow();
    assert!(before > 0);
    let mut left = before;
    while left > 0 {
        left -= client.receive_some(left)?.len();
    }
    poll_until(&mut map, || *total.borrow() > before)
}

#[test]
fn a_send_on_a_lost_connection_reaches_handle_close() -> io::Result<()> {
    let (mut map, log) = (new_map()?, CallLog::default());
    let (socket, client) = pair()?;
    let probe = Probe::new("a", &log);
    probe.interest().readable.set(false);
    probe.interest().writable.set(true);
    let probe = probe.doing(|call, channel| match call {
        Call::Write => channel.send(&[0; 65536]).map(drop),
        call => behave(call, channel),
    });
    map.open(socket, probe)?;
    client.reset()?;
    poll_to_end(&mut map)?;
    let calls = log.of("a");
    assert_eq!(calls.last(), Some(&Call::Close), "{calls:?}");
    assert_eq!(log.count("a", Call::Close), 1);
    Ok(())
}

/// Sends bytes in chunks, and closes when all of them are sent.
struct Speaker {
    text: Rc<Vec<u8>>,
    given: usize,
    out: Rc<RefCell<DispatcherWithSend>>,
}

impl Dispatcher for Speaker {
    fn writable(&self) -> bool {
        self.out.borrow().writable() || self.given < self.text.len()
    }

    fn handle_write(&mut self, channel: &mut Channel) -> io::Result<()> {
        let mut out = self.out.borrow_mut();
        // Adds more before the last chunk is sent: half with `send`, half with `append`.
        if out.pending_output() < 300_000 && self.given < self.text.len() {
            let end = self.text.len().min(self.given + 100_003);
            let (now, later) = self.text[self.given..end].split_at((end - self.given) / 2);
            out.send(channel, now)?;
            out.append(later);
            self.given = end;
        }
        out.initiate_send(channel)?;
        if !out.writable() && self.given == self.text.len() {
            channel.close();
        }
        Ok(())
    }
}

#[test]
fn many_mebibytes_arrive_in_order_at_a_slow_reader() -> io::Result<()> {
    let text = Rc::new((0..=250).collect::<Vec<u8>>().repeat(80_000)); // A good 19 MiB.
    let out = Rc::new(RefCell::new(DispatcherWithSend::default()));
    let (socket, mut client) = pair()?;
    let mut map = new_map()?;
    let speaker = Speaker {
        text: Rc::clone(&text),
        given: 0,
        out: Rc::clone(&out),
    };
    map.open(socket, speaker)?;
    // The client doesn't read yet, so some sends have to block.
    poll_until(&mut map, || sys::counters().would_blocks > 0)?;
    assert!(out.borrow().pending_output() > 0);
    let reading = thread::spawn(move || {
        let mut received = Vec::new();
        loop {
            let some = client.receive_some(10_007)?;
            if some.is_empty() {
                return Ok::<_, io::Error>(received);
            }
            received.extend(some);
            thread::yield_now();
        }
    });
    map.run_loop(Some(LIMIT), Some(1_000_000))?;
    assert!(map.is_empty(), "not all was sent in time");
    let received = reading.join().expect("the reader panicked")?;
    assert!(received == *text, "the bytes differ");
    assert_eq!(out.borrow().pending_output(), 0);
    assert!(!out.borrow().writable());
    Ok(())
}

#[test]
fn bytes_sent_at_once_are_not_buffered() -> io::Result<()> {
    let (mut map, log) = (new_map()?, CallLog::default());
    let (socket, mut client) = pair()?;
    let probe = Probe::new("a", &log).doing(|call, channel| match call {
        Call::Read => {
            let mut out = DispatcherWithSend::default();
            let data = channel.recv(100)?;
            out.send(channel, data)?;
            assert_eq!((out.pending_output(), out.writable()), (0, false));
            out.initiate_send(channel)
        }
        call => behave(call, channel),
    });
    map.open(socket, probe)?;
    client.send(b"hello")?;
    map.poll(Some(LIMIT))?;
    assert_eq!(client.receive(5)?, b"hello");
    assert_quiet(&mut map)
}
