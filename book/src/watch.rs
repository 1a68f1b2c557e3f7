//! Changes of what the book is made from.

use std::path::Path;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use crate::style::Style;

/// So long must nothing change until what has changed is looked at: an editor changes a file in
/// several steps.
const QUIET: Duration = Duration::from_millis(150);

/// Calls `then` after each change of the book or of the code that it shows, until the watcher is
/// dropped.
///
/// # Errors
/// A folder that cannot be watched.
pub fn watch(root: &Path, then: impl Fn() + Send + 'static) -> Result<RecommendedWatcher> {
    let (sender, changes) = mpsc::channel();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        if event.is_ok_and(|event| is_change(&event)) {
            let _ = sender.send(());
        }
    })?;
    let folders = Style::ALL.iter().map(|style| style.program());
    for folder in folders.chain(["book", "common"]) {
        watcher.watch(&root.join(folder), RecursiveMode::Recursive)?;
    }
    thread::spawn(move || {
        while settled(&changes) {
            then();
        }
    });
    Ok(watcher)
}

/// Waits for a change, and then until nothing more changes. Answers `false` at the end.
fn settled(changes: &Receiver<()>) -> bool {
    if changes.recv().is_err() {
        return false;
    }
    while changes.recv_timeout(QUIET).is_ok() {}
    true
}

fn is_change(event: &Event) -> bool {
    !matches!(event.kind, EventKind::Access(_))
}
