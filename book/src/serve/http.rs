//! Responds to one HTTP request.

use std::io::{self, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use super::program::Pieces;
use super::request::Request;
use super::{ServedSite, Snapshot};

/// The path that returns the version of the book that is served now.
const VERSION: &str = "/__version";

/// A response.
pub struct Response {
    /// For example `200 OK`.
    pub status: &'static str,
    /// The media type of the body.
    pub kind: &'static str,
    /// The body.
    pub body: Vec<u8>,
    /// What follows the body, piece by piece.
    pub rest: Option<Box<dyn Pieces>>,
}

impl Response {
    /// A response with a whole body.
    pub fn new(status: &'static str, kind: &'static str, body: Vec<u8>) -> Self {
        Response {
            status,
            kind,
            body,
            rest: None,
        }
    }
}

/// A connection that ends at a deadline, however slowly its client sends or reads.
struct DeadlineStream<'a> {
    connection: &'a TcpStream,
    deadline: Instant,
}

impl DeadlineStream<'_> {
    fn time_left(&self) -> io::Result<Option<Duration>> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        match left.is_zero() {
            true => Err(ErrorKind::TimedOut.into()),
            false => Ok(Some(left)),
        }
    }
}

impl Read for DeadlineStream<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.connection.set_read_timeout(self.time_left()?)?;
        self.connection.read(into)
    }
}

impl Write for DeadlineStream<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.connection.set_write_timeout(self.time_left()?)?;
        self.connection.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads one request, and sends a file of the site, or its version, or what the lab did. Reading and
/// sending take at most `limit` each.
///
/// # Errors
/// The browser has gone, or the time is over.
pub fn respond(connection: &TcpStream, site: &ServedSite, limit: Duration) -> io::Result<()> {
    let mut connection = DeadlineStream {
        connection,
        deadline: Instant::now() + limit,
    };
    let Some(request) = Request::read(BufReader::new(&mut connection))? else {
        return Ok(());
    };
    let Response {
        status,
        kind,
        body,
        rest,
    } = response_to(&request, site, connection.connection.as_fd());
    connection.deadline = Instant::now() + limit;
    let charset = match kind.starts_with("text/") {
        true => "; charset=utf-8",
        false => "",
    };
    // Without a length, the body ends with the connection.
    let length = match rest {
        None => format!("Content-Length: {}\r\n", body.len()),
        Some(_) => String::new(),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}{charset}\r\n{length}\
         Cache-Control: no-store\r\nConnection: close\r\n\r\n"
    );
    connection.write_all(&[head.as_bytes(), &body].concat())?;
    let Some(mut rest) = rest else {
        return Ok(());
    };
    while let Some(piece) = rest.next(connection.connection.as_fd()) {
        connection.deadline = Instant::now() + limit;
        connection.write_all(piece.as_bytes())?;
    }
    Ok(())
}

fn response_to(request: &Request, site: &ServedSite, browser: BorrowedFd<'_>) -> Response {
    if !request.is_from_here() {
        let error = b"only pages of this book, on this machine, get an answer";
        return Response::new("403 Forbidden", "text/plain", error.to_vec());
    }
    match request.method.as_str() {
        "POST" => site.lab.respond(request, site, browser),
        _ => file(&request.path, &site.snapshot(), site.can_grade),
    }
}

fn file(path: &str, snapshot: &Snapshot, can_grade: bool) -> Response {
    if path == VERSION {
        let version = snapshot.version.to_string();
        return Response::new("200 OK", "text/plain", version.into_bytes());
    }
    let name = file_of(path);
    let Some(content) = snapshot.files.get(&name) else {
        let body = snapshot.files.get("404.html").cloned().unwrap_or_default();
        return Response::new("404 Not Found", "text/html", body);
    };
    let kind = media_type(&name);
    let body = match kind {
        "text/html" => served_page(content, snapshot.version, can_grade),
        _ => content.clone(),
    };
    Response::new("200 OK", kind, body)
}

/// The name of the file for this path. For a folder, it is the folder's index.
fn file_of(path: &str) -> String {
    let name = path.trim_start_matches('/');
    match name.is_empty() || name.ends_with('/') {
        true => format!("{name}index.html"),
        false => name.to_owned(),
    }
}

/// The page with an element that tells its scripts that this program serves it, and whether it can grade; and with a script that
/// requests the version twice a second and reloads the page when it has changed.
fn served_page(page: &[u8], version: u64, can_grade: bool) -> Vec<u8> {
    let can = if can_grade { "grade" } else { "" };
    let added = format!(
        "<meta name=\"four-echoes-served\" content=\"{can}\"><script>setInterval(async () => {{\
         const answer = await fetch('{VERSION}').catch(() => null);\
         if (answer?.ok && await answer.text() !== '{version}') location.reload();\
         }}, 500)</script>"
    );
    let head_ends = page
        .windows(HEAD_ENDS.len())
        .position(|part| part == HEAD_ENDS);
    let (head, rest) = page.split_at(head_ends.unwrap_or(page.len()));
    [head, added.as_bytes(), rest].concat()
}

const HEAD_ENDS: &[u8] = b"</head>";

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

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Shutdown, TcpListener};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::*;
    use crate::workspace::Workspace;

    const LIMIT: Duration = Duration::from_millis(200);
    /// Most systems return `WouldBlock` when a socket's time is up; between two calls it is `TimedOut`.
    const TIME_IS_UP: [ErrorKind; 2] = [ErrorKind::TimedOut, ErrorKind::WouldBlock];

    /// Responds to a client that does something every 10 ms, for half a minute if the response takes so
    /// long. Returns the error that ends it.
    fn error_with(
        mut act: impl FnMut(&mut TcpStream) -> io::Result<()> + Send,
    ) -> io::Result<ErrorKind> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let mut client = TcpStream::connect(listener.local_addr()?)?;
        let (server, _) = listener.accept()?;
        let mut snapshot = Snapshot::default();
        snapshot
            .files
            .insert("big.bin".to_owned(), vec![0; 32 << 20]);
        let workspace = Workspace::here().map_err(io::Error::other)?;
        let site = ServedSite::new(workspace, snapshot, false);
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..3_000 {
                    if is_over.load(Ordering::Relaxed) || act(&mut client).is_err() {
                        return;
                    }
                    thread::sleep(Duration::from_millis(10));
                }
            });
            let error = respond(&server, &site, LIMIT).expect_err("it isn't the client that ends");
            is_over.store(true, Ordering::Relaxed);
            let _ = server.shutdown(Shutdown::Both); // The client can be in a read.
            Ok(error.kind())
        })
    }

    #[test]
    fn a_request_that_arrives_slowly_times_out() -> io::Result<()> {
        let error = error_with(|client| client.write_all(b"x"))?;
        assert!(TIME_IS_UP.contains(&error), "{error:?}");
        Ok(())
    }

    #[test]
    fn a_client_that_reads_slowly_times_out() -> io::Result<()> {
        let mut is_asked = false;
        let error = error_with(|client| {
            if !is_asked {
                is_asked = true;
                client.write_all(b"GET /big.bin HTTP/1.1\r\n\r\n")?;
            }
            client.read_exact(&mut [0; 1000])
        })?;
        assert!(TIME_IS_UP.contains(&error), "{error:?}");
        Ok(())
    }
}
