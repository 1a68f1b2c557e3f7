//! Counts what the loop does.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::iter::Sum;

/// Counts of what one thread's loop has done, or the sums of several loops. [`Display`](fmt::Display) is one line of JSON.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Times the loop waited for readiness.
    pub waits: u64,
    /// Waits that ended with something ready.
    pub wakeups: u64,
    /// Reads that returned bytes or the end of the stream.
    pub reads: u64,
    /// Writes of which the kernel took at least a part.
    pub writes: u64,
    /// Reads, writes, and accepts that returned `WouldBlock`.
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

impl Counters {
    /// The name and the value of each counter.
    pub fn fields(&self) -> [(&'static str, u64); 9] {
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
        } = *self;
        [
            ("waits", waits),
            ("wakeups", wakeups),
            ("reads", reads),
            ("writes", writes),
            ("would_blocks", would_blocks),
            ("accepts", accepts),
            ("closes", closes),
            ("bytes_read", bytes_read),
            ("bytes_written", bytes_written),
        ]
    }
}

/// The counts of several loops together.
impl Sum for Counters {
    fn sum<I: Iterator<Item = Counters>>(all: I) -> Counters {
        all.fold(Counters::default(), |sum, one| Counters {
            waits: sum.waits + one.waits,
            wakeups: sum.wakeups + one.wakeups,
            reads: sum.reads + one.reads,
            writes: sum.writes + one.writes,
            would_blocks: sum.would_blocks + one.would_blocks,
            accepts: sum.accepts + one.accepts,
            closes: sum.closes + one.closes,
            bytes_read: sum.bytes_read + one.bytes_read,
            bytes_written: sum.bytes_written + one.bytes_written,
        })
    }
}

impl fmt::Display for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, value)) in self.fields().into_iter().enumerate() {
            let before = if index == 0 { "{" } else { "," };
            write!(f, "{before}\"{name}\":{value}")?;
        }
        f.write_str("}")
    }
}

/// A counter of one thread: a loop runs in one thread, so nothing here has to be atomic.
type Counter = Cell<u64>;

#[derive(Default)]
pub(super) struct ThreadCounters {
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
    static COUNTERS: ThreadCounters = const {
        ThreadCounters {
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

/// The counts of the calling thread so far.
pub fn counters() -> Counters {
    COUNTERS.with(|counters| Counters {
        waits: counters.waits.get(),
        wakeups: counters.wakeups.get(),
        reads: counters.reads.get(),
        writes: counters.writes.get(),
        would_blocks: counters.would_blocks.get(),
        accepts: counters.accepts.get(),
        closes: counters.closes.get(),
        bytes_read: counters.bytes_read.get(),
        bytes_written: counters.bytes_written.get(),
    })
}

/// Continues to count from `values`, and returns the counts so far.
#[cfg(feature = "sim")]
pub(super) fn replace(values: &Counters) -> Counters {
    let old = counters();
    COUNTERS.with(|counters| {
        counters.waits.set(values.waits);
        counters.wakeups.set(values.wakeups);
        counters.reads.set(values.reads);
        counters.writes.set(values.writes);
        counters.would_blocks.set(values.would_blocks);
        counters.accepts.set(values.accepts);
        counters.closes.set(values.closes);
        counters.bytes_read.set(values.bytes_read);
        counters.bytes_written.set(values.bytes_written);
    });
    old
}

#[inline]
pub(super) fn count(counter: impl Fn(&ThreadCounters) -> &Counter) {
    add(counter, 1);
}

#[inline]
pub(super) fn add(counter: impl Fn(&ThreadCounters) -> &Counter, by: usize) {
    COUNTERS.with(|counters| {
        let counter = counter(counters);
        counter.set(counter.get() + by as u64);
    });
}

/// Counts a read and its bytes, or that there was nothing to read.
#[inline(always)]
pub(super) fn count_read(result: &io::Result<usize>) {
    match result {
        Ok(bytes) => {
            count(|counters| &counters.reads);
            add(|counters| &counters.bytes_read, *bytes);
        }
        Err(error) => super::count_blocked(error),
    }
}

/// Counts a write and its bytes, or that the kernel took none.
#[inline(always)]
pub(super) fn count_write(result: &io::Result<usize>) {
    match result {
        Ok(bytes) => {
            count(|counters| &counters.writes);
            add(|counters| &counters.bytes_written, *bytes);
        }
        Err(error) => super::count_blocked(error),
    }
}
