//! Starts each program under `examples/` as a process and talks to it.

#[path = "../../common/tests/shared/chat_room.rs"]
mod chat_room;

use std::io::{self, BufRead, BufReader};
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use common::client::program::Program;
use common::client::{EchoClient, RefusingAddress, TIME_LIMIT};

#[test]
fn a_chat_room_tells_all_others() -> io::Result<()> {
    chat_room::tells_all_others("select_chat_room")
}

#[test]
fn a_chat_room_does_not_wait_for_those_who_do_not_listen() -> io::Result<()> {
    chat_room::spares_no_deaf_member("select_chat_room")
}

#[test]
fn a_proxy_is_not_noticed() -> io::Result<()> {
    let (target, answerer) = answer_at_end()?;
    let proxy = Program::start_example("select_proxy", &[&target.to_string()])?;
    let mut client = EchoClient::connect(proxy.address())?;
    let sent: Vec<u8> = (0..=250).collect::<Vec<u8>>().repeat(16_000);
    client.send(&sent)?;
    client.finish()?;
    assert!(client.receive_to_end()? == sent, "the bytes differ");
    answerer.join().expect("the answerer panicked")
}

#[test]
fn a_proxy_slows_the_sender_down() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let proxy = Program::start_example("select_proxy", &[&listener.local_addr()?.to_string()])?;
    let mut client = EchoClient::connect(proxy.address())?;
    client.set_time_limit(Duration::from_millis(200))?;
    let (_never_reads, _) = listener.accept()?;
    let error = client
        .send(&vec![0; 64 * 1024 * 1024])
        .expect_err("the proxy took 64 MiB");
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    // The proxy still serves others.
    let mut other = EchoClient::connect(proxy.address())?;
    let (mut reads, _) = listener.accept()?;
    other.send(b"ping")?;
    other.finish()?;
    reads.set_read_timeout(Some(TIME_LIMIT))?;
    assert_eq!(io::read_to_string(&mut reads)?, "ping");
    Ok(())
}

#[test]
fn a_proxy_whose_target_refuses_lives_on() -> io::Result<()> {
    let target = RefusingAddress::take()?;
    let proxy = Program::start_example("select_proxy", &[&target.address().to_string()])?;
    for _ in 0..2 {
        let mut client = EchoClient::connect(proxy.address())?;
        assert_eq!(client.receive_to_end()?, b"");
    }
    Ok(())
}

#[test]
fn a_timer_ticks_at_fixed_intervals() -> io::Result<()> {
    let (begun, period) = (Instant::now(), Duration::from_millis(50));
    let timer = Program::start_example("select_timer", &["0", "0.05"])?;
    let client = EchoClient::connect(timer.address())?;
    let mut ticks = BufReader::new(client.socket()).lines();
    let mut last = None;
    for _ in 0..5 {
        let line = ticks.next().ok_or(io::ErrorKind::UnexpectedEof)??;
        let number = line.strip_prefix("tick ").unwrap_or(&line);
        let number: u32 = number.parse().map_err(io::Error::other)?;
        assert!(begun.elapsed() >= period * number, "tick {number} is early");
        assert!(
            last.is_none_or(|last| number == last + 1),
            "{line} after {last:?}"
        );
        last = Some(number);
    }
    Ok(())
}

/// A server that sends its answer after the client has sent its last byte. It tests half-close in
/// both directions.
fn answer_at_end() -> io::Result<(SocketAddr, thread::JoinHandle<io::Result<()>>)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let answerer = thread::spawn(move || {
        let mut socket = EchoClient::over(listener.accept()?.0)?;
        let received = socket.receive_to_end()?;
        socket.send(&received)?;
        socket.socket().shutdown(Shutdown::Write)
    });
    Ok((address, answerer))
}
