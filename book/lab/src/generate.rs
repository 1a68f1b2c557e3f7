//! Makes a case from a number.

use std::time::Duration;

use common::Settings;
use common::sys::sim::{Options, Payload, Schedule, Script, Step};
use fastrand::Rng;

use crate::case::SimulationCase;
use crate::server::{ServerConfig, Style};

/// A pause after which everything that was possible has happened.
pub const LONG: Duration = Duration::from_secs(100);

impl SimulationCase {
    /// The case with this number. All numbers together cover everything that a script can do.
    pub fn generate(style: Style, number: u64) -> Self {
        let mut rng = Rng::with_seed(number);
        let has_small_buffers = rng.u8(..4) != 0;
        let buffer = |rng: &mut Rng| match has_small_buffers {
            true => rng.usize(50..2000),
            false => 128 * 1024,
        };
        let options = Options {
            server_receive_buffer: buffer(&mut rng),
            server_send_buffer: buffer(&mut rng),
            client_receive_buffer: buffer(&mut rng),
            client_send_buffer: buffer(&mut rng),
            backlog: if rng.u8(..8) == 0 { 1 } else { 4096 },
            schedule: match rng.u8(..4) {
                0 => Schedule::Lockstep,
                _ => Schedule::Random,
            },
            faults: faults(&mut rng, number),
            ..Options::default()
        };
        let server = server(&mut rng, style);
        SimulationCase {
            script: script(&mut rng, &server),
            server,
            options,
            seed: number,
        }
    }
}

fn faults(rng: &mut Rng, seed: u64) -> Option<common::sys::Faults> {
    if rng.bool() {
        return None;
    }
    let mut percent = |most: u8| if rng.bool() { 0 } else { rng.u8(..=most) };
    let text = format!(
        "{seed}:short={},eintr={},spurious={},aborted={},emfile={},eacces={}",
        percent(90),
        percent(40),
        percent(40),
        percent(40),
        percent(10),
        percent(10)
    );
    text.parse().ok()
}

fn server(rng: &mut Rng, style: Style) -> ServerConfig {
    let seldom = |rng: &mut Rng| rng.u8(..8) == 0;
    let milliseconds = |rng: &mut Rng| Duration::from_millis(rng.u64(50..1000));
    let usual = Settings::default();
    let has_small_marks = rng.u8(..4) != 0;
    let settings = Settings {
        max_connections: match seldom(rng) {
            true => rng.usize(1..4),
            false => usual.max_connections,
        },
        idle_timeout: seldom(rng).then(|| milliseconds(rng)),
        recv_size: match has_small_marks {
            true => rng.usize(1..300),
            false => usual.recv_size,
        },
        high_water: match has_small_marks {
            true => rng.usize(1..1000),
            false => usual.high_water,
        },
        shutdown_timeout: milliseconds(rng),
    };
    ServerConfig {
        style,
        settings,
        is_queued: style.can_queue() && rng.u8(..4) == 0,
        max_line: match style.is_of_lines() && seldom(rng) {
            true => rng.usize(1..100),
            false => 65536,
        },
    }
}

/// Most clients of a script.
const MOST_CLIENTS: u32 = 4;

/// With an idle timeout, the pause is often exactly as long as a connection can be silent.
fn pause(rng: &mut Rng, idle_timeout: Option<Duration>) -> Duration {
    match idle_timeout.filter(|_| rng.bool()) {
        Some(timeout) => almost(rng, timeout),
        None => Duration::from_millis(rng.u64(20..300)),
    }
}

/// A little less: some steps later, the time is over.
fn almost(rng: &mut Rng, timeout: Duration) -> Duration {
    timeout - Duration::from_micros(rng.u64(..6000))
}

