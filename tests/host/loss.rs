//! Whatever takes bans out of the firewall, while more are coming: afterwards exactly those are
//! refused who should be, nothing of anybody else's has changed, and it is said how long it took.

use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::backend::{Addresses, Backend, desired, lacks, network};
use crate::client::{Client, WRONG};
use crate::foreign::Foreign;
use crate::host::{EVENTUALLY, Host, SOON};
use crate::load::{Load, Shared};
use crate::observe::{Metrics, await_metric, ban};

/// How long silent losses may stay unnoticed; a look is due every minute.
const NOTICED: Duration = Duration::from_secs(80);

/// Something that happens to a firewall.
pub(crate) struct Disturbance {
    /// In the table.
    name: &'static str,
    /// What happens, as a script on the host.
    happens: &'static str,
    /// The zone that the client's packets meet from then on.
    zone: &'static str,
    /// What an administrator does about it, where firewalld cannot come back by itself. gaoler must
    /// have said that it is needed.
    remedy: Option<&'static str>,
    /// What makes the box again as it was.
    undo: Option<&'static str>,
    /// Whether it takes what others had in the kernel as well.
    takes_all: bool,
}

const PLAIN: Disturbance = Disturbance {
    name: "",
    happens: "",
    zone: "public",
    remedy: None,
    undo: None,
    takes_all: false,
};

const FIREWALLD_AGAIN: &str = "systemctl reset-failed firewalld; systemctl restart firewalld";

pub(crate) const RELOAD: Disturbance =
    Disturbance { name: "firewall-cmd --reload", happens: "firewall-cmd -q --reload", ..PLAIN };
pub(crate) const COMPLETE_RELOAD: Disturbance = Disturbance {
    name: "firewall-cmd --complete-reload",
    happens: "firewall-cmd -q --complete-reload",
    ..PLAIN
};
pub(crate) const RESTART: Disturbance = Disturbance {
    name: "systemctl restart firewalld",
    happens: "systemctl restart firewalld",
    ..PLAIN
};
pub(crate) const KILL_9: Disturbance = Disturbance {
    name: "kill -9 of firewalld, start",
    happens: "systemctl kill -s KILL firewalld; sleep 0.5; systemctl reset-failed firewalld
              systemctl start firewalld",
    ..PLAIN
};
pub(crate) const PANIC_MODE: Disturbance = Disturbance {
    name: "panic on, then off",
    happens: "firewall-cmd -q --panic-on; sleep 1; firewall-cmd -q --panic-off",
    ..PLAIN
};
pub(crate) const INTERFACE_MOVED: Disturbance = Disturbance {
    name: "interface to another zone",
    happens: "firewall-cmd -q --zone=lab --change-interface=eth0",
    zone: "lab",
    undo: Some("firewall-cmd -q --zone=lab --remove-interface=eth0"),
    ..PLAIN
};
pub(crate) const DEFAULT_ZONE: Disturbance = Disturbance {
    name: "another default zone",
    happens: "firewall-cmd -q --set-default-zone=lab",
    zone: "lab",
    undo: Some("firewall-cmd -q --set-default-zone=public"),
    ..PLAIN
};
/// firewalld 1.3.3 ends when its bus does.
pub(crate) const BUS_RESTART: Disturbance = Disturbance {
    name: "D-Bus daemon restart",
    happens: "systemctl restart dbus",
    remedy: Some(FIREWALLD_AGAIN),
    ..PLAIN
};
/// firewalld does not notice; gaoler never reloads it.
pub(crate) const RULESET_FLUSHED: Disturbance = Disturbance {
    name: "nft flush ruleset",
    happens: "nft flush ruleset",
    remedy: Some(FIREWALLD_AGAIN),
    takes_all: true,
    ..PLAIN
};

/// Who is banned before.
const STANDING: [&str; 8] = [
    "198.18.255.1",
    "198.18.255.2",
    "198.18.255.3",
    "198.18.255.4",
    "198.18.255.5",
    "2001:db8:ff:1::1",
    "2001:db8:ff:2::1",
    "2001:db8:ff:3::1",
];
/// Who tries passwords all along.
const REAL: &str = "192.0.2.133";

/// Plays `disturbance` under a load of new bans.
pub(crate) fn of(host: &Host, backend: Backend, disturbance: &Disturbance) -> Result<()> {
    host.settle()?;
    host.sh(": >/var/log/load.log")?;
    await_metric(host, "gaoler_enforcement_up", &[], |up| up > 0.5)?;
    backend.release_all(host, "public")?;
    let foreign = Foreign::placed(host)?;
    ban(host, "sshd", &STANDING)?;
    let standing: Addresses = STANDING.into_iter().map(network).collect::<Result<_>>()?;
    backend.assert_exact(host, "public", &standing)?;

    let shared = Shared::default();
    let (asked, healed) = thread::scope(|scope| -> Result<(Addresses, Healed)> {
        let load = Load::start(scope, &shared, host, backend.pace(), REAL);
        let healed = suffer(host, backend, disturbance, &standing, &load);
        Ok((load.stop()?, healed?))
    })?;
    let bans = settled(host, backend, disturbance.zone, &asked)?;
    if disturbance.takes_all {
        host.sh(Foreign::table())?;
    }
    foreign.assert_unchanged(host)?;
    let firewalld = host.sh("firewall-cmd --version")?.trim().to_owned();
    note(Row { backend, firewalld, name: disturbance.name, healed, bans });

    if let Some(undo) = disturbance.undo {
        host.sh(undo)?;
    }
    backend.release_all(host, "public")
}

