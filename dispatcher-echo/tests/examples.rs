//! The programs under `examples/`, each started as a process and talked to.

use std::io::{self};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use common::client::EchoClient;
use common::program::{Program, example};
use common::{Settings, StopSignal, net};

#[test]
fn a_chat_room_tells_all_others() -> io::Result<()> {
    let room = Program::start_example("dispatcher_chat_room", &[])?;
    let mut members = Vec::new();
    for _ in 0..3 {
        let mut member = EchoClient::connect(room.address())?;
        assert_eq!(member.receive(8)?, b"welcome\n");
        members.push(member);
    }
    for speaker in 0..3 {
        let line = format!("it is {speaker} who speaks\n");
        members[speaker].send(line.as_bytes())?;
        for hearer in (0..3).filter(|hearer| *hearer != speaker) {
            assert_eq!(members[hearer].receive(line.len())?, line.as_bytes());
        }
    }
    members.pop().map(EchoClient::reset).transpose()?;
    members[0].send(b"one has left\n")?;
    assert_eq!(members[1].receive(13)?, b"one has left\n");
    Ok(())
}

#[test]
fn a_chat_room_does_not_wait_for_those_who_do_not_listen() -> io::Result<()> {
    let room = Program::start_example("dispatcher_chat_room", &[])?;
    let mut speaker = EchoClient::connect(room.address())?;
    let mut deaf = EchoClient::connect(room.address())?;
    let mut hearer = EchoClient::connect(room.address())?;
    for member in [&mut speaker, &mut deaf, &mut hearer] {
        assert_eq!(member.receive(8)?, b"welcome\n");
    }
    let chunk = vec![b'.'; 64 * 1024];
    for _ in 0..256 {
        speaker.send(&chunk)?;
        assert_eq!(hearer.receive(chunk.len())?, chunk);
    }
    // It was sent out: its stream ends, before all that was said.
    assert!(deaf.receive_to_end()?.len() < 256 * chunk.len());
    Ok(())
}

#[test]
fn a_client_prints_what_comes_back() -> io::Result<()> {
    let listener = net::listen("127.0.0.1", 0, 128)?;
    let address = listener.local_addr()?.to_string();
    let (stopper, stop) = StopSignal::pair()?;
    let server = thread::spawn(|| dispatcher_echo::serve(listener, Settings::default(), stop));
    let output = example("dispatcher_client")?
        .args([&address, "hello", "how are you"])
        .output()?;
    assert!(output.status.success(), "{output:?}");
    assert_eq!(output.stdout, b"hello\nhow are you\n");
    stopper.stop()?;
    server.join().expect("the server panicked")
}

#[test]
fn a_client_that_is_refused_says_so() -> io::Result<()> {
    let nobody = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
    let output = example("dispatcher_client")?
        .args([&nobody, "hello"])
        .output()?;
    assert!(!output.status.success(), "{output:?}");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("ConnectionRefused"), "{error}");
    Ok(())
}

#[test]
fn a_timer_answers_late_and_in_order() -> io::Result<()> {
    let timer = Program::start_example("dispatcher_timer", &["0", "0.2"])?;
    let mut client = EchoClient::connect(timer.address())?;
    let begun = Instant::now();
    client.send(b"first ")?;
    client.send(b"second")?;
    assert_eq!(client.receive(12)?, b"first second");
    assert!(begun.elapsed() >= Duration::from_millis(200));
    // A second round, after the loop had nothing to wait for.
    assert_eq!(client.echo(b"third")?, b"third");
    assert!(begun.elapsed() >= Duration::from_millis(400));
    Ok(())
}
