//! With a stop-watch and many at once: how long until all who offended at the same moment are
//! refused, through each backend; what one more ban takes while thousands are in force; a restart
//! with them; memory. Beside it, in the same box, what firewalld takes for the bare calls.
//!
//! `make scale`, or with `BENCH=rich-rule`, `ipset` or `nftables` one of them; `BENCH='ipset shards=32'` with
//! another number of sets. It judges nothing.
#![allow(clippy::disallowed_methods, reason = "drives the box by its commands")]
#![allow(clippy::print_stdout, reason = "its figures are what it is for")]
#![allow(dead_code, reason = "the suite's modules, of which it needs a part")]

mod backend;
mod client;
mod host;
mod observe;

#[path = "scale/bare.rs"]
mod bare;
#[path = "scale/crowd.rs"]
mod crowd;
#[path = "scale/page.rs"]
mod page;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::backend::Backend;
use crate::crowd::Crowd;
use crate::host::Host;
use crate::page::Page;

/// In force while one more ban is timed, and while gaoler restarts.
const IN_FORCE: u32 = 10_000;

fn main() -> Result<()> {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    // In the box this program is run again, as a client of firewalld's and nothing more.
    if let [bare, what, count] = &arguments[..]
        && bare == "bare"
    {
        return bare::calls(what, count.parse()?);
    }
    let shards = arguments.iter().find_map(|argument| argument.strip_prefix("shards="));
    let wanted = |backend: &Backend| {
        arguments.len() == usize::from(shards.is_some())
            || arguments.iter().any(|name| *name == backend.to_string())
    };
    for backend in Backend::ALL.into_iter().filter(wanted) {
        measure(backend, shards)?;
    }
    Ok(())
}

fn measure(backend: Backend, shards: Option<&str>) -> Result<()> {
    let host = Host::up(env!("CARGO_BIN_EXE_gaoler"), 's', false, config(backend))?;
    println!("{backend}");
    if backend.needs_firewalld() {
        bare::measure(&host, backend)?;
    }
    backend.prepare(&host)?;
    if let Some(shards) = shards.filter(|_| backend == Backend::Ipset) {
        host.gaoler_ok(&["provision", "--shards", shards, "--apply"])?;
        host.sh("firewall-cmd -q --reload")?;
        println!("  {shards} sets a family");
    }
    let crowds: &[u32] = match backend {
        Backend::RichRule => &[1_000],
        Backend::Ipset => &[1_000, 16_000],
        Backend::Nftables => &[1_000, 100_000],
    };
    for &count in crowds {
        at_once(&host, backend, count)?;
        memory(&host)?;
    }
    if backend == Backend::RichRule {
        restart(&host, backend, 1_000)?;
    } else {
        at_once(&host, backend, IN_FORCE)?;
        one_more(&host, backend)?;
        restart(&host, backend, IN_FORCE + crowd::MORE)?;
        memory(&host)?;
    }
    host.down()
}

/// As the suite's boxes have it, with no limit to how many are banned at once.
fn config(backend: Backend) -> String {
    backend.config().replace("maxretry: 1\n", "maxretry: 1\n    max_addresses: 1000000\n")
}

/// Nobody is banned, and gaoler runs.
fn fresh(host: &Host) -> Result<Page> {
    host.sh("systemctl stop gaoler; rm -rf /var/lib/gaoler/*; : >/var/log/load.log")?;
    host.sh("nft delete table inet gaoler 2>/dev/null || true; systemctl restart firewalld")?;
    host.sh("systemctl reset-failed gaoler 2>/dev/null || true; systemctl start gaoler")?;
    let page = Page::of(host)?;
    page.until("gaoler_enforcement_up", &[], |up| up > 0.5)?;
    Ok(page)
}

/// All cross their thresholds with one write to a log.
fn at_once(host: &Host, backend: Backend, count: u32) -> Result<()> {
    let page = fresh(host)?;
    let crowd = Crowd::of(host, count)?;
    let written = crowd.offend(host)?;
    let took = page.until_enforced(count)?.duration_since(written);
    let are = backend.in_kernel(host, "public")?.len();
    ensure!(are == count as usize, "{are} of {count} are in the kernel");
    println!("  {count:7} at once, last line written to all enforced {:>23}", ms(took));
    let operations = page.operations()?;
    for (name, calls, seconds) in operations.spent() {
        println!("      of that {calls} of {name}: {:.0} ms", seconds * 1e3);
    }
    Ok(())
}

/// One after the other, while the others are in force.
fn one_more(host: &Host, backend: Backend) -> Result<()> {
    let page = Page::of(host)?;
    let before = page.operations()?;
    let mut took = crowd::one_by_one(host)?;
    let after = page.operations()?;
    took.sort_unstable();
    let at = |percent: usize| took[(took.len() * percent).div_ceil(100).max(1) - 1];
    println!(
        "  one more at {IN_FORCE}, line written to in the kernel: p50 {}, p99 {} ({} bans)",
        ms(at(50)),
        ms(at(99)),
        took.len()
    );
    if backend.needs_firewalld() {
        let (calls, seconds) = after.since(&before, "add_entry");
        println!(
            "      of that firewalld's answer, mean of {calls}: {:.1} ms",
            seconds * 1e3 / calls
        );
    }
    Ok(())
}

/// `systemctl restart gaoler`: nothing is put back that is there.
fn restart(host: &Host, backend: Backend, count: u32) -> Result<()> {
    let begun = Instant::now();
    host.sh("systemctl restart gaoler")?;
    let ready = begun.elapsed();
    let page = Page::of(host)?;
    let all = page.until_enforced(count)?.duration_since(begun);
    let changes = page.changes()?;
    let changes = if changes.is_empty() { "none".to_owned() } else { changes.join(", ") };
    println!(
        "  restart with {count}: ready after {}, all known to be in force after {}; changes: {changes}",
        ms(ready),
        ms(all)
    );
    let are = backend.in_kernel(host, "public")?.len();
    ensure!(are == count as usize, "{are} of {count} are in the kernel");
    Ok(())
}

fn memory(host: &Host) -> Result<()> {
    let rss = |unit: &str| -> Result<String> {
        let script = format!(
            "grep VmRSS /proc/$(systemctl show -P MainPID {unit})/status | tr -s '\\t ' ' '"
        );
        let kib = host.sh(&script)?;
        let kib: f64 = kib.split(' ').nth(1).context("VmRSS")?.parse()?;
        Ok(format!("{:.0} MiB", kib / 1024.0))
    };
    println!("      resident: gaoler {}, firewalld {}", rss("gaoler")?, rss("firewalld")?);
    Ok(())
}

/// As milliseconds, for a table.
pub(crate) fn ms(took: Duration) -> String {
    format!("{:.1} ms", took.as_secs_f64() * 1e3)
}
