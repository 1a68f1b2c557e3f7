//! `echo-client talk`.

use std::io;
use std::net::TcpListener;
use std::thread;

use crate::servers::{close_early, corrupt, echo, echo_lines, keep_silent, serve, stutter};
use crate::{echo_client, text};
use common::client::RefusingAddress;

#[test]
fn talk_shows_both_directions() -> io::Result<()> {
    let address = serve(echo)?;
    let port = address.port();
    let output = echo_client(
        &["talk", &format!("localhost:{port}")],
        "grüße\nhi\n".as_bytes(),
    )?;
    assert!(output.status.success(), "{output:?}");
    let shown = text(&output.stdout);
    let mut lines: Vec<_> = shown.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["← grüße", "← hi", "→ grüße", "→ hi"]);
    assert!(
        text(&output.stderr).contains("2 lines (11 bytes) came back as sent"),
        "{output:?}"
    );
    Ok(())
}

#[test]
fn talk_knows_ipv6() -> io::Result<()> {
    let Ok(listener) = TcpListener::bind("[::1]:0") else {
        common::output::print_to_stderr(format_args!("skipped: this machine has no IPv6"));
        return Ok(());
    };
    let address = listener.local_addr()?.to_string();
    thread::spawn(move || echo(listener.accept()?.0));
    let output = echo_client(&["talk", &address], b"hello\n")?;
    assert!(output.status.success(), "{output:?}");
    Ok(())
}

#[test]
fn talk_tells_what_becomes_of_an_unterminated_line() -> io::Result<()> {
    let input = b"one\ntwo";
    let output = echo_client(&["talk", &serve(echo)?.to_string(), "-"], input)?;
    assert!(output.status.success(), "{output:?}");
    assert!(
        text(&output.stdout).contains("← two (no newline)"),
        "{output:?}"
    );
    assert!(
        text(&output.stderr).contains("a stream server"),
        "{output:?}"
    );

    let output = echo_client(&["talk", &serve(echo_lines)?.to_string(), "-"], input)?;
    assert!(output.status.success(), "{output:?}");
    assert!(!text(&output.stdout).contains("← two"), "{output:?}");
    assert!(
        text(&output.stderr).contains("the last 3 bytes have no newline"),
        "{output:?}"
    );
    Ok(())
}

#[test]
fn talk_sends_a_large_input_without_deadlock() -> io::Result<()> {
    let line = [vec![b'x'; 9_999], vec![b'\n']].concat();
    let output = echo_client(
        &["talk", &serve(echo)?.to_string(), "--quiet"],
        &line.repeat(2_000),
    )?;
    assert!(
        output.status.success() && output.stdout.is_empty(),
        "{output:?}"
    );
    assert!(
        text(&output.stderr).contains("2000 lines (20000000 bytes)"),
        "{output:?}"
    );
    Ok(())
}

#[test]
fn talk_fails_with_one_clear_line() -> io::Result<()> {
    let nobody = RefusingAddress::take()?;
    let input = [&[b'a'; 1_500][..], b"\n"].concat();
    for (address, expected) in [
        (
            serve(corrupt)?,
            "byte 1000 came back as 0x41, but 0x61 was sent",
        ),
        (serve(stutter)?, "1501 bytes came back that were not sent"),
        (serve(close_early)?, "with 1001 bytes unanswered"),
        (serve(keep_silent)?, "with 1501 bytes unanswered"),
        (nobody.address(), "Connection refused"),
    ] {
        let options = ["talk", &address.to_string(), "--time-limit", "5"];
        let output = echo_client(&options, &input)?;
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(
            error.contains(expected) && error.lines().count() == 1,
            "{error}"
        );
    }
    Ok(())
}

#[test]
fn talk_waits_no_longer_than_its_time_limit() -> io::Result<()> {
    // The server doesn't accept, but the kernel completes the connection.
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    let output = echo_client(&["talk", &address, "--time-limit", "0.2"], b"hello\n")?;
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("no answer within 0.2 s: 6 bytes"),
        "{output:?}"
    );
    Ok(())
}
