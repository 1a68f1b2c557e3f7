//! Tests of two connected ends.

use super::*;

const PACKET: usize = usize::MAX;

/// Two connected ends. Each buffer has space for 9 bytes.
fn connected() -> [Socket; 2] {
    let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
    let mut ends = [
        Socket::new(address(1), address(2), 9, 9),
        Socket::new(address(2), address(1), 9, 9),
    ];
    for end in &mut ends {
        end.connected();
        end.news = 0;
    }
    ends
}

/// Delivers everything that can travel.
fn deliver_all(one: &mut Socket, other: &mut Socket) {
    while one.send_packet(other, PACKET) || other.send_packet(one, PACKET) {}
}

fn kind<T: std::fmt::Debug>(result: io::Result<T>) -> ErrorKind {
    result.expect_err("it fails").kind()
}

fn read(socket: &mut Socket) -> io::Result<Vec<u8>> {
    let mut buffer = [0; 100];
    let count = socket.recv(&mut buffer)?;
    Ok(buffer[..count].to_vec())
}

#[test]
fn bytes_stay_in_order_and_within_the_buffers() -> io::Result<()> {
    let [mut one, mut other] = connected();
    assert_eq!(one.send(b"abcdefghijkl")?, 9);
    assert_eq!(kind(one.send(b"jkl")), ErrorKind::WouldBlock);
    assert!(one.send_packet(&mut other, 2));
    assert_eq!(read(&mut other)?, b"ab");
    deliver_all(&mut one, &mut other);
    assert_eq!(one.send(b"jklmnopqrstuvw")?, 9);
    deliver_all(&mut one, &mut other);
    assert_eq!((one.sending.len(), other.received.len()), (7, 9));
    assert_eq!(read(&mut other)?, b"cdefghijk");
    deliver_all(&mut one, &mut other);
    assert_eq!(read(&mut other)?, b"lmnopqr");
    assert_eq!(kind(read(&mut other)), ErrorKind::WouldBlock);
    Ok(())
}

#[test]
fn writable_is_told_after_a_refusal_once_a_third_is_free() -> io::Result<()> {
    let [mut one, mut other] = connected();
    let mut ten = [0; 10];
    assert_eq!(one.send(&ten)?, 9);
    deliver_all(&mut one, &mut other);
    assert_eq!(one.news & bits::OUT, bits::OUT);
    one.news = 0;
    assert_eq!(one.send(&ten)?, 9);
    assert_eq!(one.readiness() & bits::OUT, 0);
    other.recv(&mut ten[..2])?;
    deliver_all(&mut one, &mut other);
    assert_eq!(
        (one.readiness() | one.news) & bits::OUT,
        0,
        "2 of 9 bytes are free"
    );
    assert_eq!(one.send(&ten)?, 2, "though a send takes them");
    other.recv(&mut ten[..5])?;
    deliver_all(&mut one, &mut other);
    assert_eq!(one.readiness() & one.news & bits::OUT, bits::OUT);
    one.news = 0;
    other.recv(&mut ten)?;
    deliver_all(&mut one, &mut other);
    assert_eq!(one.news, 0, "no send was refused since");
    Ok(())
}

#[test]
fn each_end_finishes_for_itself() -> io::Result<()> {
    let [mut one, mut other] = connected();
    one.send(b"last")?;
    one.finish()?;
    assert_eq!(kind(one.send(b"more")), ErrorKind::BrokenPipe);
    deliver_all(&mut one, &mut other);
    assert_eq!(other.readiness() & bits::RDHUP, bits::RDHUP);
    assert_eq!(read(&mut other)?, b"last");
    assert_eq!(read(&mut other)?, b"");
    assert_eq!(other.send(b"answer")?, 6);
    deliver_all(&mut one, &mut other);
    assert_eq!(read(&mut one)?, b"answer");
    other.finish()?;
    deliver_all(&mut one, &mut other);
    for end in [&mut one, &mut other] {
        assert_eq!(end.phase, Phase::Finished);
        assert_eq!(kind(end.peer_addr()), ErrorKind::NotConnected);
        assert_eq!(kind(end.finish()), ErrorKind::NotConnected);
        assert_eq!(read(end)?, b"");
    }
    Ok(())
}

