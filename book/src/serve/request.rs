//! Reads one HTTP request.

use std::io::{self, BufRead, Read};

/// The maximum length of a request's head, in bytes.
const MAX_HEAD: u64 = 64 * 1024;

/// The maximum length of its body, in bytes.
pub const MAX_BODY: u64 = 128 * 1024;

/// Most bytes of a body that is too long that are read and discarded: closing with unread input would
/// reset the connection, and the client might not get the response.
const MAX_DISCARDED: u64 = 64 * 1024 * 1024;

/// A request. Headers that nothing here uses are left out.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    /// The path, without a query.
    pub path: String,
    pub host: Option<String>,
    pub origin: Option<String>,
    pub content_type: Option<String>,
    pub body: Body,
}

/// What comes after the head.
#[derive(Debug, Default, PartialEq, Eq)]
pub enum Body {
    #[default]
    None,
    /// All of it.
    Bytes(Vec<u8>),
    /// More than [`MAX_BODY`], discarded.
    TooLong,
}

impl Request {
    /// Reads a request to its end. Returns `None` if there is none.
    ///
    /// # Errors
    /// The connection ends early or fails, or the head isn't text.
    pub fn read(mut from: impl BufRead) -> io::Result<Option<Self>> {
        let mut head = from.by_ref().take(MAX_HEAD).lines();
        let Some(first) = head.next().transpose()? else {
            return Ok(None);
        };
        let mut words = first.split(' ');
        let mut request = Request {
            method: words.next().unwrap_or_default().to_owned(),
            ..Request::default()
        };
        let url = words.next().unwrap_or_default();
        request.path = url.split(['?', '#']).next().unwrap_or_default().to_owned();
        let mut length = None;
        for line in head {
            let line = line?;
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            let value = Some(value.trim().to_owned());
            match name.to_ascii_lowercase().as_str() {
                "host" => request.host = value,
                "origin" => request.origin = value,
                "content-type" => request.content_type = value,
                "content-length" => length = value.and_then(|value| value.parse().ok()),
                _ => {}
            }
        }
        if let Some(length) = length {
            request.body = read_body(from, length)?;
        }
        Ok(Some(request))
    }

    /// Whether it comes from this machine, and from no page of another site: a name of another host can
    /// lead to this machine, and a browser sends requests for any page.
    pub fn is_from_here(&self) -> bool {
        let Some(host) = &self.host else {
            return self.origin.is_none();
        };
        let name = host.rsplit_once(':').map_or(host.as_str(), |(name, port)| {
            match port.parse::<u16>() {
                Ok(_) => name,
                Err(_) => host, // `[::1]` without a port.
            }
        });
        let is_local = ["localhost", "127.0.0.1", "[::1]"].contains(&name);
        let own = || format!("http://{host}");
        is_local && self.origin.as_ref().is_none_or(|origin| *origin == own())
    }
}

fn read_body(mut from: impl Read, length: u64) -> io::Result<Body> {
    if length > MAX_BODY {
        io::copy(&mut from.take(length.min(MAX_DISCARDED)), &mut io::sink())?;
        return Ok(Body::TooLong);
    }
    let mut body = vec![0; usize::try_from(length).unwrap_or_default()];
    from.read_exact(&mut body)?;
    Ok(Body::Bytes(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &str) -> Request {
        Request::read(text.as_bytes()).unwrap().unwrap()
    }

    #[test]
    fn a_request_has_a_head_and_a_body() {
        let text = "POST /lab/run?x HTTP/1.1\r\nhost: localhost:3000\r\nContent-Type: application/json\r\n\
                    Content-Length: 2\r\n\r\n{}";
        let read = request(text);
        assert_eq!((&*read.method, &*read.path), ("POST", "/lab/run"));
        assert_eq!(read.content_type.as_deref(), Some("application/json"));
        assert_eq!(read.body, Body::Bytes(b"{}".to_vec()));
        assert_eq!(request("GET / HTTP/1.1\r\n\r\n").body, Body::None);
        let long = format!(
            "POST / HTTP/1.1\r\nContent-Length: 131073\r\n\r\n{}",
            "x".repeat(131_073)
        );
        assert_eq!(request(&long).body, Body::TooLong);
        assert!(
            Request::read("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\n{}".as_bytes()).is_err()
        );
        assert_eq!(Request::read("".as_bytes()).unwrap(), None);
    }

    #[test]
    fn only_this_machine_and_this_book_may_request() {
        let may = |head: &str| request(&format!("GET / HTTP/1.1\r\n{head}\r\n")).is_from_here();
        for head in [
            "",
            "Host: localhost\r\n",
            "Host: 127.0.0.1:3000\r\n",
            "Host: [::1]\r\n",
            "Host: [::1]:3000\r\n",
            "Host: localhost:3000\r\nOrigin: http://localhost:3000\r\n",
        ] {
            assert!(may(head), "{head}");
        }
        for head in [
            "Host: example.org\r\n",
            "Host: example.org:3000\r\n",
            "Host: localhost.example.org\r\n",
            "Host: localhost:3000\r\nOrigin: http://localhost:4000\r\n",
            "Host: localhost:3000\r\nOrigin: https://example.org\r\n",
            "Host: localhost:3000\r\nOrigin: null\r\n",
            "Origin: http://localhost\r\n",
        ] {
            assert!(!may(head), "{head}");
        }
    }
}
