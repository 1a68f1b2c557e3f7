//! How often the loop did what.

use std::cell::Cell;
use std::fmt;

/// What one thread's loop has done so far. [`Display`](fmt::Display) is one line of JSON.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Times the loop waited for readiness.
    pub waits: u64,
    /// Waits that ended with something ready.
    pub wakeups: u64,
    /// Reads that were answered with bytes or with the end of the stream.
    pub reads: u64,
    /// Writes of which the kernel took at least a part.
    pub writes: u64,
    /// Reads, writes and accepts that were answered with `WouldBlock`.
    pub would_blocks: u64,
    /// Connections accepted.
    pub accepts: u64,
    /// Sockets closed.
    pub closes: u64,
    /// Bytes read.
    pub bytes_read: u64,
    /// Bytes written.
    pub bytes_written: u64,
}

impl fmt::Display for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counters {
            waits,
            wakeups,
            reads,
            writes,
            would_blocks,
            accepts,
            closes,
            bytes_read,
            bytes_written,
        } = self;
        write!(
            f,
            "{{\"waits\":{waits},\"wakeups\":{wakeups},\"reads\":{reads},\"writes\":{writes},\
             \"would_blocks\":{would_blocks},\"accepts\":{accepts},\"closes\":{closes},\
             \"bytes_read\":{bytes_read},\"bytes_written\":{bytes_written}}}"
        )
    }
}

/// One counter of a thread: a loop lives in one thread, so nothing here needs an atomic.
type Counter = Cell<u64>;

#[derive(Default)]
pub(super) struct Tally {
    pub waits: Counter,
    pub wakeups: Counter,
    pub reads: Counter,
    pub writes: Counter,
    pub would_blocks: Counter,
    pub accepts: Counter,
    pub closes: Counter,
    pub bytes_read: Counter,
    pub bytes_written: Counter,
}

thread_local! {
    static TALLY: Tally = const {
        Tally {
            waits: Cell::new(0),
            wakeups: Cell::new(0),
            reads: Cell::new(0),
            writes: Cell::new(0),
            would_blocks: Cell::new(0),
            accepts: Cell::new(0),
            closes: Cell::new(0),
            bytes_read: Cell::new(0),
            bytes_written: Cell::new(0),
        }
    };
}

/// What the calling thread has done so far.
pub fn counters() -> Counters {
    TALLY.with(|tally| Counters {
        waits: tally.waits.get(),
        wakeups: tally.wakeups.get(),
        reads: tally.reads.get(),
        writes: tally.writes.get(),
        would_blocks: tally.would_blocks.get(),
        accepts: tally.accepts.get(),
        closes: tally.closes.get(),
        bytes_read: tally.bytes_read.get(),
        bytes_written: tally.bytes_written.get(),
    })
}

#[inline]
pub(super) fn count(counter: impl Fn(&Tally) -> &Counter) {
    add(counter, 1);
}

#[inline]
pub(super) fn add(counter: impl Fn(&Tally) -> &Counter, by: usize) {
    TALLY.with(|tally| {
        let counter = counter(tally);
        counter.set(counter.get() + by as u64);
    });
}
