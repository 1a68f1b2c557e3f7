//! Runs of two tiny echo servers, on select and on poll, over the simulated kernel.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use common::StopSignal;
use common::sys::sim::{
    self, CallRecord, ClientEnd, ConnectionState, Ending, Options, Record, Schedule, Script, Trace,
    TraceEvent,
};
use common::sys::{
    self, AsDescriptor, Events, FdSet, Interest, Listener, Poll, Stream, Token, select,
};

/// A connection, and the bytes that were read from it but not yet sent back.
struct Connection {
    stream: Stream,
    pending_output: Vec<u8>,
    peer_closed: bool,
}

impl Connection {
    fn new(stream: Stream) -> Self {
        Connection {
            stream,
            pending_output: Vec::new(),
            peer_closed: false,
        }
    }

    fn wants_to_read(&self) -> bool {
        !self.peer_closed && self.pending_output.len() < 4096
    }

    fn is_closed(&self) -> bool {
        self.peer_closed && self.pending_output.is_empty()
    }

    /// Reads once. Returns whether to try again.
    fn read(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 1024];
        match self.stream.recv(&mut buffer) {
            Ok(0) => self.peer_closed = true,
            Ok(count) => self.pending_output.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(true)
    }

    fn write(&mut self) -> io::Result<()> {
        while !self.pending_output.is_empty() {
            match self.stream.send(&self.pending_output) {
                Ok(count) => drop(self.pending_output.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

type Connections = BTreeMap<i32, Connection>;

fn accept_all(
    listener: &Listener,
    mut accepted: impl FnMut(Stream) -> io::Result<()>,
) -> io::Result<()> {
    loop {
        match listener.accept() {
            Ok((stream, _)) => accepted(stream)?,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) if is_transient(&error) => {}
            Err(error) => return Err(error),
        }
    }
}

fn is_transient(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Interrupted | ErrorKind::ConnectionAborted
    )
}

fn close(connections: &mut Connections, fd: i32) {
    if let Some(connection) = connections.remove(&fd) {
        connection.stream.close();
    }
}

fn serve_with_select(listener: Listener, stop: StopSignal) -> io::Result<()> {
    let mut connections = Connections::new();
    loop {
        let (mut inputs, mut outputs) = (FdSet::new(), FdSet::new());
        inputs.insert(listener.descriptor())?;
        inputs.insert(stop.descriptor())?;
        for connection in connections.values() {
            if connection.wants_to_read() {
                inputs.insert(connection.stream.descriptor())?;
            }
            if !connection.pending_output.is_empty() {
                outputs.insert(connection.stream.descriptor())?;
            }
        }
        match select(Some(&mut inputs), Some(&mut outputs), None, None) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            result => result?,
        };
        let is_in = |set: &FdSet<'_>, fd| set.contains(connection_of(&connections, fd));
        let fds: Vec<i32> = connections.keys().copied().collect();
        let ready: Vec<(i32, bool)> = fds.iter().map(|fd| (*fd, is_in(&inputs, *fd))).collect();
        let accepts = inputs.contains(listener.descriptor());
        if inputs.contains(stop.descriptor()) && stop.is_raised() {
            return Ok(());
        }
        for (fd, is_readable) in ready {
            let Some(connection) = connections.get_mut(&fd) else {
                continue;
            };
            let read = if is_readable {
                connection.read().map(drop)
            } else {
                Ok(())
            };
            let handled = read.and_then(|()| connection.write());
            if handled.is_err() || connection.is_closed() {
                close(&mut connections, fd);
            }
        }
        if accepts {
            accept_all(&listener, |stream| {
                connections.insert(stream.descriptor().number(), Connection::new(stream));
                Ok(())
            })?;
        }
    }
}

fn connection_of(connections: &Connections, fd: i32) -> sys::Descriptor<'_> {
    connections[&fd].stream.descriptor()
}

const LISTENER: Token = Token(u64::MAX);
const STOP: Token = Token(u64::MAX - 1);

/// Reads until the kernel has nothing more, unless `forgets_the_rest`: then it reads once for each
/// edge, and loses the rest.
fn serve_with_poll(listener: Listener, stop: StopSignal, forgets_the_rest: bool) -> io::Result<()> {
    let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(16));
    poll.register(listener.descriptor(), LISTENER, Interest::READABLE)?;
    poll.register(stop.descriptor(), STOP, Interest::READABLE)?;
    let mut connections = Connections::new();
    loop {
        match poll.wait(&mut events, None) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            result => result?,
        };
        for event in events.iter() {
            if event.token() == STOP && stop.is_raised() {
                return Ok(());
            }
            if event.token() == LISTENER {
                accept_all(&listener, |stream| {
                    let fd = stream.descriptor().number();
                    let both = Interest::READABLE | Interest::WRITABLE;
                    poll.register(stream.descriptor(), Token(fd as u64), both)?;
                    connections.insert(fd, Connection::new(stream));
                    Ok(())
                })?;
            }
            let fd = event.token().0 as i32;
            let Some(connection) = connections.get_mut(&fd) else {
                continue;
            };
            let mut handled = connection.write();
            while handled.is_ok() && connection.wants_to_read() {
                match connection.read() {
                    Ok(false) => break,
                    Ok(true) => handled = connection.write(),
                    Err(error) => handled = Err(error),
                }
                if forgets_the_rest {
                    break;
                }
            }
            if handled.is_err() || connection.is_closed() {
                close(&mut connections, fd);
            }
        }
    }
}

