//! `collect_incoming_data`, `found_terminator`, `set_terminator`, `get_terminator`.

use std::io;
use std::mem;
use std::sync::mpsc::{self, Receiver, Sender};

use chat_echo::{AsyncChat, ChatChannel, Terminator};
use common::Settings;
use common::client::TIME_LIMIT;
use common::client::program::Serving;

use crate::support::{NEWLINE, on_message, serve_chats};

/// A call of the object, with the terminator at that moment.
#[derive(Debug, PartialEq)]
enum Told {
    Part(Vec<u8>, Terminator),
    End(Terminator),
}

struct Reporter(Sender<Told>);

impl AsyncChat for Reporter {
    fn collect_incoming_data(&mut self, chat: &mut ChatChannel, data: &[u8]) -> io::Result<()> {
        let told = Told::Part(data.to_vec(), chat.get_terminator().clone());
        self.0.send(told).map_err(io::Error::other)
    }

    fn found_terminator(&mut self, chat: &mut ChatChannel) -> io::Result<()> {
        let told = Told::End(chat.get_terminator().clone());
        self.0.send(told).map_err(io::Error::other)
    }
}

fn report(terminator: Terminator) -> io::Result<(Serving, Receiver<Told>)> {
    let (sender, told) = mpsc::channel();
    let make = move || Reporter(sender.clone());
    let server = serve_chats(Settings::default(), terminator, make)?;
    Ok((server, told))
}

fn next(told: &Receiver<Told>) -> io::Result<Told> {
    told.recv_timeout(TIME_LIMIT).map_err(io::Error::other)
}

#[test]
fn parts_are_collected_until_the_terminator_is_found() -> io::Result<()> {
    let crlf = || Terminator::Bytes(b"\r\n".into());
    let (server, told) = report(crlf())?;
    let mut client = server.connect()?;
    client.send(b"on")?;
    assert_eq!(next(&told)?, Told::Part(b"on".into(), crlf()));
    client.send(b"e\r")?;
    assert_eq!(next(&told)?, Told::Part(b"e".into(), crlf()));
    client.send(b"\ntwo\r\n\r\n")?;
    assert_eq!(next(&told)?, Told::End(crlf()));
    assert_eq!(next(&told)?, Told::Part(b"two".into(), crlf()));
    assert_eq!(next(&told)?, Told::End(crlf()));
    assert_eq!(next(&told)?, Told::End(crlf()));
    Ok(())
}

#[test]
fn a_count_is_what_is_left_of_it() -> io::Result<()> {
    let (server, told) = report(Terminator::Count(5))?;
    let mut client = server.connect()?;
    client.send(b"ab")?;
    assert_eq!(next(&told)?, Told::Part(b"ab".into(), Terminator::Count(3)));
    client.send(b"cdefg")?;
    assert_eq!(
        next(&told)?,
        Told::Part(b"cde".into(), Terminator::Count(0))
    );
    assert_eq!(next(&told)?, Told::End(Terminator::Count(0)));
    // The count isn't reset by itself: all further input is collected, as after a 0 in the
    // original.
    assert_eq!(next(&told)?, Told::Part(b"fg".into(), Terminator::Count(0)));
    Ok(())
}

#[test]
fn with_no_terminator_all_is_collected_and_nothing_found() -> io::Result<()> {
    let (server, told) = report(Terminator::Never)?;
    let mut client = server.connect()?;
    for part in [&b"one\ntwo\r\n"[..], b"\n"] {
        client.send(part)?;
        assert_eq!(next(&told)?, Told::Part(part.into(), Terminator::Never));
    }
    client.finish()?;
    assert_eq!(client.receive_to_end()?, b"");
    assert!(told.try_recv().is_err());
    Ok(())
}

/// A line with a number, then that many bytes, then a line again. After a line `rest`, all further
/// input is one message.
struct Netstrings {
    collected: Vec<u8>,
}

impl AsyncChat for Netstrings {
    fn collect_incoming_data(&mut self, _: &mut ChatChannel, data: &[u8]) -> io::Result<()> {
        self.collected.extend_from_slice(data);
        Ok(())
    }

    fn found_terminator(&mut self, chat: &mut ChatChannel) -> io::Result<()> {
        let message = String::from_utf8_lossy(&mem::take(&mut self.collected)).into_owned();
        let next = match (chat.get_terminator(), message.parse()) {
            (Terminator::Bytes(_), Ok(count)) => Terminator::Count(count),
            (Terminator::Bytes(_), Err(_)) => Terminator::Never,
            _ => NEWLINE,
        };
        chat.set_terminator(next);
        chat.push(format!("<{message}>").as_bytes());
        Ok(())
    }

    fn handle_close(&mut self, chat: &mut ChatChannel) -> io::Result<()> {
        chat.push(b"rest: ");
        chat.push(&*self.collected);
        chat.close_when_done();
        Ok(())
    }
}

#[test]
fn a_new_terminator_holds_from_the_next_byte_on() -> io::Result<()> {
    let make = || Netstrings {
        collected: Vec::new(),
    };
    let server = serve_chats(Settings::default(), NEWLINE, make)?;
    let input = b"3\na\nb11\nhello world2\n\n\nrest\n1\nx\n";
    let expected = b"<3><a\nb><11><hello world><2><\n\n><rest>rest: 1\nx\n";
    // In one piece, and byte by byte.
    for size in [input.len(), 1] {
        let mut client = server.connect()?;
        for piece in input.chunks(size) {
            client.send(piece)?;
        }
        client.finish()?;
        let answer = client.receive_to_end()?;
        assert_eq!(
            String::from_utf8_lossy(&answer),
            String::from_utf8_lossy(expected)
        );
    }
    Ok(())
}

#[test]
fn a_partial_terminator_is_collected_at_the_end_of_the_stream() -> io::Result<()> {
    let make = || Netstrings {
        collected: Vec::new(),
    };
    let terminator = Terminator::Bytes(b"\r\n.\r\n".into());
    let server = serve_chats(Settings::default(), terminator, make)?;
    let mut client = server.connect()?;
    client.send(b"no end\r\n.\r")?;
    client.finish()?;
    assert_eq!(client.receive_to_end()?, b"rest: no end\r\n.\r");
    Ok(())
}

#[test]
fn a_long_message_comes_in_parts_of_one_read() -> io::Result<()> {
    let settings = Settings {
        recv_size: 100,
        ..Settings::default()
    };
    let make = || on_message(|chat, message| chat.push(message));
    let server = serve_chats(settings, NEWLINE, make)?;
    let mut client = server.connect()?;
    let line = vec![b'x'; 12_345];
    client.send(&line)?;
    client.send(b"\n")?;
    assert_eq!(client.receive(line.len())?, line);
    server.ask_to_stop()?;
    assert_eq!(client.receive_to_end()?, b"");
    assert!(server.ended()?.reads >= 124);
    Ok(())
}
