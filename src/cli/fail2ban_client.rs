//! `fail2ban-client`, when gaoler is called by that name: fail2ban's words, its formats, its exit
//! statuses, so that scripts and monitoring written for it go on working.
//!
//! It asks gaoler's daemon. What fail2ban changes at run time and forgets at the next restart, gaoler
//! has in its configuration alone: such words are refused, with the key that does it.

mod command;
mod looks;
mod options;
mod replies;
mod unit;

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use self::command::Command;
use self::options::{Invocation, Options};
use super::ask::print;
use crate::daemon::clock;
use crate::printable::PrintableLines;

/// The name to be called by.
pub(super) const NAME: &str = "fail2ban-client";

/// How fail2ban ends when something is wrong.
const FAILED: u8 = 255;

/// What is said on standard output when a command fails; the exit status is 255.
#[derive(Debug)]
struct Refusal(String);

/// Does what the words say.
///
/// # Errors
///
/// Fails if nobody reads what it says.
pub(super) fn run(arguments: &[OsString]) -> anyhow::Result<ExitCode> {
    let words = arguments.iter().skip(1).map(|word| word.to_string_lossy().into_owned());
    let said = match options::read(words.collect()) {
        Ok(Invocation::Ask(options, words)) => ask(&options, &words),
        Ok(Invocation::Say(text)) => Ok(text),
        Ok(Invocation::Check) => return Ok(check()),
        Err(refusal) => Err(refusal),
    };
    match said {
        Ok(text) => {
            print(&format!("{text}\n"))?;
            Ok(ExitCode::SUCCESS)
        }
        Err(Refusal(why)) => {
            if !why.is_empty() {
                print(&format!("{why}\n"))?;
            }
            Ok(ExitCode::from(FAILED))
        }
    }
}

fn ask(options: &Options, words: &[String]) -> Result<String, Refusal> {
    replies::to(Command::parse(words)?, &options.socket, &TimeZone::system())
}

/// `fail2ban-client -t`: what `gaoler check` finds wrong, on standard error.
fn check() -> ExitCode {
    match crate::config::load(Path::new(super::CONFIG)) {
        Ok(_) => {
            // Nobody is left to tell if the output is closed.
            let _ = print("OK: configuration test is successful\n");
            ExitCode::SUCCESS
        }
        Err(wrong) => {
            complain(&format!("{wrong}\nERROR: test configuration failed"));
            ExitCode::from(FAILED)
        }
    }
}

/// Says what is wrong on standard error, as fail2ban-client's log does.
fn complain(what: &str) {
    let now: Timestamp = clock::now().wall;
    let now = looks::time(now, &TimeZone::system());
    let _ = writeln!(
        std::io::stderr(),
        "{now},000 fail2ban                [{}]: ERROR   {}",
        std::process::id(),
        PrintableLines(what)
    );
}
