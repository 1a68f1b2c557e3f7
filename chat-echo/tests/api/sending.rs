//! `push`, `push_with_producer`, `SimpleProducer`, `discard_buffers`, `writable` and
//! `handle_write`; and back-pressure.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use chat_echo::{AsyncChat, ChatChannel, Producer, SimpleProducer};
use common::{Settings, sys};

use crate::support::{NEWLINE, on_message, pattern, serve_chats, stable_value};

/// More than the kernel's buffers hold for a peer that doesn't read.
const MUCH: usize = 32 * 1024 * 1024;

#[test]
fn pushes_during_one_read_are_sent_with_one_write() -> io::Result<()> {
    let make = || {
        on_message(|chat, message| {
            chat.push(b"<");
            chat.push(message);
            chat.push(b">");
        })
    };
    let server = serve_chats(Settings::default(), NEWLINE, make)?;
    let mut client = server.connect()?;
    client.send(b"one\ntwo\nthree\n")?;
    assert_eq!(client.receive(17)?, b"<one><two><three>");
    server.ask_to_stop()?;
    assert_eq!(client.receive_to_end()?, b"");
    let counters = server.ended()?;
    assert_eq!((counters.reads, counters.writes), (1, 1));
    Ok(())
}

#[test]
fn producers_and_pushes_keep_their_order() -> io::Result<()> {
    let make = || {
        on_message(|chat, _| {
            chat.push(b"first ");
            chat.push_with_producer(SimpleProducer::new("second ", 2));
            chat.push(b"thi");
            chat.push(b"rd ");
            chat.push_with_producer(SimpleProducer::new("", 512));
            chat.push_with_producer(SimpleProducer::new("fourth ", 512));
            assert_eq!(chat.pending_output(), 12, "a producer has made nothing yet");
            chat.push(b"last\n");
        })
    };
    let server = serve_chats(Settings::default(), NEWLINE, make)?;
    let mut client = server.connect()?;
    for _ in 0..2 {
        client.send(b"go\n")?;
        assert_eq!(client.receive(31)?, b"first second third fourth last\n");
    }
    Ok(())
}

#[test]
fn a_simple_producer_hands_out_pieces_of_its_size() {
    let data = pattern(1200);
    let mut producer = SimpleProducer::new(data.clone(), 500);
    let mut pieces = Vec::new();
    while let Some(piece) = producer.more() {
        pieces.push(piece);
    }
    let sizes: Vec<usize> = pieces.iter().map(Vec::len).collect();
    assert_eq!(sizes, [500, 500, 200]);
    assert_eq!(pieces.concat(), data);
    assert_eq!(producer.more(), None, "the producer goes on after its end");
    assert_eq!(SimpleProducer::new("", 512).more(), None);
}

/// Makes [`MUCH`] bytes, piece by piece. At each call, records the most bytes that were already
/// made but not yet sent.
struct Maker {
    made: Arc<AtomicUsize>,
    most_pending: Arc<AtomicUsize>,
}

const PIECE: usize = 1024;

impl Producer for Maker {
    fn more(&mut self) -> Option<Vec<u8>> {
        let made = self.made.load(Relaxed);
        let pending = made.saturating_sub(sys::counters().bytes_written as usize);
        self.most_pending.fetch_max(pending, Relaxed);
        self.made.store(made + PIECE, Relaxed);
        (made < MUCH).then(|| vec![(made / PIECE % 251) as u8; PIECE])
    }
}

#[test]
fn a_producer_is_asked_for_more_only_as_the_peer_takes_it() -> io::Result<()> {
    let settings = Settings {
        high_water: 10_000,
        ..Settings::default()
    };
    let [made, most_pending] = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
    let (makers_made, makers_most) = (Arc::clone(&made), Arc::clone(&most_pending));
    let make = move || {
        let (made, most_pending) = (Arc::clone(&makers_made), Arc::clone(&makers_most));
        on_message(move |chat, _| {
            let (made, most_pending) = (Arc::clone(&made), Arc::clone(&most_pending));
            chat.push_with_producer(Maker { made, most_pending });
        })
    };
    let server = serve_chats(settings, NEWLINE, make)?;
    let (mut client, mut other) = (server.connect()?, server.connect()?);
    client.send(b"go\n")?;
    client.receive(PIECE)?;
    assert!(stable_value(&mut other, || made.load(Relaxed))? < MUCH);
    for number in 1..MUCH / PIECE {
        let piece = client.receive(PIECE)?;
        assert!(piece.iter().all(|byte| *byte == (number % 251) as u8));
    }
    let most_pending = most_pending.load(Relaxed);
    assert!(most_pending <= 10_000, "{most_pending} bytes were pending");
    Ok(())
}

