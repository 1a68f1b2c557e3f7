//! What several tests need.

use std::path::Path;

use anyhow::{Context, Result};
use book::workspace::Workspace;

/// The workspace, with the folder that cargo has built this test in.
pub fn workspace() -> Result<Workspace> {
    let mut workspace = Workspace::here()?;
    // Cargo runs tests in another folder than its own, from where a relative folder is another one.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    workspace.target = target.context("no target folder")?.to_owned();
    Ok(workspace)
}
