//! Options must not harm the service.

#[path = "../../common/tests/shared/options.rs"]
mod options;

use std::io;
use std::process::Command;
use std::thread;

use options::{
    absurd_numbers_are_refused, failing_accepts_are_retried_calmly, proxy_headers_name_the_client,
    stalled_counters_stop_nothing, stalled_trace_stops_nothing, unfinished_connections_are_logged,
};

/// The engines, by name.
const ENGINES: &[&str] = &[
    "tokio",
    "mio",
    "select",
    #[cfg(all(feature = "completion", target_os = "linux"))]
    "uring",
];

/// Runs `check` on the program with each engine, side by side.
fn with_each_engine(check: fn(&dyn Fn() -> Command) -> io::Result<()>) -> io::Result<()> {
    let with = |engine| {
        check(&|| {
            let mut server = Command::new(env!("CARGO_BIN_EXE_reactor-echo"));
            server.args(["--reactor", engine]);
            server
        })
    };
    thread::scope(|scope| {
        let judged = ENGINES
            .iter()
            .map(|engine| scope.spawn(move || with(engine)));
        let judged: Vec<_> = judged.collect(); // Starts them all.
        let mut judged = judged.into_iter();
        judged.try_for_each(|judged| judged.join().unwrap())
    })
}

#[test]
fn absurd_numbers_are_refused_before_it_listens() -> io::Result<()> {
    with_each_engine(absurd_numbers_are_refused)
}

#[test]
fn a_trace_that_nobody_reads_does_not_stop_the_service() -> io::Result<()> {
    with_each_engine(stalled_trace_stops_nothing)
}

#[test]
fn counters_that_nobody_reads_do_not_stop_the_exit() -> io::Result<()> {
    with_each_engine(stalled_counters_stop_nothing)
}

#[test]
fn failing_accepts_are_retried_without_spinning() -> io::Result<()> {
    with_each_engine(failing_accepts_are_retried_calmly)
}

#[test]
fn connections_that_a_stop_cuts_off_are_logged_as_such() -> io::Result<()> {
    with_each_engine(unfinished_connections_are_logged)
}

#[test]
fn the_header_of_a_proxy_names_the_client() -> io::Result<()> {
    with_each_engine(proxy_headers_name_the_client)
}
