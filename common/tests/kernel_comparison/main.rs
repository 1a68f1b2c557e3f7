//! Makes the same calls on both kernels, to show that the simulated one behaves like Linux.
//!
//! Each sequence is drawn from a seed: what two clients do (send, read, end their stream, close,
//! reset), and what a server calls (accept, recv, send, finish, close, …, a select and an epoll
//! wait with a timeout of zero). It is played on loopback connections and on simulated ones. After
//! each operation the network gets a moment to settle. Then every result, every event with its
//! flags, the order of the events, every set of select, and what each client has received in the
//! end must be the same. More sequences, which are written down here, fill buffers, overflow the
//! backlog, connect, and run out of descriptors.
//!
//! If a sequence differs, it is played again with ten times the moment, and 60 ms after each FIN of
//! the server. It counts only if it still differs then: the machine can have been busy, and Linux
//! delays the acknowledgement of a FIN, which wakes a poll, by up to 40 ms (tcp(7), TCP_QUICKACK).
//!
//! What can't be compared, and why:
//!
//! - **How many bytes a buffer holds.** Linux counts memory, not bytes, and grows buffers. So random
//!   sequences send too little to fill one, and those that fill one compare only what happens in which
//!   order.
//! - **Which part of a full buffer has to be read before more arrives.** Linux announces a larger
//!   window only when it pays (RFC 9293, section 3.8.6.2.2). So these sequences empty a full buffer.
//! - **Times**, and the addresses and ports of clients.
//! - **Signals**, since they would reach every test of the process.
//!
//! `KERNEL_COMPARISON_SEQUENCES=100000 cargo test -p common --features sim --test kernel_comparison`
//! plays that many random sequences instead of a few hundred; `KERNEL_COMPARISON_FIRST` is the
//! first seed.

#![cfg(target_os = "linux")]

use std::env;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use common::sys::Listener;
use common::sys::sim::{self, Ending, Options, Script};
use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use clients::{Clients, Linux, Simulated, end, script};
use operation::{CLIENTS, ClientAction, Operation, ServerCall, draw};
use server::Server;

mod clients;
mod operation;
mod server;

/// Plays a sequence, and returns what each operation returned.
fn play(
    operations: &[Operation],
    listener: &Listener,
    clients: &mut impl Clients,
) -> io::Result<Vec<String>> {
    let mut server = Server::new(listener)?;
    for which in 0..CLIENTS {
        clients.connect(which)?;
        clients.wait_for_packets(false)?;
    }
    let mut results = Vec::new();
    for operation in operations {
        results.push(match operation {
            Operation::Client(which, action) => {
                clients.perform(*which, action)?;
                String::new()
            }
            Operation::Server(which, call) => server.call(*which, call, clients),
            Operation::Accept => server.accept(),
            Operation::Select => server.select()?,
            Operation::Wait => server.wait()?,
        });
        clients.wait_for_packets(operation.sends_fin())?;
    }
    Ok(results)
}

/// The end of a sequence: the server has dropped everything, and the clients read.
fn play_to_the_end(
    operations: &[Operation],
    listener: &Listener,
    clients: &mut impl Clients,
) -> io::Result<Vec<String>> {
    let results = play(operations, listener, clients)?;
    clients.wait_for_packets(true)?;
    for which in 0..CLIENTS {
        clients.perform(which, &ClientAction::Drain)?;
    }
    Ok(results)
}

fn play_on_linux(operations: &[Operation], is_patient: bool) -> io::Result<Vec<String>> {
    let listener = Listener::bind((Ipv4Addr::LOCALHOST, 0).into(), 16)?;
    let mut clients = Linux::new(listener.local_addr()?, is_patient);
    let mut results = play_to_the_end(operations, &listener, &mut clients)?;
    results.extend(clients.ends());
    Ok(results)
}

