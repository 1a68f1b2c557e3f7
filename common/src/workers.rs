//! Several loops in one process, each on its own thread: the option `--workers`.
//!
//! A worker is one `serve()` with everything that it needs: its listener, stop signal, read buffer,
//! connections, and counters. No style knows that there are others. What belongs to the process is
//! divided before the loops start, or summed after they have ended: see [`Workers::prepare`].

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::{OnceLock, mpsc};
use std::thread;

use crate::args::{ServerArgs, Settings};
use crate::connection_limit::ProcessTotals;
use crate::stop::{StopSignal, Stopper, stop_on_signals};
use crate::sys::{self, Counters, Listener};

mod listeners;

/// What one loop gets.
struct Worker {
    listener: Listener,
    settings: Settings,
    stop: StopSignal,
}

/// All workers of a server, before they start.
pub(crate) struct Workers<'a> {
    args: &'a ServerArgs,
    all: Vec<Worker>,
    /// One for each worker.
    stoppers: Vec<Stopper>,
    totals: ProcessTotals,
    address: SocketAddr,
    /// Set once all loops have been made, or one of them can't be.
    may_serve: OnceLock<bool>,
}

/// How a worker ended, and what it counted.
pub(crate) type Ended = (io::Result<()>, Counters);

impl<'a> Workers<'a> {
    /// Lets signals stop all workers, and listens for each of them.
    ///
    /// A limit on connections is divided among the workers. If it is below their number, fewer
    /// workers start.
    ///
    /// # Errors
    /// No descriptor is left, or the server can't listen.
    pub(crate) fn prepare(args: &'a ServerArgs) -> io::Result<Self> {
        let most = Settings::from(&args.limits).max_connections;
        let count = NonZeroUsize::new(args.workers.min(most)).unwrap_or(NonZeroUsize::MIN);
        let pairs = (0..count.get()).map(|_| StopSignal::pair());
        let pairs: Vec<_> = pairs.collect::<io::Result<_>>().map_err(cannot_start)?;
        let (stoppers, stops): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        stop_on_signals(&stoppers).map_err(cannot_start)?;
        let (address, listeners) = listeners::listen(args, count)?;
        let workers = listeners.into_iter().zip(stops).enumerate();
        let all = workers.map(|(place, (listener, stop))| Worker {
            listener,
            settings: Settings {
                max_connections: share(most, count, place),
                ..Settings::from(&args.limits)
            },
            stop,
        });
        Ok(Workers {
            args,
            all: all.collect(),
            stoppers,
            totals: ProcessTotals::default(),
            address,
            may_serve: OnceLock::new(),
        })
    }

    /// Where all workers listen.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Runs the first worker on the calling thread, and each further one on its own. Calls `ready`
    /// once all have been made. The first worker that ends, for whatever reason, stops the others.
    pub(crate) fn run<S>(
        mut self,
        start: impl Fn(Listener, Settings, StopSignal) -> io::Result<S> + Sync,
        ready: impl FnOnce() -> io::Result<()>,
    ) -> Vec<Ended>
    where
        S: FnOnce() -> io::Result<()>,
    {
        let others = self.all.split_off(1.min(self.all.len()));
        let (first, count) = (self.all.pop(), others.len());
        let (group, start) = (&self, &start);
        thread::scope(|scope| {
            let (made, all_made) = mpsc::channel();
            let mut threads = Vec::with_capacity(count);
            let mut ended = Vec::with_capacity(count + 1);
            for (number, worker) in (2..).zip(others) {
                let made = made.clone();
                let is_made = move || made.send(()).map_err(io::Error::other);
                let work = move || group.work(worker, start, is_made);
                let thread = thread::Builder::new().name(format!("worker-{number}"));
                match thread.spawn_scoped(scope, work) {
                    Ok(thread) => threads.push(thread),
                    Err(error) => ended.push((Err(cannot_start(error)), Counters::default())),
                }
            }
            drop(made); // Only the threads can send now.
            let wait_for_all = || {
                let are_all_made = all_made.iter().count() == count;
                if are_all_made {
                    ready()?;
                }
                let _ = group.may_serve.set(are_all_made);
                Ok(())
            };
            ended.extend(first.map(|first| group.work(first, start, wait_for_all)));
            let others = threads.into_iter().map(|thread| thread.join());
            ended.extend(others.map(|ended| ended.unwrap_or_else(|_| panicked())));
            ended
        })
    }

