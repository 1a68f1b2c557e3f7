//! Tests for every stream server, which runs on a thread of the test.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use common::client::EchoClient;
use common::client::numbered_lines::{self, TOO_MUCH, lines};
use common::client::program::Serving;

/// Sends `count` bytes and the end of the stream from a second thread, and expects the same back:
/// the bytes can be more than the buffers in between hold.
pub fn converse(mut client: EchoClient, count: usize) -> io::Result<()> {
    let sent = lines(count);
    let mut sender = client.try_clone()?;
    let received = thread::scope(|scope| {
        let sending = scope.spawn(|| {
            sender.send(&sent)?;
            sender.finish()
        });
        let received = client.receive_to_end()?;
        sending.join().expect("the sender doesn't panic")?;
        io::Result::Ok(received)
    })?;
    assert!(received == sent, "other bytes came back than were sent");
    Ok(())
}

/// A client that doesn't read delays no other, and when it reads at last, it has lost nothing,
/// although it half-closed with all that pending.
pub fn deaf_client_delays_nobody(server: Serving) -> io::Result<()> {
    let mut deaf = server.connect()?;
    let sent = fill(&deaf)?;
    let mut other = server.connect()?;
    assert_eq!(other.echo(b"ping")?, b"ping");
    deaf.finish()?;
    assert!(deaf.receive_to_end()? == sent, "some bytes were lost");
    server.stop().map(drop)
}

/// A stop closes idle connections at once, flushes pending output, and waits until the
/// `shutdown_timeout` for a client that doesn't read.
pub fn stop_flushes_pending_output(server: Serving, shutdown_timeout: Duration) -> io::Result<()> {
    let mut idle = server.connect()?;
    assert_eq!(idle.echo(b"ping")?, b"ping");
    let mut slow = server.connect()?;
    let sent = fill(&slow)?;
    let never_reads = server.connect()?;
    fill(&never_reads)?;

    let begun = Instant::now();
    server.ask_to_stop()?;
    assert_eq!(idle.receive_to_end()?, b"");
    let idle_ended = begun.elapsed();
    assert!(idle_ended < shutdown_timeout, "after {idle_ended:?}");
    // What comes back is a beginning of what was sent, and it ends with a FIN although input is
    // unread.
    let received = slow.receive_to_end()?;
    assert!(received.len() >= 64 * 1024, "{} bytes", received.len());
    assert!(sent.starts_with(&received), "other bytes were sent");
    server.ended()?;
    let ended = begun.elapsed();
    assert!(ended >= shutdown_timeout, "after {ended:?}");
    Ok(())
}

/// Sends without reading until the server takes no more. Returns what it took.
fn fill(client: &EchoClient) -> io::Result<Vec<u8>> {
    let sent = numbered_lines::fill(client)?;
    assert!(sent < TOO_MUCH, "the server took 64 MiB");
    Ok(lines(sent))
}