fn play_in_simulation(operations: &[Operation]) -> io::Result<Vec<String>> {
    let options = Options {
        record: false,
        ..Options::default()
    };
    let drains = (0..CLIENTS).map(|which| Operation::Client(which, ClientAction::Drain));
    let all: Vec<Operation> = operations.iter().cloned().chain(drains).collect();
    let mut results = Ok(Vec::new());
    let trace = sim::run(&script(&all, &options), &options, 0, |listener, _stop| {
        results = play_to_the_end(operations, &listener, &mut Simulated);
        Ok(())
    });
    let mut results = results?;
    let ends = trace.clients.iter();
    results.extend(ends.map(|client| end(client.received.len(), client.ended)));
    Ok(results)
}

/// The first operation whose result differs, and both results.
fn difference(operations: &[Operation], is_patient: bool) -> io::Result<Option<String>> {
    let real = play_on_linux(operations, is_patient)?;
    let simulated = play_in_simulation(operations)?;
    // How many bytes fit into a buffer differs.
    let fills = |operation: &Operation| {
        matches!(
            operation,
            Operation::Client(_, ClientAction::Fill) | Operation::Server(_, ServerCall::Fill)
        )
    };
    let is_any_full = operations.iter().any(fills);
    let comparable = |result: &str, place: usize| match is_any_full && place >= operations.len() {
        true => result.replace(|letter: char| letter.is_ascii_digit(), ""),
        false => result.to_owned(),
    };
    let differs =
        |place: &usize| comparable(&real[*place], *place) != comparable(&simulated[*place], *place);
    let Some(place) = (0..real.len()).find(differs) else {
        return Ok(None);
    };
    let mut story = format!("simulated: {}, but on Linux:\n", simulated[place]);
    for (place, result) in real.iter().enumerate().take(place + 1) {
        let name = match operations.get(place) {
            Some(operation) => format!("{operation:?}"),
            None => format!("at the end, client {}", place - operations.len()),
        };
        story += &format!("  {name}: {result}\n");
    }
    Ok(Some(story))
}

/// The tests depend on each other's descriptors, and on time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn from_environment(name: &str, default: u64) -> u64 {
    let value = env::var(name).ok().and_then(|value| value.parse().ok());
    value.unwrap_or(default)
}

#[test]
fn random_calls_have_the_same_results_on_both_kernels() -> io::Result<()> {
    let _alone = alone();
    let count = from_environment("KERNEL_COMPARISON_SEQUENCES", 300);
    let first = from_environment("KERNEL_COMPARISON_FIRST", 0);
    let (mut differences, mut again) = (Vec::new(), 0);
    for seed in first..first + count {
        let operations = draw(seed);
        if difference(&operations, false)?.is_none() {
            continue;
        }
        again += 1;
        let difference = difference(&operations, true)?;
        differences.extend(difference.map(|difference| format!("seed {seed}: {difference}")));
    }
    let differing = differences.len();
    if env::var_os("KERNEL_COMPARISON_SEQUENCES").is_some() {
        let counts = format!("{count} sequences, {again} played again, {differing} differ");
        writeln!(io::stderr(), "{counts}")?;
    }
    differences.truncate(5);
    assert_eq!(
        differing,
        0,
        "of {count} sequences:\n{}",
        differences.join("\n")
    );
    Ok(())
}

fn client(action: ClientAction) -> Operation {
    Operation::Client(0, action)
}

fn server(call: ServerCall) -> Operation {
    Operation::Server(0, call)
}

