//! A chat room: it sends what one member says to all the others.
//!
//! Shows one iteration of this style: build the lists, wait in [`select()`], and act on what it
//! found ready. A member is in the list of outputs only while their outbox has bytes; otherwise
//! select would never wait.
//!
//! ```sh
//! cargo run -p select-echo --example select_chat_room -- 7000
//! nc 127.0.0.1 7000          # in two other terminals
//! ```

use std::collections::VecDeque;
use std::env;
use std::io::{self, ErrorKind, Write};

use common::output::print_to_stderr;
use common::sys::{AsDescriptor, Descriptor, FD_SETSIZE, Fd, Listener, Stream, check_fits};
use common::{StopSignal, net};
use select_echo::{FdMap, NOTHING, select};

/// More clients wait in the queue until a member leaves. While the room is full, the listener isn't
/// watched: select would return at once, every time.
const SEATS: usize = FD_SETSIZE / 2;

/// A member with more unread bytes than this has stopped reading, and is disconnected.
const PATIENCE: usize = 1024 * 1024;

struct Member {
    socket: Stream,
    outbox: VecDeque<u8>,
}

type Room = FdMap<Member>;

fn main() -> io::Result<()> {
    let port = env::args().nth(1).unwrap_or("0".into());
    let stop = StopSignal::on_signals()?;
    let listener = net::listen("127.0.0.1", port.parse().map_err(io::Error::other)?, 128)?;
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?)?;
    serve(listener, stop)
}

/// Serves the clients of this listener until the stop signal is raised.
pub fn serve(listener: Listener, stop: StopSignal) -> io::Result<()> {
    let mut room = Room::new();
    loop {
        let mut inputs: Vec<Descriptor> = vec![stop.descriptor()];
        let has_seat = room.values().count() < SEATS;
        inputs.extend(has_seat.then(|| listener.descriptor()));
        inputs.extend(room.values().map(|member| member.socket.descriptor()));
        let has_mail = |member: &&Member| !member.outbox.is_empty();
        let outputs: Vec<Descriptor> = room
            .values()
            .filter(has_mail)
            .map(|member| member.socket.descriptor())
            .collect();
        let ready = select(&inputs, &outputs, NOTHING, None)?;
        for fd in ready.outputs {
            leave_if_failed(&mut room, fd, deliver);
        }
        for fd in ready.inputs {
            if fd == stop.descriptor().number() {
                return Ok(());
            } else if fd != listener.descriptor().number() {
                leave_if_failed(&mut room, fd, hear);
            } else if let Err(error) = welcome(&mut room, &listener) {
                print_to_stderr(format_args!("cannot accept a member: {error}"));
            }
        }
    }
}

fn welcome(room: &mut Room, listener: &Listener) -> io::Result<()> {
    let (socket, _) = listener.accept()?;
    check_fits(socket.descriptor())?;
    let outbox = VecDeque::from(*b"welcome\n");
    room.insert(socket.descriptor().number(), Member { socket, outbox });
    Ok(())
}

/// Reads what a member says, and puts it into the outboxes of all the others.
fn hear(room: &mut Room, speaker: Fd) -> io::Result<()> {
    let mut buffer = [0; 4096];
    let Some(member) = room.get_mut(speaker) else {
        return Ok(());
    };
    let count = member.socket.recv(&mut buffer)?;
    if count == 0 {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    for fd in room.fds_where(|listener| listener.socket.descriptor().number() != speaker) {
        if let Some(listener) = room.get_mut(fd) {
            listener.outbox.extend(&buffer[..count]);
        }
    }
    for deaf in room.fds_where(|listener| listener.outbox.len() > PATIENCE) {
        room.remove(deaf);
    }
    Ok(())
}

/// Sends as much of a member's outbox as the kernel takes. The rest stays for the next iteration.
fn deliver(room: &mut Room, fd: Fd) -> io::Result<()> {
    if let Some(Member { socket, outbox }) = room.get_mut(fd) {
        let sent = socket.send(outbox.as_slices().0)?;
        outbox.drain(..sent);
    }
    Ok(())
}

fn leave_if_failed(room: &mut Room, fd: Fd, act: fn(&mut Room, Fd) -> io::Result<()>) {
    match act(room, fd) {
        // A signal arrived, or select was wrong: try again in the next iteration.
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
        Err(_) => drop(room.remove(fd)),
        Ok(()) => {}
    }
}
