//! What a served page can request of the lab: `POST /lab/run` runs a script in the simulation,
//! `POST /lab/play` on the real program, and `POST /lab/grade` runs the checker. `POST /lab/build` builds the
//! programs for the last two, and tells how far it is.

use std::io::{self, ErrorKind};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use anyhow::Result;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::ServedSite;
use super::building::{Building, Cache};
use super::grade::GradeRequest;
use super::http::Response;
use super::program::{Pieces, Slot};
use super::request::{Body, Request};
use crate::lab::Lab;
use crate::limited::Finished;
use crate::play::PlayPrograms;

/// Most runs at the same time.
const MOST_RUNS: usize = 4;

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
    /// Responds to a request with a body.
    pub fn respond(&self, request: &Request, site: &ServedSite) -> Response {
        let response = match request.path.as_str() {
            "/lab/run" => body_of(request).and_then(|body| self.run(&body, site)),
            "/lab/grade" => body_of(request).and_then(|body| self.grade(body, site)),
            "/lab/play" => body_of(request).and_then(|body| self.play(&body, site)),
            "/lab/build" => body_of(request).and_then(|body| self.build(&body, site)),
            _ => Err(refused("404 Not Found", "there is no such request")),
        };
        response.unwrap_or_else(|refused| refused)
    }

    fn run(&self, request: &RunRequest, site: &ServedSite) -> Result<Response, Response> {
        let _slot = slot(&self.runs, MOST_RUNS, "other runs are under way")?;
        let lab = current(&self.lab, site, || Lab::build(&site.workspace))?;
        response_of(lab.run(&request.args, &request.script, TIME_LIMIT))
    }

    fn play(&self, request: &PlayRequest, site: &ServedSite) -> Result<Response, Response> {
        let _slot = slot(&self.runs, MOST_RUNS, "other runs are under way")?;
        let programs = current(&self.programs, site, || {
            Ok(PlayPrograms::build(&site.workspace)?)
        })?;
        let PlayRequest {
            server,
            args,
            script,
        } = request;
        response_of(programs.play(server, args, script, TIME_LIMIT))
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
            _ => refused("422 Unprocessable Content", error.to_string()),
        })?;
        Ok(in_lines(grading))
    }
}

/// Takes a slot, or says what takes all of them.
fn slot(taken: &Arc<AtomicUsize>, most: usize, busy: &str) -> Result<Slot, Response> {
    Slot::take(taken, most).map_err(|_| refused("503 Service Unavailable", busy))
}

/// What was built for the site as it is, or is built now. That is quick when nothing has changed.
fn current<T>(
    built: &Cache<T>,
    site: &ServedSite,
    build: impl FnOnce() -> Result<T>,
) -> Result<Arc<T>, Response> {
    let version = site.snapshot().version;
    let mut built = built.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((of, value)) = &*built
        && *of == version
    {
        return Ok(Arc::clone(value));
    }
    let value = build().map(Arc::new);
    let value =
        value.map_err(|error| refused("500 Internal Server Error", format!("{error:#}")))?;
    *built = Some((version, Arc::clone(&value)));
    Ok(value)
}

/// A response of lines of JSON, which come one by one.
fn in_lines(lines: impl Pieces + 'static) -> Response {
    Response {
        rest: Some(Box::new(lines)),
        ..Response::new("200 OK", "application/x-ndjson", Vec::new())
    }
}

/// What a program has printed, if that is JSON.
fn response_of(finished: io::Result<Finished>) -> Result<Response, Response> {
    let finished = finished.map_err(|error| match error.kind() {
        ErrorKind::TimedOut => refused("504 Gateway Timeout", "the run takes longer than 10 s"),
        _ => refused("422 Unprocessable Content", error.to_string()),
    })?;
    let is_json = finished.output.starts_with(b"{");
    match (finished.status.success(), is_json) {
        (true, true) => Ok(Response::new("200 OK", "application/json", finished.output)),
        // It says where the script is wrong, too.
        (false, true) => Err(Response::new(
            UNPROCESSABLE,
            "application/json",
            finished.output,
        )),
        (_, false) => {
            let errors = String::from_utf8_lossy(&finished.errors);
            let error = errors.trim().trim_start_matches("error: ");
            Err(refused(UNPROCESSABLE, error))
        }
    }
}

