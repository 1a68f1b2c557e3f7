//! The chat room that the examples of several styles are: it greets with `welcome`, and whatever
//! one member says, in bytes and not in lines, all others hear.

use std::io;

use super::Program;
use crate::client::EchoClient;

const GREETING: &[u8] = b"welcome\n";

/// All others hear what each says, also when one of them has reset its connection.
///
/// # Errors
/// As [`Program::start_example`] and [`EchoClient`], or a member that hears something else.
pub fn chat_room_tells_all_others(example: &str) -> io::Result<()> {
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

/// A member that does not read is sent out before it has been told 16 MiB, and delays nobody.
///
/// # Errors
/// As [`Program::start_example`] and [`EchoClient`], or a member that hears something else.
pub fn chat_room_spares_no_deaf_member(example: &str) -> io::Result<()> {
    const CHUNKS: usize = 256;
    let room = Program::start_example(example, &[])?;
    let (mut speaker, mut deaf, mut hearer) = (enter(&room)?, enter(&room)?, enter(&room)?);
    let chunk = vec![b'.'; 64 << 10];
    for _ in 0..CHUNKS {
        speaker.send(&chunk)?;
        expect(&mut hearer, &chunk)?;
    }
    match deaf.receive_to_end()?.len() < CHUNKS * chunk.len() {
        true => Ok(()),
        false => Err(io::Error::other("all was kept for one who did not listen")),
    }
}

fn enter(room: &Program) -> io::Result<EchoClient> {
    let mut member = EchoClient::connect(room.address())?;
    expect(&mut member, GREETING)?;
    Ok(member)
}

fn expect(member: &mut EchoClient, words: &[u8]) -> io::Result<()> {
    match member.receive(words.len())? == words {
        true => Ok(()),
        false => Err(io::Error::other("other words were heard than were said")),
    }
}