fn script(rng: &mut Rng, server: &ServerConfig) -> Script {
    let clients = rng.u32(1..=MOST_CLIENTS);
    // The server listens before anything happens to it.
    let mut steps = vec![Step::Wait(Duration::from_millis(20))];
    let (mut connected, mut ended) = (0, Vec::new());
    for _ in 0..rng.usize(2..20) {
        let step = match rng.u8(..24) {
            0..5 if connected < clients => {
                let first = connected + 1;
                connected = match rng.u8(..4) {
                    0 => rng.u32(first..=clients),
                    _ => first,
                };
                let connects = (first..=connected).map(|client| Step::Connect(client, None));
                match connected - first {
                    0 => Step::Connect(first, None),
                    _ => Step::Together(connects.collect()),
                }
            }
            0..3 => Step::Wait(pause(rng, server.settings.idle_timeout)),
            3 => Step::Signal,
            4 if rng.u8(..4) == 0 => Step::Descriptors(rng.usize(3..10)),
            4 => Step::Descriptors(1024),
            _ if connected == 0 => continue,
            kind => {
                let client = rng.u32(1..=connected);
                let step = of_client(rng, kind, client, server.style);
                let sends = matches!(step, Step::Send(..) | Step::Urgent(..));
                let is_urgent = matches!(step, Step::Urgent(..));
                let is_second = is_urgent && steps.contains(&step); // Then the first isn't urgent.
                if sends && ended.contains(&client) || is_second {
                    continue;
                }
                if matches!(step, Step::HalfClose(_) | Step::Close(_) | Step::Reset(_)) {
                    ended.push(client);
                }
                step
            }
        };
        let sender = match step {
            Step::Send(client, _) => Some(client),
            _ => None,
        };
        steps.push(step);
        // Sometimes a client sends again right before it has been silent for too long.
        if let (Some(timeout), Some(client)) = (server.settings.idle_timeout, sender)
            && rng.u8(..4) == 0
        {
            steps.push(Step::Wait(almost(rng, timeout)));
            steps.push(Step::Send(client, payload(rng, server.style)));
        }
    }
    // Sometimes all clients read in the end, and everything has time to happen.
    if rng.u8(..3) != 0 {
        steps.push(Step::Descriptors(1024));
        steps.extend((1..=connected).map(Step::ResumeReading));
        steps.push(Step::Wait(LONG));
    }
    steps.push(Step::Stop);
    // Rarely, a client connects after the stop.
    if rng.u8(..8) == 0 {
        steps.push(Step::Wait(Duration::from_millis(rng.u64(..100))));
        steps.push(Step::Connect(connected + 1, None));
    }
    Script { steps }
}

fn of_client(rng: &mut Rng, kind: u8, client: u32, style: Style) -> Step {
    match kind {
        5..8 if style.is_of_lines() => Step::Send(client, Payload::Text(lines(rng))),
        5..15 => Step::Send(client, payload(rng, style)),
        15 => Step::StopReading(client),
        16 => Step::ResumeReading(client),
        17 => Step::Read(client, rng.usize(..500)),
        18 | 19 => Step::HalfClose(client),
        20 if rng.bool() => Step::Close(client),
        21 if rng.bool() => Step::Reset(client),
        22 if rng.u8(..4) == 0 => Step::Urgent(client, b"!".to_vec()),
        _ => Step::Wait(Duration::from_millis(rng.u64(1..60))),
    }
}

fn payload(rng: &mut Rng, style: Style) -> Payload {
    let count = match rng.u8(..8) {
        0 => rng.usize(..8),
        1..6 => rng.usize(..300),
        _ => rng.usize(..5000),
    };
    match style.is_of_lines() {
        true => {
            let letter = |place: usize, rng: &mut Rng| match rng.u8(..10) {
                0 => b'\n',
                1 => b'\r',
                _ => b'a' + (place % 26) as u8,
            };
            Payload::Text((0..count).map(|place| letter(place, rng)).collect())
        }
        false => Payload::Count(count),
    }
}

fn lines(rng: &mut Rng) -> Vec<u8> {
    let mut text = Vec::new();
    for line in 0..rng.u8(..6) {
        let letters = (b'a'..=b'z').cycle().skip(line.into());
        text.extend(letters.take(rng.usize(..20)));
        text.extend(if rng.u8(..4) == 0 {
            &b"\r\n"[..]
        } else {
            b"\n"
        });
    }
    text
}
