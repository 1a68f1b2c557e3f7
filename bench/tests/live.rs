//! The live comparison, as it runs without a terminal.

use std::io;
use std::process::{Command, Output};

use common::comparison::SCHEMA;
use serde_json::Value;

/// Two servers under a small load, for two rounds.
fn compare(arguments: &[&str]) -> io::Result<Output> {
    let output = Command::new(env!("CARGO_BIN_EXE_bench"))
        .args(["select", "bare-tokio", "--rounds", "2", "-c", "5"])
        .args(["--profile", "dev"])
        .args(arguments)
        .env("COLUMNS", "80")
        .output()?;
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    assert!(error.contains("round 2 of 2\n"), "{error}");
    Ok(output)
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

fn assert_is_estimate(estimate: &Value) {
    let ends = [&estimate["low"], &estimate["median"], &estimate["high"]].map(number);
    assert!(ends[0] > 0.0 && ends.is_sorted(), "{estimate}");
    assert_eq!(estimate["samples"], 2, "{estimate}");
}

#[test]
fn json_tells_everything() -> io::Result<()> {
    let output = compare(&["--json", "--size", "100"])?;
    let comparison: Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!(comparison["schema"], SCHEMA);
    assert!(comparison["machine"]["kernel"].is_string());
    let table = &comparison["groups"][0]["benchmarks"][0];
    let counts = ["connections", "depth", "rounds", "bytes"].map(|field| &table[field]);
    assert_eq!(counts, [5, 1, 2, 100]);
    assert_is_estimate(&table["noise_floor"]["ratio"]);
    let servers = table["rows"].as_array().map(Vec::as_slice);
    let [select, tokio] = servers.unwrap_or_default() else {
        panic!("two servers: {table}")
    };
    for server in [select, tokio] {
        let times = ["seconds", "p50", "p99", "server_cpu", "client_cpu"];
        for field in times.iter().chain(&["to_fastest", "answers_waiting"]) {
            assert_is_estimate(&server[field]);
        }
        assert_eq!(server["samples"].as_array().map(Vec::len), Some(2));
        assert!(number(&server["p50"]["median"]) <= number(&server["p99"]["median"]));
        assert!(number(&server["client_was_the_bottleneck"]) <= 1.0);
        assert!(server["verdict"].is_string());
    }
    assert_eq!(
        (&select["candidate"], &select["family"]),
        (&"select".into(), &"ours".into())
    );
    // A read, a write, and a share of a wait.
    let calls = number(&select["system_calls_per_echo"]);
    assert!((2.0..3.6).contains(&calls), "{calls}");
    assert!(tokio["system_calls_per_echo"].is_null());
    Ok(())
}

#[test]
fn the_plain_table_is_plain() -> io::Result<()> {
    let output = compare(&[])?;
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(!text.contains('\x1b'), "{text}");
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
    assert!(text.contains("● select"), "{text}");
    let noise = "Noise floor: select against itself ";
    assert!(text.lines().any(|line| line.starts_with(noise)), "{text}");
    Ok(())
}
