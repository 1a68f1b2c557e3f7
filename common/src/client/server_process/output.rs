//! What a server prints on standard output, beginning with where it listens.

use std::fmt;
use std::io::{self, ErrorKind, Read};
use std::mem;
use std::net::SocketAddr;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::Patience;
use crate::client::{ServerAddress, TIME_LIMIT, reachable};

/// The beginning of the line that contains the address.
const PREFIX: &str = "listening on ";

/// Longer lines are cut into pieces of this many bytes.
const LONGEST_LINE: usize = 64 * 1024;

/// How much of the output a message quotes, in characters.
const QUOTED: usize = 200;

/// A server's standard output, read to its end on its own thread, so that the pipe never fills.
#[derive(Debug)]
pub struct ProcessOutput {
    lines: Receiver<String>,
    unfinished: Arc<Mutex<Vec<u8>>>,
}

impl ProcessOutput {
    /// Starts to read.
    ///
    /// # Errors
    /// There is no thread to read with.
    pub fn read(output: impl Read + Send + 'static) -> io::Result<Self> {
        let (sender, lines) = mpsc::channel();
        let unfinished = Arc::new(Mutex::new(Vec::new()));
        let line = Arc::clone(&unfinished);
        thread::Builder::new().spawn(move || read_lines(output, &line, &sender))?;
        Ok(ProcessOutput { lines, unfinished })
    }

    /// Waits for at most `limit` until the server prints where it listens. Skips the lines before
    /// that one.
    ///
    /// # Errors
    /// What the server printed instead.
    pub fn address(&self, limit: Duration) -> Result<SocketAddr, NotAnnounced> {
        let mut patience = Patience::of(limit);
        let mut printed = String::new();
        loop {
            match patience.receive(&self.lines) {
                Ok(line) => match announced(&line) {
                    Some(address) => return Ok(address),
                    None if printed.len() < QUOTED => printed += &line,
                    None => {}
                },
                Err(error) => {
                    let line = mem::take(&mut *lock(&self.unfinished));
                    return Err(NotAnnounced {
                        has_ended: error == RecvTimeoutError::Disconnected,
                        within: limit,
                        is_unfinished: !line.is_empty(),
                        printed: printed + &String::from_utf8_lossy(&line),
                    });
                }
            }
        }
    }

    /// The next line, without its end, or `None` once the output has ended.
    ///
    /// # Errors
    /// `TimedOut` when the patience is over.
    pub fn next_line(&self, patience: &mut Patience) -> io::Result<Option<String>> {
        match patience.receive(&self.lines) {
            Ok(line) => Ok(Some(line.trim_end_matches(['\r', '\n']).to_owned())),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => Err(ErrorKind::TimedOut.into()),
        }
    }
}

/// The error of a server that didn't print where it listens.
#[derive(Debug)]
pub struct NotAnnounced {
    /// Its output has ended, so the server has ended or soon will.
    pub has_ended: bool,
    within: Duration,
    /// Its last line has no line end.
    is_unfinished: bool,
    printed: String,
}

/// What the server printed, what was expected, and what to try.
impl fmt::Display for NotAnnounced {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let printed = &self.printed;
        match (printed.char_indices().nth(QUOTED), printed.is_empty()) {
            (None, true) => write!(out, "it printed nothing on standard output")?,
            (None, false) => write!(out, "it printed {printed:?}")?,
            (Some((end, _)), _) => write!(out, "it printed {:?}…", &printed[..end])?,
        }
        if !self.has_ended {
            write!(out, " within {} s", self.within.as_secs_f64())?;
        }
        write!(
            out,
            "; expected a line of its own on standard output, \"{PREFIX}ADDRESS\", \
             such as \"{PREFIX}127.0.0.1:8881\""
        )?;
        if self.is_unfinished {
            write!(out, ": end the line with a newline, and flush it")?;
        } else if printed.is_empty() && !self.has_ended {
            write!(out, ": if the server prints it, flush standard output")?;
        }
        Ok(())
    }
}

impl From<NotAnnounced> for io::Error {
    fn from(error: NotAnnounced) -> Self {
        io::Error::new(ErrorKind::InvalidData, error.to_string())
    }
}

