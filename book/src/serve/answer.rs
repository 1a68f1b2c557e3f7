//! One request to the book.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::Shown;

/// Where a page asks which version of the book is shown.
const VERSION: &str = "/__version";

/// A browser opens connections ahead of need. One that asks nothing for so long is closed.
const PATIENCE: Duration = Duration::from_secs(30);

/// The longest head of a request that is read, in bytes.
const HEAD: u64 = 64 * 1024;

struct Response {
    status: &'static str,
    kind: &'static str,
    body: Vec<u8>,
}

/// Answers one request with a file of the site, or with its version, and closes the connection.
///
/// # Errors
/// The browser has gone away, or says nothing.
pub fn answer(mut connection: TcpStream, shown: &Shown) -> io::Result<()> {
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.set_write_timeout(Some(PATIENCE))?;
    let Some(url) = asked(BufReader::new(&connection).take(HEAD))? else {
        return Ok(());
    };
    let Response { status, kind, body } = respond(&url, shown);
    let charset = match kind.starts_with("text/") {
        true => "; charset=utf-8",
        false => "",
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}{charset}\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nConnection: close\r\n\r\n",
        body.len()
    );
    connection.write_all(&[head.as_bytes(), &body].concat())
}

/// What the request asks for. Its head is read to the end: to close with something unread would
/// reset the connection.
fn asked(head: impl BufRead) -> io::Result<Option<String>> {
    let mut lines = head.lines();
    let Some(first) = lines.next().transpose()? else {
        return Ok(None);
    };
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    Ok(first.split(' ').nth(1).map(str::to_owned))
}

fn respond(url: &str, shown: &Shown) -> Response {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    if path == VERSION {
        return Response {
            status: "200 OK",
            kind: "text/plain",
            body: shown.version.to_string().into_bytes(),
        };
    }
    let name = file_of(path);
    let Some(content) = shown.files.get(&name) else {
        return Response {
            status: "404 Not Found",
            kind: "text/html",
            body: shown.files.get("404.html").cloned().unwrap_or_default(),
        };
    };
    let kind = media_type(&name);
    let body = match kind {
        "text/html" => with_reload(content.clone(), shown.version),
        _ => content.clone(),
    };
    Response {
        status: "200 OK",
        kind,
        body,
    }
}

/// The name of the file that the path stands for. For a folder that is its index.
fn file_of(path: &str) -> String {
    let name = path.trim_start_matches('/');
    match name.is_empty() || name.ends_with('/') {
        true => format!("{name}index.html"),
        false => name.to_owned(),
    }
}

/// Adds what makes the page ask for the version now and then, and reload when it has changed.
fn with_reload(mut page: Vec<u8>, version: u64) -> Vec<u8> {
    let script = format!(
        "<script>setInterval(async () => {{\
         const answer = await fetch('{VERSION}').catch(() => null);\
         if (answer?.ok && await answer.text() !== '{version}') location.reload();\
         }}, 500)</script>"
    );
    page.extend_from_slice(script.as_bytes());
    page
}

fn media_type(file: &str) -> &'static str {
    match file.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html",
        Some("css") => "text/css",
        Some("js") => "text/javascript",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        Some("txt") => "text/plain",
        _ => "application/octet-stream",
    }
}
