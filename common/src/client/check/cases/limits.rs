//! `--max-connections`, `--idle-timeout`, and, for line servers, `--max-line`.

use std::thread;
use std::time::{Duration, Instant};

use crate::client::check::case_run::{CaseError, CaseResult, CaseRun, While, ensure};
use crate::client::check::proc;
use crate::client::check::server::Server;
use crate::client::check::traffic::{LINE, expect_end, expect_same, lines, ping};
use crate::client::check::{Case, Kind};
use crate::client::{EchoClient, TIME_LIMIT};

const LIMITS: &str = "contract: limits";

pub(super) const CASES: &[Case] = &[
    Case::process("max-connections", "with --max-connections 5, the sixth client waits until one has left", LIMITS, max_connections).waits(),
    Case::process("idle-timeout-closes", "with --idle-timeout 0.5, a silent client is closed after half a second", LIMITS, idle_timeout_closes).waits(),
    Case::process("idle-timeout-spares", "with --idle-timeout 0.5, a client that sends is not closed", LIMITS, idle_timeout_spares).waits(),
    Case::process("idle-timeout-paused", "with --idle-timeout 1, a server that was stopped (SIGSTOP) for longer answers clients whose bytes arrived in time", LIMITS, idle_timeout_paused).waits(),
    Case::wire("line-of-16000", "a line of 16,000 bytes comes back", LIMITS, line_of_16000).only(Kind::Line),
    Case::process("max-line", "with --max-line 1024, the lines before a longer one come back, and then the end", LIMITS, max_line)
        .only(Kind::Line),
    Case::process("draining-counts", "with --max-connections 1, a draining connection counts until its descriptor is closed", LIMITS, draining_counts)
        .only(Kind::Line)
        .waits(),
];

fn max_connections(case: &CaseRun) -> CaseResult {
    let server = case.launch()?.option("--max-connections", "5").start()?;
    let mut clients = (0..5)
        .map(|_| server.connect())
        .collect::<Result<Vec<_>, _>>()?;
    for client in &mut clients {
        ping(client)?;
    }
    let mut sixth = server.connect()?;
    sixth.send(&lines(LINE))?;
    sixth.set_time_limit(Duration::from_millis(200))?;
    ensure!(
        sixth.receive_some(LINE).is_err(),
        "the sixth client was served or refused"
    );
    for client in &mut clients {
        ping(client)?;
    }
    clients.pop();
    let started = Instant::now();
    sixth.set_time_limit(TIME_LIMIT)?;
    expect_same(
        &lines(LINE),
        &sixth
            .receive(LINE)
            .while_("the sixth client, once one had left")?,
    )?;
    let after = started.elapsed();
    ensure!(
        after <= case.limit(1000),
        "the sixth client was served only after {:.1} s",
        after.as_secs_f64()
    );
    Ok(format!(
        "the sixth client waited, and was served {:.1} ms after a close",
        after.as_secs_f64() * 1e3
    ))
}

fn idle_timeout_closes(case: &CaseRun) -> CaseResult {
    with_idle_timeout(
        case,
        Duration::from_millis(500),
        |server, timeout, silence| {
            silence.begin();
            let mut silent = server.connect()?;
            let started = Instant::now();
            ping(&mut silent)?;
            silence.end();
            expect_end(&mut silent)?;
            let after = started.elapsed();
            let seen = format!("closed after {:.2} s", after.as_secs_f64());
            let earliest = timeout * 9 / 10;
            let latest = timeout + case.limit(250);
            ensure!((earliest..=latest).contains(&after), "{seen}");
            Ok(seen)
        },
    )
}

fn idle_timeout_spares(case: &CaseRun) -> CaseResult {
    with_idle_timeout(
        case,
        Duration::from_millis(500),
        |server, timeout, silence| {
            let mut talking = server.connect()?;
            let started = Instant::now();
            silence.begin();
            while started.elapsed() < timeout * 5 / 2 {
                ping(&mut talking)?;
                silence.begin();
                thread::sleep(timeout / 5);
            }
            let after = started.elapsed().as_secs_f64();
            Ok(format!("still served after {after:.1} s"))
        },
    )
}

/// When the server runs again, its deadlines have passed, but the bytes arrived before them.
fn idle_timeout_paused(case: &CaseRun) -> CaseResult {
    const CLIENTS: usize = 12;
    with_idle_timeout(case, Duration::from_secs(1), |server, timeout, silence| {
        silence.begin();
        let mut clients = (0..CLIENTS)
            .map(|_| server.connect())
            .collect::<Result<Vec<_>, _>>()?;
        for client in &mut clients {
            ping(client)?;
        }
        server.pause()?;
        for client in &mut clients {
            client.send(&lines(LINE))?;
        }
        silence.end();
        let pause = timeout * 3 / 2;
        thread::sleep(pause);
        silence.begin();
        server.resume()?;
        for (number, client) in clients.iter_mut().enumerate() {
            let what = format!("client {number} of {CLIENTS}, once the server ran again");
            expect_same(&lines(LINE), &client.receive(LINE).while_(&what)?)?;
            ping(client)?;
        }
        let pause = pause.as_secs_f64();
        Ok(format!("{CLIENTS} clients were served after {pause:.1} s"))
    })
}

