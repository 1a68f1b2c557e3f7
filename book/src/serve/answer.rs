//! One request to the book.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

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

/// Answers one request with a file of this folder, or with the version, and closes the connection.
///
/// # Errors
/// The browser has gone away, or says nothing.
pub fn answer(mut connection: TcpStream, folder: &Path, version: u64) -> io::Result<()> {
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.set_write_timeout(Some(PATIENCE))?;
    let Some(url) = asked(BufReader::new(&connection).take(HEAD))? else {
        return Ok(());
    };
    let Response { status, kind, body } = respond(&url, folder, version);
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

fn respond(url: &str, folder: &Path, version: u64) -> Response {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    if path == VERSION {
        return Response {
            status: "200 OK",
            kind: "text/plain",
            body: version.to_string().into_bytes(),
        };
    }
    let file = file_of(folder, path);
    let Some(content) = file.as_ref().and_then(|file| fs::read(file).ok()) else {
        return Response {
            status: "404 Not Found",
            kind: "text/html",
            body: fs::read(folder.join("404.html")).unwrap_or_default(),
        };
    };
    let kind = file.as_deref().map_or("", media_type);
    let body = match kind {
        "text/html" => with_reload(content, version),
        _ => content,
    };
    Response {
        status: "200 OK",
        kind,
        body,
    }
}

/// The file that the path names, if it is one within the folder.
fn file_of(folder: &Path, path: &str) -> Option<PathBuf> {
    let mut file = folder.to_owned();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        if part.starts_with('.') || part.contains(['\\', '%']) {
            return None;
        }
        file.push(part);
    }
    if file.is_dir() {
        file.push("index.html");
    }
    Some(file)
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

fn media_type(file: &Path) -> &'static str {
    match file.extension().and_then(|extension| extension.to_str()) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_the_folder_are_served() {
        let folder = Path::new("/site");
        let file = |path| file_of(folder, path).map(|file| file.display().to_string());
        assert_eq!(file("/a/b.html").as_deref(), Some("/site/a/b.html"));
        for path in ["/../etc/passwd", "/%2e%2e/x", "/a/..\\x", "/.git/config"] {
            assert_eq!(file(path), None, "{path}");
        }
    }
}
