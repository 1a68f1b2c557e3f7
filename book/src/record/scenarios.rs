//! What the client does, scenario by scenario.

use std::io;

use super::stage::Stage;

/// A client's script.
pub(super) struct Scenario {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    /// What all four servers are started with.
    pub(super) arguments: &'static [&'static str],
    /// Whether how often something happens differs from run to run.
    pub(super) folded: bool,
    pub(super) play: fn(&mut Stage) -> io::Result<()>,
}

/// A line of exactly the size that the originals read at once.
pub(super) const LINE: [u8; 8192] = {
    let mut line = [b'x'; 8192];
    line[8191] = b'\n';
    line
};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "one-line",
        about: "One client sends one line and closes.",
        arguments: &[],
        folded: false,
        play: |stage| {
            stage.connect()?;
            stage.send(1, b"hello\n")?;
            stage.close_client(1)
        },
    },
    Scenario {
        name: "split-line",
        about: "Half a line, and the rest of it later: TCP keeps no boundaries.",
        arguments: &[],
        folded: false,
        play: |stage| {
            stage.connect()?;
            stage.send(1, b"hel")?;
            stage.send(1, b"lo\n")?;
            stage.close_client(1)
        },
    },
    Scenario {
        name: "many-lines",
        about: "Three lines and the beginning of a fourth arrive in one read.",
        arguments: &[],
        folded: false,
        play: |stage| {
            stage.connect()?;
            stage.send(1, b"one\ntwo\nthree\nfo")?;
            stage.send(1, b"ur\n")?;
            stage.close_client(1)
        },
    },
    Scenario {
        name: "two-clients",
        about: "Two clients: first one after the other, then both in one turn of the loop. (That the \
                server is held interrupts epoll_wait but not select: signal(7).)",
        arguments: &[],
        folded: false,
        play: |stage| {
            stage.connect()?;
            stage.connect()?;
            stage.send(1, b"from 1\n")?;
            stage.send(2, b"from 2\n")?;
            stage.send_at_once(&[(2, b"both 2\n"), (1, b"both 1\n")])
        },
    },
    Scenario {
        name: "slow-reader",
        about: "A client sends and does not read, until the server reads no more either.",
        arguments: &[],
        folded: true,
        play: |stage| {
            stage.connect_slow()?;
            stage.send_until_refused(1, &LINE)?;
            stage.read(1)?;
            stage.close_client(1)
        },
    },
    Scenario {
        name: "half-close",
        about: "A client has said all that it will, and still listens.",
        arguments: &[],
        folded: false,
        play: |stage| {
            stage.connect()?;
            stage.send(1, b"hello\nand a tail")?;
            stage.finish(1)
        },
    },
    Scenario {
        name: "reset",
        about: "One of two clients goes with a reset; the other one is served on.",
        arguments: &[],
        folded: false,
        play: |stage| {
            stage.connect()?;
            stage.connect()?;
            stage.send(1, b"hello\n")?;
            stage.reset(1)?;
            stage.send(2, b"still here\n")
        },
    },
    Scenario {
        name: "flood-and-ping",
        about: "Four reads' worth from one client and one line from another, at the same moment. (That \
                the server is held interrupts epoll_wait but not select: signal(7).)",
        arguments: &["--recv-size", "8192"],
        folded: false,
        play: |stage| {
            stage.connect()?;
            stage.connect()?;
            let flood = LINE.repeat(4);
            stage.send_at_once(&[(1, &flood), (2, b"ping\n")])
        },
    },
    Scenario {
        name: "stop-with-work",
        about: "The server is asked to stop while it still owes a client bytes.",
        arguments: &["--grace", "5"],
        folded: true,
        play: |stage| {
            stage.connect_slow()?;
            stage.send_until_refused(1, &LINE)?;
            stage.stop()?;
            stage.read(1)?;
            stage.close_client(1)
        },
    },
    Scenario {
        name: "idle-timeout",
        about: "A client says one line and then nothing, until the server closes the connection.",
        arguments: &["--idle-timeout", "2"],
        folded: false,
        play: |stage| {
            stage.connect()?;
            stage.send(1, b"hello\n")?;
            stage.say_nothing(1)
        },
    },
    Scenario {
        name: "out-of-descriptors",
        about: "Two clients, and a server that has a descriptor left for one (RLIMIT_NOFILE).",
        arguments: &[],
        folded: false,
        play: |stage| {
            stage.leave_room_for(1)?;
            stage.connect()?;
            stage.connect()?;
            stage.close_client(1)?;
            stage.send(2, b"in at last\n")
        },
    },
];
