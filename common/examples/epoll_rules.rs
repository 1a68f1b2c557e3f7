//! What epoll watches, and what it reports: each line is the result of one wait that doesn't block.
//!
//! `cargo run -p common --example epoll_rules` (Linux)

use std::io;

fn main() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    return rules::show_all();
    #[cfg(not(target_os = "linux"))]
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(target_os = "linux")]
mod rules {
    use std::io::{self, ErrorKind, Read, Write};
    use std::net::Shutdown;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;
    use std::process::{Command, Stdio};
    use std::time::Duration;

    use common::output;
    use rustix::buffer::spare_capacity;
    use rustix::event::Timespec;
    use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};

    pub fn show_all() -> io::Result<()> {
        a_duplicate_keeps_the_registration()?;
        a_child_keeps_the_connection_open()?;
        one_shot_reports_once()?;
        a_half_close_is_not_a_close()
    }

    /// An epoll instance: a list of watched descriptions in the kernel.
    struct Epoll(OwnedFd);

    impl Epoll {
        fn new() -> io::Result<Self> {
            Ok(Epoll(epoll::create(CreateFlags::CLOEXEC)?))
        }

        fn add(&self, socket: &UnixStream, flags: EventFlags) -> io::Result<()> {
            Ok(epoll::add(&self.0, socket, EventData::new_u64(0), flags)?)
        }

        fn modify(&self, socket: &UnixStream, flags: EventFlags) -> io::Result<()> {
            Ok(epoll::modify(
                &self.0,
                socket,
                EventData::new_u64(0),
                flags,
            )?)
        }

        fn delete(&self, socket: &UnixStream) -> io::Result<()> {
            Ok(epoll::delete(&self.0, socket)?)
        }

        /// Prints the events of a wait that doesn't block.
        fn show(&self, when: &str) -> io::Result<()> {
            let mut events: Vec<epoll::Event> = Vec::with_capacity(8);
            epoll::wait(
                &self.0,
                spare_capacity(&mut events),
                Some(&Timespec::default()),
            )?;
            let names = events.iter().flat_map(|event| {
                let flags = event.flags;
                flags.iter_names().map(|(name, _)| name).collect::<Vec<_>>()
            });
            let names: Vec<_> = names.collect();
            match names.is_empty() {
                true => show(when, "nothing"),
                false => show(when, &names.join(" ")),
            }
        }
    }

    fn show(what: &str, result: &str) -> io::Result<()> {
        output::print(format_args!("{what:45} {result}\n"))
    }

    fn a_duplicate_keeps_the_registration() -> io::Result<()> {
        let (socket, mut peer) = UnixStream::pair()?;
        let (epoll, duplicate) = (Epoll::new()?, socket.try_clone()?);
        epoll.add(&socket, EventFlags::IN)?;
        drop(socket);
        peer.write_all(b"x")?;
        epoll.show("closed, but a duplicate is open:")?;
        if let Err(error) = epoll.delete(&duplicate) {
            show("removing it through the duplicate:", &error.to_string())?;
        }
        drop(duplicate);
        epoll.show("the duplicate is closed, too:")
    }

    fn a_child_keeps_the_connection_open() -> io::Result<()> {
        let (socket, mut peer) = UnixStream::pair()?;
        peer.set_read_timeout(Some(Duration::from_millis(200)))?;
        let mut child = Command::new("cat")
            .stdin(Stdio::from(OwnedFd::from(socket))) // Closed here, open in the child.
            .stdout(Stdio::null())
            .spawn()?;
        match peer.read(&mut [0]) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                show("closed, but open in a child, read:", "nothing")?;
            }
            other => show("closed, but open in a child, read:", &format!("{other:?}"))?,
        }
        child.kill()?;
        child.wait()?;
        let count = peer.read(&mut [0])?;
        show("the child has ended, read:", &format!("{count} bytes"))
    }

    fn one_shot_reports_once() -> io::Result<()> {
        let (socket, mut peer) = UnixStream::pair()?;
        let (epoll, flags) = (Epoll::new()?, EventFlags::IN | EventFlags::ONESHOT);
        epoll.add(&socket, flags)?;
        peer.write_all(b"x")?;
        epoll.show("ONESHOT, a byte has arrived:")?;
        peer.write_all(b"y")?;
        epoll.show("ONESHOT, one more byte:")?;
        epoll.modify(&socket, flags)?;
        epoll.show("ONESHOT, registered again:")
    }

    fn a_half_close_is_not_a_close() -> io::Result<()> {
        let (socket, mut peer) = UnixStream::pair()?;
        let epoll = Epoll::new()?;
        epoll.add(&socket, EventFlags::IN | EventFlags::RDHUP)?;
        peer.write_all(b"x")?;
        peer.shutdown(Shutdown::Write)?;
        epoll.show("RDHUP, a byte and the end of the stream:")?;
        drop(peer);
        epoll.show("RDHUP, the peer has closed:")?;
        epoll.modify(&socket, EventFlags::empty())?;
        epoll.show("no interest at all:")
    }
}
