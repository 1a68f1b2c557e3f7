//! The lines that you write to make such a server, and the program built from them.

use std::env;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Instant;

use common::code_lines;
use common::comparison::Family;

use crate::builder::{Profile, Ready, cargo_build, root};
use crate::candidate::{Candidate, Made};

/// Counts the lines of code that you write.
///
/// # Errors
/// A file doesn't exist.
pub fn lines(candidate: &Candidate) -> io::Result<usize> {
    let mut all = 0;
    for file in candidate.written {
        let text = fs::read_to_string(root().join(file))?;
        all += code_lines::count(Path::new(file), &text);
    }
    Ok(all)
}

/// Size of the built program in bytes; `None` for a script.
///
/// # Errors
/// The program doesn't exist.
pub fn binary(ready: &Ready) -> io::Result<Option<u64>> {
    match ready.candidate.made {
        Made::Python(..) => Ok(None),
        _ => Ok(Some(fs::metadata(&ready.file)?.len())),
    }
}

/// Seconds to build one of the four servers from scratch, dependencies included, into a
/// folder that is removed afterwards. `None` for other servers.
///
/// # Errors
/// The build fails.
pub fn build_seconds(candidate: &Candidate, profile: Profile) -> io::Result<Option<f64>> {
    let Made::Cargo { package, .. } = candidate.made else {
        return Ok(None);
    };
    if candidate.family != Family::Ours {
        return Ok(None);
    }
    let folder = env::temp_dir().join(format!("echo-build-{}", std::process::id()));
    let target = folder.to_string_lossy();
    let begun = Instant::now();
    let chosen = ["--quiet", "--package", package, "--target-dir", &target];
    let programs = cargo_build(profile, &chosen);
    let seconds = begun.elapsed().as_secs_f64();
    fs::remove_dir_all(&folder)?;
    programs.map(|_| Some(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::candidate::ALL;

    #[test]
    fn every_candidate_has_lines() -> io::Result<()> {
        for candidate in ALL {
            assert!(lines(candidate)? > 5, "{}", candidate.name);
        }
        Ok(())
    }
}
