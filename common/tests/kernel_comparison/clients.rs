//! The clients, on either kernel.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

use common::sys::sim::{self, ClientEnd, Options, Payload, Script, Step};
use socket2::SockRef;

use crate::operation::{CLIENTS, ClientAction, Operation};

/// Enough for a packet on the loopback device.
const MOMENT: Duration = Duration::from_micros(150);

/// Enough for a delayed acknowledgement.
const FIN_MOMENT: Duration = Duration::from_millis(60);

/// The time limit of anything that is repeated until it fails.
const TIME_LIMIT: Duration = Duration::from_secs(10);

pub trait Clients {
    fn connect(&mut self, which: usize) -> io::Result<()>;
    fn perform(&mut self, which: usize, action: &ClientAction) -> io::Result<()>;
    /// Waits until everything has arrived. `sent_fin` says that the server has sent a FIN.
    fn wait_for_packets(&self, sent_fin: bool) -> io::Result<()>;
}

/// Clients on the loopback device.
#[derive(Debug)]
pub struct Linux {
    address: SocketAddr,
    clients: [Client; CLIENTS],
    is_patient: bool,
}

#[derive(Debug, Default)]
struct Client {
    stream: Option<TcpStream>,
    has_finished: bool,
    received: usize,
    ended: Option<ClientEnd>,
}

impl Linux {
    pub fn new(address: SocketAddr, is_patient: bool) -> Self {
        Linux {
            address,
            clients: Default::default(),
            is_patient,
        }
    }

    /// How many bytes each client has received, and how its stream ended.
    pub fn ends(&self) -> Vec<String> {
        self.clients
            .iter()
            .map(|client| end(client.received, client.ended))
            .collect()
    }

    fn moment(&self) -> Duration {
        if self.is_patient { MOMENT * 10 } else { MOMENT }
    }
}

pub fn end(received: usize, ended: Option<ClientEnd>) -> String {
    format!("received {received}, then {ended:?}")
}

impl Client {
    fn write(&mut self, bytes: &[u8]) -> bool {
        let stream = self.stream.as_mut().filter(|_| !self.has_finished);
        let result = stream.map(|stream| stream.write(bytes));
        self.noticed(&result);
        matches!(result, Some(Ok(_)))
    }

    fn read(&mut self, count: usize) -> bool {
        if self.ended.is_some() {
            return false;
        }
        let stream = self.stream.as_mut();
        let result = stream.map(|stream| stream.read(&mut vec![0; count]));
        match result {
            Some(Ok(0)) => self.ended = Some(ClientEnd::EndOfStream),
            Some(Ok(count)) => self.received += count,
            _ => {}
        }
        self.noticed(&result);
        matches!(result, Some(Ok(1..)))
    }

    /// The client knows about a reset from the first call that returns it.
    fn noticed(&mut self, result: &Option<io::Result<usize>>) {
        if let Some(Err(error)) = result
            && error.kind() != ErrorKind::WouldBlock
        {
            self.ended.get_or_insert(ClientEnd::Reset);
        }
    }
}

impl Clients for Linux {
    fn connect(&mut self, which: usize) -> io::Result<()> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        self.clients[which].stream = Some(stream);
        Ok(())
    }

    fn perform(&mut self, which: usize, action: &ClientAction) -> io::Result<()> {
        let moment = self.moment();
        let client = &mut self.clients[which];
        let Some(stream) = &client.stream else {
            return Ok(());
        };
        match action {
            ClientAction::Send(count) => drop(client.write(&vec![b'x'; *count])),
            ClientAction::Urgent => {
                let socket = SockRef::from(stream);
                let result = (!client.has_finished).then(|| socket.send_out_of_band(b"!"));
                client.noticed(&result);
            }
            ClientAction::Fill => repeat(moment, || client.write(&[b'x'; 65_536]))?,
            ClientAction::Read(count) => {
                let end = client.received + count;
                while client.received < end && client.read(end - client.received) {}
            }
            ClientAction::Drain => repeat(moment, || client.read(65_536))?,
            ClientAction::HalfClose => {
                client.has_finished = true;
                drop(stream.shutdown(Shutdown::Write));
            }
            ClientAction::Close => client.stream = None,
            ClientAction::Reset => {
                SockRef::from(stream).set_linger(Some(Duration::ZERO))?;
                client.stream = None;
            }
        }
        Ok(())
    }

    fn wait_for_packets(&self, sent_fin: bool) -> io::Result<()> {
        sleep(match sent_fin && self.is_patient {
            true => FIN_MOMENT,
            false => self.moment(),
        });
        Ok(())
    }
}

/// Repeats an action until it fails, and still fails some moments later.
pub fn repeat(moment: Duration, mut action: impl FnMut() -> bool) -> io::Result<()> {
    let begin = Instant::now();
    let mut failed = 0;
    while failed < 5 {
        if begin.elapsed() > TIME_LIMIT {
            return Err(ErrorKind::TimedOut.into());
        }
        match action() {
            true => failed = 0,
            false => {
                failed += 1;
                sleep(moment);
            }
        }
    }
    Ok(())
}

/// Performs the steps that [`script`] has made from the same operations.
#[derive(Debug)]
pub struct Simulated;

impl Clients for Simulated {
    fn connect(&mut self, _: usize) -> io::Result<()> {
        sim::perform_next_step()
    }

    fn perform(&mut self, _: usize, action: &ClientAction) -> io::Result<()> {
        sim::perform_next_step()?;
        match action {
            ClientAction::Read(_) | ClientAction::Drain => sim::perform_next_step(),
            _ => Ok(()),
        }
    }

    fn wait_for_packets(&self, _: bool) -> io::Result<()> {
        sim::deliver()
    }
}

/// Makes a script from the clients' part of a sequence.
pub fn script(operations: &[Operation], options: &Options) -> Script {
    let mut steps = Vec::new();
    for client in 0..CLIENTS as u32 {
        let connect = [Step::Connect(client, None), Step::StopReading(client)];
        steps.push(Step::Together(connect.to_vec()));
    }
    let mut has_finished = [false; CLIENTS];
    for operation in operations {
        let Operation::Client(which, action) = operation else {
            continue;
        };
        let client = *which as u32;
        let send = |bytes| match has_finished[*which] {
            true => Step::Together(Vec::new()),
            false => Step::Send(client, Payload::Text(bytes)),
        };
        match action {
            ClientAction::Send(count) => steps.push(send(vec![b'x'; *count])),
            ClientAction::Urgent if has_finished[*which] => steps.push(send(Vec::new())),
            ClientAction::Urgent => steps.push(Step::Urgent(client, b"!".to_vec())),
            ClientAction::Fill => {
                let both = options.client_send_buffer + options.server_receive_buffer;
                steps.push(send(vec![b'x'; both]));
            }
            // The real client reads only what is there: the second step makes this one stop.
            ClientAction::Read(count) => {
                steps.extend([Step::Read(client, *count), Step::StopReading(client)]);
            }
            ClientAction::Drain => {
                steps.extend([Step::ResumeReading(client), Step::StopReading(client)]);
            }
            ClientAction::HalfClose => {
                has_finished[*which] = true;
                steps.push(Step::HalfClose(client));
            }
            ClientAction::Close => steps.push(Step::Close(client)),
            ClientAction::Reset => steps.push(Step::Reset(client)),
        }
    }
    Script { steps }
}
