//! Tests of what a page can request.

use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use anyhow::Context;
use serde_json::{Value, json};

use super::*;
use crate::serve::Snapshot;
use crate::serve::request::Body;
use crate::workspace::Workspace;

fn site() -> Result<ServedSite> {
    Ok(ServedSite::new(
        Workspace::here()?,
        Snapshot::default(),
        true,
    ))
}

/// The response for a browser that waits for it.
fn respond(site: &ServedSite, request: &Request) -> Result<Response> {
    let (browser, _other_end) = UnixStream::pair()?;
    Ok(site.lab.respond(request, site, browser.as_fd()))
}

fn request(path: &str, body: &str) -> Request {
    Request {
        method: "POST".into(),
        path: path.into(),
        content_type: Some("application/json; charset=utf-8".into()),
        body: Body::Bytes(body.into()),
        ..Request::default()
    }
}

fn post(site: &ServedSite, path: &str, body: &str) -> Result<(String, Value)> {
    let response = respond(site, &request(path, body))?;
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
    let mut building = respond(&site, &request("/lab/build", "{}"))?;
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
fn a_run_ends_when_its_browser_goes() -> Result<()> {
    let site = site()?;
    for (path, body) in [
        (
            "/lab/run",
            json!({ "args": ["--server=select"], "script": "" }),
        ),
        (
            "/lab/play",
            json!({ "server": "select", "script": "wait 60s" }),
        ),
    ] {
        let (browser, other_end) = UnixStream::pair()?;
        drop(other_end);
        let request = request(path, &body.to_string());
        let response = site.lab.respond(&request, &site, browser.as_fd());
        let body: Value = serde_json::from_slice(&response.body)?;
        assert_eq!(body["error"], "connection aborted", "{path}");
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
        let response = respond(&site, &request)?;
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
    // It waits until one of them ends.
    let ends = thread::spawn(move || {
        thread::sleep(Duration::from_millis(100));
        drop(runs);
    });
    assert_eq!(run(&site, &["--server", "select"], "")?.0, "200");
    assert!(ends.join().is_ok());
    Ok(())
}
