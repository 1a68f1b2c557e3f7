//! What several tests need.

#[cfg(target_os = "linux")]
#[allow(dead_code, reason = "not every test limits programs")]
pub mod limits;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use book::workspace::Workspace;
use common::cargo;

/// The workspace, with the folder that cargo has built this test in.
pub fn workspace() -> Result<Workspace> {
    let mut workspace = Workspace::here()?;
    // Cargo runs tests in another folder than its own, where a relative folder would be another one.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    workspace.target = target.context("no target folder")?.to_owned();
    Ok(workspace)
}

/// The folder of the servers, their client, and the peers. They are built as `cargo test` builds them
/// (for the examples, cargo takes the same features as for tests), so usually nothing is left to
/// build.
#[allow(dead_code, reason = "not every test starts programs")]
pub fn programs(workspace: &Workspace) -> Result<PathBuf> {
    let profile = match cfg!(debug_assertions) {
        true => "dev",
        false => "release",
    };
    let arguments = [
        "--profile",
        profile,
        "--workspace",
        "--bins",
        "--examples",
        "--quiet",
    ];
    cargo::build(&mut workspace.cargo(), &arguments)?;
    let book = Path::new(env!("CARGO_BIN_EXE_book"));
    Ok(book.parent().context("no folder")?.to_owned())
}
