//! Tests the echo protocol without a socket.

use std::time::Duration;

use reactor_echo::Factory;
use reactor_echo::echo::EchoFactory;
use reactor_echo::testing::{PEER, StringTransport};

fn echo(idle_timeout: Option<Duration>) -> Option<StringTransport> {
    let mut factory = EchoFactory { idle_timeout };
    factory.build_protocol(PEER).map(StringTransport::new)
}

#[test]
fn received_data_is_written_back() {
    let mut transport = echo(None).expect("a protocol for every peer");
    transport.receive(b"one ");
    transport.receive(b"two");
    assert_eq!(transport.value(), b"one two");
    transport.advance(Duration::from_secs(1_000_000));
    assert!(!transport.disconnected());
}

#[test]
fn silence_is_ended() {
    let mut transport = echo(Some(Duration::from_secs(10))).expect("a protocol for every peer");
    // CONCEPT: testing
    transport.advance(Duration::from_secs(7));
    transport.receive(b"still there");
    transport.advance(Duration::from_secs(7));
    assert!(!transport.disconnected());
    transport.advance(Duration::from_secs(7));
    assert!(transport.disconnecting(), "the answer is still to be sent");
}
