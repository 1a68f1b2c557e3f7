//! A client: sends each of its arguments as a line, and prints as many lines as the server returns.
//!
//! Shows `connect`, which ends in `handle_connect` or `handle_error`; how `handle_close` finds out
//! why a connection was lost; and how an object returns a result. The object is dropped before the
//! loop ends, so it shares the result with `run`.
//!
//! ```sh
//! cargo run -p dispatcher-echo -- --port 7000
//! cargo run -p dispatcher-echo --example dispatcher_client -- 127.0.0.1:7000 hello "how are you"
//! ```

use std::cell::RefCell;
use std::env;
use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;
use std::rc::Rc;

use common::output::print_to_stderr;
use dispatcher_echo::{Channel, Dispatcher, DispatcherWithSend, SocketMap};

fn main() -> io::Result<()> {
    let mut arguments = env::args().skip(1);
    let server = arguments.next().unwrap_or("127.0.0.1:7".into());
    let server = server.parse().map_err(io::Error::other)?;
    let lines: Vec<String> = arguments.map(|line| line + "\n").collect();
    run(server, &lines, io::stdout())
}

/// Sends these lines to the server, and writes what it returns to `output`.
pub fn run(server: SocketAddr, lines: &[String], output: impl Write + 'static) -> io::Result<()> {
    let failure = Failure::default();
    let mut map = SocketMap::new(vec![0; 4096])?;
    map.connect(server, Client::new(lines, output, &failure))?;
    map.run_loop(None, None)?;
    failure.take().map_or(Ok(()), Err)
}

type Failure = Rc<RefCell<Option<io::Error>>>;

struct Client<W> {
    out: DispatcherWithSend,
    output: W,
    /// How many lines the server has still to return.
    expected: usize,
    failure: Failure,
}

impl<W> Client<W> {
    fn new(lines: &[String], output: W, failure: &Failure) -> Self {
        let mut out = DispatcherWithSend::default();
        out.append(lines.concat().as_bytes());
        Client {
            out,
            output,
            expected: lines.len(),
            failure: Rc::clone(failure),
        }
    }
}

impl<W: Write> Dispatcher for Client<W> {
    fn writable(&self) -> bool {
        self.out.writable()
    }

    fn handle_connect(&mut self, channel: &mut Channel) -> io::Result<()> {
        print_to_stderr(format_args!("connected"));
        if self.expected == 0 {
            channel.close();
        }
        Ok(())
    }

    fn handle_write(&mut self, channel: &mut Channel) -> io::Result<()> {
        self.out.initiate_send(channel)
    }

    fn handle_read(&mut self, channel: &mut Channel) -> io::Result<()> {
        let answer = channel.recv(4096)?;
        self.output.write_all(answer)?;
        let lines = answer.iter().filter(|byte| **byte == b'\n').count();
        self.expected = self.expected.saturating_sub(lines);
        if self.expected == 0 {
            channel.close();
        }
        Ok(())
    }

    fn handle_close(&mut self, channel: &mut Channel) -> io::Result<()> {
        Err(channel.take_error().unwrap_or_else(|| {
            io::Error::new(
                ErrorKind::UnexpectedEof,
                "the server closed the connection before it returned the last line",
            )
        }))
    }

    fn handle_error(&mut self, channel: &mut Channel, error: io::Error) {
        self.failure.replace(Some(error));
        channel.close();
    }
}
