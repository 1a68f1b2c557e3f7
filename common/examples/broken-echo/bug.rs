//! The rules that can be broken, one at a time.

use clap::ValueEnum;

/// Each is a mistake that echo servers really have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Bug {
    // What comes back.
    /// Returns capital letters
    UpperCase,
    /// Takes the bytes for 7-bit text
    SevenBit,
    /// Takes a read of one byte for nothing
    SwallowsLoneBytes,
    /// Answers the first 3 KiB of each read and loses the rest: a partial write not resumed
    LosesPartialWrites,
    /// Sends the second half of a large read before the first
    Reorders,
    /// A stream server that waits for the end of the line
    WaitsForLines,
    /// A line server that does not
    AnswersHalfLines,
    /// A line server that turns \r\n into \n
    StripsCarriageReturn,
    /// A line server that answers the unterminated tail
    AnswersTail,
    /// Nagle's algorithm left on
    Nagle,
    /// Takes urgent data for an error
    ClosesOnUrgentData,

    // How connections end.
    /// Misses the end of a stream that was empty
    IgnoresEmptyStream,
    /// Drops what came together with the end of the stream
    DropsTail,
    /// Closes with a reset at the half-close
    ResetsAtHalfClose,
    /// Ends when a peer resets
    ExitsAtReset,
    /// Asks for the peer's name late, and ends when it has gone
    NeedsPeerName,

    // Clients that do not read, or send without end.
    /// Keeps answers without a bound
    UnboundedBuffer,
    /// Keeps up to 2 MiB of answers
    BigBuffer,
    /// Stops reading when output is blocked, and never starts again
    NeverResumes,
    /// One blocked client blocks all
    OneAtATime,
    /// Serves one client as long as it has something to say
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
    /// Does not say where it listens
    SilentStart,
    /// Says where it listens before it does
    AnnouncesEarly,
    /// Ignores `--host`
    Ipv4Only,
    /// Panics when it cannot bind
    BindPanics,
    /// Exits with 1 for a usage error
    UsageExitsOne,
    /// Accepts numbers that make no sense
    TakesAnyNumber,
    /// Says that it listens before it has all the descriptors that it needs
    AnnouncesUnprepared,

    // Stop.
    /// Takes no notice of SIGTERM
    IgnoresSigterm,
    /// Takes no notice of SIGINT
    IgnoresSigint,
    /// Ends with exit status 3
    ExitsWithThree,
    /// Waits for a while even when nothing is pending
    DrainsWhenIdle,
    /// Ends at once, and drops pending output
    DropsPendingOutput,
    /// Closes all connections with a reset
    ResetsAtStop,
    /// Closes with unread input, which resets the connection
    ClosesWithUnreadInput,
    /// Waits for a client without end
    IgnoresShutdownTimeout,
    /// Ends when the shutdown timeout is over before it looks whether it can send
    EndsFirst,
    /// Takes no notice of a second signal
    IgnoresSecondSignal,
    /// Goes on accepting until it ends
    AcceptsWhileStopping,
    /// Closes the listener while clients wait to be accepted
    ResetsTheBacklog,

    // Rest.
    /// Wakes up ten times a second
    Ticks,
    /// Tries a blocked write again and again
    RetriesWrites,
    /// Leaves its interest in writing on
    KeepsWriteInterest,
    /// Is woken by urgent data and leaves it there
    SpinsOnUrgentData,
    /// Runs a timer for `--idle-timeout` without a client
    TimesNobody,
    /// Keeps the timer of a client that has left
    LeavesTimers,
    /// Keeps the timer of a client that has left before it was drained
    LeavesDrainTimers,

    // Descriptors.
    /// Ends when descriptors run out
    ExitsAtEmfile,
    /// Tries to accept again and again
    SpinsAtEmfile,
    /// Tries again each 10 ms, and logs that
    LogsEachEmfile,
    /// Never accepts again
    GivesUpAtEmfile,
    /// Ends beyond FD_SETSIZE
    ExitsBeyondFdSetsize,

    // Limits.
    /// Takes no notice of `--max-connections`
    IgnoresMaxConnections,
    /// Closes connections beyond `--max-connections`
    TurnsAway,
    /// Takes no notice of `--idle-timeout`
    IgnoresIdleTimeout,
    /// Counts `--idle-timeout` from the start of the connection
    TimesOutTheBusy,
    /// Closes silent clients before it looks for their input
    ExpiresFirst,
    /// Closes at lines of more than 4 KiB
    ShortLines,
    /// Takes no notice of `--max-line`
    IgnoresMaxLine,
    /// Does not count a client whose input it discards
    ForgetsTheDraining,

    // Logging.
    /// Ends when it cannot log
    ExitsWithoutLog,
    /// Logs as it serves, and waits for the log's reader
    LogsSynchronously,
    /// Logs as it serves, when poll says that there is room
    TrustsPoll,
    /// Prints each connection, and waits for the reader of standard output
    PrintsConnections,
    /// Does not start with standard error closed
    NeedsStandardError,
    /// Does not start with standard output closed
    NeedsStandardOutput,
}
