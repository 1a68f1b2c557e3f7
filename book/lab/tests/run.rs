//! `lab run`: its result says the same as the traces, and what a script may cost is bounded.

use std::collections::BTreeMap;
use std::io;

use clap::Parser;
use common::sys::sim::{Script, TraceEvent};
use lab::case::SimulationArgs;
use lab::run::{MOST_RECORDS, RunArgs, run};
use serde_json::{Map, Value, json};

#[derive(Parser)]
struct RunLine {
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Parser)]
struct TraceLine {
    #[command(flatten)]
    trace: SimulationArgs,
}

const SERVERS: [&str; 6] = [
    "select",
    "dispatcher",
    "chat",
    "reactor",
    "reactor-select",
    "step-3",
];

const SMALL: &str =
    "--recv-size 16 --high-water 32 --server-send-buffer 20 --client-receive-buffer 16";

fn run_line(servers: &[&str], options: &str, script: &str) -> io::Result<Value> {
    let servers = servers.iter().flat_map(|server| ["--server", server]);
    let words = ["lab"]
        .into_iter()
        .chain(servers)
        .chain(options.split_whitespace());
    let line = RunLine::try_parse_from(words).map_err(io::Error::other)?;
    Ok(serde_json::to_value(run(&line.run, script)?)?)
}

fn error_of(script: &str) -> String {
    match run_line(&["select"], "", script) {
        Ok(_) => "no error".into(),
        Err(error) => error.to_string(),
    }
}

/// Applies what a record changes.
fn apply(states: &mut BTreeMap<String, Map<String, Value>>, changes: &Value) {
    for (name, fields) in changes.as_object().into_iter().flatten() {
        match fields {
            Value::Null => drop(states.remove(name)),
            fields => {
                let fields = fields.as_object().cloned().unwrap_or_default();
                states.entry(name.clone()).or_default().extend(fields);
            }
        }
    }
}

fn named(connections: &Value) -> BTreeMap<String, Map<String, Value>> {
    let connections = connections.as_array().into_iter().flatten();
    let named = connections.filter_map(|connection| {
        let mut fields = connection.as_object()?.clone();
        let name = fields.remove("name")?;
        Some((name.as_str()?.to_owned(), fields))
    });
    named.collect()
}

#[test]
fn the_changes_add_up_to_the_trace() -> io::Result<()> {
    let script = "connect 1; send 1 \"hel\"; connect 2; stop-reading 2; send 2 300; send 1 \"lo\\n\"; \
                  reset 1; wait 1s; resume-reading 2; half-close 2; stop";
    for options in [
        SMALL.to_owned(),
        format!("{SMALL} --schedule random --seed 5 --faults 3"),
    ] {
        let result = run_line(&SERVERS, &options, script)?;
        for (index, server) in SERVERS.into_iter().enumerate() {
            let words = ["lab", "--style", server]
                .into_iter()
                .chain(options.split_whitespace());
            let line = TraceLine::try_parse_from(words).map_err(io::Error::other)?;
            let trace = line
                .trace
                .case(script.parse::<Script>().map_err(io::Error::other)?)
                .run();
            let run = &result["servers"][index];
            let (mut states, mut listening) = (BTreeMap::new(), false);
            let records = run["records"].as_array().cloned().unwrap_or_default();
            assert_eq!(records.len(), trace.records.len(), "{server}");
            for (compact, record) in records.iter().zip(&trace.records) {
                assert_eq!(compact["t"], record.microseconds);
                match &record.event {
                    TraceEvent::Step(step) => {
                        let index = compact["step"].as_u64().unwrap_or(99) as usize;
                        assert_eq!(result["script"][index], step.as_str());
                    }
                    TraceEvent::Call(call) => {
                        assert_eq!(compact["call"], call.call);
                        let place = compact["place"].as_u64().unwrap_or(99) as usize;
                        let place = result["places"][place].as_str().unwrap_or_default();
                        let full = format!("{}:{}", call.file, call.line);
                        assert!(full.ends_with(&format!("/{place}")), "{place} of {full}");
                    }
                }
                apply(&mut states, &compact["state"]);
                listening = compact["listening"].as_bool().unwrap_or(listening);
                let record = serde_json::to_value(record)?;
                assert_eq!(states, named(&record["connections"]), "{server} {compact}");
                assert_eq!(json!(listening), record["listening"], "{server} {compact}");
            }
            apply(&mut states, &run["last"]);
            let trace = serde_json::to_value(&trace)?;
            assert_eq!(states, named(&trace["connections"]), "{server}");
            for same in [
                "ending",
                "clients",
                "counters",
                "microseconds",
                "steps_left",
            ] {
                assert_eq!(run[same], trace[same], "{server}");
            }
        }
    }
    Ok(())
}

