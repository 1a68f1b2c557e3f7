//! Signals that end `echo-client`, or only stop it for a while.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use common::client::program::example;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::Pid;
use signal_hook::consts::SIGHUP;
use signal_hook::flag;

use crate::check::{Script, check};
use crate::servers::{echo, exchange, serve};
use crate::{TIME_LIMIT, text};

fn signal(child: &Child, signal: Signal) -> io::Result<()> {
    Ok(kill(Pid::from_raw(child.id().cast_signed()), signal)?)
}

/// Waits for its end, for a limited time.
fn end(mut child: Child) -> io::Result<Output> {
    let begun = Instant::now();
    while child.try_wait()?.is_none() {
        if begun.elapsed() > TIME_LIMIT {
            child.kill()?;
        }
        thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output()
}

#[test]
fn a_checker_that_a_signal_ends_leaves_no_server() -> io::Result<()> {
    // Under nohup(1), the tests start with SIGHUP ignored, and the checker keeps it ignored. If a
    // signal has a handler here, programs that are started from here don't ignore it.
    flag::register(SIGHUP, Arc::default())?;
    for stop in [
        Signal::SIGINT,
        Signal::SIGTERM,
        Signal::SIGHUP,
        Signal::SIGQUIT,
    ] {
        let script = Script::of(&format!("checker_{stop}"))?;
        // It takes 5 s.
        let checker = check(&["--case", "quiet-idle"], &script.arguments()).spawn()?;
        script.wait_for(2)?;
        signal(&checker, stop)?;
        let output = end(checker)?;
        assert_eq!(output.status.signal(), Some(stop as i32), "{output:?}");
        script.expect_gone(2)?;
    }
    Ok(())
}

#[test]
fn a_checker_that_was_started_with_signals_ignored_ends_all_the_same() -> io::Result<()> {
    let script = Script::of("ignored_signals")?;
    let program = env!("CARGO_BIN_EXE_echo-client");
    let checker = Command::new("sh")
        .args(["-c", "trap '' INT TERM HUP; exec \"$0\" \"$@\"", program])
        .args(["check", "--case", "quiet-idle", "--"])
        .args(script.arguments())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    script.wait_for(2)?;
    // Linux reports that SIGHUP is ignored: the tests run under nohup(1).
    if cfg!(target_os = "linux") {
        signal(&checker, Signal::SIGHUP)?;
    }
    signal(&checker, Signal::SIGTERM)?;
    let output = end(checker)?;
    assert_eq!(output.status.signal(), Some(Signal::SIGTERM as i32));
    script.expect_gone(2)
}

/// Starts a program with SIGINT and SIGTERM blocked.
fn with_signals_blocked(command: &mut Command) -> io::Result<Child> {
    let signals = SigSet::from_iter([Signal::SIGINT, Signal::SIGTERM]);
    signals.thread_block()?;
    let child = command.spawn();
    signals.thread_unblock()?;
    child
}

#[test]
fn blocked_signals_reach_the_client_and_the_servers_that_it_starts() -> io::Result<()> {
    let script = Script::of("blocked_signals")?;
    let checker = &mut check(&["--case", "quiet-idle"], &script.arguments());
    let checker = with_signals_blocked(checker)?;
    script.wait_for(2)?;
    signal(&checker, Signal::SIGTERM)?;
    let output = end(checker)?;
    assert_eq!(output.status.signal(), Some(Signal::SIGTERM as i32));
    script.expect_gone(2)?;

    let server = example("broken-echo")?.get_program().display().to_string();
    let checker = &mut check(&["--case", "sigterm-idle", "--slack", "10"], &[server]);
    let output = end(with_signals_blocked(checker)?)?;
    assert!(output.status.success(), "{output:?}");
    Ok(())
}

/// If a call with a time limit waits while its program is stopped, it isn't resumed (signal(7)): it
/// returns EINTR.
#[test]
fn a_checker_that_is_stopped_again_and_again_still_passes_the_server() -> io::Result<()> {
    let server = example("broken-echo")?.get_program().display().to_string();
    let cases = ["--case", "sigterm-never-reader", "--slack", "10"];
    let mut checker = check(&cases, &[server]).spawn()?;
    let begun = Instant::now();
    while checker.try_wait()?.is_none() && begun.elapsed() < TIME_LIMIT {
        signal(&checker, Signal::SIGSTOP)?;
        signal(&checker, Signal::SIGCONT)?;
        thread::sleep(Duration::from_millis(20));
    }
    let output = end(checker)?;
    assert!(output.status.success(), "{output:?}");
    Ok(())
}

fn load(address: SocketAddr, options: &[&str]) -> Command {
    let mut load = Command::new(env!("CARGO_BIN_EXE_echo-client"));
    load.args(["load", &address.to_string()]).args(options);
    load.stdout(Stdio::piped()).stderr(Stdio::piped());
    load
}

/// A server for one connection, which reports when a second message has come: by then the client has
/// seen the answer to the first.
fn server_that_tells() -> io::Result<(SocketAddr, Receiver<()>)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let (mut socket, _) = listener.accept()?;
        socket.set_read_timeout(Some(TIME_LIMIT))?;
        let mut message = [0; 64];
        socket.read_exact(&mut message)?;
        socket.write_all(&message)?;
        socket.read_exact(&mut message)?;
        let _ = sender.send(());
        socket.write_all(&message)?;
        echo(socket)
    });
    Ok((address, receiver))
}

