//! Faults on purpose: under a steady attack by many clients, on a host in a box, gaoler is killed and
//! stopped, what it lives on is restarted, logs are rotated, disks fill, and the clock jumps by hours.
//! Afterwards a checker that shares no code with gaoler replays all logs: every address that should
//! have been banned was, no other was, and none was banned past its deadline.
//!
//! `make chaos`; with `SEED=n` another run, with `MINUTES=m` a longer one, with `BACKEND=rich-rule` or
//! `nftables` through another firewall. A seed settles who attacks when, and which faults come when:
//! not how fast the machine is. `make test` plays the short form.
#![allow(clippy::disallowed_methods, reason = "drives the box by its commands")]
#![allow(clippy::print_stdout, reason = "its figures are what it is for")]
#![allow(dead_code, reason = "the host suite's modules, of which it needs a part")]

#[path = "../backend.rs"]
mod backend;
mod check;
#[path = "../client.rs"]
mod client;
mod clock;
mod collector;
mod crowd;
mod fault;
#[path = "../host.rs"]
mod host;
mod logs;
#[path = "../observe.rs"]
mod observe;
mod observer;
#[path = "../../otlp/rotel_agent.rs"]
mod rotel_agent;
mod run;
mod schedule;
mod stage;
mod store;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::backend::Backend;
use crate::check::{Checked, Seconds, Slack, check};
use crate::run::{Outcome, Plan};
use crate::stage::Stage;

/// The short form's.
const SEED: u64 = 6;

fn main() -> ExitCode {
    match chaos() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn chaos() -> Result<()> {
    let plan = plan(&std::env::args().skip(1).collect::<Vec<_>>())?;
    println!("chaos: seed {}, through {}", plan.seed, plan.backend);
    let stage = Stage::up(plan.backend)?;
    let outcome = run::play(&plan, &stage);
    if let Ok(directory) = std::env::var("CHAOS_LOGS") {
        stage.save_logs(&directory)?;
    }
    stage.down()?;
    let outcome = outcome?;
    let checked = check(&outcome.evidence, Slack::STRICT);
    report(&outcome, &checked);
    let wrong = checked.findings.len() + outcome.complaints.len() + outcome.unlogged.len();
    ensure!(wrong == 0, "{wrong} findings; to see them again: make chaos SEED={}", plan.seed);
    Ok(())
}

/// `SEED=n`, `MINUTES=m`, `BACKEND=name`, in any order; empty ones are the short form's.
fn plan(arguments: &[String]) -> Result<Plan> {
    let value = |name: &str| {
        let value = arguments.iter().find_map(|argument| argument.strip_prefix(name));
        value.and_then(|value| value.strip_prefix('=')).filter(|value| !value.is_empty())
    };
    let seed = value("SEED").map_or(Ok(SEED), str::parse).context("SEED is a number")?;
    let minutes = value("MINUTES").map_or(Ok(0.0), str::parse).context("MINUTES is a number")?;
    let named = |name: &str| Backend::ALL.into_iter().find(|one| one.to_string() == name);
    let backend =
        value("BACKEND").map_or(Some(Backend::Ipset), named).context("no such BACKEND")?;
    Ok(Plan { seed, backend, length: Duration::from_secs_f64(minutes * 60.0) })
}

fn report(outcome: &Outcome, checked: &Checked) {
    println!("{:26} {:>9} {:>9} {:>12}", "fault", "at", "lasted", "recovered in");
    let begun = outcome.suffered.first().map_or(0, |first| first.from);
    for it in &outcome.suffered {
        println!(
            "{:26} {:>9} {:>9} {:>12}",
            it.fault.to_string(),
            Seconds(it.from - begun).to_string(),
            Seconds(it.undone - it.from).to_string(),
            Seconds(it.over - it.undone).to_string()
        );
    }
    println!(
        "{} attempts, at most {:.1} s later than planned, {} failures ({} unsure) of {} addresses; \
         {} bans were due, {} were made, {} ended; {} addresses never banned; {} starts of gaoler, {} looks at the kernel",
        outcome.attempts,
        outcome.late.as_secs_f64(),
        checked.failures,
        checked.unsure,
        checked.subjects.0,
        checked.due,
        checked.bans,
        checked.ended,
        checked.subjects.1,
        outcome.evidence.starts.len(),
        outcome.evidence.looks.len()
    );
    for finding in &checked.findings {
        println!("WRONG {finding}");
    }
    for complaint in &outcome.complaints {
        println!("WRONG {complaint}");
    }
    for made in &outcome.unlogged {
        println!("WRONG {}: request {} was served and is in no log", Seconds(made.after), made.id);
    }
}
