//! Builds, checks, and serves the book.
//!
//! Pages are Markdown under `book/md`. Fenced blocks in them, the [directives], are replaced by code, simulated
//! runs, and figures; none of these is typed by hand. [`build`] makes a site of the pages, and [`check`] finds
//! its problems.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::print_stdout,
        clippy::print_stderr
    )
)]

mod break_it;
pub mod build;
mod case_pages;
pub mod check;
pub mod checkout;
mod code_stats;
pub mod concept_table;
mod concepts;
pub mod destination;
pub mod directives;
mod excerpt;
mod fence;
mod glossary;
pub mod grades;
mod html;
mod items;
pub mod lab;
pub mod lab_files;
mod lab_view;
mod limited;
mod line_diff;
mod log_capture;
pub mod machines;
mod play;
mod plot;
mod polling;
pub mod preprocessor;
pub mod problem;
pub mod scenario;
pub mod serve;
mod shell;
pub mod shell_examples;
pub mod sketches;
pub mod stacks;
pub mod style;
mod tags;
pub mod trace;
mod watch;
pub mod workspace;
