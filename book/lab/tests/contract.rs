//! Checks the contract in thousands of runs over the simulated kernel.

use lab::server::Style;
use lab::simulate::simulate;

/// Runs of each style. For more: `cargo run --release -p book -- simulate --seeds 1000000`.
const RUNS: u64 = 3000;

fn check(style: Style) {
    if let Some(failure) = simulate(style, 0..RUNS) {
        panic!("{failure}");
    }
}

#[test]
fn select_keeps_the_contract() {
    check(Style::Select);
}

#[test]
fn dispatcher_keeps_the_contract() {
    check(Style::Dispatcher);
}

#[test]
fn chat_keeps_the_contract() {
    check(Style::Chat);
}

#[test]
fn reactor_keeps_the_contract() {
    check(Style::Reactor);
}

#[test]
fn reactor_on_select_keeps_the_contract() {
    check(Style::ReactorSelect);
}
