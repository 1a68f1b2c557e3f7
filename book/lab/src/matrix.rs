//! Runs each published bug in each style: the right server has to keep the contract, and the wrong one
//! to break it.

use std::io;

use clap::Parser;
use serde_json::{Value, json};

use crate::bug;
use crate::run::{RunArgs, run};

/// The options of a run, as those of the program.
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    run: RunArgs,
}

/// The table of the bugs, with `runs` for each style that has a script: what the right and the wrong
/// server break, if anything, and the call that shows it.
///
/// # Errors
/// A script or its options can't be parsed, or the program doesn't have the bug.
pub fn matrix() -> io::Result<Value> {
    let mut table: Value = serde_json::from_str(bug::TABLE)?;
    for bug in table.as_array_mut().into_iter().flatten() {
        let name = bug["name"].as_str().unwrap_or_default().to_owned();
        for (style, form) in bug["styles"].as_object_mut().into_iter().flatten() {
            if let Some(script) = form["script"].as_str() {
                form["runs"] = runs(&name, style, script, &form["options"])?;
            }
        }
    }
    Ok(table)
}

/// Runs both servers of a style over the script of a bug.
fn runs(name: &str, style: &str, script: &str, options: &Value) -> io::Result<Value> {
    let wrong = format!("{style}!");
    let words = ["lab", "--bug", name, "--server", style, "--server", &wrong];
    let options = options.as_array().into_iter().flatten();
    let words = words.into_iter().chain(options.filter_map(Value::as_str));
    let options = Options::try_parse_from(words).map_err(io::Error::other)?;
    let result = serde_json::to_value(run(&options.run, script)?)?;
    Ok(json!({
        "right": violation(&result, 0),
        "wrong": violation(&result, 1),
    }))
}

/// What a server breaks, and the call that shows it: the last one if only the end of the run shows it.
fn violation(result: &Value, server: usize) -> Value {
    let server = &result["servers"][server];
    let mut violation = server["violation"].clone();
    if violation.is_object() {
        let records = server["records"].as_array().map_or(&[][..], Vec::as_slice);
        let last = records.len().saturating_sub(1);
        let record = violation["record"]
            .as_u64()
            .map_or(last, |record| record as usize);
        let calls = records[..=record.min(last)].iter().rev();
        let call = calls.into_iter().find(|record| record["call"].is_string());
        violation["record"] = record.into();
        if let Some(call) = call {
            let place = call["place"].as_u64().unwrap_or_default() as usize;
            violation["call"] = call["call"].clone();
            violation["place"] = result["places"][place].clone();
        }
    }
    violation
}
