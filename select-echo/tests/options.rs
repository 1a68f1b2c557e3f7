//! Options must not harm the service.

#[path = "../../common/tests/shared/options.rs"]
mod options;

use std::io;
use std::process::Command;

use options::{
    absurd_numbers_are_refused, failing_accepts_are_retried_calmly, proxy_headers_name_the_client,
    stalled_counters_stop_nothing, stalled_trace_stops_nothing, unfinished_connections_are_logged,
};

fn server() -> Command {
    Command::new(env!("CARGO_BIN_EXE_select-echo"))
}

#[test]
fn absurd_numbers_are_refused_before_it_listens() -> io::Result<()> {
    absurd_numbers_are_refused(&server)
}

#[test]
fn a_trace_that_nobody_reads_does_not_stop_the_service() -> io::Result<()> {
    stalled_trace_stops_nothing(&server)
}

#[test]
fn counters_that_nobody_reads_do_not_stop_the_exit() -> io::Result<()> {
    stalled_counters_stop_nothing(&server)
}

#[test]
fn failing_accepts_are_retried_without_spinning() -> io::Result<()> {
    failing_accepts_are_retried_calmly(&server)
}

#[test]
fn connections_that_a_stop_cuts_off_are_logged_as_such() -> io::Result<()> {
    unfinished_connections_are_logged(&server)
}

#[test]
fn the_header_of_a_proxy_names_the_client() -> io::Result<()> {
    proxy_headers_name_the_client(&server)
}
