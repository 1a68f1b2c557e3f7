//! A small HTTP server that sends each request back, as it has understood it.
//!
//! Shows a terminator that changes: a head ends with an empty line, and its Content-Length is the
//! length of the body. Several requests in one read need no special code, since a new terminator
//! applies from the next byte on. (This implements just enough of HTTP/1.1, RFC 9112, for the
//! example, and refuses the rest.)
//!
//! ```sh
//! cargo run -p chat-echo --example chat_http -- 7000
//! printf 'POST /hello HTTP/1.1\r\nContent-Length: 5\r\n\r\nworld' | nc 127.0.0.1 7000
//! curl --data-binary world http://127.0.0.1:7000/hello
//! ```

use std::borrow::Cow;
use std::io;
use std::mem;

use chat_echo::{AsyncChat, Chat, ChatChannel, Terminator};
use common::StopSignal;
use common::sys::Listener;

mod shared;

/// The longest head, in bytes.
const LONGEST_HEAD: usize = 8 * 1024;

/// The longest body, in bytes.
const LONGEST_BODY: usize = 64 * 1024;

/// The end of a head.
const EMPTY_LINE: Terminator = Terminator::Bytes(Cow::Borrowed(b"\r\n\r\n"));

fn main() -> io::Result<()> {
    shared::run(serve)
}

/// Serves the clients of this listener until the stop signal is raised.
pub fn serve(listener: Listener, stop: StopSignal) -> io::Result<()> {
    shared::serve_each(listener, stop, |settings| {
        Chat::new(RequestHandler::default(), EMPTY_LINE, settings)
    })
}

/// The object that handles one client's requests.
#[derive(Default)]
struct RequestHandler {
    /// The part of the head or body that has arrived so far.
    collected: Vec<u8>,
    /// The first line of the head whose body is being collected.
    request_line: Option<String>,
}

impl AsyncChat for RequestHandler {
    fn collect_incoming_data(&mut self, chat: &mut ChatChannel, data: &[u8]) -> io::Result<()> {
        // `parse` has checked a body's length, but a head has none.
        if self.request_line.is_none() && self.collected.len() + data.len() > LONGEST_HEAD {
            refuse(chat, "431 Request Header Fields Too Large");
            return Ok(());
        }
        self.collected.extend_from_slice(data);
        Ok(())
    }

    fn found_terminator(&mut self, chat: &mut ChatChannel) -> io::Result<()> {
        let collected = mem::take(&mut self.collected);
        if let Some(request_line) = self.request_line.take() {
            chat.set_terminator(EMPTY_LINE);
            answer(chat, &request_line, &collected);
            return Ok(());
        }
        match parse(&collected) {
            Ok((request_line, 0)) => answer(chat, &request_line, b""), // A count of zero would mean never.
            Ok((request_line, length)) => {
                self.request_line = Some(request_line);
                chat.set_terminator(Terminator::Count(length));
            }
            Err(status) => refuse(chat, status),
        }
        Ok(())
    }
}

/// Returns the first line of a head and the length of the body that follows, or the status to send
/// if the head is wrong.
fn parse(head: &[u8]) -> Result<(String, usize), &'static str> {
    const BAD: &str = "400 Bad Request";
    let head = str::from_utf8(head).map_err(|_| BAD)?;
    let mut lines = head.split("\r\n");
    let request_line = lines.next().unwrap_or_default();
    if !request_line.ends_with(" HTTP/1.1") {
        return Err("505 HTTP Version Not Supported");
    }
    let mut length = None;
    for line in lines {
        let (name, value) = line.split_once(':').ok_or(BAD)?;
        if name.eq_ignore_ascii_case("transfer-encoding") {
            return Err("501 Not Implemented");
        }
        if name.eq_ignore_ascii_case("content-length") {
            let value = value.trim_matches([' ', '\t']);
            if !value.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(BAD);
            }
            let value: usize = value.parse().map_err(|_| BAD)?;
            // With two lengths, it's unclear where the next request begins.
            if length.replace(value).is_some() {
                return Err(BAD);
            }
        }
    }
    let length = length.unwrap_or(0);
    if length > LONGEST_BODY {
        return Err("413 Content Too Large");
    }
    Ok((request_line.to_owned(), length))
}

fn answer(chat: &mut ChatChannel, request_line: &str, body: &[u8]) {
    let text = format!(
        "You asked: {request_line}\nand sent {} bytes:\n",
        body.len()
    );
    let length = text.len() + body.len();
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n");
    chat.push(head.as_bytes());
    chat.push(text.as_bytes());
    chat.push(body);
}

/// Sends the status and closes, since it's unclear where the next request would begin.
fn refuse(chat: &mut ChatChannel, status: &str) {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    chat.push(head.as_bytes());
    chat.close_when_done();
}
