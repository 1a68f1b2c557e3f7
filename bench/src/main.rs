//! `bench`: the comparison at a glance.

use std::process::ExitCode;

use bench::glance::{self, Options};
use common::{args, output};

fn main() -> ExitCode {
    let options: Options = args::parse();
    if let Err(error) = options.settings().checked() {
        output::complain(format_args!("error: {error}"));
        return ExitCode::from(2);
    }
    output::exit_code(glance::run(&options).map(|()| ExitCode::SUCCESS))
}