#[test]
fn a_script_without_a_stop_ends_when_the_server_waits() -> io::Result<()> {
    let script = "# half a line\nconnect 1 # client 1 connects\nsend 1 \"tail\"\n";
    let result = run_line(&["select", "chat"], "--idle-timeout 5", script)?;
    assert_eq!(result["script"], json!(["connect 1", "send 1 \"tail\""]));
    assert_eq!(result["texts"], json!(["client 1 connects", null]));
    for (index, received) in ["tail", ""].into_iter().enumerate() {
        let run = &result["servers"][index];
        assert_eq!(
            (&run["ending"], &run["violation"]),
            (&json!("waiting"), &Value::Null)
        );
        let client = json!({"client": 1, "sent": 4, "received": received, "ended": null});
        assert_eq!(run["clients"], json!([client]));
        let last = run["records"].as_array().and_then(|records| records.last());
        assert_eq!(last.map(|last| &last["call"]), Some(&json!("wait")));
    }
    let waits = run_line(&["select"], "--idle-timeout 5", "connect 1; wait 6s")?;
    assert_eq!(waits["servers"][0]["clients"][0]["ended"], "end_of_stream");
    let waits = run_line(&["select"], "", "connect 1; wait 6s")?;
    assert_eq!(waits["servers"][0]["microseconds"], 6_003_003);
    Ok(())
}

/// The select loop of step 1 drops what the kernel doesn't take.
#[test]
fn the_first_broken_rule_is_named() -> io::Result<()> {
    let script = "connect 1; stop-reading 1; send 1 200; wait 1s; resume-reading 1; half-close 1";
    let result = run_line(&["select", "step-1"], SMALL, script)?;
    let [right, wrong] = [0, 1].map(|index| &result["servers"][index]);
    assert_eq!(right["violation"], Value::Null);
    assert!(
        wrong["violation"]["rule"].is_string(),
        "{}",
        wrong["violation"]
    );
    Ok(())
}

#[test]
fn a_script_that_is_too_much_is_refused() -> io::Result<()> {
    let steps = |count| "stop;".repeat(count);
    let together = format!("together {{ {} }}", steps(2000));
    let cases = [
        (
            "connect 1\nread 1",
            "script:2:7: found the end of the script, expected a number",
        ),
        (
            &steps(2001),
            "script:1:10001: the script has more than 2000 steps",
        ),
        (
            &together,
            "script:1:10007: the script has more than 2000 steps",
        ),
        (
            &" ".repeat(65_537),
            "script:1:65537: the script has more than 65536 bytes",
        ),
        (
            "connect 1; send 1 1048576; urgent 1 \"x\"",
            "script:1:28: the clients send more than 1048576 bytes",
        ),
        (
            "stop\n wait 3601s",
            "script:2:2: `wait 3601s` is longer than 3600s",
        ),
    ];
    for (script, error) in cases {
        let said = error_of(script);
        assert!(said.starts_with(error), "{said}");
    }
    for script in [&steps(2000), &" ".repeat(65_536), "wait 3600s"] {
        assert_eq!(error_of(script), "no error");
    }
    let nine = run_line(&["select"; 9], "", "").map_err(|error| error.to_string());
    assert_eq!(nine, Err("9 servers, and at most 8 are possible".into()));
    Ok(())
}

#[test]
fn a_long_run_is_cut() -> io::Result<()> {
    let script = "connect 1; send 1 1048576; half-close 1; stop";
    let result = run_line(&["select"], "--recv-size 1", script)?;
    let run = &result["servers"][0];
    assert_eq!((&run["cut"], &run["ending"]), (&json!(true), &json!("cut")));
    let records = run["records"].as_array().map_or(0, Vec::len);
    assert_eq!(records, MOST_RECORDS);

    // Many connections make large records.
    let connects: String = (1..2000)
        .map(|client| format!("connect {client};"))
        .collect();
    let result = run_line(&["select"], "--descriptors 1024", &connects)?;
    let run = &result["servers"][0];
    let records = run["records"].as_array().map_or(0, Vec::len);
    assert!(
        run["cut"] == true && records < MOST_RECORDS / 10,
        "{records}"
    );
    Ok(())
}

/// The states of client 1, one for each record.
fn states(run: &Value) -> Vec<Value> {
    let mut states = BTreeMap::new();
    let records = run["records"].as_array().into_iter().flatten();
    let states = records.map(|record| {
        apply(&mut states, &record["state"]);
        json!(states.get("client 1"))
    });
    states.collect()
}

#[test]
fn the_state_says_what_a_style_remembers_of_an_edge() -> io::Result<()> {
    let servers = ["select", "reactor-select", "dispatcher", "chat", "reactor"];
    let script = "connect 1; stop-reading 1; send 1 \"line 1 of eight\\nline 2 of eight\\nline 3 of eight\\n\
                  line 4 of eight\\nline 5 of eight\\nline 6 of eight\\nline 7 of eight\\n\"; wait 1s; \
                  resume-reading 1";
    let small = "--recv-size 16 --high-water 32 --server-receive-buffer 40 --server-send-buffer 16 \
                 --client-receive-buffer 16 --client-send-buffer 40";
    let result = run_line(&servers, small, script)?;
    for (index, server) in servers.into_iter().enumerate() {
        let states = states(&result["servers"][index]);
        let remembers = |what: &str| states.iter().any(|state| state[what] == true);
        let has_edges = index >= 2;
        assert_eq!(remembers("remembered_for_reading"), has_edges, "{server}");
        // The reactor watches for writing as long as something is pending.
        let sends_unwatched = ["dispatcher", "chat"].contains(&server);
        let holds =
            |state: &&Value| state["remembered_for_writing"] == true && state["server_holds"] == 32;
        assert_eq!(
            states.iter().any(|one| holds(&one)),
            sends_unwatched,
            "{server}"
        );
    }
    Ok(())
}