#[test]
fn reading_pauses_while_producers_wait() -> io::Result<()> {
    let settings = Settings {
        high_water: 1024 * 1024,
        recv_size: 1024,
        ..Settings::default()
    };
    let asked = Arc::new(AtomicUsize::new(0));
    let loops_asked = Arc::clone(&asked);
    let make = move || {
        let asked = Arc::clone(&loops_asked);
        on_message(move |chat, _| {
            asked.fetch_add(1, Relaxed);
            let [made, most_pending] = [(); 2].map(|()| Arc::default());
            chat.push_with_producer(Maker { made, most_pending });
        })
    };
    let server = serve_chats(settings, NEWLINE, make)?;
    let (mut client, mut other) = (server.connect()?, server.connect()?);
    client.send(b"\n")?;
    client.receive(1)?;
    assert_eq!(stable_value(&mut other, || asked.load(Relaxed))?, 1);
    client.send(&[b'\n'; 100_000])?;
    let asked = stable_value(&mut other, || asked.load(Relaxed))?;
    assert!(asked < 10_000, "{asked} producers are pending");
    Ok(())
}

#[test]
fn reading_pauses_above_high_water_and_resumes_at_low_water() -> io::Result<()> {
    // The kernel takes hundreds of kilobytes at once, so these marks are further apart.
    let settings = Settings {
        high_water: 8 * 1024 * 1024,
        ..Settings::default()
    };
    let low_water = settings.low_water();
    let make = || {
        on_message(|chat, message| match message {
            b"ask" => chat.push(format!("{:10}", chat.pending_output()).as_bytes()),
            _ => chat.push(pattern(MUCH)),
        })
    };
    let server = serve_chats(settings, NEWLINE, make)?;
    let (mut client, mut other) = (server.connect()?, server.connect()?);
    client.send(b"go\n")?;
    let mut answer = client.receive(1)?;
    client.send(b"ask\n")?;
    stable_value(&mut other, || ())?;
    answer.extend(client.receive(MUCH - 1)?);
    assert!(answer == pattern(MUCH), "the bytes differ");
    let pending = String::from_utf8_lossy(&client.receive(10)?).trim().parse();
    let pending: usize = pending.expect("a number");
    assert!(
        pending <= low_water,
        "reading resumed with {pending} bytes pending"
    );
    Ok(())
}

#[test]
fn discarded_output_is_not_sent() -> io::Result<()> {
    let settings = Settings {
        high_water: 2 * MUCH,
        ..Settings::default()
    };
    let make = || {
        on_message(|chat, message| match message {
            b"discard" => {
                chat.close_when_done();
                chat.discard_buffers();
                assert_eq!(chat.pending_output(), 0);
                chat.push(b"discarded\n");
            }
            _ => {
                chat.push(vec![b'.'; MUCH]);
                chat.push_with_producer(SimpleProducer::new("producer\n", 512));
            }
        })
    };
    let server = serve_chats(settings, NEWLINE, make)?;
    let (mut client, mut other) = (server.connect()?, server.connect()?);
    client.send(b"go\n")?;
    client.receive(1)?;
    client.send(b"discard\n")?;
    stable_value(&mut other, || ())?;
    client.send(b"tick\n")?;
    client.finish()?;
    let answer = client.receive_to_end()?;
    let end = answer.iter().position(|byte| *byte != b'.').unwrap_or(MUCH);
    assert!(end < MUCH - 1);
    assert_eq!(&answer[end..], b"discarded\ntick\n");
    Ok(())
}

#[test]
fn input_that_was_read_is_discarded_too() -> io::Result<()> {
    let make = || {
        on_message(|chat, message| {
            if message == b"discard" {
                chat.discard_buffers();
            }
            chat.push(message);
        })
    };
    let server = serve_chats(Settings::default(), NEWLINE, make)?;
    let mut client = server.connect()?;
    client.send(b"discard\nlost\nlost too")?;
    assert_eq!(client.receive(7)?, b"discard");
    assert_eq!(client.echo(b"tick\n")?, b"tick\n");
    Ok(())
}

/// Sends its answer only when its socket is writable.
#[derive(Default)]
struct Hesitant {
    lines: usize,
}

impl AsyncChat for Hesitant {
    fn collect_incoming_data(&mut self, _: &mut ChatChannel, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn found_terminator(&mut self, _: &mut ChatChannel) -> io::Result<()> {
        self.lines += 1;
        Ok(())
    }

    fn writable(&self) -> bool {
        self.lines > 0
    }

    fn handle_write(&mut self, chat: &mut ChatChannel) -> io::Result<()> {
        self.lines -= 1;
        chat.push(b"ready\n");
        Ok(())
    }
}

#[test]
fn handle_write_is_called_while_the_object_is_writable() -> io::Result<()> {
    let server = serve_chats(Settings::default(), NEWLINE, Hesitant::default)?;
    let mut client = server.connect()?;
    client.send(b"\n\n\n")?;
    assert_eq!(client.receive(18)?, b"ready\nready\nready\n");
    client.send(b"\n")?;
    assert_eq!(client.receive(6)?, b"ready\n");
    server.ask_to_stop()?;
    assert_eq!(client.receive_to_end()?, b"");
    // The loop doesn't spin when there is nothing to write.
    assert!(server.ended()?.waits < 20);
    Ok(())
}