    /// Makes a loop, calls `is_made`, and runs the loop once all workers have been made.
    fn work<S>(
        &self,
        worker: Worker,
        start: impl FnOnce(Listener, Settings, StopSignal) -> io::Result<S>,
        is_made: impl FnOnce() -> io::Result<()>,
    ) -> Ended
    where
        S: FnOnce() -> io::Result<()>,
    {
        let _end_all = EndAll(self);
        self.totals.use_on_this_thread();
        let made = start(worker.listener, worker.settings, worker.stop).map_err(cannot_start);
        let served = made.and_then(|serve| {
            is_made()?;
            if !self.may_serve.wait() {
                return Ok(()); // Another worker has failed.
            }
            if let Some(faults) = &self.args.observe.faults {
                sys::inject(faults.clone());
            }
            serve()
        });
        (served, sys::counters())
    }
}

/// Ends all workers when it is dropped: a worker has ended.
struct EndAll<'a>(&'a Workers<'a>);

impl Drop for EndAll<'_> {
    fn drop(&mut self) {
        let _ = self.0.may_serve.set(false); // Fails if they serve already.
        for stopper in &self.0.stoppers {
            let _ = stopper.stop(); // Fails if that worker has ended.
        }
    }
}

fn panicked() -> Ended {
    (
        Err(io::Error::other("a worker panicked")),
        Counters::default(),
    )
}

/// The share of `most` connections for the worker at `place`. All shares together are `most`, and
/// they differ by one at most. Without a limit, each share has none.
fn share(most: usize, workers: NonZeroUsize, place: usize) -> usize {
    match most {
        usize::MAX => usize::MAX,
        most => most / workers + usize::from(place < most % workers),
    }
}

pub(crate) fn cannot_start(error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot start: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::{AsDescriptor, FdSet, select};
    use clap::Parser;
    use std::time::Duration;

    #[derive(Parser)]
    struct Options {
        #[command(flatten)]
        server: ServerArgs,
    }

    fn options(arguments: &[&str]) -> ServerArgs {
        let start = ["server", "--port", "0", "--workers", "3"];
        Options::parse_from(start.iter().chain(arguments)).server
    }

    /// Waits until the worker is stopped.
    fn wait_for(stop: &StopSignal) -> io::Result<()> {
        let mut inputs = FdSet::new();
        inputs.insert(stop.descriptor())?;
        select(Some(&mut inputs), None, None, Some(Duration::from_secs(10)))?;
        match stop.is_raised() {
            true => Ok(()),
            false => Err(io::Error::other("it was not stopped")),
        }
    }

    fn errors(ended: &[Ended]) -> Vec<String> {
        let errors = ended.iter().filter_map(|(served, _)| served.as_ref().err());
        errors.map(io::Error::to_string).collect()
    }

    /// Runs three workers, of which the one on the thread `failing` fails: at its start, or while it
    /// serves. Returns how all ended, and whether they were ready.
    fn run(failing: &str, is_at_start: bool) -> io::Result<(Vec<Ended>, bool)> {
        let mut was_ready = false;
        let fail = |at_start| match thread::current().name() == Some(failing) {
            true if at_start == is_at_start => Err(io::Error::other("failed")),
            _ => Ok(()),
        };
        let start = |_, _, stop| {
            fail(true)?;
            Ok(move || fail(false).and_then(|()| wait_for(&stop)))
        };
        let ended = Workers::prepare(&options(&[]))?.run(start, || {
            was_ready = true;
            Ok(())
        });
        Ok((ended, was_ready))
    }

    #[test]
    fn the_error_of_one_worker_ends_all() -> io::Result<()> {
        let first = thread::current().name().unwrap_or_default().to_owned();
        for failing in [&*first, "worker-2", "worker-3"] {
            let (ended, was_ready) = run(failing, false)?;
            assert!(was_ready);
            assert_eq!((ended.len(), errors(&ended)), (3, vec!["failed".into()]));
            let (ended, was_ready) = run(failing, true)?;
            assert!(!was_ready, "it serves although {failing} couldn't start");
            assert_eq!(errors(&ended), ["cannot start: failed"]);
        }
        Ok(())
    }

    #[test]
    fn shares_of_a_limit_add_up_to_it_and_no_worker_has_none() -> io::Result<()> {
        for (most, expected) in [
            ("7", vec![3, 2, 2]),
            ("3", vec![1, 1, 1]),
            ("2", vec![1, 1]),
        ] {
            let args = options(&["--max-connections", most]);
            let workers = Workers::prepare(&args)?;
            let shares = workers.all.iter();
            let shares: Vec<_> = shares.map(|it| it.settings.max_connections).collect();
            assert_eq!(shares, expected);
        }
        let args = options(&[]);
        let workers = Workers::prepare(&args)?;
        let mut shares = workers.all.iter().map(|it| it.settings.max_connections);
        assert!(shares.all(|share| share == usize::MAX));
        Ok(())
    }
}
