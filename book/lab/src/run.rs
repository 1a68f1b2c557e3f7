//! Several servers, run over one script: what `lab run` prints, and a page of the book shows.

use std::any::Any;
use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::str::FromStr;

use clap::{Args, ValueEnum};
use common::script::{ClientTrace, Step, TypedScript};
use common::sys::sim::{self, Trace};
use serde::Serialize;
use serde_json::{Value, json};

use crate::bug;
use crate::case::{CaseOptions, SimulationCase};
use crate::contract::{Violation, check_contract};
use crate::history::is_last;
use crate::plan::Plan;
use crate::server::Style;

mod record;

use record::{Changes, Places, RunRecord};

/// Most servers of a run.
const MOST_SERVERS: usize = 8;

/// Most records of a server. Its run is cut when it has made them.
pub const MOST_RECORDS: usize = 100_000;

/// The servers, and the options of each.
#[derive(Args, Debug, Clone)]
pub struct RunArgs {
    /// Server to run, such as `select`, or `select!` for the same with the bug; several are run one after
    /// the other
    #[arg(long = "server", value_name = "SERVER", required = true)]
    servers: Vec<Server>,
    /// Bug of the servers whose name ends with `!`: one of those that `lab bugs` prints
    #[arg(long, value_name = "NAME")]
    bug: Option<String>,
    #[command(flatten)]
    options: CaseOptions,
}

impl RunArgs {
    /// Checks what clap can't.
    ///
    /// # Errors
    /// As [`CaseOptions::check`].
    pub fn check(&self) -> Result<(), String> {
        self.options
            .check(self.servers.iter().map(|server| server.style))
    }
}

/// A server as it is, or with the bug.
#[derive(Debug, Clone, Copy)]
struct Server {
    style: Style,
    is_wrong: bool,
}

impl FromStr for Server {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let right = name.strip_suffix('!');
        Ok(Server {
            style: Style::from_str(right.unwrap_or(name), false)?,
            is_wrong: right.is_some(),
        })
    }
}

impl Server {
    /// Its name on the command line.
    fn name(self) -> String {
        let mark = if self.is_wrong { "!" } else { "" };
        format!("{}{mark}", self.style.name())
    }

    /// Turns the bug on for the runs that follow, or none.
    fn choose(self, bug: Option<&str>) -> io::Result<()> {
        let style = self.style.name();
        // The reactor has the same bugs on all engines.
        let style = style.strip_suffix("-select").unwrap_or(&style);
        let bug = bug.filter(|_| self.is_wrong).map(|bug| (style, bug));
        match (self.is_wrong, bug) {
            (true, None) => Err(io::Error::other(format!(
                "--bug: which bug has `{}`?",
                self.name()
            ))),
            _ if !bug::choose(bug) => {
                let bug = bug.map_or("", |(_, bug)| bug);
                Err(io::Error::other(format!(
                    "--bug: {style} has no bug `{bug}`"
                )))
            }
            _ => Ok(()),
        }
    }
}

/// A script, and what each server did. The format is JSON, for pages.
#[derive(Debug, Serialize)]
pub struct RunResult {
    /// The steps in their text form.
    script: Vec<String>,
    /// The comment of each step.
    texts: Vec<Option<String>>,
    /// The places of calls in the source, `FILE:LINE` from the root of the workspace.
    places: Places,
    servers: Vec<ServerRun>,
}

/// What one server did.
#[derive(Debug, Serialize)]
struct ServerRun {
    server: String,
    records: Vec<RunRecord>,
    /// What changes after the last record: what the server has sent arrives.
    last: Changes,
    ending: Value,
    clients: Vec<ClientTrace>,
    microseconds: u64,
    steps_left: usize,
    open_descriptors: Vec<i32>,
    counters: BTreeMap<&'static str, u64>,
    violation: Option<Violation>,
    /// Whether the run has more records than these.
    cut: bool,
}

/// Runs the servers over a script in its text form. The work is bounded, whatever the script does.
///
/// # Errors
/// The text isn't a script, or it is beyond a limit: a [`ParseError`](common::script::ParseError) inside. Or
/// the servers are too many, or don't have the bug.
pub fn run(args: &RunArgs, text: &str) -> io::Result<RunResult> {
    let typed = TypedScript::within_limits(text).map_err(io::Error::other)?;
    let (script, texts) = (typed.script, typed.comments);
    let count = args.servers.len();
    if count > MOST_SERVERS {
        let error = format!("{count} servers, and at most {MOST_SERVERS} are possible");
        return Err(io::Error::other(error));
    }
    let mut places = Places::default();
    let servers = args.servers.iter().map(|server| {
        let mut case = args.options.case(server.style, script.clone());
        case.options.most_records = MOST_RECORDS;
        case.options.ends_with_script = !Plan::new(&script).has_stop;
        server.choose(args.bug.as_deref())?;
        let run = ServerRun::new(server.name(), &case, &mut places);
        bug::choose(None);
        run
    });
    Ok(RunResult {
        servers: servers.collect::<io::Result<_>>()?,
        script: script.steps.iter().map(Step::to_string).collect(),
        texts,
        places,
    })
}

impl ServerRun {
    fn new(server: String, case: &SimulationCase, places: &mut Places) -> io::Result<Self> {
        let (trace, panic) = run_to_the_end(case);
        let mut violation = check_contract(case, &trace).err();
        let end = trace.records.iter().position(is_last);
        let records = &trace.records[..end.unwrap_or(trace.records.len())];
        let before_end = records.last().map_or(&[][..], |record| &record.connections);
        if let Some(place) = violation.as_mut().and_then(|broken| broken.place.as_mut()) {
            *place = (*place).min(records.len().saturating_sub(1));
        }
        let ending = match panic {
            Some(text) => json!({ "panicked": text }),
            None => serde_json::to_value(&trace.ending)?,
        };
        Ok(ServerRun {
            server,
            records: record::compact(records, places),
            last: record::changes(before_end, &trace.connections),
            cut: trace.ending == sim::Ending::Cut,
            ending,
            clients: trace.clients,
            microseconds: trace.microseconds,
            steps_left: trace.steps_left,
            open_descriptors: trace.open_descriptors,
            counters: trace.counters.fields().into_iter().collect(),
            violation,
        })
    }
}

/// Runs a case. If the server panics, the trace ends there; the text of the panic is returned, too.
/// WebAssembly can't catch a panic: there it ends the program.
fn run_to_the_end(case: &SimulationCase) -> (Trace, Option<String>) {
    let mut panic = None;
    let trace = sim::run(&case.script, &case.options, case.seed, |listener, stop| {
        let serve = AssertUnwindSafe(|| case.server.serve(listener, stop));
        catch_unwind(serve).unwrap_or_else(|payload| {
            let text = panic.insert(text_of(payload.as_ref()));
            Err(io::Error::other(format!("it panics: {text}")))
        })
    });
    (trace, panic)
}

fn text_of(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a text").to_owned()
}
