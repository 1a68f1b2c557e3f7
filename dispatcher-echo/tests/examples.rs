//! Starts each program under `examples/` as a process and talks to it.

#[path = "../../common/tests/shared/chat_room.rs"]
mod chat_room;

use std::io;
use std::time::{Duration, Instant};

use common::Settings;
use common::client::program::{Program, Serving, example};
use common::client::{EchoClient, RefusingAddress};

#[test]
fn a_chat_room_tells_all_others() -> io::Result<()> {
    chat_room::tells_all_others("dispatcher_chat_room")
}

#[test]
fn a_chat_room_does_not_wait_for_those_who_do_not_listen() -> io::Result<()> {
    chat_room::spares_no_deaf_member("dispatcher_chat_room")
}

#[test]
fn a_client_prints_what_comes_back() -> io::Result<()> {
    let server = Serving::start(Settings::default(), dispatcher_echo::serve)?;
    let address = server.address().to_string();
    let output = example("dispatcher_client")?
        .args([&address, "hello", "how are you"])
        .output()?;
    assert!(output.status.success(), "{output:?}");
    assert_eq!(output.stdout, b"hello\nhow are you\n");
    server.stop().map(drop)
}

#[test]
fn a_client_that_is_refused_says_so() -> io::Result<()> {
    let nobody = RefusingAddress::take()?;
    let output = example("dispatcher_client")?
        .args([&nobody.address().to_string(), "hello"])
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
    // A second round, after the loop had no timer.
    assert_eq!(client.echo(b"third")?, b"third");
    assert!(begun.elapsed() >= Duration::from_millis(400));
    Ok(())
}