#[test]
fn an_interrupted_load_reports_what_it_has_seen() -> io::Result<()> {
    for (stop, options) in [
        (Signal::SIGINT, &["--threads", "1"][..]),
        (Signal::SIGTERM, &["--rate", "100"]),
    ] {
        let (address, answered) = server_that_tells()?;
        let options = [options, &["-c", "1", "--duration", "60", "--json"]].concat();
        let load = load(address, &options).spawn()?;
        answered
            .recv_timeout(TIME_LIMIT)
            .map_err(io::Error::other)?;
        signal(&load, stop)?;
        let output = end(load)?;
        assert_eq!(output.status.signal(), Some(stop as i32), "{output:?}");
        let report: serde_json::Value = serde_json::from_slice(&output.stdout)?;
        assert_eq!(report["interrupted"], true, "{report}");
        assert!(report["messages"].as_u64() >= Some(1), "{report}");
        assert_eq!(
            (&report["errors"], &report["never_sent"]),
            (&0.into(), &0.into())
        );
    }
    Ok(())
}

#[test]
fn all_threads_of_an_interrupted_load_end() -> io::Result<()> {
    static IS_SENDING: AtomicBool = AtomicBool::new(false);
    let address = serve(|socket| exchange(socket, |_| IS_SENDING.store(true, SeqCst)))?;
    let options = ["--threads", "3", "--warm-up", "60", "-c", "3"];
    let load = load(address, &options).spawn()?;
    // From then on, and not before, it catches signals. Its threads end even if they have only just
    // begun.
    let begun = Instant::now();
    while !IS_SENDING.load(SeqCst) && begun.elapsed() < TIME_LIMIT {
        thread::yield_now();
    }
    signal(&load, Signal::SIGINT)?;
    let output = end(load)?;
    assert_eq!(output.status.signal(), Some(Signal::SIGINT as i32));
    let report = text(&output.stdout);
    assert!(
        report.contains("answered   nothing, interrupted"),
        "{report}"
    );
    Ok(())
}

/// A server that has this program stopped for longer than its time limit, and sends meanwhile.
fn stopped_for_a_while(client: &mut Command, listener: &TcpListener) -> io::Result<Output> {
    let client = client.spawn()?;
    let (mut socket, _) = listener.accept()?;
    socket.set_read_timeout(Some(TIME_LIMIT))?;
    let mut message = [0; 64];
    socket.read_exact(&mut message)?;
    signal(&client, Signal::SIGSTOP)?;
    // So that the answer doesn't overtake the signal.
    thread::sleep(Duration::from_millis(100));
    socket.write_all(&message)?;
    thread::sleep(Duration::from_millis(500));
    signal(&client, Signal::SIGCONT)?;
    thread::spawn(move || echo(socket));
    end(client)
}

#[test]
fn a_load_that_was_stopped_itself_does_not_blame_the_server() -> io::Result<()> {
    for rate in [&[][..], &["--rate", "50"]] {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let options = ["-c", "1", "-n", "1", "--time-limit", "0.3"];
        let mut load = load(listener.local_addr()?, &[&options[..], rate].concat());
        let output = stopped_for_a_while(&mut load, &listener)?;
        assert!(output.status.success(), "{output:?}");
        assert!(
            text(&output.stdout).contains("answered   1 messages"),
            "{output:?}"
        );
    }
    Ok(())
}

#[test]
fn a_talk_that_was_stopped_itself_does_not_blame_the_server() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    // The tests can run twice at the same time, so no other run may write this file.
    let name = format!("line_of_64_bytes-{}", std::process::id());
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&file, [&[b'a'; 63][..], b"\n"].concat())?;
    let mut talk = Command::new(env!("CARGO_BIN_EXE_echo-client"));
    let address = listener.local_addr()?.to_string();
    talk.args(["talk", &address, "--time-limit", "0.3"])
        .arg(&file);
    talk.stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = stopped_for_a_while(&mut talk, &listener)?;
    std::fs::remove_file(file)?;
    assert!(output.status.success(), "{output:?}");
    Ok(())
}
