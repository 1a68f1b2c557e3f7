//! `close_when_done`, `handle_close`, `handle_stop`, `handle_error`: how a connection ends.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use chat_echo::{AsyncChat, ChatChannel, SimpleProducer};
use common::Settings;
use common::client::TIME_LIMIT;

use crate::support::{NEWLINE, on_message, pattern, serve_chats};

/// More than the kernel's buffers hold for a peer that doesn't read.
const MUCH: usize = 16 * 1024 * 1024;

/// A shutdown timeout longer than any test.
fn patient() -> Settings {
    Settings {
        shutdown_timeout: 10 * TIME_LIMIT,
        ..Settings::default()
    }
}

#[test]
fn close_when_done_delivers_what_was_pushed_and_no_more() -> io::Result<()> {
    let messages = Arc::new(AtomicUsize::new(0));
    let found = Arc::clone(&messages);
    let make = move || {
        let found = Arc::clone(&found);
        on_message(move |chat, _| {
            found.fetch_add(1, Relaxed);
            chat.push(pattern(MUCH));
            chat.push_with_producer(SimpleProducer::new("the end", 2));
            chat.close_when_done();
            chat.close_when_done();
            chat.push(b"ignored");
            chat.push_with_producer(SimpleProducer::new("ignored", 512));
        })
    };
    let server = serve_chats(patient(), NEWLINE, make)?;
    let mut client = server.connect()?;
    client.send(b"go\nnot split any more\n")?;
    let mut answer = client.receive(1)?;
    // The unread input must not turn the close into a reset.
    client.send(&pattern(100_000))?;
    answer.extend(client.receive_to_end()?);
    assert!(answer == [pattern(MUCH), b"the end".to_vec()].concat());
    assert_eq!(messages.load(Relaxed), 1);
    Ok(())
}

#[test]
fn at_the_end_of_the_stream_what_was_pushed_is_delivered() -> io::Result<()> {
    let settings = Settings {
        high_water: MUCH, // So that the server reads the end while all of it is pending.
        ..Settings::default()
    };
    let make = || on_message(|chat, _| chat.push(pattern(MUCH)));
    let server = serve_chats(settings, NEWLINE, make)?;
    let mut client = server.connect()?;
    client.send(b"go\n")?;
    client.finish()?;
    assert!(client.receive_to_end()? == pattern(MUCH));
    Ok(())
}

#[test]
fn asked_to_stop_what_was_pushed_is_delivered() -> io::Result<()> {
    let make = || on_message(|chat, _| chat.push(pattern(MUCH)));
    let server = serve_chats(patient(), NEWLINE, make)?;
    let (mut client, mut idle) = (server.connect()?, server.connect()?);
    assert_eq!(idle.echo(b"tick\n")?, b"tick\n");
    client.send(b"go\n")?;
    let mut answer = client.receive(1)?;
    client.send(b"not read any more\n")?;
    server.ask_to_stop()?;
    assert_eq!(idle.receive_to_end()?, b"");
    answer.extend(client.receive_to_end()?);
    assert!(answer == pattern(MUCH));
    // The server waits for a client whose input it hadn't read, until that client closes too. It
    // closes the idle one at once.
    drop(client);
    server.ended()?;
    Ok(())
}

/// Reports its errors, and doesn't close because of them.
struct Stubborn {
    errors: Sender<ErrorKind>,
}

impl AsyncChat for Stubborn {
    fn collect_incoming_data(&mut self, _: &mut ChatChannel, data: &[u8]) -> io::Result<()> {
        match data {
            b"denied" => Err(ErrorKind::PermissionDenied.into()),
            _ => Ok(()),
        }
    }

    fn found_terminator(&mut self, chat: &mut ChatChannel) -> io::Result<()> {
        chat.push(vec![b'.'; MUCH]);
        Ok(())
    }

    fn handle_close(&mut self, chat: &mut ChatChannel) -> io::Result<()> {
        if let Some(error) = chat.channel().take_error() {
            let _ = self.errors.send(error.kind());
        }
        chat.push(b"close");
        chat.close_when_done();
        Ok(())
    }

    fn handle_stop(&mut self, chat: &mut ChatChannel) -> io::Result<()> {
        chat.push(b"stop");
        chat.close_when_done();
        Ok(())
    }

    fn handle_error(&mut self, chat: &mut ChatChannel, error: io::Error) {
        match error.kind() {
            ErrorKind::TimedOut => chat.discard_buffers(),
            _ => chat.push(b"error"),
        }
        // Fails if the test is already over.
        let _ = self.errors.send(error.kind());
    }
}