#[test]
fn a_close_with_unread_input_resets_and_destroys_what_has_not_arrived() -> io::Result<()> {
    let [mut one, mut other] = connected();
    one.send(b"request")?;
    deliver_all(&mut one, &mut other);
    other.send(b"answer")?;
    other.close();
    deliver_all(&mut one, &mut other);
    assert_eq!(kind(read(&mut one)), ErrorKind::ConnectionReset);
    assert_eq!(read(&mut one)?, b"", "the error is returned once");
    assert_eq!(kind(one.send(b"x")), ErrorKind::BrokenPipe);
    Ok(())
}

#[test]
fn bytes_before_a_reset_can_be_read() -> io::Result<()> {
    let [mut one, mut other] = connected();
    other.send(b"answer")?;
    deliver_all(&mut one, &mut other);
    other.reset_on_close();
    other.close();
    deliver_all(&mut one, &mut other);
    assert_eq!(one.readiness() & bits::ERR, bits::ERR);
    assert_eq!(read(&mut one)?, b"answer");
    assert_eq!(kind(read(&mut one)), ErrorKind::ConnectionReset);
    Ok(())
}

#[test]
fn data_for_a_closed_socket_is_answered_with_a_reset() -> io::Result<()> {
    let [mut one, mut other] = connected();
    other.close();
    deliver_all(&mut one, &mut other);
    assert_eq!(read(&mut one)?, b"");
    assert_eq!(one.send(b"x")?, 1);
    deliver_all(&mut one, &mut other);
    assert_eq!(one.take_error(), Some(ErrorKind::BrokenPipe));
    Ok(())
}

#[test]
fn a_read_stops_before_urgent_data_and_then_skips_it() -> io::Result<()> {
    let [mut one, mut other] = connected();
    one.send(b"ab")?;
    one.send_urgent(b"!")?;
    one.send(b"cd")?;
    deliver_all(&mut one, &mut other);
    assert_eq!(other.readiness() & bits::PRI, bits::PRI);
    assert_eq!(read(&mut other)?, b"ab");
    assert_eq!(read(&mut other)?, b"cd");
    assert_eq!(other.readiness() & bits::PRI, 0);
    one.send_urgent(b"!")?;
    deliver_all(&mut one, &mut other);
    assert_eq!(other.readiness() & (bits::PRI | bits::IN), bits::PRI);
    assert_eq!(kind(read(&mut other)), ErrorKind::WouldBlock);
    Ok(())
}

#[test]
fn an_unanswered_connect_knows_no_peer() {
    let address = SocketAddr::from(([127, 0, 0, 1], 1));
    let mut socket = Socket::new(address, address, 9, 9);
    assert_eq!(socket.readiness(), 0);
    assert_eq!(kind(socket.peer_addr()), ErrorKind::NotConnected);
    assert_eq!(kind(socket.send(b"x")), ErrorKind::WouldBlock);
    assert_eq!(kind(socket.recv(&mut [0])), ErrorKind::WouldBlock);
    socket.refused();
    assert_eq!(socket.readiness() & bits::ERR, bits::ERR);
    assert_eq!(socket.take_error(), Some(ErrorKind::ConnectionRefused));
}

#[test]
fn a_peek_shows_what_a_read_returns_and_removes_nothing() -> io::Result<()> {
    let [mut one, mut other] = connected();
    one.send(b"ab")?;
    one.send_urgent(b"!")?;
    one.send(b"cd")?;
    deliver_all(&mut one, &mut other);
    let mut buffer = [0; 9];
    for expected in [&b"ab"[..], b"cd"] {
        for _ in 0..2 {
            let count = other.peek(&mut buffer)?;
            assert_eq!(&buffer[..count], expected);
        }
        assert_eq!(read(&mut other)?, expected);
    }
    assert_eq!(kind(other.peek(&mut buffer)), ErrorKind::WouldBlock);
    one.finish()?;
    deliver_all(&mut one, &mut other);
    assert_eq!(other.peek(&mut buffer)?, 0);
    Ok(())
}
