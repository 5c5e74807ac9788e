//! The binary: hands its arguments to the command line, and says what went wrong.

use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    match gaoler::cli::run(std::env::args_os()) {
        Ok(code) => code,
        Err(error) => {
            // Nobody is left to tell if standard error is closed.
            let _ = writeln!(std::io::stderr(), "gaoler: {error:#}");
            ExitCode::FAILURE
        }
    }
}