/// The address in a line that says where the server listens. If the server listens on a name, this
/// is the first of its addresses that accepts.
pub fn announced(line: &str) -> Option<SocketAddr> {
    let text = line.trim().strip_prefix(PREFIX)?.trim();
    if let Ok(address) = text.parse() {
        return Some(reachable(address));
    }
    // The port is required here: no server listens on "the default".
    let (_, _port) = text.rsplit_once(':')?;
    let client = text.parse::<ServerAddress>().ok()?;
    let client = client.connect_within(TIME_LIMIT).ok()?;
    client.socket().peer_addr().ok()
}

fn read_lines(mut output: impl Read, line: &Mutex<Vec<u8>>, lines: &Sender<String>) {
    let mut chunk = [0; 4096];
    loop {
        let count = match output.read(&mut chunk) {
            Ok(0) => return,
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => return,
        };
        for piece in chunk[..count].split_inclusive(|byte| *byte == b'\n') {
            let mut line = lock(line);
            line.extend_from_slice(piece);
            if piece.ends_with(b"\n") || line.len() > LONGEST_LINE {
                let whole = String::from_utf8_lossy(&line).into_owned();
                line.clear();
                // Fails if nothing receives the lines any more; the output is still read.
                let _ = lines.send(whole);
            }
        }
    }
}

fn lock(line: &Mutex<Vec<u8>>) -> std::sync::MutexGuard<'_, Vec<u8>> {
    line.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(100);

    fn address(printed: &'static [u8]) -> Result<SocketAddr, String> {
        let output = ProcessOutput::read(printed).unwrap();
        output.address(SHORT).map_err(|error| error.to_string())
    }

    #[test]
    fn the_address_is_found_after_noise_of_any_bytes() {
        for (printed, expected) in [
            (&b"listening on 127.0.0.1:1\n"[..], "127.0.0.1:1"),
            (
                b"\xff\xfe noise\n\nlistening on 127.0.0.1:2\n",
                "127.0.0.1:2",
            ),
            (b"listening on [::1]:3\r\n", "[::1]:3"),
            (b"listening on 0.0.0.0:4\n", "127.0.0.1:4"),
            (b"listening on [::]:5\n", "[::1]:5"),
        ] {
            assert_eq!(address(printed), Ok(expected.parse().unwrap()));
        }
    }

    #[test]
    fn a_name_is_reached_where_it_accepts() -> io::Result<()> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        let expected = listener.local_addr()?;
        for host in ["localhost", ""] {
            let line = format!("listening on {host}:{}", expected.port());
            assert_eq!(announced(&line), Some(expected), "{line}");
        }
        assert_eq!(announced("listening on localhost"), None);
        assert_eq!(announced("listening on port 8881"), None);
        Ok(())
    }

    #[test]
    fn unexpected_output_is_quoted_with_a_hint() {
        for (printed, quoted, to_try) in [
            (
                &b"Server ready on port 9000\n"[..],
                "\"Server ready on port 9000\\n\"",
                "such as",
            ),
            (
                b"\xffhello\nlistening on 127.0.0.1:1",
                "\"\u{fffd}hello\\nlistening on 127.0.0.1:1\"",
                "end the line with a newline",
            ),
            (b"", "printed nothing", "such as"),
        ] {
            let error = address(printed).expect_err("it is no such line");
            assert!(
                error.contains(quoted)
                    && error.contains(to_try)
                    && error.contains("\"listening on ADDRESS\""),
                "{error}"
            );
        }
    }

    #[test]
    fn a_silent_server_is_told_to_flush() -> io::Result<()> {
        let (silent, _kept_open) = std::os::unix::net::UnixStream::pair()?;
        let error = ProcessOutput::read(silent)?
            .address(SHORT)
            .expect_err("it is silent");
        let error = error.to_string();
        assert!(
            error.contains("nothing on standard output within 0.1 s"),
            "{error}"
        );
        assert!(error.contains("flush standard output"), "{error}");
        Ok(())
    }

    #[test]
    fn a_long_text_is_quoted_in_part() {
        let error = address(Box::leak(vec![b'a'; 10_000].into_boxed_slice()));
        let error = error.expect_err("it is no address");
        assert!(error.len() < 500 && error.contains("aaa\"…"), "{error}");
    }
}
