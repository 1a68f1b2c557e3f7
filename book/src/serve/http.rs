//! Handles one HTTP request.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::Snapshot;

/// The path that returns the version of the book that is served now.
const VERSION: &str = "/__version";

/// The maximum length of a request's head, in bytes.
const MAX_HEAD: u64 = 64 * 1024;

struct Response {
    status: &'static str,
    kind: &'static str,
    body: Vec<u8>,
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

/// Reads one request, and sends a file of the site, or its version. Reading and sending together take at
/// most `limit`.
///
/// # Errors
/// The browser has gone, or the time is over.
pub fn respond(connection: &TcpStream, snapshot: &Snapshot, limit: Duration) -> io::Result<()> {
    let deadline = Instant::now() + limit;
    let mut connection = DeadlineStream {
        connection,
        deadline,
    };
    let Some(url) = request_target(BufReader::new(Read::by_ref(&mut connection).take(MAX_HEAD)))?
    else {
        return Ok(());
    };
    let Response { status, kind, body } = response_to(&url, snapshot);
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

/// The path that the client requests. Reads the head to its end, since closing with unread input would reset
/// the connection.
fn request_target(head: impl BufRead) -> io::Result<Option<String>> {
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

fn response_to(url: &str, snapshot: &Snapshot) -> Response {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    if path == VERSION {
        return Response {
            status: "200 OK",
            kind: "text/plain",
            body: snapshot.version.to_string().into_bytes(),
        };
    }
    let name = file_of(path);
    let Some(content) = snapshot.files.get(&name) else {
        return Response {
            status: "404 Not Found",
            kind: "text/html",
            body: snapshot.files.get("404.html").cloned().unwrap_or_default(),
        };
    };
    let kind = media_type(&name);
    let body = match kind {
        "text/html" => with_reload(content.clone(), snapshot.version),
        _ => content.clone(),
    };
    Response {
        status: "200 OK",
        kind,
        body,
    }
}

/// The name of the file for this path. For a folder, it is the folder's index.
fn file_of(path: &str) -> String {
    let name = path.trim_start_matches('/');
    match name.is_empty() || name.ends_with('/') {
        true => format!("{name}index.html"),
        false => name.to_owned(),
    }
}

/// Adds a script that requests the version twice a second, and reloads the page when it has changed.
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

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Shutdown, TcpListener};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::*;

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
            let error =
                respond(&server, &snapshot, LIMIT).expect_err("it isn't the client that ends");
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
