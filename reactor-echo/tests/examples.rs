//! Runs each example and checks what it does.

use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use common::client::numbered_lines::{fill, lines};
use common::client::program::{Program, Serving, example};
use common::client::{EchoClient, RefusingAddress, TIME_LIMIT};
use common::{SendPolicy, Settings};
use reactor_echo::{EngineKind, serve};

#[test]
fn the_countdown_counts_down() -> io::Result<()> {
    let output = example("reactor_countdown")?.arg("0.02").output()?;
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "3\n2\n1\nlift-off\n"
    );
    assert!(output.status.success());
    Ok(())
}

#[test]
fn the_echo_client_hears_what_it_says() -> io::Result<()> {
    let (engine, sending) = (EngineKind::default(), SendPolicy::default());
    let server = Serving::start(Settings::default(), move |listener, settings, stop| {
        serve(listener, settings, engine, sending, stop)
    })?;
    let address = server.address();
    let output = example("reactor_client")?
        .arg(address.to_string())
        .output()?;
    let heard = String::from_utf8_lossy(&output.stdout);
    assert_eq!(heard, "heard one\nheard two\nheard three\nfinished\n");
    server.stop()?;

    let nobody = RefusingAddress::take()?;
    let refused = example("reactor_client")?
        .arg(nobody.address().to_string())
        .output()?;
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("cannot connect"), "{said}");
    Ok(())
}

#[test]
fn in_the_chat_room_the_others_hear_it() -> io::Result<()> {
    let room = Program::start_example("reactor_chat_room", &["127.0.0.1:0"])?;
    let address = room.address();

    let (mut anna, mut bert) = (Member::enter(address)?, Member::enter(address)?);
    assert_eq!(anna.hear()?, format!("{}: comes in\n", bert.name));
    anna.says(b"hello\n")?;
    assert_eq!(bert.hear()?, format!("{}: hello\n", anna.name));
    drop(anna);
    assert!(bert.hear()?.ends_with(": goes out\n"));
    Ok(())
}

#[test]
fn a_line_that_is_late_ends_its_connection() -> io::Result<()> {
    let server = Program::start_example("reactor_deadline", &["127.0.0.1:0", "0.2"])?;
    let mut in_time = EchoClient::connect(server.address())?;
    in_time.send(b"one\ntw")?; // The second line has begun when the first one comes back.
    assert_eq!(in_time.receive(4)?, b"one\n");
    in_time.send(b"o\n")?;
    assert_eq!(in_time.receive(4)?, b"two\n");
    let mut late = EchoClient::connect(server.address())?;
    late.send(b"half a line")?;
    assert_eq!(late.receive_to_end()?, b"");
    // The time of the first client's second line has passed as well, but that line is complete.
    in_time.send(b"three\n")?;
    assert_eq!(in_time.receive(6)?, b"three\n");
    Ok(())
}

#[test]
fn a_restarted_server_takes_over_the_listener() -> io::Result<()> {
    let control = env::temp_dir().join(format!("reactor_restart-{}", process::id()));
    let arguments = ["127.0.0.1:0", &control.to_string_lossy()];
    let mut old = Program::start_example("reactor_restart", &arguments)?;
    let mut client = EchoClient::connect(old.address())?;
    client.send(b"before")?;
    assert_eq!(client.receive(6)?, b"before");

    let new = Program::start_example("reactor_restart", &arguments)?;
    assert_eq!(new.address(), old.address());
    let mut next = EchoClient::connect(new.address())?;
    next.send(b"new")?;
    assert_eq!(next.receive(3)?, b"new");
    client.send(b"after")?; // The old process serves this client as long as it stays.
    assert_eq!(client.receive(5)?, b"after");
    assert!(!old.has_ended()?);
    drop(client);
    let (status, _) = old.wait_within(TIME_LIMIT)?;
    assert!(status.success(), "{status}");
    next.send(b"only")?;
    assert_eq!(next.receive(4)?, b"only");
    new.stop()?;
    fs::remove_file(control)
}

