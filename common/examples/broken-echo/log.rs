//! A log on standard error that never blocks: a thread writes it, and lines that don't fit are
//! dropped.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::{fs, process, thread};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::Arguments;
use crate::bug::Bug;

/// Where to log lines.
#[derive(Debug)]
pub struct Log {
    lines: SyncSender<String>,
    bug: Option<Bug>,
}

impl Log {
    /// Starts the thread that writes.
    pub fn start(arguments: &Arguments) -> io::Result<Self> {
        refuse_without(arguments.has(Bug::NeedsStandardError), 2)?;
        refuse_without(arguments.has(Bug::NeedsStandardOutput), 1)?;
        let (lines, receiver) = sync_channel::<String>(256);
        let exits = arguments.has(Bug::ExitsWithoutLog);
        thread::spawn(move || {
            for line in receiver {
                if writeln!(io::stderr(), "{line}").is_err() && exits {
                    process::exit(101);
                }
            }
        });
        Ok(Log {
            lines,
            bug: arguments.bug,
        })
    }

    /// Logs a line, or drops it if the writer is too far behind.
    pub fn line(&self, line: String) {
        if ![Some(Bug::LogsSynchronously), Some(Bug::TrustsPoll)].contains(&self.bug) {
            return drop(self.lines.try_send(line));
        }
        let mut stderr = io::stderr().lock();
        if self.bug == Some(Bug::LogsSynchronously) || has_room(&stderr) {
            let _ = writeln!(stderr, "{line}");
        }
    }
}

/// Whether a descriptor takes something. poll(2) doesn't report how much.
fn has_room(descriptor: &impl AsFd) -> bool {
    let mut ready = [PollFd::new(descriptor.as_fd(), PollFlags::POLLOUT)];
    poll(&mut ready, PollTimeout::ZERO).is_ok_and(|count| count > 0)
}

/// A bug: Rust's runtime opens /dev/null for a closed standard descriptor, and this treats that
/// as an error.
fn refuse_without(needed: bool, descriptor: u8) -> io::Result<()> {
    let leads_nowhere = || {
        let metadata = fs::metadata(format!("/dev/fd/{descriptor}"));
        metadata.is_ok_and(|metadata| metadata.file_type().is_char_device())
    };
    match needed && leads_nowhere() {
        true => Err(io::Error::other(format!(
            "descriptor {descriptor} is closed"
        ))),
        false => Ok(()),
    }
}
