//! Which bytes come back, in which order, and when.

use std::io::{self, ErrorKind};
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;

use crate::client::EchoClient;
use crate::client::check::case_run::{CaseError, CaseResult, CaseRun, While, ensure};
use crate::client::check::traffic::{expect_end, expect_same, lines, ping, receive_lines};
use crate::client::check::{Case, Kind};

const ECHO: &str = "contract: every byte, in order, once";
const WHOLE_LINES: &str = "contract: each line once it is complete";

pub(super) const CASES: &[Case] = &[
    Case::wire("one-line", "a line comes back", ECHO, one_line),
    Case::wire(
        "every-byte-value",
        "all 256 values come back unchanged",
        ECHO,
        every_byte_value,
    ),
    Case::wire(
        "byte-at-a-time",
        "a message sent one byte at a time comes back whole",
        ECHO,
        byte_at_a_time,
    ),
    Case::wire(
        "many-in-one-write",
        "1,000 short lines in one write all come back",
        ECHO,
        many_in_one_write,
    ),
    Case::wire(
        "full-duplex",
        "8 MiB come back in order while they are still being sent",
        ECHO,
        full_duplex,
    ),
    Case::wire(
        "half-a-line",
        "half a line comes back at once",
        ECHO,
        half_a_line,
    )
    .only(Kind::Stream),
    Case::wire(
        "line-held-back",
        "half a line comes back only once the line is complete",
        WHOLE_LINES,
        line_held_back,
    )
    .only(Kind::Line)
    .waits(),
    Case::wire(
        "split-terminator",
        "a terminator split over writes, empty lines, and \\r\\n come back unchanged",
        WHOLE_LINES,
        split_terminator,
    )
    .only(Kind::Line),
    Case::wire(
        "unterminated-tail",
        "a tail without its terminator doesn't come back at the end",
        WHOLE_LINES,
        unterminated_tail,
    )
    .only(Kind::Line),
    Case::wire(
        "no-delay",
        "Nagle's algorithm doesn't delay the last of several small answers",
        "contract: TCP_NODELAY; tcp(7)",
        no_delay,
    ),
    Case::wire(
        "urgent-data",
        "urgent data costs nothing but itself",
        "RFC 9293 §3.8.5; tcp(7)",
        urgent_data,
    ),
];

fn one_line(case: &CaseRun) -> CaseResult {
    let mut client = case.connect()?;
    let took = ping(&mut client)?;
    Ok(format!("after {} µs", took.as_micros()))
}

fn every_byte_value(case: &CaseRun) -> CaseResult {
    let mut client = case.connect()?;
    // For a line server, the values around 10 are the ends and beginnings of lines.
    let all: Vec<u8> = (0..=255).cycle().take(1024).chain([b'\n']).collect();
    expect_same(&all, &client.echo(&all)?)?;
    Ok("1,025 bytes came back".into())
}

fn byte_at_a_time(case: &CaseRun) -> CaseResult {
    let mut client = case.connect()?;
    let message = lines(256);
    let mut received = Vec::new();
    for (at, byte) in message.iter().enumerate() {
        client.send(&[*byte])?;
        // A stream server reads the first ones one by one, since the next one waits for the answer.
        if at < 16 && case.kind() == Kind::Stream {
            received.extend(client.receive(1)?);
        }
    }
    received.extend(client.receive(message.len() - received.len())?);
    expect_same(&message, &received)?;
    Ok("256 writes came back".into())
}

fn many_in_one_write(case: &CaseRun) -> CaseResult {
    let mut client = case.connect()?;
    let message: Vec<u8> = (0..1000)
        .flat_map(|number| format!("{number}\n").into_bytes())
        .collect();
    expect_same(&message, &client.echo(&message)?)?;
    Ok(format!("1,000 lines, {} bytes", message.len()))
}

fn full_duplex(case: &CaseRun) -> CaseResult {
    const SIZE: usize = 8 << 20;
    let mut client = case.connect()?;
    let started = Instant::now();
    thread::scope(|scope| {
        let mut sending = EchoClient::over(client.socket().try_clone()?)?;
        scope.spawn(move || sending.send(&lines(SIZE)));
        receive_lines(&mut client, 0, SIZE)
    })?;
    let rate = SIZE as f64 / 1e6 / started.elapsed().as_secs_f64();
    Ok(format!("8 MiB at {rate:.0} MB/s"))
}

fn half_a_line(case: &CaseRun) -> CaseResult {
    let mut client = case.connect()?;
    let started = Instant::now();
    expect_same(
        b"half a li",
        &client
            .echo(b"half a li")
            .while_("half a line (a line server is graded with --kind line)")?,
    )?;
    Ok(format!("after {} µs", started.elapsed().as_micros()))
}