#[test]
fn no_client_is_refused_while_servers_come_and_go() -> io::Result<()> {
    let log = env::temp_dir().join(format!("reactor_activated-{}", process::id()));
    let mut command = example("reactor_activated")?;
    command.args(["127.0.0.1:0", "0.02"]);
    let program = Program::start(command.stderr(fs::File::create(&log)?))?;
    // The first server serves this client for longer than it accepts others.
    let (mut staying, start) = (EchoClient::connect(program.address())?, Instant::now());
    while start.elapsed() < Duration::from_millis(200) {
        staying.send(b"on it goes")?;
        assert_eq!(staying.receive(10)?, b"on it goes");
    }
    let mut waiting = EchoClient::connect(program.address())?;
    waiting.send(b"hello")?;
    drop(staying);
    assert_eq!(waiting.receive(5)?, b"hello");
    drop(waiting);
    let servers = || Ok::<_, io::Error>(fs::read_to_string(&log)?.lines().count());
    let mut clients = 0;
    while servers()? < 4 {
        let mut client = EchoClient::connect(program.address())?;
        client.send(b"hello\n")?;
        assert_eq!(client.receive(6)?, b"hello\n");
        clients += 1;
        assert!(clients < 10_000, "the first server never ends");
    }
    let (status, _) = program.stop()?;
    assert!(status.success(), "{status}");
    fs::remove_file(log)
}

#[test]
fn a_thread_wakes_the_loop_on_every_engine() -> io::Result<()> {
    for engine in EngineKind::ALL {
        let arguments = ["127.0.0.1:0", &format!("{engine:?}")];
        let server = Program::start_example("reactor_threads", &arguments)?;
        let mut client = EchoClient::connect(server.address())?;
        // More jobs than threads, so that some have to wait for one.
        client.send(&b"thread 0.01\n".repeat(20))?;
        let answers = b"done on a thread\n".repeat(20);
        assert_eq!(client.receive(answers.len())?, answers, "{engine:?}");
        client.send(b"hello\n")?;
        assert_eq!(client.receive(6)?, b"hello\n");
        let (status, _) = server.stop()?;
        assert!(status.success(), "{engine:?}: {status}");
    }
    Ok(())
}

struct Member {
    reading: BufReader<TcpStream>,
    name: String,
}

impl Member {
    fn enter(address: SocketAddr) -> io::Result<Self> {
        let socket = TcpStream::connect_timeout(&address, TIME_LIMIT)?;
        socket.set_read_timeout(Some(TIME_LIMIT))?;
        let (reading, name) = (BufReader::new(socket), String::new());
        let mut member = Member { reading, name };
        let greeting = member.hear()?;
        member.name = greeting.trim().trim_start_matches("you are ").to_owned();
        Ok(member)
    }

    fn says(&mut self, words: &[u8]) -> io::Result<()> {
        self.reading.get_mut().write_all(words)
    }

    fn hear(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.reading.read_line(&mut line)?;
        Ok(line)
    }
}

/// A proxy, a server behind it that the test plays, and one connection through both.
struct Proxied {
    proxy: Program,
    listener: TcpListener,
    client: EchoClient,
    server: EchoClient,
}

impl Proxied {
    fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let proxy = Program::start_example("reactor_proxy", &[&address.to_string()])?;
        let (client, server) = connect_through(&proxy, &listener)?;
        Ok(Proxied {
            proxy,
            listener,
            client,
            server,
        })
    }

    /// Checks that others are served, whatever happens to the first connection.
    fn serves_others(&self) -> io::Result<()> {
        let (mut client, mut server) = connect_through(&self.proxy, &self.listener)?;
        client.send(b"ping")?;
        assert_eq!(server.receive(4)?, b"ping");
        server.send(b"pong")?;
        assert_eq!(client.receive(4)?, b"pong");
        Ok(())
    }

    /// The most memory that the proxy has used, in bytes.
    #[cfg(target_os = "linux")]
    fn most_memory(&self) -> io::Result<usize> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.proxy.id()))?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.and_then(|peak| peak.trim().strip_suffix(" kB"));
        let peak: usize = peak
            .ok_or(ErrorKind::NotFound)?
            .parse()
            .map_err(io::Error::other)?;
        Ok(peak * 1024)
    }
}

