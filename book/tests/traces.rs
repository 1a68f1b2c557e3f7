//! Every recorded trace is current: the sources still say what it shows, and the scenario played
//! again gives the same order of events.

mod support;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Result;
use book::record;
use book::style::Style;
use book::trace::{Event, Trace, stale};

fn book() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn recorded(name: &str) -> io::Result<Trace> {
    Trace::read(&book().join(format!("data/traces/{name}.json")))
}

#[test]
fn every_scenario_is_recorded_and_nothing_else() -> io::Result<()> {
    let mut files: Vec<PathBuf> = fs::read_dir(book().join("data/traces"))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<_>>()?;
    let mut wanted: Vec<PathBuf> = record::names()
        .map(|name| book().join(format!("data/traces/{name}.json")))
        .collect();
    files.sort();
    wanted.sort();
    assert_eq!(files, wanted);
    Ok(())
}

#[test]
fn the_sources_are_as_they_were() -> io::Result<()> {
    for name in record::names() {
        let stale = stale(&recorded(name)?, &book().join(".."));
        assert!(stale.is_empty(), "{}", stale.join("\n"));
    }
    Ok(())
}

#[test]
fn a_changed_line_makes_a_trace_stale() -> io::Result<()> {
    let mut trace = recorded("one-line")?;
    let lane = trace.lanes.get_mut(&Style::Chat).expect("four lanes");
    lane.events[3].line += 1;
    let stale = stale(&trace, &book().join(".."));
    assert_eq!(stale.len(), 1, "{stale:?}");
    assert!(stale[0].starts_with("one-line: "), "{stale:?}");
    Ok(())
}

#[test]
fn another_order_of_events_is_a_difference() -> io::Result<()> {
    let trace = recorded("one-line")?;
    let mut again = trace.clone();
    let lane = again.lanes.get_mut(&Style::Reactor).expect("four lanes");
    let recv = lane.events.iter().position(|event| event.call == "recv");
    lane.events
        .swap(recv.expect("it reads"), recv.expect("it reads") + 1);
    assert!(record::differences(&trace, &trace).is_empty());
    let differences = record::differences(&trace, &again);
    assert_eq!(differences.len(), 1, "{differences:?}");
    assert!(differences[0].starts_with("one-line, reactor, client 1 sends"));
    Ok(())
}

/// A change to the events of one style.
type Change = fn(&mut Vec<Event>);

#[test]
fn a_slow_reader_is_compared_by_what_every_run_shows() -> io::Result<()> {
    let compare = |change: Change| {
        let trace = recorded("slow-reader")?;
        let mut again = trace.clone();
        let lane = again.lanes.get_mut(&Style::Dispatcher).expect("four lanes");
        change(&mut lane.events);
        io::Result::Ok(record::differences(&trace, &again))
    };
    // Whether a call was refused, and how often the server woke up, is another thing each time.
    assert!(compare(|_| {})?.is_empty());
    assert!(compare(|events| events.retain(|event| event.call != "enter"))?.is_empty());
    assert!(compare(|events| events.retain(|event| event.error.is_none()))?.is_empty());
    let changes: [(&str, Change); 4] = [
        ("it accepts one client", |events| {
            events.retain(|event| event.call != "accept");
        }),
        ("it closes the client's socket once", |events| {
            let close = events
                .iter()
                .rfind(|event| event.fd.as_deref() == Some("client 1"));
            let close = close.expect("it closes").clone();
            events.push(close);
        }),
        ("what it holds for the client is bounded", |events| {
            events.retain(|event| event.call != "send");
        }),
        ("it waits when the client does not read", |events| {
            events.retain(|event| event.call != "wait");
        }),
    ];
    for (broken, change) in changes {
        let differences = compare(change)?;
        let is_named = differences.iter().any(|found| found.ends_with(broken));
        assert!(is_named, "{broken}: {differences:?}");
    }
    Ok(())
}

#[test]
fn the_table_is_whole_without_script() -> io::Result<()> {
    let trace = recorded("split-line")?;
    let html = trace.render();
    for step in &trace.steps {
        let step = step.replace('"', "&quot;");
        assert!(html.contains(&step), "{step}");
    }
    let events: usize = trace.lanes.values().map(|lane| lane.events.len()).sum();
    assert_eq!(html.matches("<b data-call=").count(), events);
    assert!(
        html.lines().all(|line| !line.trim().is_empty()),
        "it would end the HTML in Markdown"
    );
    Ok(())
}

#[test]
fn the_counters_are_those_of_the_events() -> io::Result<()> {
    for name in record::names() {
        for (style, lane) in recorded(name)?.lanes {
            let count = |call: &str| -> u64 {
                let events = lane.events.iter().filter(|event| event.call == call);
                let done = events.filter(|event| event.error.is_none());
                done.map(|event| event.times).sum()
            };
            let counted = [
                ("waits", "wait"),
                ("reads", "recv"),
                ("writes", "send"),
                ("accepts", "accept"),
                ("closes", "close"),
            ];
            for (counter, call) in counted {
                assert_eq!(
                    lane.counters[counter],
                    count(call),
                    "{name}, {style:?}, {counter}"
                );
            }
        }
    }
    Ok(())
}

#[test]
fn played_again_the_order_is_the_same() -> Result<()> {
    let workspace = support::workspace()?;
    let mut differences = Vec::new();
    for name in record::names() {
        let again = record::scenario(&workspace, name)?;
        differences.extend(record::differences(&recorded(name)?, &again));
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    Ok(())
}
