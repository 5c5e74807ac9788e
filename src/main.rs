//! The binary: hands its arguments to the command line, and says what went wrong.

use std::io::Write;
use std::process::ExitCode;

use gaoler::printable::PrintableLines;

fn main() -> ExitCode {
    match gaoler::cli::run(std::env::args_os()) {
        Ok(code) => code,
        Err(error) => {
            // What it quotes may be anybody's. Nobody is left to tell if standard error is closed.
            let error = format!("{error:#}");
            let _ = writeln!(std::io::stderr(), "gaoler: {}", PrintableLines(&error));
            ExitCode::FAILURE
        }
    }
}
