//! Limits of a running program, by its process id.

use std::io;
use std::path::Path;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

/// Sets a limit of the program (the soft one). The hard limit is this process's, which the program
/// has inherited.
pub fn set(program: u32, resource: Resource, limit: u64) -> io::Result<()> {
    let limit = Rlimit {
        current: Some(limit),
        ..getrlimit(resource)
    };
    prlimit(Pid::from_raw(program.cast_signed()), resource, limit)?;
    Ok(())
}

/// Lowers the program's limit, so that it can open only `more` descriptors besides its open ones.
pub fn leave_descriptors(program: u32, more: usize) -> io::Result<()> {
    let open = format!("/proc/{program}/fd");
    let is_free = |number: &u64| !Path::new(&open).join(number.to_string()).is_symlink();
    // A new descriptor gets the lowest free number, which must be below the limit.
    let limit = (0..).filter(is_free).nth(more).unwrap_or_default();
    set(program, Resource::Nofile, limit)
}
