//! `max`: see `max --help`.

use std::process::ExitCode;

use clap::Parser;
use max::cli::say::complain;
use max::cli::{self, Cli};

fn main() -> ExitCode {
    let cli = Cli::parse();
    cli::start_logging(&cli);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(format_args!("max: the runtime cannot be started: {error}"));
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(cli::carry_out(cli))
}