#[test]
fn the_end_may_be_met_in_ways_of_one_s_own() -> io::Result<()> {
    let (errors, seen) = mpsc::channel();
    let make = move || Stubborn {
        errors: errors.clone(),
    };
    let server = serve_chats(Settings::default(), NEWLINE, make)?;
    let (mut closing, mut stopping) = (server.connect()?, server.connect()?);
    for client in [&mut closing, &mut stopping] {
        client.send(b"denied")?;
        assert_eq!(client.receive(5)?, b"error");
        let error = seen.recv_timeout(TIME_LIMIT).map_err(io::Error::other)?;
        assert_eq!(error, ErrorKind::PermissionDenied);
    }
    closing.finish()?;
    assert_eq!(closing.receive_to_end()?, b"close");
    let reset = server.connect()?;
    reset.reset()?;
    let error = seen.recv_timeout(TIME_LIMIT).map_err(io::Error::other)?;
    assert_eq!(error, ErrorKind::ConnectionReset);
    server.ask_to_stop()?;
    assert_eq!(stopping.receive_to_end()?, b"stop");
    Ok(())
}

/// An error handler that empties the output must not leave reading paused: nothing would ever
/// resume it.
#[test]
fn input_discarded_after_an_error_is_not_waited_for() -> io::Result<()> {
    let (errors, seen) = mpsc::channel();
    let make = move || Stubborn {
        errors: errors.clone(),
    };
    let settings = Settings {
        idle_timeout: Some(Duration::from_millis(200)),
        ..Settings::default()
    };
    let server = serve_chats(settings, NEWLINE, make)?;
    let mut client = server.connect()?;
    client.send(b"go\n")?;
    let error = seen.recv_timeout(TIME_LIMIT).map_err(io::Error::other)?;
    assert_eq!(error, ErrorKind::TimedOut);
    client.finish()?;
    let answer = client.receive_to_end()?;
    assert!(answer.len() < MUCH && answer.ends_with(b".close"));
    Ok(())
}

#[test]
fn by_default_an_error_ends_its_connection_only() -> io::Result<()> {
    let make = || on_message(|_, _| {});
    let server = serve_chats(Settings::default(), NEWLINE, make)?;
    let (mut client, mut other) = (server.connect()?, server.connect()?);
    for client in [&mut client, &mut other] {
        assert_eq!(client.echo(b"tick\n")?, b"tick\n");
    }
    client.send(b"fail\n")?;
    assert_eq!(client.receive_to_end()?, b"");
    assert_eq!(other.echo(b"tick\n")?, b"tick\n");
    Ok(())
}

/// Says goodbye at `bye`. Reports each call of `handle_close`, and whether the connection is lost.
struct Parting {
    closes: Sender<bool>,
}

impl AsyncChat for Parting {
    fn collect_incoming_data(&mut self, chat: &mut ChatChannel, data: &[u8]) -> io::Result<()> {
        if data == b"bye" {
            chat.push_with_producer(SimpleProducer::new("good", 1));
            chat.push(b"bye");
            chat.close_when_done();
        }
        Ok(())
    }

    fn found_terminator(&mut self, chat: &mut ChatChannel) -> io::Result<()> {
        chat.push(pattern(MUCH));
        Ok(())
    }

    fn handle_close(&mut self, chat: &mut ChatChannel) -> io::Result<()> {
        self.closes
            .send(chat.channel().is_lost())
            .map_err(io::Error::other)?;
        chat.push(b"and more");
        chat.close_when_done();
        Ok(())
    }
}

#[test]
fn close_when_done_ends_with_handle_close() -> io::Result<()> {
    let (closes, told) = mpsc::channel();
    let make = move || Parting {
        closes: closes.clone(),
    };
    let server = serve_chats(patient(), NEWLINE, make)?;
    let mut client = server.connect()?;
    client.send(b"bye")?;
    assert_eq!(client.receive_to_end()?, b"goodbye");
    assert_eq!(told.recv_timeout(TIME_LIMIT), Ok(false));
    client.finish()?; // The channel is draining, so the object isn't called.
    drop(client);
    server.ask_to_stop()?;
    server.ended()?;
    assert!(told.try_recv().is_err());
    Ok(())
}

#[test]
fn a_stop_ends_with_handle_close_too() -> io::Result<()> {
    let (closes, told) = mpsc::channel();
    let make = move || Parting {
        closes: closes.clone(),
    };
    let server = serve_chats(patient(), NEWLINE, make)?;
    let mut idle = server.connect()?;
    idle.send(b"x")?; // If this is still unread when the stop comes, the channel drains.
    server.ask_to_stop()?;
    assert_eq!(idle.receive_to_end()?, b"");
    assert_eq!(told.recv_timeout(TIME_LIMIT), Ok(false));
    drop(idle);
    server.ended()?;
    assert!(told.try_recv().is_err());
    Ok(())
}

#[test]
fn handle_close_is_called_again_when_a_half_closed_connection_is_lost() -> io::Result<()> {
    let (closes, told) = mpsc::channel();
    let make = move || Parting {
        closes: closes.clone(),
    };
    let settings = Settings {
        high_water: 2 * MUCH, // So that the server reads the end while all of it is pending.
        ..patient()
    };
    let server = serve_chats(settings, NEWLINE, make)?;
    let mut client = server.connect()?;
    client.send(b"much\n")?;
    client.receive(1)?;
    client.finish()?;
    assert_eq!(told.recv_timeout(TIME_LIMIT), Ok(false));
    client.reset()?;
    assert_eq!(told.recv_timeout(TIME_LIMIT), Ok(true));
    server.stop().map(drop) // All output is already sent.
}
