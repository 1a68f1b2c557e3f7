//! `echo-client talk`: sends lines to an echo server and shows what was sent and what came back.
//!
//! One thread sends and another receives, so that a large file can't block both sides. It doesn't
//! matter how the server splits its answers: `talk` compares what comes back with what was sent,
//! byte by byte.

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
use crate::client::{EchoClient, ServerAddress};
use crate::output;
use answers::Answers;
use transcript::Transcript;

/// What to send if the input would be a terminal.
const FEW_LINES: &str = "hello\nis anybody there?\n\ngrüße, 世界\n";

/// Most bytes to read from the input, or to send, at once.
const CHUNK: usize = 64 * 1024;

/// The options of `echo-client talk`.
#[derive(Args, Debug, Clone)]
#[command(after_help = "Example: printf 'one\\ntwo\\n' | echo-client talk localhost:8881")]
pub struct TalkOptions {
    /// The server, such as localhost:8881 or [::1]:8881; without a port it is 8881
    #[arg(value_name = "HOST:PORT")]
    server: ServerAddress,
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
/// The connection failed or ended early, an answer didn't come within the time limit, or it
/// differs from what was sent; the input can't be read, or standard output can't be written.
pub fn command(options: TalkOptions) -> io::Result<ExitCode> {
    let input = Input::open(options.file.as_deref())?;
    let client = options.server.connect_within(options.time_limit)?;
    let outgoing = Transcript::outgoing(!options.quiet && !input.is_typed);
    let incoming = Transcript::incoming(!options.quiet);
    let (sent, to_be_answered) = mpsc::channel();
    let sender = Sender {
        client: client.try_clone()?,
        sent,
        transcript: outgoing,
    };
    // Not joined: it can be waiting for typed input long after the server has gone.
    thread::Builder::new().spawn(move || sender.send_all(input.bytes))?;
    let result = Answers::new(client, to_be_answered, options.time_limit)?.receive_all(incoming)?;
    output::print_to_stderr(format_args!("{result}"));
    Ok(ExitCode::SUCCESS)
}

/// The source of the bytes to send.
struct Input {
    bytes: Box<dyn Read + Send>,
    /// Whether a person types it, and so sees it already.
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

/// What the sending side reports to the receiving side.
enum Sent {
    /// It is about to send these bytes.
    Chunk(Vec<u8>),
    /// It can't continue: the input or the connection has failed.
    Failed(io::Error),
    /// It couldn't show what it sends.
    NotShown(io::Error),
}

/// The thread that sends. It announces each chunk before it sends it, and the end before it
/// half-closes, so the receiving side always knows what an answer belongs to.
struct Sender {
    client: EchoClient,
    sent: mpsc::Sender<Sent>,
    transcript: Transcript,
}

impl Sender {
    fn send_all(mut self, mut input: impl Read) {
        if let Err(failure) = self.copy(&mut input) {
            self.announce(failure);
            return;
        }
        let Sender {
            mut client, sent, ..
        } = self;
        drop(sent);
        // Fails only if the connection is lost, which the receiving side sees.
        let _ = client.finish();
    }

    /// Sends the input to its end.
    ///
    /// # Errors
    /// What to announce instead of the end.
    fn copy(&mut self, input: &mut impl Read) -> Result<(), Sent> {
        let failed = |tried| move |error| Sent::Failed(explain(tried, error));
        let mut buffer = vec![0; CHUNK];
        loop {
            let chunk = match input.read(&mut buffer) {
                Ok(0) => return self.transcript.end().map_err(Sent::NotShown),
                Ok(count) => &buffer[..count],
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(failed("cannot read the input")(error)),
            };
            self.transcript.show(chunk).map_err(Sent::NotShown)?;
            self.announce(Sent::Chunk(chunk.to_vec()));
            self.client.send(chunk).map_err(failed("cannot send"))?;
        }
    }

    fn announce(&self, sent: Sent) {
        // Fails when the conversation is over; then it isn't needed.
        let _ = self.sent.send(sent);
    }
}

/// Puts what was tried in front of what went wrong.
fn explain(tried: &str, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{tried}: {error}"))
}