#[test]
fn full_buffers_behave_alike() -> io::Result<()> {
    use ClientAction as Client;
    use Operation::{Accept, Select, Wait};
    use ServerCall as Call;
    let _alone = alone();
    let begin = [Accept, server(Call::Register(7)), Wait];
    let stories: [&[Operation]; 8] = [
        // An edge comes once a part of the buffer is free, and only after a refusal.
        &[
            server(Call::Fill),
            Wait,
            Select,
            client(Client::Read(100)),
            Wait,
            Select,
            client(Client::Drain),
            Wait,
            Wait,
            Select,
            server(Call::Send(10)),
            Wait,
            client(Client::Drain),
            Wait,
        ],
        // A FIN waits behind the data.
        &[
            server(Call::Fill),
            server(Call::Finish),
            Wait,
            server(Call::Send(1)),
            Select,
            client(Client::HalfClose),
            Wait,
            server(Call::PeerAddr),
            client(Client::Drain),
            server(Call::PeerAddr),
            Wait,
            Select,
        ],
        // A reset destroys what is on its way, and ends the wait for space.
        &[
            server(Call::Fill),
            client(Client::Reset),
            Wait,
            Select,
            server(Call::Send(1)),
            server(Call::Send(1)),
            server(Call::Recv(1)),
            Wait,
        ],
        // So does a close with unread input.
        &[
            server(Call::Fill),
            client(Client::Close),
            Wait,
            Select,
            server(Call::TakeError),
            Select,
        ],
        // The server closes: everything still arrives.
        &[
            server(Call::Fill),
            server(Call::Close),
            Wait,
            client(Client::Drain),
        ],
        // Unless it has unread input.
        &[
            client(Client::Send(10)),
            server(Call::Send(10)),
            server(Call::Close),
            client(Client::Send(10)),
        ],
        // The client fills its buffers.
        &[
            client(Client::Fill),
            Wait,
            Wait,
            Select,
            server(Call::Drain),
            Select,
            client(Client::Send(5)),
            Wait,
            server(Call::Recv(9)),
            Wait,
        ],
        // Its FIN waits behind the data.
        &[
            client(Client::Fill),
            client(Client::HalfClose),
            Wait,
            server(Call::Drain),
            Wait,
            Select,
            server(Call::Send(3)),
            server(Call::Finish),
            Wait,
            server(Call::PeerAddr),
        ],
    ];
    for story in stories {
        let operations = [&begin, story].concat();
        let difference = difference(&operations, true)?;
        assert!(difference.is_none(), "{}", difference.unwrap_or_default());
    }
    Ok(())
}

/// Plays the same calls on a listener of each kernel, and returns both lists of results.
fn on_both_kernels(
    backlog: usize,
    steps: &str,
    mut play: impl FnMut(&Listener, &mut dyn FnMut() -> io::Result<()>) -> io::Result<Vec<String>>,
) -> io::Result<[Vec<String>; 2]> {
    let listener = Listener::bind((Ipv4Addr::LOCALHOST, 0).into(), backlog as i32)?;
    let linux = Linux::new(listener.local_addr()?, true);
    let real = play(&listener, &mut || linux.wait_for_packets(false))?;
    let options = Options {
        backlog,
        ..Options::default()
    };
    let script = steps.parse().map_err(io::Error::other)?;
    let mut simulated = Ok(Vec::new());
    sim::run(&script, &options, 0, |listener, _stop| {
        simulated = play(&listener, &mut sim::deliver);
        Ok(())
    });
    Ok([real, simulated?])
}

#[test]
fn connects_have_the_same_results_on_both_kernels() -> io::Result<()> {
    let _alone = alone();
    let [real, simulated] = on_both_kernels(16, "", |listener, wait_for_packets| {
        let mut server = Server::new(listener)?;
        let mut results = vec![server.connect(listener.local_addr()?)];
        wait_for_packets()?;
        results.extend([server.accept(), server.wait()?, server.select()?]);
        for which in 0..2 {
            for call in [
                ServerCall::Register(3),
                ServerCall::TakeError,
                ServerCall::PeerAddr,
            ] {
                results.push(server.call(which, &call, &Simulated));
            }
        }
        results.extend([server.wait()?, server.wait()?]);
        // A port without a listener: one that was free a moment ago.
        let closed = Listener::bind((Ipv4Addr::LOCALHOST, 0).into(), 1)?;
        let address: SocketAddr = closed.local_addr()?;
        closed.close();
        results.push(server.connect(address));
        wait_for_packets()?;
        results.push(server.select()?);
        for call in [
            ServerCall::Register(3),
            ServerCall::PeerAddr,
            ServerCall::Recv(1),
            ServerCall::Recv(1),
            ServerCall::TakeError,
            ServerCall::Send(1),
            ServerCall::Finish,
        ] {
            results.push(server.wait()?);
            results.push(server.call(2, &call, &Simulated));
        }
        Ok(results)
    })?;
    assert_eq!(simulated, real);
    Ok(())
}