type Serve = fn(Listener, StopSignal) -> io::Result<()>;

const SERVERS: [(&str, Serve); 2] = [
    ("select", serve_with_select),
    ("poll", |listener, stop| {
        serve_with_poll(listener, stop, false)
    }),
];

fn parsed(text: &str) -> Script {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn calls<'a>(trace: &'a Trace, name: &'a str) -> impl Iterator<Item = &'a CallRecord> {
    trace
        .records
        .iter()
        .filter_map(move |record| match &record.event {
            TraceEvent::Call(call) if call.call == name => Some(call),
            _ => None,
        })
}

fn random(seed: u64) -> (Options, u64) {
    let options = Options {
        schedule: Schedule::Random,
        server_receive_buffer: 700,
        server_send_buffer: 900,
        client_receive_buffer: 500,
        client_send_buffer: 600,
        faults: format!("{seed}:short=50,eintr=10,aborted=10").parse().ok(),
        ..Options::default()
    };
    (options, seed)
}

#[test]
fn both_servers_echo_in_lockstep() {
    let script = parsed("connect 1; send 1 \"hello\"; half-close 1; stop");
    for (name, serve) in SERVERS {
        let trace = sim::run(&script, &Options::default(), 0, serve);
        assert_eq!(trace.ending, Ending::Returned, "{name}");
        assert_eq!(trace.steps_left, 0, "{name}");
        assert_eq!(trace.clients[0].received, b"hello", "{name}");
        assert_eq!(
            trace.clients[0].ended,
            Some(ClientEnd::EndOfStream),
            "{name}"
        );
        assert_eq!(
            (trace.counters.accepts, trace.counters.bytes_read),
            (1, 5),
            "{name}"
        );
        assert_eq!(trace.lost_edges, [], "{name}");
        let accept = calls(&trace, "accept").next().expect("it accepts");
        assert!(
            accept.file.ends_with("simulation.rs") && accept.line > 0,
            "{accept:?}"
        );
        assert_eq!(trace.open_descriptors, [0; 0], "{name}");
    }
}

#[test]
fn every_byte_comes_back_in_order_whatever_the_seed() {
    let script = parsed(
        "connect 1; connect 2; send 1 3000; stop-reading 2; send 2 5000; wait 5ms; signal; \
         read 2 10; half-close 1; wait 50ms; resume-reading 2; half-close 2; wait 1s; stop",
    );
    let alphabet = |count: usize| -> Vec<u8> { (b'a'..=b'z').cycle().take(count).collect() };
    for (name, serve) in SERVERS {
        for seed in 0..100 {
            let (options, seed) = random(seed);
            let options = Options {
                record: false,
                ..options
            };
            let trace = sim::run(&script, &options, seed, serve);
            assert_eq!(trace.ending, Ending::Returned, "{name}, seed {seed}");
            assert_eq!(trace.lost_edges, [], "{name}, seed {seed}");
            for (client, count) in [(0, 3000), (1, 5000)] {
                let client = &trace.clients[client];
                assert!(client.received == alphabet(count), "{name}, seed {seed}");
                assert_eq!(
                    client.ended,
                    Some(ClientEnd::EndOfStream),
                    "{name}, seed {seed}"
                );
            }
        }
    }
}

fn is_out_of_descriptors(error: &io::Error) -> bool {
    error.raw_os_error().is_some()
}

#[test]
fn the_same_seed_gives_the_same_bytes_of_json() -> serde_json::Result<()> {
    let script = parsed("connect 1; send 1 20000; connect 2; send 2 9; reset 1; close 2; stop");
    for (name, serve) in SERVERS {
        let json = |seed: u64| -> serde_json::Result<String> {
            let (options, seed) = random(seed);
            serde_json::to_string(&sim::run(&script, &options, seed, serve))
        };
        let mut differs = false;
        for seed in 0..20 {
            assert_eq!(json(seed)?, json(seed)?, "{name}, seed {seed}");
            differs |= json(seed)? != json(seed + 1)?;
        }
        assert!(differs, "{name}: the seed decides nothing");
        let with_faults = |faults: u64| -> serde_json::Result<String> {
            let options = Options {
                schedule: Schedule::Lockstep,
                ..random(faults).0
            };
            serde_json::to_string(&sim::run(&script, &options, 0, serve))
        };
        assert_eq!(with_faults(1)?, with_faults(1)?, "{name}");
        assert_ne!(
            with_faults(1)?,
            with_faults(2)?,
            "{name}: the seed of faults"
        );
    }
    Ok(())
}

#[test]
fn a_server_that_forgets_what_is_behind_an_edge_is_reported() {
    let script = parsed("connect 1; send 1 3000; wait 1s; stop");
    let forgetful = |listener, stop| serve_with_poll(listener, stop, true);
    let trace = sim::run(&script, &Options::default(), 0, forgetful);
    let lost = trace.lost_edges.first().expect("it has lost an edge");
    assert_eq!((lost.name.as_str(), lost.is_read), ("client 1", true));
    assert!(
        matches!(&trace.records[lost.record].event, TraceEvent::Call(call) if call.call == "wait")
    );
}

#[test]
fn the_state_tells_where_the_bytes_are_and_that_reading_is_paused() {
    let script = parsed("connect 1; stop-reading 1; send 1 100000; wait 1s; reset 1; stop");
    let options = Options {
        server_receive_buffer: 2000,
        server_send_buffer: 3000,
        client_receive_buffer: 1000,
        client_send_buffer: 1500,
        ..Options::default()
    };
    let trace = sim::run(&script, &options, 0, serve_with_select);
    let is_wait = |record: &&Record| record.event == TraceEvent::Step("wait 1s".into());
    let record = trace.records.iter().find(is_wait).expect("it waited");
    let paused = &record.connections[0];
    assert_eq!(paused.state, ConnectionState::Open);
    assert!(paused.is_reading_paused && paused.watched_for_writing);
    assert_eq!(paused.client_receive_buffer, 1000);
    assert_eq!(paused.server_send_buffer, 3000);
    assert_eq!(paused.server_receive_buffer, 2000);
    assert_eq!(paused.client_send_buffer, 1500);
    assert!(
        (4096..=4096 + 1024).contains(&paused.server_holds),
        "{paused:?}"
    );
    let everywhere = paused.client_to_send as i64 + paused.server_holds;
    assert_eq!(everywhere + 1500 + 2000 + 3000 + 1000, 100_000);
    assert_eq!(trace.ending, Ending::Returned);
}

#[test]
fn time_is_virtual_and_passes_while_the_server_waits() {
    let script = parsed("wait 3600s; stop");
    let trace = sim::run(&script, &Options::default(), 0, |_listener, stop| {
        let begin = sys::now();
        let mut inputs = FdSet::new();
        inputs.insert(stop.descriptor())?;
        let mut first = inputs;
        let timeout = Some(Duration::from_secs(60));
        assert_eq!(select(Some(&mut first), None, None, timeout)?, 0);
        assert!(sys::now() - begin >= Duration::from_secs(60));
        assert!(sys::now() - begin < Duration::from_secs(61));
        let stopped = select(Some(&mut inputs), None, None, None);
        assert_eq!(
            stopped.expect_err("a signal came").kind(),
            ErrorKind::Interrupted
        );
        assert!(stop.is_raised());
        Ok(())
    });
    assert_eq!(trace.ending, Ending::Returned);
    assert!(trace.microseconds >= 3_600_000_000);
}

#[test]
fn a_run_ends_when_the_server_waits_for_ever_or_spins() {
    let script = parsed("connect 1");
    for (_, serve) in SERVERS {
        let trace = sim::run(&script, &Options::default(), 0, serve);
        assert_eq!(trace.ending, Ending::Waiting);
    }
    let spins = |_: Listener, stop: StopSignal| loop {
        let mut outputs = FdSet::new();
        outputs.insert(stop.descriptor())?;
        select(None, Some(&mut outputs), None, Some(Duration::ZERO))?;
    };
    let trace = sim::run(&script, &Options::default(), 0, spins);
    assert_eq!((trace.ending, trace.steps_left), (Ending::Spinning, 1));
    // Calls that succeed don't hide it.
    let spins = |_: Listener, stop: StopSignal| {
        let poll = Poll::new()?;
        poll.register(stop.descriptor(), STOP, Interest::READABLE)?;
        loop {
            poll.reregister(stop.descriptor(), STOP, Interest::READABLE)?;
            select(None, None, None, Some(Duration::ZERO))?;
        }
    };
    let quickly = Options {
        record: false,
        ..Options::default()
    };
    let trace = sim::run(&script, &quickly, 0, spins);
    assert_eq!(trace.ending, Ending::Spinning);
    let fails = |_: Listener, _: StopSignal| Err(io::Error::other("no"));
    let trace = sim::run(&script, &Options::default(), 0, fails);
    assert_eq!(trace.ending, Ending::Failed("no".into()));
}

#[test]
fn nothing_of_a_run_is_left_in_the_thread() -> io::Result<()> {
    let script = parsed("connect 1; send 1 \"x\"; stop");
    let before = sys::counters();
    let (options, _) = random(0);
    let mut left = None;
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        sim::run(&script, &options, 0, |listener, _stop| {
            left = Some(listener);
            panic!("on purpose");
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(sys::counters(), before);
    let left = left.expect("it was kept");
    assert!(left.accept().is_err(), "its run is over");
    let trace = sim::run(&script, &Options::default(), 0, |listener, _stop| {
        let mut inputs = FdSet::new();
        inputs.insert(listener.descriptor())?;
        select(Some(&mut inputs), None, None, None)?;
        assert!(left.accept().is_err(), "it belongs to another run");
        listener.accept().map(drop)
    });
    assert_eq!(trace.ending, Ending::Returned);
    // Outside a run, the operating system handles the calls again, without faults.
    for _ in 0..200 {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let error = Listener::bind(address, 1)?.accept().expect_err("no client");
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
    }
    Ok(())
}

#[test]
fn accept_returns_emfile_with_an_empty_queue() {
    let script = parsed("descriptors 5; connect 1; wait 1s; descriptors 6; wait 1s");
    let mut errors = Vec::new();
    let trace = sim::run(&script, &Options::default(), 0, |listener, _stop| {
        let wait = |seconds| {
            let mut inputs = FdSet::new();
            inputs.insert(listener.descriptor())?;
            select(
                Some(&mut inputs),
                None,
                None,
                Some(Duration::from_secs(seconds)),
            )
        };
        wait(1)?;
        let full = |error: &io::Error| is_out_of_descriptors(error);
        errors.push(listener.accept().expect_err("no descriptor is free"));
        for seconds in [0, 0, 1] {
            wait(seconds)?;
        }
        assert!(errors.iter().all(full), "{errors:?}");
        let mut streams = Vec::new();
        while streams.is_empty() {
            match listener.accept() {
                Ok((stream, _)) => streams.push(stream),
                Err(_) => {
                    let mut nothing = FdSet::new();
                    let timeout = Some(Duration::from_secs(1));
                    select(Some(&mut nothing), None, None, timeout)?;
                }
            }
        }
        assert_eq!(streams[0].descriptor().number(), 5);
        errors.push(
            listener
                .accept()
                .expect_err("no client waits, and no descriptor is free"),
        );
        assert!(errors.iter().all(full), "{errors:?}");
        Ok(())
    });
    assert_eq!(trace.ending, Ending::Returned);
}

#[test]
fn a_full_backlog_makes_clients_try_again() {
    let script = parsed("connect 1; connect 2; connect 3; send 3 \"x\"; wait 20s; stop");
    let options = Options {
        backlog: 1,
        ..Options::default()
    };
    let mut accepted = Vec::new();
    let trace = sim::run(&script, &options, 0, |listener, _stop| {
        let mut nothing = FdSet::new();
        select(
            Some(&mut nothing),
            None,
            None,
            Some(Duration::from_millis(100)),
        )?;
        for _ in 0..2 {
            accepted.push(listener.accept()?.0);
        }
        let error = listener
            .accept()
            .expect_err("the third one tries again later");
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        let mut inputs = FdSet::new();
        inputs.insert(listener.descriptor())?;
        let begin = sys::now();
        select(Some(&mut inputs), None, None, None)?;
        let waited = sys::now() - begin;
        assert!(waited > Duration::from_millis(500) && waited < Duration::from_secs(2));
        listener.accept().map(drop)
    });
    assert_eq!(trace.ending, Ending::Returned);
}

/// Waits until a stream is writable.
fn writable(stream: &Stream) -> io::Result<()> {
    let mut outputs = FdSet::new();
    outputs.insert(stream.descriptor())?;
    select(None, Some(&mut outputs), None, None).map(drop)
}

#[test]
fn the_server_connects_to_clients_to_itself_and_to_nobody() {
    let script = parsed("listen 7 9000; ignore-port 9001; send 7 \"hi\"");
    let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
    let trace = sim::run(&script, &Options::default(), 0, |listener, _stop| {
        let mut nothing = FdSet::new();
        select(Some(&mut nothing), None, None, Some(Duration::from_secs(1)))?;

        let to_client = Stream::connect(address(9000))?;
        writable(&to_client)?;
        assert!(to_client.take_error()?.is_none());
        let mut inputs = FdSet::new();
        inputs.insert(to_client.descriptor())?;
        select(Some(&mut inputs), None, None, None)?;
        assert_eq!(to_client.recv(&mut [0; 9])?, 2);
        to_client.send(b"yes")?;

        let second = Listener::bind(SocketAddr::from(([127, 0, 0, 1], 0)), 8)?;
        let taken = Listener::bind(second.local_addr()?, 8).expect_err("it is in use");
        assert_eq!(taken.kind(), ErrorKind::AddrInUse);
        let to_itself = Stream::connect(second.local_addr()?)?;
        writable(&to_itself)?;
        let (accepted, peer) = second.accept()?;
        assert_eq!(peer, to_itself.local_addr()?);
        assert_eq!(accepted.send(b"x")?, 1);
        assert!(listener.accept().is_err());

        let refused = Stream::connect(address(9002))?;
        writable(&refused)?;
        let error = refused.take_error()?.expect("no socket listens");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);

        let begin = sys::now();
        let ignored = Stream::connect(address(9001))?;
        writable(&ignored)?;
        let error = ignored.take_error()?.expect("no answer comes");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!((sys::now() - begin).as_secs(), 127);
        Ok(())
    });
    assert_eq!(trace.ending, Ending::Returned);
    assert_eq!(trace.clients[0].received, b"yes");
    let dropped = calls(&trace, "dropped").count() + calls(&trace, "close").count();
    assert_eq!(dropped, 7, "each descriptor is closed once");
}

#[test]
fn clients_of_an_ipv6_listener_have_ipv6_addresses() -> Result<(), std::net::AddrParseError> {
    let options = Options {
        address: "[::1]:8881".parse()?,
        ..Options::default()
    };
    let trace = sim::run(&parsed("connect 1"), &options, 0, |listener, _stop| {
        let mut inputs = FdSet::new();
        inputs.insert(listener.descriptor())?;
        select(Some(&mut inputs), None, None, None)?;
        let (stream, peer) = listener.accept()?;
        assert!(peer.is_ipv6() && stream.local_addr()? == options.address);
        Ok(())
    });
    assert_eq!(trace.ending, Ending::Returned);
    Ok(())
}

#[test]
fn options_are_read_from_json_and_written_to_it() -> serde_json::Result<()> {
    let (options, _) = random(0);
    let json = serde_json::to_string(&options)?;
    assert_eq!(serde_json::from_str::<Options>(&json)?, options);
    assert_eq!(serde_json::from_str::<Options>("{}")?, Options::default());
    for bad in [r#"{"backlok":1}"#, r#"{"faults":"7:slow=1"}"#] {
        assert!(serde_json::from_str::<Options>(bad).is_err(), "{bad}");
    }
    Ok(())
}

#[test]
fn a_duplicate_of_the_stop_signals_pipe_is_readable_too() {
    let trace = sim::run(
        &parsed("stop"),
        &Options::default(),
        0,
        |_listener, stop| {
            let file = stop.try_clone_file()?;
            let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(4));
            poll.register(file.descriptor(), STOP, Interest::READABLE)?;
            let interrupted = poll.wait(&mut events, None);
            assert_eq!(
                interrupted.expect_err("a signal came").kind(),
                ErrorKind::Interrupted
            );
            assert_eq!(poll.wait(&mut events, None)?, 1);
            assert!(stop.is_raised() && !stop.is_raised());
            assert_eq!(
                poll.wait(&mut events, Some(Duration::ZERO))?,
                0,
                "an edge comes once"
            );
            file.close();
            Ok(())
        },
    );
    assert_eq!(trace.ending, Ending::Returned);
}
