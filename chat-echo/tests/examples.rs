//! Starts each program under `examples/` as a process and talks to it.

use std::io;

use common::client::EchoClient;
use common::client::program::Program;

#[test]
fn in_a_chat_room_all_others_hear() -> io::Result<()> {
    let room = Program::start_example("chat_room", &[])?;
    let mut ann = join(&room, "ann", 0)?;
    let mut bob = join(&room, "bob", 1)?;
    expect(&mut ann, "* bob comes in\n")?;
    let mut eve = join(&room, "eve", 2)?;
    for member in [&mut ann, &mut bob] {
        expect(member, "* eve comes in\n")?;
    }
    ann.send(b"hello\n\nare you there?\r\n")?;
    for member in [&mut bob, &mut eve] {
        expect(member, "ann: hello\nann: are you there?\n")?;
    }
    // Only a member with an empty line gets an answer.
    expect(&mut ann, "* empty lines are not sent\n")?;
    bob.send(b"yes\n")?;
    for member in [&mut ann, &mut eve] {
        expect(member, "bob: yes\n")?;
    }
    Ok(())
}

#[test]
fn a_chat_room_tells_who_leaves_in_whatever_way() -> io::Result<()> {
    let room = Program::start_example("chat_room", &[])?;
    let mut stays = join(&room, "stays", 0)?;
    let mut finishes = join(&room, "finishes", 1)?;
    expect(&mut stays, "* finishes comes in\n")?;
    finishes.finish()?;
    assert_eq!(finishes.receive_to_end()?, b"");
    expect(&mut stays, "* finishes has left\n")?;
    join(&room, "resets", 1)?.reset()?;
    expect(&mut stays, "* resets comes in\n* resets has left\n")?;
    let mut babbles = join(&room, "babbles", 1)?;
    babbles.send(&[b'x'; 1001])?;
    expect(&mut stays, "* babbles comes in\n* babbles has left\n")?;
    // A client without a nickname was never in the room.
    drop(EchoClient::connect(room.address())?);
    join(&room, "last", 1)?;
    expect(&mut stays, "* last comes in\n")
}

#[test]
fn a_chat_room_does_not_wait_for_those_who_do_not_listen() -> io::Result<()> {
    let room = Program::start_example("chat_room", &[])?;
    let _deaf = join(&room, "deaf", 0)?;
    let mut speaker = join(&room, "speaker", 1)?;
    let mut hearer = join(&room, "hearer", 2)?;
    expect(&mut speaker, "* hearer comes in\n")?;
    // 40 MB: more than the kernel's buffers hold for a client that doesn't read.
    let said = vec![b'.'; 999];
    let lines = [&said[..], b"\n"].concat().repeat(40);
    let heard = [b"speaker: ", &said[..], b"\n"].concat().repeat(40);
    for _ in 0..1000 {
        speaker.send(&lines)?;
        assert!(hearer.receive(heard.len())? == heard);
    }
    assert!(peak_memory_kib(&room).is_none_or(|peak| peak < 16 * 1024));
    Ok(())
}

#[test]
fn http_answers_requests_one_by_one_and_together() -> io::Result<()> {
    let server = Program::start_example("chat_http", &[])?;
    let mut client = EchoClient::connect(server.address())?;
    let requests = [
        ("GET / HTTP/1.1\r\nHost: here\r\n\r\n", ""),
        ("POST /a HTTP/1.1\r\ncontent-length:5\r\n\r\nworld", "world"),
        (
            "PUT /b HTTP/1.1\r\nContent-Length: 4\r\n\r\n\r\n\r\n",
            "\r\n\r\n",
        ),
    ];
    let answers = requests.map(|(request, body)| {
        let request_line = request.lines().next().unwrap_or_default();
        http_answer(request_line, body)
    });
    for ((request, _), answer) in requests.iter().zip(&answers) {
        client.send(request.as_bytes())?;
        expect(&mut client, answer)?;
    }
    let together = requests.map(|(request, _)| request).concat();
    client.send(together.as_bytes())?;
    expect(&mut client, &answers.concat())?;
    for byte in together.as_bytes() {
        client.send(&[*byte])?;
    }
    expect(&mut client, &answers.concat())
}