#[test]
fn the_backlog_has_the_same_length_on_both_kernels() -> io::Result<()> {
    let _alone = alone();
    for backlog in [1, 2, 5] {
        let [real, simulated] = on_both_kernels(backlog, "", |listener, wait_for_packets| {
            let mut server = Server::new(listener)?;
            let mut results = Vec::new();
            for _ in 0..backlog + 3 {
                results.push(server.connect(listener.local_addr()?));
                wait_for_packets()?;
            }
            results.push(server.select()?);
            for which in 0..backlog + 3 {
                results.push(server.call(which, &ServerCall::PeerAddr, &Simulated));
            }
            for _ in 0..backlog + 3 {
                results.push(server.accept());
            }
            Ok(results)
        })?;
        assert_eq!(simulated, real, "backlog {backlog}");
    }
    Ok(())
}

#[test]
fn a_listener_that_is_closed_resets_those_that_wait() -> io::Result<()> {
    let _alone = alone();
    let [real, simulated] = on_both_kernels(16, "", |_, wait_for_packets| {
        let listener = Listener::bind((Ipv4Addr::LOCALHOST, 0).into(), 16)?;
        let other = Listener::bind((Ipv4Addr::LOCALHOST, 0).into(), 16)?;
        let mut server = Server::new(&other)?;
        let mut results = vec![server.connect(listener.local_addr()?)];
        wait_for_packets()?;
        results.push(server.call(0, &ServerCall::Register(7), &Simulated));
        results.push(server.wait()?);
        listener.close();
        wait_for_packets()?;
        results.extend([server.wait()?, server.select()?]);
        for call in [
            ServerCall::Send(1),
            ServerCall::Recv(1),
            ServerCall::PeerAddr,
        ] {
            results.push(server.call(0, &call, &Simulated));
        }
        Ok(results)
    })?;
    assert_eq!(simulated, real);
    Ok(())
}

/// Changes RLIMIT_NOFILE, and restores it when dropped.
struct DescriptorLimit(u64, u64);

impl DescriptorLimit {
    /// Allows no descriptor beyond those that are open.
    fn at_the_lowest_free() -> io::Result<Self> {
        let free = io::stderr().as_fd().try_clone_to_owned()?;
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
        setrlimit(Resource::RLIMIT_NOFILE, free.as_raw_fd() as u64, hard)?;
        Ok(DescriptorLimit(soft, hard))
    }
}

impl Drop for DescriptorLimit {
    fn drop(&mut self) {
        let DescriptorLimit(soft, hard) = *self;
        setrlimit(Resource::RLIMIT_NOFILE, soft, hard).expect("it was the limit before");
    }
}

#[test]
fn accept_runs_out_of_descriptors_even_when_no_client_waits() -> io::Result<()> {
    let _alone = alone();
    let emfile = Some(Errno::EMFILE as i32);
    let listener = Listener::bind((Ipv4Addr::LOCALHOST, 0).into(), 16)?;
    let limit = DescriptorLimit::at_the_lowest_free()?;
    let accepted = listener.accept();
    drop(limit);
    let error = accepted.expect_err("no descriptor is free");
    assert_eq!(error.raw_os_error(), emfile);
    let options = Options {
        descriptors: 5, // The standard ones, the stop signal, and the listener.
        ..Options::default()
    };
    let trace = sim::run(&Script::default(), &options, 0, |listener, _stop| {
        let error = listener.accept().expect_err("no descriptor is free");
        assert_eq!(error.raw_os_error(), emfile);
        Ok(())
    });
    assert_eq!(trace.ending, Ending::Returned);
    Ok(())
}
