//! `echo-client play`.

use std::io;

use serde_json::{Value, json};

use crate::servers::{echo, keep_silent, serve};
use crate::{echo_client, json, text};

fn play(address: &str, script: &str) -> io::Result<Value> {
    let output = echo_client(&["play", "--json", script, address], b"")?;
    assert!(output.status.success(), "{output:?}");
    json(&output)
}

#[test]
fn a_script_is_played_on_a_server_that_runs() -> io::Result<()> {
    let address = serve(echo)?.to_string();
    let report = play(
        &address,
        "connect 1; send 1 \"hi\\n\"; wait 20ms; half-close 1",
    )?;
    let client = json!({"client": 1, "sent": 3, "received": "hi\\n", "ended": "end_of_stream"});
    assert_eq!(report, json!({"clients": [client], "ending": null}));

    let silent = serve(keep_silent)?.to_string();
    let report = play(
        &silent,
        "connect 1; send 1 30; together { send 1 \"x\"; reset 1 }",
    )?;
    assert_eq!(report["clients"][0]["sent"], 30);
    assert_eq!(report["clients"][0]["ended"], Value::Null);
    Ok(())
}

#[test]
fn a_client_reads_as_much_as_the_script_says() -> io::Result<()> {
    let address = serve(echo)?.to_string();
    let report = play(&address, "connect 1; stop-reading 1; send 1 100; read 1 10")?;
    assert_eq!(report["clients"][0]["received"], "abcdefghij");
    let report = play(
        &address,
        "connect 1; stop-reading 1; send 1 100; resume-reading 1",
    )?;
    assert_eq!(
        report["clients"][0]["received"].as_str().map(str::len),
        Some(100)
    );
    Ok(())
}

#[test]
fn the_text_says_what_each_client_got() -> io::Result<()> {
    let address = serve(echo)?.to_string();
    let input = b"connect 1 # a comment\nsend 1 \"hi\\n\"\nhalf-close 1\n";
    let output = echo_client(&["play", "-", &address], input)?;
    assert_eq!(
        text(&output.stdout),
        "client 1 sent 3 bytes and received 3: \"hi\\n\", then the end of the stream\n",
        "{output:?}"
    );
    Ok(())
}

#[test]
fn steps_that_only_the_simulation_can_do_are_refused() -> io::Result<()> {
    let simulated = "only the simulation can do this";
    for (script, error) in [
        (
            "connect 1; descriptors 8",
            format!("script:1:12: `descriptors 8`: {simulated}"),
        ),
        (
            "together {\n connect 1; signal }",
            format!("script:2:13: `signal`: {simulated}"),
        ),
        (
            "connect 1 9000",
            format!("script:1:1: `connect 1 9000`: {simulated}"),
        ),
        (
            "listen 1 9000",
            format!("script:1:1: `listen 1 9000`: {simulated}"),
        ),
        (
            "ignore-port 9000",
            format!("script:1:1: `ignore-port 9000`: {simulated}"),
        ),
        (
            "stop",
            "only a server that is started here can be stopped".into(),
        ),
        (
            "# one\nconnect 1; sned 1",
            "script:2:12: found `sned`, expected one of connect, send".into(),
        ),
    ] {
        let output = echo_client(&["play", script, "127.0.0.1:1"], b"")?;
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(text(&output.stderr).contains(&error), "{output:?}");
    }
    Ok(())
}

#[test]
fn a_server_that_is_not_there_is_told() -> io::Result<()> {
    let server = common::client::RefusingAddress::take()?;
    let report = play(&server.address().to_string(), "connect 1; send 1 \"x\"")?;
    assert_eq!(report["clients"][0]["ended"], "not_connected");
    let output = echo_client(&["play", "connect 1", "--", "/nothing/here"], b"")?;
    assert!(
        text(&output.stderr).contains("/nothing/here: "),
        "{output:?}"
    );
    Ok(())
}
