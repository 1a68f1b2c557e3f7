//! JSON in the bodies of requests and responses.

use std::io::{self, ErrorKind};

use serde::de::DeserializeOwned;
use serde_json::json;

use super::http::Response;
use super::program::Pieces;
use super::request::{Body, Request};
use crate::limited::Finished;

/// The status of a request that is understood, and can't be carried out.
pub const UNPROCESSABLE: &str = "422 Unprocessable Content";

/// A response of lines of JSON, which come one by one.
pub fn in_lines(lines: impl Pieces + 'static) -> Response {
    Response {
        rest: Some(Box::new(lines)),
        ..Response::new("200 OK", "application/x-ndjson", Vec::new())
    }
}

/// A response with what a program has printed, if that is JSON.
///
/// # Errors
/// The program has failed, took too long, or printed something else: a response that says so.
pub fn printed(finished: io::Result<Finished>) -> Result<Response, Response> {
    let finished = finished.map_err(|error| match error.kind() {
        ErrorKind::TimedOut => refused("504 Gateway Timeout", "the run takes longer than 10 s"),
        _ => refused(UNPROCESSABLE, error.to_string()),
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

/// The body, which has to be JSON: a page of another site can't send that without asking first.
///
/// # Errors
/// It isn't, or is too long: a response that says so.
pub fn body_of<T: DeserializeOwned>(request: &Request) -> Result<T, Response> {
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

/// A response that says why there is no other: `{"error": WHY}`.
pub fn refused(status: &'static str, error: impl Into<String>) -> Response {
    let body = json!({ "error": error.into() });
    Response::new(status, "application/json", body.to_string().into_bytes())
}