fn line_held_back(case: &CaseRun) -> CaseResult {
    let mut client = case.connect()?;
    client.set_time_limit(Duration::from_millis(100))?;
    client.send(b"half a li")?;
    let early = client.receive_some(64).unwrap_or_default();
    ensure!(
        early.is_empty(),
        "\"{}\" came back before the line was complete",
        early.escape_ascii()
    );
    client.set_time_limit(crate::client::TIME_LIMIT)?;
    client.send(b"ne\n")?;
    expect_same(b"half a line\n", &client.receive(12)?)?;
    Ok("held back for 100 ms, then whole".into())
}

fn split_terminator(case: &CaseRun) -> CaseResult {
    let mut client = case.connect()?;
    let parts: [&[u8]; 6] = [b"one\r", b"\ntwo\n\n", b"\n", b"\r", b"\n", b"three\r\r\n"];
    for part in parts {
        client.send(part)?;
        // The server should see the parts one by one.
        thread::sleep(Duration::from_millis(1));
    }
    let all = parts.concat();
    expect_same(&all, &client.receive(all.len())?)?;
    Ok("6 parts, 6 lines".into())
}

fn unterminated_tail(case: &CaseRun) -> CaseResult {
    let mut client = case.connect()?;
    client.send(b"a line\nand a tail")?;
    client.finish()?;
    expect_same(b"a line\n", &client.receive(7)?)?;
    expect_end(&mut client)?;
    Ok("the line came back, the tail did not".into())
}

/// With Nagle's algorithm, an answer waits while the previous one is not acknowledged, and the
/// client's kernel delays the acknowledgement by 40 ms if both sides have been taking turns. An urgent
/// byte between two messages makes the server read, and so send, twice: recv(2) doesn't read across
/// the urgent mark. On a busy machine any answer can be late, so the case also counts late ones of two
/// messages that are sent one after the other, which take no fewer switches between the processes.
fn no_delay(case: &CaseRun) -> CaseResult {
    const ROUNDS: usize = 60;
    let mut client = case.connect()?;
    let mut other = case.connect()?;
    let (mut delayed, mut delayed_anyway) = (0, 0);
    for _ in 0..ROUNDS {
        delayed += usize::from(is_delayed(&mut client, &mut other, two_with_urgent)?);
        delayed_anyway += usize::from(is_delayed(&mut client, &mut other, two_in_turn)?);
    }
    let seen = format!(
        "{delayed} of {ROUNDS} answers took 30 ms or more, and {delayed_anyway} of {ROUNDS} in turn"
    );
    ensure!(delayed < delayed_anyway + ROUNDS / 3, "{seen}");
    Ok(seen)
}

/// Whether an exchange took 30 ms or more.
///
/// Meanwhile the other client keeps the server busy. If the server returned the first of two
/// messages before the second is sent, the second would carry the acknowledgement, and no answer
/// would wait for it.
fn is_delayed(
    client: &mut EchoClient,
    other: &mut EchoClient,
    exchange: impl Fn(&mut EchoClient) -> io::Result<()>,
) -> Result<bool, CaseError> {
    let much = lines(64 << 10);
    delay_acknowledgement(client);
    other.send(&much)?;
    let started = Instant::now();
    exchange(client).map_err(|error| {
        CaseError::Skip(format!("cannot be seen here, see urgent-data: {error}"))
    })?;
    let took = started.elapsed();
    expect_same(&much, &other.receive(much.len())?)?;
    Ok(took >= Duration::from_millis(30))
}

/// Two messages, the second after the answer to the first. No answer waits for an acknowledgement.
fn two_in_turn(client: &mut EchoClient) -> io::Result<()> {
    client.echo(b"first\n")?;
    client.echo(b"second\n").map(drop)
}

/// Makes the client's kernel acknowledge late: a server that waits for the acknowledgement of its
/// first answer then shows it. Linux acknowledges at once while a connection is young.
fn delay_acknowledgement(client: &EchoClient) {
    #[cfg(target_os = "linux")]
    let _ = SockRef::from(client.socket()).set_tcp_quickack(false);
    #[cfg(not(target_os = "linux"))]
    let _ = client;
}

/// Whether the urgent byte itself comes back depends on SO_OOBINLINE; the server can choose.
fn urgent_data(case: &CaseRun) -> CaseResult {
    let mut client = case.connect()?;
    for _ in 0..20 {
        two_with_urgent(&mut client).while_("a message after urgent data")?;
    }
    ping(&mut case.connect()?)?;
    Ok("20 times, the message after it came back without more input".into())
}

/// Sends two messages with an urgent byte between them, and receives to the end of the second one.
fn two_with_urgent(client: &mut EchoClient) -> io::Result<()> {
    SockRef::from(client.socket()).send_out_of_band(b"first\n!")?;
    client.send(b"second\n")?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"second\n") {
        let more = client.receive_some(64)?;
        if more.is_empty() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        answer.extend(more);
    }
    match answer.strip_prefix(b"first\n") {
        Some(b"second\n" | b"!second\n") => Ok(()),
        _ => Err(io::Error::other(format!(
            "\"{}\" came back",
            answer.escape_ascii()
        ))),
    }
}