const UNPROCESSABLE: &str = "422 Unprocessable Content";

/// The body, which has to be JSON: a page of another site can't send that without asking first.
fn body_of<T: DeserializeOwned>(request: &Request) -> Result<T, Response> {
    let kind = request.content_type.as_deref().unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        let error = "the body is not application/json";
        return Err(refused("415 Unsupported Media Type", error));
    }
    match &request.body {
        Body::Bytes(bytes) => serde_json::from_slice(bytes)
            .map_err(|error| refused("400 Bad Request", error.to_string())),
        Body::TooLong => Err(refused("413 Content Too Large", "the body is too long")),
        Body::None => Err(refused("411 Length Required", "there is no Content-Length")),
    }
}

fn refused(status: &'static str, error: impl Into<String>) -> Response {
    let body = json!({ "error": error.into() });
    Response::new(status, "application/json", body.to_string().into_bytes())
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    use anyhow::Context;
    use serde_json::Value;

    use super::*;
    use crate::serve::Snapshot;
    use crate::workspace::Workspace;

    fn site() -> Result<ServedSite> {
        Ok(ServedSite::new(
            Workspace::here()?,
            Snapshot::default(),
            true,
        ))
    }

    fn post(site: &ServedSite, path: &str, body: &str) -> Result<(String, Value)> {
        let request = Request {
            method: "POST".into(),
            path: path.into(),
            content_type: Some("application/json; charset=utf-8".into()),
            body: Body::Bytes(body.into()),
            ..Request::default()
        };
        let response = site.lab.respond(&request, site);
        Ok((
            response.status[..3].into(),
            serde_json::from_slice(&response.body)?,
        ))
    }

    fn run(site: &ServedSite, args: &[&str], script: &str) -> Result<(String, Value)> {
        let body = json!({ "args": args, "script": script });
        post(site, "/lab/run", &body.to_string())
    }

    #[test]
    fn a_script_is_run() -> Result<()> {
        let site = site()?;
        let (status, result) = run(&site, &["--server", "chat"], "connect 1; send 1 \"hi\\n\"")?;
        assert_eq!(status, "200", "{result}");
        assert_eq!(result["servers"][0]["clients"][0]["received"], "hi\\n");
        Ok(())
    }

    #[test]
    fn a_bad_request_is_refused() -> Result<()> {
        let site = site()?;
        let one = ["--server", "select"];
        let long = "#".repeat(65_537);
        for (status, error, (got, answer)) in [
            (
                "422",
                "script:1:1: found `sned`",
                run(&site, &one, "sned 1")?,
            ),
            (
                "422",
                "script:1:65537: the script has more than 65536 bytes",
                run(&site, &one, &long)?,
            ),
            (
                "422",
                "invalid value 'x' for '--server",
                run(&site, &["--server", "x"], "")?,
            ),
            ("422", "unexpected argument", run(&site, &["--trace"], "")?),
            ("422", "", run(&site, &["--help"], "")?),
            ("422", "nul byte", run(&site, &["\0"], "")?),
            (
                "400",
                "missing field `script`",
                post(&site, "/lab/run", r#"{"args": []}"#)?,
            ),
            ("404", "", post(&site, "/lab/sleep", "{}")?),
        ] {
            let said = answer["error"].as_str().unwrap_or_default();
            assert!(got == status && said.contains(error), "{got}: {said}");
        }
        Ok(())
    }

    #[test]
    fn an_error_in_a_script_has_its_place() -> Result<()> {
        let (status, answer) = run(&site()?, &["--server", "chat"], "connect 1\nstop; sned 1")?;
        assert_eq!(status, "422");
        assert_eq!((&answer["line"], &answer["column"]), (&json!(2), &json!(7)));
        let error = answer["error"].as_str().unwrap_or_default();
        assert!(error.starts_with("script:2:7: found `sned`"), "{error}");
        Ok(())
    }

    #[test]
    fn the_programs_are_built_for_a_page() -> Result<()> {
        let site = site()?;
        let request = Request {
            path: "/lab/build".into(),
            content_type: Some("application/json".into()),
            body: Body::Bytes(b"{}".to_vec()),
            ..Request::default()
        };
        let mut building = site.lab.respond(&request, &site);
        assert_eq!(building.status, "200 OK");
        let (browser, _other_end) = UnixStream::pair()?;
        let mut rest = building.rest.take().context("no lines")?;
        let lines: Vec<String> = std::iter::from_fn(|| rest.next(browser.as_fd())).collect();
        let last = lines.last().context("no line")?;
        assert_eq!(last, "{\"ready\":true}\n", "{lines:?}");
        let is_stored = site.lab.programs.lock().is_ok_and(|built| built.is_some());
        assert!(is_stored);
        Ok(())
    }

    #[test]
    fn a_server_is_graded_only_if_that_is_allowed() -> Result<()> {
        let mut site = site()?;
        let body = json!({ "kind": "stream", "command": ["/nothing/here"] }).to_string();
        let (status, answer) = post(&site, "/lab/grade", &body)?;
        let error = answer["error"].as_str().unwrap_or_default();
        assert!(
            status == "422" && error.contains("/nothing/here"),
            "{answer}"
        );
        site.can_grade = false;
        assert_eq!(post(&site, "/lab/grade", &body)?.0, "403");
        Ok(())
    }

    /// What a program does is what the simulation says.
    #[test]
    fn a_script_is_played_on_the_real_program() -> Result<()> {
        let site = site()?;
        let script = "connect 1; send 1 \"hel\"; connect 2; send 1 \"lo\\nrest\"; half-close 1; \
                      stop-reading 2; send 2 300; read 2 26; close 2; connect 3; stop";
        let servers = [
            "select",
            "dispatcher",
            "chat",
            "reactor",
            "reactor-select",
            "step-3",
        ];
        let arguments = [
            "--recv-size=100",
            "--server-send-buffer",
            "4096",
            "--seed",
            "1",
        ];
        for server in servers {
            let body = json!({ "server": server, "args": arguments, "script": script });
            let (status, played) = post(&site, "/lab/play", &body.to_string())?;
            assert_eq!(status, "200", "{server}: {played}");
            let all = [&["--server", server], &arguments[..]].concat();
            let (_, simulated) = run(&site, &all, script)?;
            assert_eq!(
                played["clients"], simulated["servers"][0]["clients"],
                "{server}"
            );
            assert_eq!(
                played["ending"], simulated["servers"][0]["ending"],
                "{server}"
            );
        }
        for (server, script, error) in [
            (
                "select",
                "signal",
                "script:1:1: `signal`: only the simulation can do this",
            ),
            ("nobody", "", "there is no program of the server \"nobody\""),
        ] {
            let body = json!({ "server": server, "script": script });
            let (status, answer) = post(&site, "/lab/play", &body.to_string())?;
            assert_eq!((&*status, answer["error"].as_str()), ("422", Some(error)));
        }
        Ok(())
    }

    #[test]
    fn only_json_of_a_limited_length_is_read() -> Result<()> {
        let site = site()?;
        for (status, content_type, body) in [
            ("415", Some("text/plain"), Body::Bytes(b"{}".to_vec())),
            ("415", None, Body::Bytes(b"{}".to_vec())),
            ("413", Some("application/json"), Body::TooLong),
            ("411", Some("application/json"), Body::None),
        ] {
            let request = Request {
                path: "/lab/run".into(),
                content_type: content_type.map(str::to_owned),
                body,
                ..Request::default()
            };
            let response = site.lab.respond(&request, &site);
            assert!(response.status.starts_with(status), "{}", response.status);
        }
        Ok(())
    }

    #[test]
    fn only_some_runs_are_under_way() -> Result<()> {
        let site = site()?;
        let runs: Vec<_> = (0..MOST_RUNS)
            .map(|_| Slot::take(&site.lab.runs, MOST_RUNS))
            .collect();
        assert_eq!(run(&site, &["--server", "select"], "")?.0, "503");
        drop(runs);
        assert_eq!(run(&site, &["--server", "select"], "")?.0, "200");
        Ok(())
    }
}
