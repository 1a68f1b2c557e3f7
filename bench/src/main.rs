//! `bench`: the live comparison.

use std::process::ExitCode;

use bench::live::{self, Options};
use common::{args, output};

fn main() -> ExitCode {
    let options: Options = args::parse();
    if let Err(error) = options.settings().checked() {
        output::print_to_stderr(format_args!("error: {error}"));
        return ExitCode::from(2);
    }
    output::exit_code(live::run(&options).map(|()| ExitCode::SUCCESS))
}
