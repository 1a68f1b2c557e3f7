//! The trace of a server program's loop.

use std::env;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use super::Program;
use crate::client::EchoClient;

/// One event of a trace, with the line of source code that it names.
#[derive(Debug, Clone)]
pub struct Traced {
    /// The call, such as `recv`; or the handler that was entered.
    pub call: String,
    /// The source file, relative to the root of the workspace.
    pub file: String,
    /// The text of the line that made the call.
    pub text: String,
}

/// Starts a server with `--trace`, has it echo one line, and returns its trace.
///
/// # Errors
/// The server doesn't start, echo, or stop; or the trace isn't lines of JSON, or names no
/// source file.
pub fn trace_of_one_line(server: &mut Command) -> io::Result<Vec<Traced>> {
    let file = env::temp_dir().join(format!("echo-trace-{}.jsonl", std::process::id()));
    let program = Program::start(server.args(["--port", "0", "-q"]).arg("--trace").arg(&file))?;
    let mut client = EchoClient::connect(program.address())?;
    client.echo(b"hello\n")?;
    client.finish()?;
    client.receive_to_end()?;
    program.stop()?;
    let trace = fs::read_to_string(&file)?;
    fs::remove_file(&file)?;
    trace.lines().map(traced).collect()
}

/// Whether these calls and handlers follow each other directly in the trace.
pub fn tells(trace: &[Traced], story: &[&str]) -> bool {
    let calls: Vec<&str> = trace.iter().map(|event| event.call.as_str()).collect();
    calls.windows(story.len()).any(|calls| calls == story)
}

fn traced(event: &str) -> io::Result<Traced> {
    let event: serde_json::Value = serde_json::from_str(event)?;
    let field = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
    let call = match field("call").as_str() {
        "enter" => field("handler"),
        call => call.to_owned(),
    };
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let source = fs::read_to_string(workspace.join(field("file")))?;
    let index = event["line"].as_u64().unwrap_or_default().saturating_sub(1) as usize;
    let text = source
        .lines()
        .nth(index)
        .unwrap_or_default()
        .trim()
        .to_owned();
    Ok(Traced {
        call,
        file: field("file"),
        text,
    })
}
