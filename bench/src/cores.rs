//! Which core each program runs on: the server has one and the load generator another, so that
//! neither waits for the other's.

use std::fs;
use std::io;

use common::comparison::Cores;

/// Two cores that this process can use, of different hardware if possible: two hyper-threads of one
/// core would slow each other down. `None` if there is only one core, or no
/// way to stay on one.
pub fn choose() -> Option<Cores> {
    let allowed = allowed();
    let (&client, others) = allowed.split_first()?;
    let siblings = siblings(client);
    let apart = others.iter().find(|core| !siblings.contains(core));
    let server = *apart.or(others.first())?;
    Some(Cores { server, client })
}

/// Keeps the calling thread, and the threads and processes that it starts from now on, on one core.
///
/// # Errors
/// The errors of sched_setaffinity(2).
#[cfg(target_os = "linux")]
pub fn stay_on(core: usize) -> io::Result<()> {
    use nix::sched::{CpuSet, sched_setaffinity};
    let mut set = CpuSet::new();
    set.set(core)?;
    Ok(sched_setaffinity(nix::unistd::Pid::from_raw(0), &set)?)
}

#[cfg(target_os = "linux")]
fn allowed() -> Vec<usize> {
    use nix::sched::{CpuSet, sched_getaffinity};
    let Ok(set) = sched_getaffinity(nix::unistd::Pid::from_raw(0)) else {
        return Vec::new();
    };
    let is_set = |core: &usize| set.is_set(*core).unwrap_or(false);
    (0..CpuSet::count()).filter(is_set).collect()
}

/// On other systems the scheduler decides.
///
/// # Errors
/// Always fails.
#[cfg(not(target_os = "linux"))]
pub fn stay_on(_core: usize) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(target_os = "linux"))]
fn allowed() -> Vec<usize> {
    Vec::new()
}

/// The hyper-threads that share a core with this one, itself included, from a list such as `0,4` or
/// `0-1`.
fn siblings(core: usize) -> Vec<usize> {
    let path = format!("/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list");
    listed(&fs::read_to_string(path).unwrap_or_default())
}

fn listed(text: &str) -> Vec<usize> {
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.parse::<usize>().ok()?..=last.parse::<usize>().ok()?)
    };
    let ranges = text.trim().split(',').filter_map(range);
    ranges.flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_cores_are_read() {
        assert_eq!(listed("0,4\n"), [0, 4]);
        assert_eq!(listed("2-4,8\n"), [2, 3, 4, 8]);
        assert_eq!(listed(""), [0; 0]);
    }

    #[test]
    fn the_two_cores_differ() {
        if let Some(Cores { server, client }) = choose() {
            assert_ne!(server, client);
        }
    }
}