/// What happens, once bans are coming; then how long until those who were banned before are again,
/// from when firewalld is back.
fn suffer(
    host: &Host,
    backend: Backend,
    disturbance: &Disturbance,
    standing: &Addresses,
    load: &Load,
) -> Result<Healed> {
    more(host, load, 4)?;
    let mut before = Calls::of(host)?;
    host.sh(disturbance.happens)?;
    let mut begun = Instant::now();
    if let Some(remedy) = disturbance.remedy {
        if backend.needs_firewalld() {
            host.until("gaoler says that bans are not enforced", NOTICED, || {
                Ok(host.gaoler(&["status"])?.stderr.contains("not enforced").then_some(()))
            })?;
        } else {
            in_force(host, backend, disturbance.zone, standing)?;
        }
        let healed = Healed::since(begun, before, host)?;
        before = Calls::of(host)?;
        host.sh(remedy)?;
        if !backend.needs_firewalld() {
            more(host, load, 4)?;
            return Ok(healed);
        }
        begun = Instant::now();
    }
    in_force(host, backend, disturbance.zone, standing)?;
    let healed = Healed::since(begun, before, host)?;
    more(host, load, 4)?;
    Ok(healed)
}

/// What it took until those who were banned before were again.
struct Healed {
    time: Duration,
    /// Those for new bans included.
    calls: Calls,
}

impl Healed {
    fn since(begun: Instant, before: Calls, host: &Host) -> Result<Self> {
        let (time, after) = (begun.elapsed(), Calls::of(host)?);
        let calls =
            Calls { changes: after.changes - before.changes, others: after.others - before.others };
        Ok(Self { time, calls })
    }
}

/// How often gaoler has called the firewall.
#[derive(Clone, Copy)]
struct Calls {
    /// To change it.
    changes: f64,
    /// To look at it.
    others: f64,
}

impl Calls {
    fn of(host: &Host) -> Result<Self> {
        let metrics = Metrics::of(host)?;
        let all: f64 =
            metrics.of_name("gaoler_enforcement_operations_total").map(|(_, count)| count).sum();
        let changes = metrics.changes().map(|(_, count)| count).sum();
        Ok(Self { changes, others: all - changes })
    }
}

fn in_force(host: &Host, backend: Backend, zone: &str, all: &Addresses) -> Result<()> {
    let mut missing = String::new();
    let again = host.until("those banned before are refused again", EVENTUALLY, || {
        let are = backend.in_kernel(host, zone)?;
        missing = format!("{:?}", lacks(&are, all));
        Ok(are.is_superset(all).then_some(()))
    });
    again.with_context(|| format!("missing are {missing}"))
}

/// Waits until so many more bans were asked for: the load is still on.
fn more(host: &Host, load: &Load, bans: u32) -> Result<()> {
    let before = load.decided();
    host.until("bans keep coming", SOON, || Ok((load.decided() >= before + bans).then_some(())))
}

/// Waits until all who should be banned are, and says how many that is.
fn settled(host: &Host, backend: Backend, zone: &str, asked: &Addresses) -> Result<usize> {
    let (real, client) = (network(REAL)?, Client::at(host, REAL).hasty());
    let mut missing = Vec::new();
    let wanted = host.until("every ban that was asked for is decided", EVENTUALLY, || {
        let desired = desired(host)?;
        let covered = |one: &&ipnet::IpNet| desired.iter().any(|wide| wide.contains(*one));
        missing = asked.iter().chain([&real]).filter(|one| !covered(one)).copied().collect();
        if missing.contains(&real) {
            client.ssh("root", WRONG)?;
        }
        Ok(missing.is_empty().then_some(desired))
    });
    let wanted = wanted.with_context(|| format!("not banned are {missing:?}"))?;
    in_force(host, backend, zone, &wanted)?;
    await_metric(host, "gaoler_enforcement_pending", &[], |pending| pending < 0.5)?;
    backend.assert_exact(host, zone, &wanted)?;
    ensure!(desired(host)? == wanted, "bans came or went meanwhile");
    Ok(wanted.len())
}

/// A row of what is printed in the end.
struct Row {
    backend: Backend,
    firewalld: String,
    name: &'static str,
    healed: Healed,
    bans: usize,
}

static ROWS: Mutex<Vec<Row>> = Mutex::new(Vec::new());

fn note(row: Row) {
    ROWS.lock().unwrap_or_else(PoisonError::into_inner).push(row);
}

/// How long the bans from before each disturbance took to be back.
#[allow(clippy::print_stdout, reason = "its figures are what it is for")]
pub(crate) fn print_table() {
    let rows = ROWS.lock().unwrap_or_else(PoisonError::into_inner);
    if rows.is_empty() {
        return;
    }
    let (backend, firewalld, healed, bans) = ("backend", "firewalld", "healed in", "bans");
    println!(
        "{:32} {backend:10} {firewalld:10} {healed:>10} {:>8} {:>6} {bans:>6}",
        "loss, while bans arrive", "changes", "reads"
    );
    for Row { backend, firewalld, name, healed: Healed { time, calls }, bans } in rows.iter() {
        let (time, Calls { changes, others }) = (time.as_secs_f64(), calls);
        println!(
            "{name:32} {:10} {firewalld:10} {time:8.2} s {changes:8} {others:6} {bans:6}",
            backend.to_string()
        );
    }
}
