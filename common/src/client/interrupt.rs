//! The signals that ask a program to end: Ctrl-C, kill(1), a terminal that closes.
//!
//! A program that has started servers in their own process groups must end them before it ends
//! itself, since a terminal's Ctrl-C doesn't reach them. A signal handler can do almost nothing, so
//! one thread waits for the signals, cleans up, and ends the program the way the signal would
//! have. A program that has more to print calls [`catch`] for the first signal.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

use nix::sys::signal::{SigSet, Signal};
use signal_hook::{flag, low_level};

/// The signals that end a program, except SIGKILL.
const SIGNALS: [Signal; 4] = [
    Signal::SIGINT,
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGQUIT,
];

/// What to do before the program ends.
static CLEAN_UP: OnceLock<fn()> = OnceLock::new();

/// Whether the next signal goes to the program instead of ending it.
static IS_CAUGHT: AtomicBool = AtomicBool::new(false);

/// The number of the signal that was caught, or 0.
static CAUGHT: AtomicUsize = AtomicUsize::new(0);

/// From now on, the signals end this program even if it was started with them blocked or ignored,
/// and clean up first. SIGHUP stays ignored if it is, so that nohup(1) works.
///
/// # Errors
/// There is no descriptor or thread to wait with, or a signal can't be handled. Once a call has
/// succeeded, later ones do nothing.
pub fn watch() -> io::Result<()> {
    static IS_WATCHING: Mutex<bool> = Mutex::new(false);
    let mut is_watching = IS_WATCHING.lock().unwrap_or_else(PoisonError::into_inner);
    if !*is_watching {
        start_watching()?;
        *is_watching = true;
    }
    Ok(())
}

/// Like [`watch`], with a function to call before a signal ends the program.
pub(crate) fn clean_up_with(clean_up: fn()) -> io::Result<()> {
    let _ = CLEAN_UP.set(clean_up);
    watch()
}

/// Like [`watch`], but the first signal only sets the flag that this returns. The next one ends the
/// program.
///
/// # Errors
/// The errors of [`watch`].
pub fn catch() -> io::Result<Interrupt> {
    watch()?;
    IS_CAUGHT.store(true, Ordering::SeqCst);
    Ok(Interrupt(()))
}

/// Whether a signal came.
#[derive(Debug)]
pub struct Interrupt(());

impl Interrupt {
    /// Whether a signal has asked the program to end.
    pub fn is_raised(&self) -> bool {
        CAUGHT.load(Ordering::SeqCst) != 0
    }

    /// If a signal came, ends the program the way the signal would have: a shell notices it, and ends
    /// the script that the program is part of.
    pub fn end_if_raised(&self) {
        if let signal @ 1.. = CAUGHT.load(Ordering::SeqCst) {
            end(signal);
        }
    }
}

fn start_watching() -> io::Result<()> {
    let (reading, writing) = UnixStream::pair()?;
    let latest = Arc::new(AtomicUsize::new(0));
    for signal in SIGNALS {
        if signal == Signal::SIGHUP && is_ignored(signal) {
            continue;
        }
        // In this order, so that the thread finds the number when the pipe wakes it.
        flag::register_usize(signal as i32, Arc::clone(&latest), signal as usize)?;
        low_level::pipe::register(signal as i32, writing.try_clone()?)?;
    }
    // Threads and programs that this thread starts inherit it.
    SigSet::from_iter(SIGNALS).thread_unblock()?;
    thread::Builder::new()
        .name("signals".into())
        .spawn(move || wait_for_signals(reading, &latest))
        .map(drop)
}

/// Runs on its own thread.
fn wait_for_signals(mut pipe: UnixStream, latest: &AtomicUsize) {
    while pipe.read_exact(&mut [0]).is_ok() {
        let signal = latest.load(Ordering::SeqCst);
        match IS_CAUGHT.swap(false, Ordering::SeqCst) {
            true => CAUGHT.store(signal, Ordering::SeqCst),
            false => end(signal),
        }
    }
}

fn end(signal: usize) {
    if let Some(clean_up) = CLEAN_UP.get() {
        clean_up();
    }
    // Fails only for a number that isn't a signal's.
    let _ = low_level::emulate_default_handler(signal as i32);
}

/// Whether this process was started with the signal ignored, as nohup(1) does.
#[cfg(target_os = "linux")]
fn is_ignored(signal: Signal) -> bool {
    let status = procfs::process::Process::myself().and_then(|process| process.status());
    status.is_ok_and(|status| status.sigign & (1 << (signal as i32 - 1)) != 0)
}

/// On other systems only sigaction(2) could tell, which takes unsafe code.
#[cfg(not(target_os = "linux"))]
fn is_ignored(_: Signal) -> bool {
    false
}
