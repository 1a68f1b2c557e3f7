//! Silences criterion's lines. criterion has no way to turn them off, so standard output is redirected
//! to /dev/null while it works. Its warnings are about times that it believes to have measured itself,
//! so standard error is, too.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;

use nix::unistd::{dup, dup2_stderr, dup2_stdout};

/// While this exists, standard output and standard error are discarded.
pub struct Silence {
    stdout: OwnedFd,
    stderr: OwnedFd,
}

impl Silence {
    /// Starts the silence, unless everything is to be shown.
    ///
    /// # Errors
    /// The errors of dup(2).
    pub fn unless(shows_all: bool) -> io::Result<Option<Self>> {
        if shows_all {
            return Ok(None);
        }
        io::stdout().flush()?;
        let silence = Silence {
            stdout: dup(io::stdout())?,
            stderr: dup(io::stderr())?,
        };
        let nowhere = File::options().write(true).open("/dev/null")?;
        dup2_stdout(&nowhere)?;
        dup2_stderr(&nowhere)?;
        Ok(Some(silence))
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        // What is still in the buffer is criterion's. An error can't be reported.
        let _ = io::stdout().flush();
        let _ = dup2_stdout(&self.stdout);
        let _ = dup2_stderr(&self.stderr);
    }
}
