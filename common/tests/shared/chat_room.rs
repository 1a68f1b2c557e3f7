//! The chat room that is an example in several styles. It greets with `welcome`, and sends what one
//! member sends, in bytes and not in lines, to all others.

use std::io;

use common::client::EchoClient;
use common::client::program::Program;

const GREETING: &[u8] = b"welcome\n";

/// What each member sends reaches all others, even if one of them has reset its connection.
pub fn tells_all_others(example: &str) -> io::Result<()> {
    let room = Program::start_example(example, &[])?;
    let mut members = [enter(&room)?, enter(&room)?, enter(&room)?];
    for speaker in 0..3 {
        let line = format!("it is {speaker} who speaks\n");
        members[speaker].send(line.as_bytes())?;
        for hearer in (0..3).filter(|hearer| *hearer != speaker) {
            expect(&mut members[hearer], line.as_bytes())?;
        }
    }
    let [mut first, mut second, leaves] = members;
    leaves.reset()?;
    first.send(b"one has left\n")?;
    expect(&mut second, b"one has left\n")
}

/// A member that doesn't read is disconnected before it has 16 MiB pending, and delays no other.
pub fn spares_no_deaf_member(example: &str) -> io::Result<()> {
    const CHUNKS: usize = 256;
    let room = Program::start_example(example, &[])?;
    let (mut speaker, mut deaf, mut hearer) = (enter(&room)?, enter(&room)?, enter(&room)?);
    let chunk = vec![b'.'; 64 << 10];
    for _ in 0..CHUNKS {
        speaker.send(&chunk)?;
        expect(&mut hearer, &chunk)?;
    }
    let told = deaf.receive_to_end()?.len();
    assert!(
        told < CHUNKS * chunk.len(),
        "everything was kept for the member that doesn't read"
    );
    Ok(())
}

fn enter(room: &Program) -> io::Result<EchoClient> {
    let mut member = EchoClient::connect(room.address())?;
    expect(&mut member, GREETING)?;
    Ok(member)
}

fn expect(member: &mut EchoClient, words: &[u8]) -> io::Result<()> {
    let heard = member.receive(words.len())?;
    assert!(heard == words, "{:?}…", &heard[..words.len().min(20)]);
    Ok(())
}
