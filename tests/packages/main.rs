//! The packages, RPM and deb: what the binary in them asks for, what the linters say, and what becomes
//! of edits and bans when they are installed, upgraded, installed again and removed on a real host.
//!
//! `make packages` builds them first, of two releases, the second with another shipped configuration;
//! where they are is in `GAOLER_PACKAGES`, and the binary in `GAOLER_PORTABLE`. Needs root: each format
//! has a box of its own (`tests/host/box.sh`), without gaoler until a package brings it.
#![allow(clippy::disallowed_methods, reason = "drives the box by its commands")]

#[path = "../host/backend.rs"]
#[allow(dead_code, reason = "made for the suite, which uses all of it")]
mod backend;
#[path = "../host/host.rs"]
#[allow(dead_code, reason = "made for the suite, which uses all of it")]
mod host;
#[path = "../host/observe.rs"]
#[allow(dead_code, reason = "made for the suite, which uses all of it")]
mod observe;

mod binary;
mod format;
mod image;
mod journey;
mod lint;
mod names;
mod removal;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use libtest_mimic::{Arguments, Trial};

use crate::backend::Backend;
use crate::format::Format;
use crate::host::Host;

/// A format's box, booted for the first test that needs it.
static BOXES: [Mutex<Option<Host>>; 2] = [Mutex::new(None), Mutex::new(None)];

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    let mut trials = vec![
        alone("binary::asks_for_nothing_newer_than_rhel_8_has", binary::asks_for_nothing_newer),
        alone("lint::rpmlint", lint::rpmlint),
        alone("lint::lintian", lint::lintian),
        alone("image::rpm_root_without_systemd_running", image::rpm_root),
    ];
    for format in Format::ALL {
        for backend in Backend::ALL {
            let name = format!("{format}::{backend}::edits_and_bans_survive_until_it_goes");
            trials.push(boxed(name, format, move |host| journey::play(host, format, backend)));
        }
        for (name, test) in removal::TESTS {
            trials.push(boxed(format!("{format}::{name}"), format, move |host| test(host, format)));
        }
        let name = format!("{format}::fail2bans_names_are_gaolers");
        trials.push(boxed(name, format, move |host| names::are_links(host, format)));
    }
    // A thread each: all but two wait for their box.
    arguments.test_threads = Some(trials.len());
    let conclusion = libtest_mimic::run(&arguments, trials);
    for host in &BOXES {
        let host = host.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Err(error)) = host.as_ref().map(Host::down) {
            eprintln!("{error:#}");
        }
    }
    conclusion.exit_code()
}

/// A test that needs no box.
fn alone(name: &str, test: fn() -> Result<()>) -> Trial {
    Trial::test(name, move || test().map_err(|error| format!("{error:#}").into()))
}

/// A test that has its format's box for itself, and leaves it without gaoler.
fn boxed(
    name: String,
    format: Format,
    test: impl Fn(&Host) -> Result<()> + Send + 'static,
) -> Trial {
    Trial::test(name, move || {
        let mut slot = BOXES[format as usize].lock().unwrap_or_else(PoisonError::into_inner);
        let host = up(&mut slot, format).map_err(|error| format!("{error:#}"))?;
        let played = catch_unwind(AssertUnwindSafe(|| test(host)));
        if matches!(played, Ok(Ok(()))) {
            return Ok(());
        }
        // What it left is nobody's to build upon.
        let journal = host.explain(None);
        host.down().map_err(|error| format!("{error:#}"))?;
        *slot = None;
        eprintln!("{journal}");
        let played = played.unwrap_or_else(|panic| resume_unwind(panic));
        played.map_err(|error| format!("{error:#}").into())
    })
}

fn up(slot: &mut Option<Host>, format: Format) -> Result<&Host> {
    if slot.is_none() {
        let host = Host::bare(format.letter())?;
        format.deliver(&host)?;
        *slot = Some(host);
    }
    slot.as_ref().context("a box")
}