#[test]
fn http_refuses_what_is_too_long_or_not_understood() -> io::Result<()> {
    let server = Program::start_example("chat_http", &[])?;
    let long_head = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(100_000));
    let long_body = format!(
        "POST / HTTP/1.1\r\nContent-Length: 65537\r\n\r\n{}",
        "x".repeat(65537)
    );
    for (request, status) in [
        (&*long_head, "431"),
        (&long_body, "413"),
        (
            "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "400",
        ),
        ("POST / HTTP/1.1\r\nContent-Length: +5\r\n\r\nworld", "400"),
        ("GET / HTTP/1.1\r\nnonsense\r\n\r\n", "400"),
        (
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "501",
        ),
        ("hello\r\n\r\n", "505"),
    ] {
        let mut client = EchoClient::connect(server.address())?;
        client.send(request.as_bytes())?;
        // The answer arrives although the server hasn't read all of the request.
        let answer = client.receive_to_end()?;
        let begin = format!("HTTP/1.1 {status} ");
        assert!(answer.starts_with(begin.as_bytes()), "{begin}");
    }
    let body = "x".repeat(65536);
    let mut client = EchoClient::connect(server.address())?;
    client.send(format!("POST / HTTP/1.1\r\nContent-Length: 65536\r\n\r\n{body}").as_bytes())?;
    expect(&mut client, &http_answer("POST / HTTP/1.1", &body))
}

fn http_answer(request_line: &str, body: &str) -> String {
    let sent = body.len();
    let text = format!("You asked: {request_line}\nand sent {sent} bytes:\n{body}");
    let length = text.len();
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{text}")
}

#[test]
fn a_countdown_counts_down() -> io::Result<()> {
    let server = Program::start_example("chat_countdown", &[])?;
    let mut client = EchoClient::connect(server.address())?;
    client.send(b"3\n0\r\nmany\n-1\n1\n")?;
    let question = "from which number?\n";
    let expected =
        format!("3\n2\n1\n0\nlift-off\n0\nlift-off\n{question}{question}1\n0\nlift-off\n");
    expect(&mut client, &expected)?;
    client.send(&[b'1'; 21])?;
    assert_eq!(client.receive_to_end()?, b"");
    Ok(())
}

#[test]
fn a_long_countdown_is_made_as_it_is_taken() -> io::Result<()> {
    let server = Program::start_example("chat_countdown", &[])?;
    let mut endless = EchoClient::connect(server.address())?;
    endless.send(format!("{}\n", u64::MAX).repeat(50_000).as_bytes())?;
    expect(&mut endless, "18446744073709551615\n18446744073709551614\n")?;
    // More than the server is allowed to keep.
    let mut client = EchoClient::connect(server.address())?;
    client.send(b"5000000\n")?;
    client.finish()?;
    let answer = client.receive_to_end()?;
    let mut expected: String = (0..=5_000_000)
        .rev()
        .map(|number| format!("{number}\n"))
        .collect();
    expected.push_str("lift-off\n");
    assert!(answer == expected.as_bytes(), "the bytes differ");
    assert!(peak_memory_kib(&server).is_none_or(|peak| peak < 16 * 1024));
    Ok(())
}

#[test]
fn each_example_ends_when_it_is_asked_to() -> io::Result<()> {
    for name in ["chat_room", "chat_http", "chat_countdown"] {
        let example = Program::start_example(name, &[])?;
        let mut client = EchoClient::connect(example.address())?;
        let (status, _) = example.stop()?;
        assert!(status.success(), "{name}: {status}");
        assert_eq!(client.receive_to_end()?, b"");
    }
    Ok(())
}

/// A client that has joined the chat room. It checks how many others the server has greeted it
/// with.
fn join(room: &Program, nickname: &str, others: usize) -> io::Result<EchoClient> {
    let mut member = EchoClient::connect(room.address())?;
    member.send(format!("{nickname}\n").as_bytes())?;
    expect(
        &mut member,
        &format!("* welcome, you find {others} others\n"),
    )?;
    Ok(member)
}

fn expect(client: &mut EchoClient, text: &str) -> io::Result<()> {
    let received = client.receive(text.len())?;
    assert_eq!(String::from_utf8_lossy(&received), text);
    Ok(())
}

/// The most memory that the process has used, in KiB (VmHWM of proc(5)), or `None` on systems
/// without proc(5).
fn peak_memory_kib(program: &Program) -> Option<usize> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", program.id())).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
