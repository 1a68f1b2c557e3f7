//! The book at a loopback address, rebuilt and shown anew when something changes.

mod answer;

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::Result;

use crate::build;
use crate::problem::{self, Problem};
use crate::watch;

/// How to serve.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The port to listen on; 0 takes a free one.
    pub port: u16,
    /// Show the book in the browser.
    pub open: bool,
}

/// The site that is being served. There are two folders: one is shown while the other is built.
#[derive(Debug)]
struct Site {
    root: PathBuf,
    shown: Mutex<Shown>,
}

#[derive(Debug, Clone)]
struct Shown {
    folder: PathBuf,
    /// How often the site was built. A page reloads itself when this has changed.
    version: u64,
}

impl Site {
    fn shown(&self) -> Shown {
        let shown = self.shown.lock();
        shown.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Builds the site, and shows it from then on.
    fn rebuild(&self) -> Result<Vec<Problem>> {
        let version = self.shown().version + 1;
        let folder = crate::target(&self.root).join(format!("book-served-{}", version % 2));
        let problems = build::build(&self.root, &folder)?;
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        *shown = Shown { folder, version };
        Ok(problems)
    }
}

/// Serves until the process is ended. What is wrong is printed, and stands in the pages.
///
/// # Errors
/// A port that is taken, or a book that cannot be built at all.
pub fn serve(root: &Path, options: Options) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))?;
    let site = Arc::new(Site {
        root: root.to_owned(),
        shown: Mutex::new(Shown {
            folder: PathBuf::new(),
            version: 0,
        }),
    });
    report(&site.rebuild()?);
    let address = format!("http://{}/", listener.local_addr()?);
    println!("the book is at {address}");
    if options.open {
        open(&address);
    }
    let watched = Arc::clone(&site);
    let _watcher = watch::watch(root, move || {
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
            let shown = site.shown();
            // A browser that has gone away is no concern of ours.
            let _ = answer::answer(connection, &shown.folder, shown.version);
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
