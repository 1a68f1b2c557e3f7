//! `echo-client talk`: sends lines to an echo server and shows what went there and what came back.
//!
//! One thread sends and another receives, so that a large file cannot block both sides, and nothing
//! is assumed of how the server divides its answers: what comes back is compared, byte by byte,
//! with what was sent.

mod answers;
mod transcript;

use std::fs::File;
use std::io::{self, Cursor, ErrorKind, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use clap::Args;

use crate::args::seconds_above_zero;
use crate::client::{EchoClient, resolve};
use answers::Answers;
use transcript::Transcript;

/// What is said when nothing is given.
const FEW_LINES: &str = "hello\nis anybody there?\n\ngrüße, 世界\n";

/// Most bytes that are read from the input, or sent, at once.
const CHUNK: usize = 64 * 1024;

/// What `echo-client talk` takes.
#[derive(Args, Debug, Clone)]
#[command(after_help = "Example: printf 'one\\ntwo\\n' | echo-client talk localhost:8881")]
pub struct Options {
    /// The server, such as localhost:8881 or [::1]:8881
    #[arg(value_name = "HOST:PORT")]
    server: String,
    /// What to send, or - for standard input [default: standard input, or a few lines if that is a
    /// terminal]
    file: Option<PathBuf>,
    /// How long to wait for the connection, or for an answer
    #[arg(short, long, value_name = "SECONDS", default_value = "5", value_parser = seconds_above_zero)]
    time_limit: Duration,
    /// Show no lines, only the result
    #[arg(short, long)]
    quiet: bool,
}

/// Runs `echo-client talk`.
///
/// # Errors
/// The connection failed or ended early, an answer did not come within the time limit, or it
/// differs from what was sent.
pub fn command(options: Options) -> io::Result<ExitCode> {
    let input = Input::open(options.file.as_deref())?;
    let client = connect(&options.server, options.time_limit)?;
    let outgoing = Transcript::outgoing(!options.quiet && !input.is_typed);
    let incoming = Transcript::incoming(!options.quiet);
    let (sent, to_be_answered) = mpsc::channel();
    let sender = Sender {
        client: client.try_clone()?,
        sent,
        transcript: outgoing,
    };
    // Not joined: it may wait for a person to type when the server has long gone.
    thread::spawn(move || sender.send_all(input.bytes));
    let result = Answers::new(client, to_be_answered, options.time_limit)?.receive_all(incoming)?;
    eprintln!("{result}");
    Ok(ExitCode::SUCCESS)
}

/// Connects to the first of the server's addresses that answers.
fn connect(server: &str, limit: Duration) -> io::Result<EchoClient> {
    let mut last = io::Error::from(ErrorKind::NotFound);
    for address in resolve(server)? {
        match EchoClient::connect_within(address, limit) {
            Ok(client) => return Ok(client),
            Err(error) => last = explain(&format!("cannot connect to {address}"), error),
        }
    }
    Err(last)
}

/// Where the bytes to send come from.
struct Input {
    bytes: Box<dyn Read + Send>,
    /// A person types it, and sees it already.
    is_typed: bool,
}

impl Input {
    fn open(file: Option<&Path>) -> io::Result<Self> {
        let typed = io::stdin().is_terminal();
        let (bytes, is_typed): (Box<dyn Read + Send>, bool) = match file {
            None if typed => (Box::new(Cursor::new(FEW_LINES)), false),
            Some(path) if path != Path::new("-") => (Box::new(open(path)?), false),
            _ => (Box::new(io::stdin()), typed),
        };
        Ok(Input { bytes, is_typed })
    }
}

fn open(path: &Path) -> io::Result<File> {
    let failed = |error| explain(&path.display().to_string(), error);
    let file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.is_dir() {
        return Err(failed(ErrorKind::IsADirectory.into()));
    }
    Ok(file)
}

/// The thread that sends. It announces each chunk before it sends it, and the end before it
/// half-closes, so that whoever receives always knows already what an answer belongs to.
struct Sender {
    client: EchoClient,
    sent: mpsc::Sender<io::Result<Vec<u8>>>,
    transcript: Transcript,
}

impl Sender {
    fn send_all(mut self, mut input: impl Read) {
        if let Err(error) = self.copy(&mut input) {
            self.announce(Err(error));
            return;
        }
        self.transcript.end();
        let Sender {
            mut client, sent, ..
        } = self;
        drop(sent);
        // This fails only if the connection is lost, which is seen by the one who receives.
        let _ = client.finish();
    }

    fn copy(&mut self, input: &mut impl Read) -> io::Result<()> {
        let mut buffer = vec![0; CHUNK];
        // If nobody looks any more, that is the end of the input.
        while self.transcript.is_open() {
            let chunk = match input.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => &buffer[..count],
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(explain("cannot read the input", error)),
            };
            self.transcript.show(chunk);
            self.announce(Ok(chunk.to_vec()));
            self.client
                .send(chunk)
                .map_err(|error| explain("cannot send", error))?;
        }
        Ok(())
    }

    fn announce(&self, chunk: io::Result<Vec<u8>>) {
        // Nobody hears it when the conversation is over, and nobody needs to.
        let _ = self.sent.send(chunk);
    }
}

/// Puts what was tried before what went wrong.
fn explain(tried: &str, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{tried}: {error}"))
}
