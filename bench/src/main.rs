//! `bench`: the comparison at a glance.

use std::process::ExitCode;

use bench::glance::{self, Options};
use common::args;

fn main() -> ExitCode {
    let options: Options = args::parse();
    match glance::run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}