/// Runs a case whose server has an idle timeout. A busy machine can delay the checker's clients
/// for that long, and then the server is right to close them. Such a round shows nothing, and
/// the next one has a longer timeout.
fn with_idle_timeout(
    case: &CaseRun,
    shortest: Duration,
    round: impl Fn(&Server, Duration, &mut Silence) -> CaseResult,
) -> CaseResult {
    let mut result = Err(CaseError::Skip("no round was run".into()));
    for timeout in [1, 2, 4].map(|factor| shortest * factor) {
        let seconds = timeout.as_secs_f64().to_string();
        let server = case.launch()?.option("--idle-timeout", &seconds).start()?;
        let mut silence = Silence::default();
        result = round(&server, timeout, &mut silence);
        silence.end();
        if result.is_ok() || silence.longest < timeout / 2 {
            break;
        }
    }
    result
}

/// The longest time in which the server can have received nothing from a client.
#[derive(Default)]
struct Silence {
    since: Option<Instant>,
    longest: Duration,
}

impl Silence {
    /// Begins a silence, and ends the one before.
    fn begin(&mut self) {
        self.end();
        self.since = Some(Instant::now());
    }

    fn end(&mut self) {
        let lasted = self.since.take().map(|since| since.elapsed());
        self.longest = self.longest.max(lasted.unwrap_or_default());
    }
}

fn line_of_16000(case: &CaseRun) -> CaseResult {
    let mut client = case.connect()?;
    let mut line = vec![b'x'; 15_999];
    line.push(b'\n');
    expect_same(&line, &client.echo(&line)?)?;
    Ok("16,000 bytes came back".into())
}

/// Much of the input is still unread when the server closes; its last answer must arrive
/// nevertheless.
fn max_line(case: &CaseRun) -> CaseResult {
    let server = case.launch()?.option("--max-line", "1024").start()?;
    let mut other = server.connect()?;
    let mut client = server.connect()?;
    let mut message = b"one\ntwo\n".to_vec();
    message.resize(300 << 10, b'x');
    let (sent, rest) = thread::scope(|scope| {
        let mut sending = EchoClient::over(client.socket().try_clone()?)?;
        let sent = scope.spawn(move || sending.send(&message));
        let rest = client.receive_to_end();
        Ok::<_, CaseError>((sent.join().unwrap_or(Ok(())), rest))
    })?;
    expect_same(b"one\ntwo\n", &rest.while_("after too long a line")?)?;
    // Reading doesn't show a reset that comes after the end.
    sent.and(client.socket().take_error()?.map_or(Ok(()), Err))
        .while_("a reset came after the end")?;
    ping(&mut other)?;
    Ok("two lines came back, then the end".into())
}

/// The first client has sent a line that is too long, has seen the end, and stays. Its connection
/// still uses a descriptor, unless the server has closed it.
fn draining_counts(case: &CaseRun) -> CaseResult {
    let launch = case.launch()?.option("--max-connections", "1");
    let launch = launch
        .option("--max-line", "8")
        .option("--shutdown-timeout", "5");
    let server = launch.start()?;
    let mut first = server.connect()?;
    expect_same(b"short\n", &first.echo(b"short\n")?)?;
    let most = proc::descriptors(server.pid())?;
    first.send(&[b'x'; 64])?;
    expect_end(&mut first)?;
    let mut others = (0..4)
        .map(|_| server.connect())
        .collect::<Result<Vec<_>, _>>()?;
    for client in &mut others {
        client.send(b"next\n")?;
    }
    let waited = expect_no_more(&server, most)?;
    drop(first);
    let started = Instant::now();
    for mut client in others {
        let answer = client.receive(5).while_("a client that had waited")?;
        expect_same(b"next\n", &answer)?;
    }
    let after = started.elapsed();
    let seen = format!(
        "4 others waited for {:.0} ms, and were served {:.1} ms after a close",
        waited.as_secs_f64() * 1e3,
        after.as_secs_f64() * 1e3
    );
    ensure!(after <= case.limit(1000), "{seen}");
    Ok(seen)
}

/// Watches the server for a while: it must not have more than `most` descriptors.
fn expect_no_more(server: &Server, most: usize) -> Result<Duration, CaseError> {
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(300) {
        let count = proc::descriptors(server.pid())?;
        ensure!(
            count <= most,
            "{count} descriptors, but {most} with one connection"
        );
        thread::sleep(Duration::from_millis(5));
    }
    Ok(started.elapsed())
}
