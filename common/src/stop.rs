//! SIGINT and SIGTERM as a descriptor: the self-pipe, which each of the four loops can wait on.

use std::io;
#[cfg(unix)]
use std::{
    io::Write,
    os::unix::net::UnixStream,
    sync::{Arc, atomic::AtomicBool},
};

#[cfg(unix)]
use nix::sys::signal::{SigSet, Signal};
#[cfg(unix)]
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag, low_level,
};

use crate::sys::{AsDescriptor, Descriptor, File, kernel};

/// The reading end of the self-pipe: readable once the server has been asked to stop.
///
/// A signal handler can do almost nothing safely, but it can write a byte to a pipe. The loop watches
/// the pipe together with its sockets, and handles the signal when it is ready to.
#[derive(Debug)]
pub struct StopSignal {
    pipe: kernel::StopPipe,
}

impl StopSignal {
    /// Handles SIGINT and SIGTERM: the first one makes this readable, and a second one ends the
    /// process at once, with the status that a shell shows for that signal (128 plus its number).
    ///
    /// It works even if the parent process blocked or ignored these signals, as `nohup` and shell
    /// scripts do.
    ///
    /// # Errors
    /// There is no descriptor for the pipe, or a signal can't be handled.
    #[cfg(unix)]
    pub fn on_signals() -> io::Result<Self> {
        let (stopper, stop) = Self::pair()?;
        stop_on_signals(&[stopper])?;
        Ok(stop)
    }

    /// A signal that the program raises itself: tests and benchmarks use it instead of SIGTERM.
    ///
    /// # Errors
    /// There is no descriptor for the pipe.
    #[cfg(unix)]
    pub fn pair() -> io::Result<(Stopper, Self)> {
        let (writing, reading) = UnixStream::pair()?;
        reading.set_nonblocking(true)?;
        let pipe = kernel::StopPipe::from_os(reading);
        Ok((Stopper { pipe: writing }, StopSignal { pipe }))
    }

    /// Whether a stop has been requested. Returns `true` once per request; the loop remembers it.
    pub fn is_raised(&self) -> bool {
        self.pipe.take_byte()
    }

    /// A second descriptor of the same pipe, for a loop that owns what it watches: dup(2).
    ///
    /// # Errors
    /// There is no descriptor.
    pub fn try_clone_file(&self) -> io::Result<File> {
        self.pipe.try_clone().map(File::from)
    }
}

impl AsDescriptor for StopSignal {
    #[inline]
    fn descriptor(&self) -> Descriptor<'_> {
        Descriptor(self.pipe.descriptor())
    }
}

#[cfg(feature = "sim")]
impl From<kernel::StopPipe> for StopSignal {
    fn from(pipe: kernel::StopPipe) -> Self {
        StopSignal { pipe }
    }
}

/// The writing end of the self-pipe.
#[cfg(unix)]
#[derive(Debug)]
pub struct Stopper {
    pipe: UnixStream,
}

#[cfg(unix)]
impl Stopper {
    /// Tells the loop that holds the other end to stop.
    ///
    /// # Errors
    /// `BrokenPipe` if that loop has ended.
    pub fn stop(&self) -> io::Result<()> {
        (&self.pipe).write_all(&[0])
    }
}

/// Handles SIGINT and SIGTERM as [`StopSignal::on_signals`] does, for several loops: the first one
/// stops all of them.
///
/// # Errors
/// There is no descriptor, or a signal can't be handled.
#[cfg(unix)]
pub fn stop_on_signals(stoppers: &[Stopper]) -> io::Result<()> {
    let asked = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order, so that the first signal doesn't count as the second.
        flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&asked))?;
        flag::register(signal, Arc::clone(&asked))?;
        for stopper in stoppers {
            low_level::pipe::register(signal, stopper.pipe.try_clone()?)?;
        }
    }
    let signals = SigSet::from_iter([Signal::SIGINT, Signal::SIGTERM]);
    signals.thread_unblock()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_raised_only_after_it_was_asked() -> io::Result<()> {
        let (stopper, stop) = StopSignal::pair()?;
        assert!(!stop.is_raised());
        stopper.stop()?;
        assert!(stop.is_raised());
        Ok(())
    }

    #[test]
    fn a_signal_raises_those_of_all_loops() -> io::Result<()> {
        SigSet::from_iter([Signal::SIGTERM]).thread_block()?; // As a parent process can do.
        let pairs = [StopSignal::pair()?, StopSignal::pair()?];
        let (stoppers, stops) = pairs.into_iter().unzip::<_, _, Vec<_>, Vec<_>>();
        stop_on_signals(&stoppers)?;
        for stop in &stops {
            assert!(!stop.is_raised());
        }
        low_level::raise(SIGTERM)?;
        for stop in &stops {
            assert!(stop.is_raised());
        }
        Ok(())
    }
}
