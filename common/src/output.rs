//! What programs print: results to standard output, and what went wrong to standard error.
//!
//! `println!` panics when standard output is a full disk or a pipe whose reader has gone, so no
//! program here uses it. Instead, a closed pipe (`… | head -1`) ends the program quietly and
//! successfully, since the reader has read all that it needs. Any other failure to write
//! prints a message and exits with status 1.

use std::fmt::{self, Arguments};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Prints to standard output, at once. The text includes its line end.
///
/// # Errors
/// What write(2) returns, marked so that [`exit_code`] recognizes an error of standard output.
pub fn print(text: Arguments<'_>) -> io::Result<()> {
    write_to_stdout(text.to_string().as_bytes())
}

/// Writes bytes to standard output, at once.
///
/// # Errors
/// The errors of [`print()`].
pub fn write_to_stdout(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    write_whole(&mut stdout, bytes).map_err(stdout_failed)
}

/// Prints a line to standard error, and ignores errors: there is no place left to report them.
pub fn print_to_stderr(message: Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{message}");
}

/// The exit status of a program that ended with `result`. A closed pipe at standard output is a
/// success; any other error is printed to standard error and gives 1.
pub fn exit_code(result: io::Result<ExitCode>) -> ExitCode {
    match result {
        Ok(code) => code,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            print_to_stderr(format_args!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Marks an error as one of standard output.
pub fn stdout_failed(error: io::Error) -> io::Error {
    io::Error::new(error.kind(), StdoutError(error))
}

/// Whether the error means that standard output's reader has gone. A socket's EPIPE doesn't count.
pub fn is_closed_pipe(error: &io::Error) -> bool {
    let is_stdout = error
        .get_ref()
        .is_some_and(|inner| inner.is::<StdoutError>());
    is_stdout && error.kind() == ErrorKind::BrokenPipe
}

/// An error of standard output.
#[derive(Debug)]
struct StdoutError(io::Error);

impl fmt::Display for StdoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot write to standard output: {}", self.0)
    }
}

impl std::error::Error for StdoutError {}

/// Writes all bytes and flushes, even if another program has made the descriptor non-blocking: a
/// shell's terminal often is, since all programs that have it open share that flag.
pub(crate) fn write_whole(file: &mut (impl Write + AsFd), mut bytes: &[u8]) -> io::Result<()> {
    loop {
        let written = if bytes.is_empty() {
            file.flush().map(|()| 0)
        } else {
            file.write(bytes)
        };
        match written {
            Ok(0) if bytes.is_empty() => return Ok(()),
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let mut waiting = [PollFd::new(file.as_fd(), PollFlags::POLLOUT)];
                poll(&mut waiting, PollTimeout::NONE)?;
            }
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_standard_outputs_closed_pipe_is_a_success() {
        let closed = || io::Error::from(ErrorKind::BrokenPipe);
        assert!(is_closed_pipe(&stdout_failed(closed())));
        assert!(!is_closed_pipe(&closed()), "a socket's");
        assert!(!is_closed_pipe(&stdout_failed(
            ErrorKind::StorageFull.into()
        )));
    }
}
