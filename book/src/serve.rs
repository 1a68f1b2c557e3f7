//! Serves the book on a loopback address, and rebuilds and reloads it when something changes.

mod building;
mod connections;
mod grade;
mod http;
mod json;
mod lab;
mod notices;
mod program;
mod request;

use std::net::{Ipv4Addr, TcpListener};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result};
use common::{StopSignal, output};

use self::lab::LabService;
use self::notices::Notices;
use crate::build::{self, SiteFiles};
use crate::problem::Problem;
use crate::watch::Watcher;
use crate::workspace::Workspace;

/// How to serve.
#[derive(Debug, Clone, Copy)]
pub struct ServeOptions {
    /// The port to listen on; 0 takes a free one.
    pub port: u16,
    /// Whether to open the book in the browser.
    pub open: bool,
    /// Whether pages can run the checker, and with it any command.
    pub grade: bool,
}

/// The site that is being served.
#[derive(Debug)]
struct ServedSite {
    workspace: Workspace,
    snapshot: Mutex<Arc<Snapshot>>,
    lab: LabService,
    /// Whether pages can run the checker, and with it any command.
    can_grade: bool,
}

/// The site after its last build.
#[derive(Debug, Default)]
struct Snapshot {
    files: SiteFiles,
    /// How often the site was built. A page reloads itself when this changes.
    version: u64,
}

impl ServedSite {
    fn new(workspace: Workspace, snapshot: Snapshot, can_grade: bool) -> Self {
        ServedSite {
            workspace,
            snapshot: Mutex::new(Arc::new(snapshot)),
            lab: LabService::default(),
            can_grade,
        }
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        let snapshot = self.snapshot.lock();
        Arc::clone(&snapshot.unwrap_or_else(PoisonError::into_inner))
    }

    /// Builds the site, and serves it from then on.
    fn rebuild(&self) -> Result<Vec<Problem>> {
        let version = self.snapshot().version + 1;
        let (files, problems) = build::build_in_memory(&self.workspace)?;
        let mut snapshot = self.snapshot.lock().unwrap_or_else(PoisonError::into_inner);
        *snapshot = Arc::new(Snapshot { files, version });
        Ok(problems)
    }
}

/// Serves until SIGINT or SIGTERM. Prints the address to standard output, and the book's problems,
/// which its pages show too, to standard error.
///
/// # Errors
/// The port can't be listened on, the book can't be built at all, or the address can't be
/// printed.
pub fn serve(workspace: Workspace, options: ServeOptions) -> Result<()> {
    let stop = StopSignal::on_signals()?;
    let listener = listen(options.port)?;
    let watch = Watcher::new(&workspace);
    let site = Arc::new(ServedSite::new(
        workspace,
        Snapshot::default(),
        options.grade,
    ));
    let notices = Notices::new();
    notices.add_problems(&site.rebuild()?);
    if stop.is_raised() {
        return Ok(());
    }
    let address = format!("http://{}/", listener.local_addr()?);
    match output::print(format_args!("the book is at {address}\n")) {
        // The reader of the address has gone. The book is still served.
        Err(error) if output::is_closed_pipe(&error) => {}
        printed => printed?,
    }
    if options.open {
        open(&address);
    }
    thread::scope(|scope| {
        let (_serving, ended) = mpsc::channel();
        let (its, told) = (&site, &notices);
        let rebuild = move || rebuild_after_changes(its, watch, &ended, told);
        if let Err(error) = thread::Builder::new().spawn_scoped(scope, rebuild) {
            notices.warn(format!("the pages will not be rebuilt: {error}"));
        }
        connections::accept(&listener, &stop, &site, &notices)
    })?;
    notices.finish();
    Ok(())
}

/// Rebuilds the site after each change, until the sender of `ended` is gone.
fn rebuild_after_changes(
    site: &ServedSite,
    mut watch: Watcher,
    ended: &Receiver<()>,
    notices: &Notices,
) {
    while watch.wait(ended) {
        notices.add(format_args!("rebuilding"));
        match site.rebuild() {
            Ok(problems) => notices.add_problems(&problems),
            Err(error) => notices.add(format_args!("{error:#}")),
        }
    }
}

fn listen(port: u16) -> Result<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    listener.with_context(|| {
        format!(
            "cannot listen on port {port}: choose another one with --port, or 0 for one that is free"
        )
    })
}

/// Opens the address in the reader's browser, if there is one.
fn open(address: &str) {
    let program = if cfg!(target_os = "macos") {
        "open"
    } else {
        "xdg-open"
    };
    let _ = Command::new(program)
        .arg(address)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
}
