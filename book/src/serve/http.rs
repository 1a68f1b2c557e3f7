//! One request to the book.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::Shown;

/// Where a page asks which version of the book is shown.
const VERSION: &str = "/__version";

/// The longest head of a request that is read, in bytes.
const HEAD: u64 = 64 * 1024;

struct Response {
    status: &'static str,
    kind: &'static str,
    body: Vec<u8>,
}

/// A connection that ends at a deadline, however slowly its client sends or reads.
struct Timed<'a> {
    connection: &'a TcpStream,
    deadline: Instant,
}

impl Timed<'_> {
    fn left(&self) -> io::Result<Option<Duration>> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        match left.is_zero() {
            true => Err(ErrorKind::TimedOut.into()),
            false => Ok(Some(left)),
        }
    }
}

impl Read for Timed<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.connection.set_read_timeout(self.left()?)?;
        self.connection.read(into)
    }
}

impl Write for Timed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.connection.set_write_timeout(self.left()?)?;
        self.connection.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Answers one request with a file of the site, or with its version. All of that may take as long as
/// `limit`.
///
/// # Errors
/// The browser has gone away, or the time is over.
pub fn answer(connection: &TcpStream, shown: &Shown, limit: Duration) -> io::Result<()> {
    let deadline = Instant::now() + limit;
    let mut connection = Timed {
        connection,
        deadline,
    };
    let Some(url) = asked(BufReader::new(Read::by_ref(&mut connection).take(HEAD)))? else {
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

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};
    use std::thread;

    use super::*;

    const LIMIT: Duration = Duration::from_millis(200);

    /// Answers a client that does something every 10 ms, for 3 s if it is not stopped. Returns how
    /// long that took.
    fn time_with(
        mut act: impl FnMut(&mut TcpStream) -> io::Result<()> + Send,
    ) -> io::Result<Duration> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let mut client = TcpStream::connect(listener.local_addr()?)?;
        let (server, _) = listener.accept()?;
        let mut shown = Shown::default();
        shown.files.insert("big.bin".to_owned(), vec![0; 32 << 20]);
        thread::scope(|scope| {
            scope.spawn(move || {
                for _ in 0..300 {
                    if act(&mut client).is_err() {
                        return;
                    }
                    thread::sleep(Duration::from_millis(10));
                }
            });
            let began = Instant::now();
            assert!(answer(&server, &shown, LIMIT).is_err());
            let took = began.elapsed();
            drop(server);
            Ok(took)
        })
    }

    #[test]
    fn a_client_that_sends_slowly_is_given_up() -> io::Result<()> {
        let took = time_with(|client| client.write_all(b"x"))?;
        assert!(took < 10 * LIMIT, "{took:?}");
        Ok(())
    }

    #[test]
    fn a_client_that_reads_slowly_is_given_up() -> io::Result<()> {
        let mut is_asked = false;
        let took = time_with(|client| {
            if !is_asked {
                is_asked = true;
                client.write_all(b"GET /big.bin HTTP/1.1\r\n\r\n")?;
            }
            client.read_exact(&mut [0; 1000])
        })?;
        assert!(took < 10 * LIMIT, "{took:?}");
        Ok(())
    }
}
