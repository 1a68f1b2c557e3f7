//! The book at a loopback address, rebuilt and shown anew when something changes.

mod answer;

use std::net::{Ipv4Addr, TcpListener};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::Result;

use crate::build::{self, Files};
use crate::problem::{self, Problem};
use crate::watch;
use crate::workspace::Workspace;

/// How to serve.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The port to listen on; 0 takes a free one.
    pub port: u16,
    /// Show the book in the browser.
    pub open: bool,
}

/// The site that is being served.
#[derive(Debug)]
struct Site {
    workspace: Workspace,
    shown: Mutex<Arc<Shown>>,
}

/// The site as it was built the last time.
#[derive(Debug, Default)]
struct Shown {
    files: Files,
    /// How often the site was built. A page reloads itself when this has changed.
    version: u64,
}

impl Site {
    fn shown(&self) -> Arc<Shown> {
        let shown = self.shown.lock();
        Arc::clone(&shown.unwrap_or_else(PoisonError::into_inner))
    }

    /// Builds the site, and shows it from then on.
    fn rebuild(&self) -> Result<Vec<Problem>> {
        let version = self.shown().version + 1;
        let (files, problems) = build::in_memory(&self.workspace)?;
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        *shown = Arc::new(Shown { files, version });
        Ok(problems)
    }
}

/// Serves until the process is ended. What is wrong is printed, and stands in the pages.
///
/// # Errors
/// A port that is taken, or a book that cannot be built at all.
pub fn serve(workspace: Workspace, options: Options) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))?;
    let site = Arc::new(Site {
        workspace,
        shown: Mutex::default(),
    });
    report(&site.rebuild()?);
    let address = format!("http://{}/", listener.local_addr()?);
    println!("the book is at {address}");
    if options.open {
        open(&address);
    }
    let watched = Arc::clone(&site);
    let _watcher = watch::watch(&site.workspace.root, move || {
        println!("rebuilding");
        match watched.rebuild() {
            Ok(problems) => report(&problems),
            Err(error) => eprintln!("{error:#}"),
        }
    })?;
    for connection in listener.incoming().flatten() {
        let site = Arc::clone(&site);
        // A page that waits for its bytes must not keep others waiting, and a browser may open a
        // connection that it never uses: a thread for each is the simplest that serves both.
        thread::spawn(move || {
            // A browser that has gone away is no concern of ours.
            let _ = answer::answer(connection, &site.shown());
        });
    }
    Ok(())
}

fn report(problems: &[Problem]) {
    if !problems.is_empty() {
        eprintln!("{}", problem::list(problems));
    }
}

/// Shows the address in the reader's browser, if there is one.
fn open(address: &str) {
    let program = if cfg!(target_os = "macos") {
        "open"
    } else {
        "xdg-open"
    };
    let _ = Command::new(program)
        .arg(address)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
}
