//! The `kyoso` command.

mod cli;
mod cmd;
mod output;
mod pack;
mod term;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    match cmd::dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => term::report(&error),
    }
}