fn connect_through(
    proxy: &Program,
    listener: &TcpListener,
) -> io::Result<(EchoClient, EchoClient)> {
    let client = EchoClient::connect(proxy.address())?;
    let (accepting, (sender, accepted)) = (listener.try_clone()?, mpsc::channel());
    thread::spawn(move || sender.send(accepting.accept()));
    let (server, _) = accepted
        .recv_timeout(TIME_LIMIT)
        .map_err(io::Error::other)??;
    Ok((client, EchoClient::over(server)?))
}

#[test]
fn the_proxy_passes_on_all_bytes_and_both_ends() -> io::Result<()> {
    let Proxied {
        proxy: _proxy,
        listener: _listener,
        mut client,
        mut server,
    } = Proxied::start()?;
    let much = b"from end to end\n".repeat(250_000);
    let expected = much.clone();
    let answering = thread::spawn(move || {
        let request = server.receive_to_end()?;
        server.send(&request)?;
        server.finish()
    });
    client.send(&much)?;
    client.finish()?;
    assert!(client.receive_to_end()? == expected, "the bytes differ");
    answering.join().expect("the server doesn't panic")
}

#[test]
fn the_proxy_buffers_little_for_a_client_that_does_not_read() -> io::Result<()> {
    let mut proxied = Proxied::start()?;
    #[cfg(target_os = "linux")]
    let before = proxied.most_memory()?;
    let sent = lines(fill(&proxied.client)?);
    #[cfg(target_os = "linux")]
    {
        // The kernel holds the rest. The high-water mark and one read are 128 KiB, and a growing
        // buffer doubles.
        let held = proxied.most_memory()? - before;
        assert!(held < 1 << 20, "{held} of {} bytes", sent.len());
    }
    proxied.serves_others()?;
    // The other direction doesn't wait for this one.
    proxied.server.send(b"not yet")?;
    assert_eq!(proxied.client.receive(7)?, b"not yet");
    // And when the server reads at last, every byte arrives.
    let read = proxied.server.receive(sent.len())?;
    assert!(read == sent, "the bytes differ");
    proxied.client.send(b"on it goes")?;
    assert_eq!(proxied.server.receive(10)?, b"on it goes");
    Ok(())
}

#[test]
fn the_proxy_still_reads_from_a_client_that_does_not_read() -> io::Result<()> {
    let mut proxied = Proxied::start()?;
    let sent = lines(fill(&proxied.server)?);
    proxied.client.send(b"stop that")?;
    assert_eq!(proxied.server.receive(9)?, b"stop that");
    let read = proxied.client.receive(sent.len())?;
    assert!(read == sent, "the bytes differ");
    Ok(())
}

#[test]
fn the_proxy_passes_on_a_failure() -> io::Result<()> {
    let mut proxied = Proxied::start()?;
    proxied.server.send(b"half an ans")?;
    assert_eq!(proxied.client.receive(11)?, b"half an ans");
    let Proxied { server, .. } = proxied;
    server.reset()?;
    let error = proxied.client.receive(4).expect_err("there is no more");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    Ok(())
}

#[test]
fn the_proxy_lives_on_when_the_server_refuses() -> io::Result<()> {
    let nobody = RefusingAddress::take()?;
    let proxy = Program::start_example("reactor_proxy", &[&nobody.address().to_string()])?;
    for _ in 0..2 {
        let mut client = EchoClient::connect(proxy.address())?;
        client.send(b"is anybody there?")?;
        assert_eq!(client.receive_to_end()?, b"");
    }
    let (status, _) = proxy.stop()?;
    assert!(status.success(), "{status}");
    Ok(())
}
