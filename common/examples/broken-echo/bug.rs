//! The rules that can be broken, one at a time.

use clap::ValueEnum;

/// Each is a mistake that real echo servers make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Bug {
    // What comes back.
    /// Returns capital letters
    UpperCase,
    /// Treats the bytes as 7-bit text
    SevenBit,
    /// Treats a read of one byte as the end
    SwallowsLoneBytes,
    /// Returns the first 3 KiB of each read and loses the rest: a partial write not resumed
    LosesPartialWrites,
    /// Sends the second half of a large read before the first
    Reorders,
    /// A stream server that waits for the end of the line
    WaitsForLines,
    /// A line server that does not
    AnswersHalfLines,
    /// A line server that turns \r\n into \n
    StripsCarriageReturn,
    /// A line server that returns the unterminated tail
    AnswersTail,
    /// Leaves Nagle's algorithm on
    Nagle,
    /// Treats urgent data as an error
    ClosesOnUrgentData,

    // How connections end.
    /// Misses the end of a stream that was empty
    IgnoresEmptyStream,
    /// Drops what arrived together with the end of the stream
    DropsTail,
    /// Closes with a reset at the half-close
    ResetsAtHalfClose,
    /// Ends if a peer resets
    ExitsAtReset,
    /// Looks up the peer's address late, and ends if the peer has gone
    NeedsPeerName,

    // Clients that don't read, or send without end.
    /// Keeps answers without a limit
    UnboundedBuffer,
    /// Keeps up to 2 MiB of answers
    BigBuffer,
    /// Stops reading when output is blocked, and never starts again
    NeverResumes,
    /// Lets one blocked client block all
    OneAtATime,
    /// Serves one client for as long as it sends
    Unfair,

    // Many connections.
    /// Accepts 1,500 connections and no more
    WearsOut,
    /// Listens with the standard library's backlog of 128
    SmallBacklog,
    /// Leaves a descriptor open for each connection
    LeaksDescriptors,
    /// Leaves 1 KiB of memory for each connection
    LeaksMemory,

    // Start.
    /// Does not print where it listens
    SilentStart,
    /// Prints where it listens before it does
    AnnouncesEarly,
    /// Ignores `--host`
    Ipv4Only,
    /// Panics if it can't bind
    BindPanics,
    /// Exits with 1 for a usage error
    UsageExitsOne,
    /// Accepts numbers that make no sense
    TakesAnyNumber,
    /// Prints that it listens before it has all the descriptors that it needs
    AnnouncesUnprepared,

    // Stop.
    /// Ignores SIGTERM
    IgnoresSigterm,
    /// Ignores SIGINT
    IgnoresSigint,
    /// Ends with exit status 3
    ExitsWithThree,
    /// Waits for a while even if nothing is pending
    DrainsWhenIdle,
    /// Ends at once, and drops pending output
    DropsPendingOutput,
    /// Closes all connections with a reset
    ResetsAtStop,
    /// Closes with unread input, which resets the connection
    ClosesWithUnreadInput,
    /// Waits for a client without a limit
    IgnoresShutdownTimeout,
    /// Ends after the shutdown timeout without checking whether it can send
    EndsFirst,
    /// Ignores a second signal
    IgnoresSecondSignal,
    /// Keeps accepting until it ends
    AcceptsWhileStopping,
    /// Closes the listener while clients wait to be accepted
    ResetsTheBacklog,

    // Quiet.
    /// Wakes up ten times a second
    Ticks,
    /// Tries a blocked write again and again
    RetriesWrites,
    /// Leaves its interest in writing on
    KeepsWriteInterest,
    /// Wakes up for urgent data and doesn't read it
    SpinsOnUrgentData,
    /// Runs a timer for `--idle-timeout` without a client
    TimesNobody,
    /// Keeps the timer of a client that has left
    LeavesTimers,
    /// Keeps the timer of a client that has left before it was drained
    LeavesDrainTimers,

    // Descriptors.
    /// Ends if descriptors run out
    ExitsAtEmfile,
    /// Tries to accept again and again
    SpinsAtEmfile,
    /// Tries again every 10 ms, and logs that
    LogsEachEmfile,
    /// Never accepts again
    GivesUpAtEmfile,
    /// Ends at a descriptor beyond FD_SETSIZE
    ExitsBeyondFdSetsize,

    // Limits.
    /// Ignores `--max-connections`
    IgnoresMaxConnections,
    /// Closes connections beyond `--max-connections`
    TurnsAway,
    /// Ignores `--idle-timeout`
    IgnoresIdleTimeout,
    /// Counts `--idle-timeout` from the start of the connection
    TimesOutTheBusy,
    /// Closes silent clients before it checks for their input
    ExpiresFirst,
    /// Closes at lines of more than 4 KiB
    ShortLines,
    /// Ignores `--max-line`
    IgnoresMaxLine,
    /// Does not count a client whose input it discards
    ForgetsTheDraining,

    // Logging.
    /// Ends if it can't log
    ExitsWithoutLog,
    /// Logs while it serves, and waits for the log's reader
    LogsSynchronously,
    /// Logs while it serves, if poll reports that there is space
    TrustsPoll,
    /// Prints each connection, and waits for the reader of standard output
    PrintsConnections,
    /// Does not start with standard error closed
    NeedsStandardError,
    /// Does not start with standard output closed
    NeedsStandardOutput,
}
