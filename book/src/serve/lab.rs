//! What a served page can request of the lab: `POST /lab/run` runs a script in the simulation,
//! `POST /lab/play` on the real program, and `POST /lab/grade` runs the checker. `POST /lab/build` builds the
//! programs for the last two, and tells how far it is.

use std::io::ErrorKind;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Deserialize;

use super::ServedSite;
use super::building::{Building, Cache, current};
use super::grade::GradeRequest;
use super::http::Response;
use super::json::{UNPROCESSABLE, body_of, in_lines, printed, refused};
use super::program::Slot;
use super::request::Request;
use crate::lab::Lab;
use crate::limited::Limit;
use crate::play::PlayPrograms;

/// Most runs at the same time.
const MOST_RUNS: usize = 4;

/// How long a run waits for others to end. A reader who presses keys quickly starts many, and closes the
/// connections of all but the last.
const PATIENCE: Duration = Duration::from_secs(2);

/// The longest time of a run.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// Runs the lab's program for pages.
#[derive(Debug, Default)]
pub struct LabService {
    /// The program, and the version of the site that it was built for.
    lab: Cache<Lab>,
    /// The real programs, as well.
    programs: Arc<Cache<PlayPrograms>>,
    /// How many runs, gradings, and builds are under way.
    runs: Arc<AtomicUsize>,
    gradings: Arc<AtomicUsize>,
    builds: Arc<AtomicUsize>,
}

/// A script, and the arguments of `lab run`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RunRequest {
    args: Vec<String>,
    script: String,
}

/// A script, the name of a server, and the arguments of `lab run`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlayRequest {
    server: String,
    #[serde(default)]
    args: Vec<String>,
    script: String,
}

/// A request that says all with its path: `{}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NoDetails {}

impl LabService {
    /// Responds to a request with a body. A run ends when `browser`, the connection, is closed.
    pub fn respond(
        &self,
        request: &Request,
        site: &ServedSite,
        browser: BorrowedFd<'_>,
    ) -> Response {
        let limit = Limit {
            time: TIME_LIMIT,
            browser,
        };
        let response = match request.path.as_str() {
            "/lab/run" => body_of(request).and_then(|body| self.run(&body, site, limit)),
            "/lab/grade" => body_of(request).and_then(|body| self.grade(body, site)),
            "/lab/play" => body_of(request).and_then(|body| self.play(&body, site, limit)),
            "/lab/build" => body_of(request).and_then(|body| self.build(&body, site)),
            _ => Err(refused("404 Not Found", "there is no such request")),
        };
        response.unwrap_or_else(|refused| refused)
    }

    fn run(
        &self,
        request: &RunRequest,
        site: &ServedSite,
        limit: Limit<'_>,
    ) -> Result<Response, Response> {
        let _slot = self.run_slot()?;
        let lab = current(&self.lab, site, || Lab::build(&site.workspace))?;
        printed(lab.run(&request.args, &request.script, limit))
    }

    fn play(
        &self,
        request: &PlayRequest,
        site: &ServedSite,
        limit: Limit<'_>,
    ) -> Result<Response, Response> {
        let _slot = self.run_slot()?;
        let programs = current(&self.programs, site, || {
            Ok(PlayPrograms::build(&site.workspace)?)
        })?;
        let PlayRequest {
            server,
            args,
            script,
        } = request;
        printed(programs.play(server, args, script, limit))
    }

    /// Waits for the slot of a run.
    fn run_slot(&self) -> Result<Slot, Response> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match slot(&self.runs, MOST_RUNS, "other runs are under way") {
                Err(_) if Instant::now() < deadline => thread::sleep(Duration::from_millis(5)),
                taken => return taken,
            }
        }
    }

    fn build(&self, _: &NoDetails, site: &ServedSite) -> Result<Response, Response> {
        let slot = slot(&self.builds, MOST_RUNS, "other builds are under way")?;
        let version = site.snapshot().version;
        let building = Building::start(&site.workspace, version, &self.programs, slot);
        let building =
            building.map_err(|error| refused("500 Internal Server Error", error.to_string()))?;
        Ok(in_lines(building))
    }

    fn grade(&self, request: GradeRequest, site: &ServedSite) -> Result<Response, Response> {
        if !site.can_grade {
            return Err(refused(
                "403 Forbidden",
                "the book was started without --grade",
            ));
        }
        let programs = current(&self.programs, site, || {
            Ok(PlayPrograms::build(&site.workspace)?)
        })?;
        let checker = programs.checker(&site.workspace);
        let missing = || refused("500 Internal Server Error", "there is no echo-client");
        let started = request.start(checker.ok_or_else(missing)?, &self.gradings);
        let grading = started.map_err(|error| match error.kind() {
            ErrorKind::ResourceBusy => {
                refused("503 Service Unavailable", "another server is being graded")
            }
            _ => refused(UNPROCESSABLE, error.to_string()),
        })?;
        Ok(in_lines(grading))
    }
}

/// Takes a slot, or says what takes all of them.
fn slot(taken: &Arc<AtomicUsize>, most: usize, busy: &str) -> Result<Slot, Response> {
    Slot::take(taken, most).map_err(|_| refused("503 Service Unavailable", busy))
}

#[cfg(test)]
mod tests;
