//! Log lines on how gaoler itself fares: its sources, the firewall, the store, the configuration.
//!
//! A level says what to do: an error needs an operator now, a warning soon, the rest is for later.

use std::fmt::Display;
use std::path::Path;

use jiff::Timestamp;

use super::overview::words;
use crate::enforcer::cut::Reason;
use crate::enforcer::order::{Condition, Coverage};
use crate::jail::ban::{BanKey, JailName, show};
use crate::jail::breaker::Rate;
use crate::jail::ignore::IgnoreReason;
use crate::printable::Printable;
use crate::source::batch::{Notice, Rotation};

/// Something happened to a source.
pub fn source(source: &str, notice: &Notice) {
    match notice {
        Notice::Up => tracing::info!(source, "{source}: reading"),
        Notice::CaughtUp => tracing::debug!(source, "{source}: nothing to read yet"),
        Notice::Down(trouble) => {
            let (reason, detail) = (trouble.reason, Printable(trouble.detail.as_bytes()));
            tracing::error!(source, reason, "{source}: cannot be read: {detail}");
        }
        Notice::Error(trouble) => {
            let (reason, detail) = (trouble.reason, Printable(trouble.detail.as_bytes()));
            tracing::warn!(source, reason, "{source}: {detail}");
        }
        Notice::Lost(loss) => {
            let (bytes, detail) = (loss.bytes, Printable(loss.detail.as_bytes()));
            tracing::warn!(source, reason = "lost", bytes, "{source}: {detail}");
        }
        Notice::Rotated(rotation) => {
            let how = match rotation {
                Rotation::Renamed => "by another file in its place",
                Rotation::Truncated => "by cutting it short",
            };
            tracing::info!(source, "{source}: rotated {how}");
        }
        Notice::Restarted(trouble) => {
            let (reason, detail) = (trouble.reason, Printable(trouble.detail.as_bytes()));
            tracing::warn!(source, reason, "{source}: opened again: {detail}");
        }
    }
}

/// A batch found more failures than are worth a line each.
pub fn found_more(failures: usize) {
    tracing::info!(failures, "… and {failures} failures more in one read");
}

/// A ban that was in force is not.
pub fn lost(key: &BanKey) {
    let (jail, address) = (key.jail.as_str(), show(&key.address));
    tracing::warn!(jail, address, "[{jail}] {address} is not refused any more; putting it back");
}

/// More bans were lost than are worth a line each, and are in force again; none is no news.
pub fn lost_more(bans: u64) {
    if bans > 0 {
        tracing::warn!(bans, "… and {bans} bans more were not refused for a while");
    }
}

/// More bans began or ended than are worth a line each; none is no news.
pub fn more_bans(bans: u64) {
    if bans > 0 {
        tracing::info!(
            bans,
            "… and {bans} bans and ends of bans more; `gaoler banned` has them all"
        );
    }
}

/// So many bans are in nftables that whoever else changes the firewall feels them.
pub fn burden(bans: u64) {
    tracing::warn!(
        bans,
        "{bans} bans are in nftables: libnftables 1.0.6, by which nft and firewalld work, reads them all at each \
         call (1.1.3 does not). A reload of firewalld takes seconds then, and lets in no new connection \
         meanwhile (docs/operating.md, \"The nftables backend\")"
    );
}

/// More records used up a regex's budget than are worth a line each; none is no news.
pub fn more_overruns(records: u64) {
    if records > 0 {
        tracing::warn!(records, "… and {records} records more used up the steps of a regex");
    }
}

/// A ban cannot be enforced now, or at all.
pub fn not_enforced(key: &BanKey, why: &str, gives_up: bool) {
    let (jail, address) = (key.jail.as_str(), show(&key.address));
    let why = Printable(why.as_bytes());
    if gives_up {
        tracing::error!(jail, address, "[{jail}] {address} is NOT refused: {why}");
    } else {
        tracing::warn!(jail, address, "[{jail}] {address} is not refused yet: {why}; trying again");
    }
}

/// A ban must not stand any more, though its time is not over.
pub fn guarded(key: &BanKey, reason: IgnoreReason) {
    let (jail, address) = (key.jail.as_str(), show(&key.address));
    let why = match reason {
        IgnoreReason::Session => "an administrator is logged in from there",
        IgnoreReason::Gateway => "a default gateway is there",
        IgnoreReason::IgnoreSelf => "an address of this host is there",
        IgnoreReason::IgnoreIp | IgnoreReason::Proxy | IgnoreReason::Special => "it is allowed",
    };
    tracing::warn!(jail, address, "[{jail}] the ban of {address} is lifted: {why}");
}

/// A jail has banned too many, too fast; `in_all`: all jails together have.
pub fn breaker_opened(jail: &JailName, limit: Option<Rate>, in_all: bool) {
    let name = jail.as_str();
    let limit = limit.map_or_else(String::new, |limit| format!(" ({limit})"));
    let key = if in_all { "enforcement.max_new_bans" } else { "max_new_bans" };
    tracing::error!(
        jail = name,
        "[{name}] the breaker is open: more new bans than `{key}` allows{limit}. The jail only \
         watches now; its bans stay. Look at what it bans (gaoler banned {name}), then: gaoler \
         resume {name}"
    );
}

/// A breaker goes on holding bans back.
pub fn breaker_still_open(jail: &JailName, since: Timestamp, withheld: u64) {
    let name = jail.as_str();
    tracing::error!(
        jail = name,
        withheld,
        "[{name}] the breaker is open since {since:.0}, and has held back {withheld} bans; `gaoler \
         resume {name}` has the jail ban again"
    );
}

/// An operator has closed a breaker.
pub fn breaker_closed(jail: &JailName, withheld: u64) {
    let name = jail.as_str();
    tracing::info!(
        jail = name,
        withheld,
        "[{name}] the breaker is closed: the jail bans again; {withheld} bans were held back"
    );
}

/// Live connections of banned addresses were closed.
pub fn cut(jail: &JailName, sockets: u64, flows: u64) {
    let jail = jail.as_str();
    tracing::info!(
        jail,
        sockets,
        flows,
        "[{jail}] closed the live connections of whom it banned: {sockets} of this host, {flows} \
         that it forwards"
    );
}

/// Live connections of banned addresses stay open.
pub fn cannot_cut(reason: Reason, why: &str) {
    let why = Printable(why.as_bytes());
    let remedy = match reason {
        Reason::Permission => {
            "copy /usr/share/gaoler/11-cut-established.conf to \
             /etc/systemd/system/gaoler.service.d/ (10-nftables.conf serves as well), then \
             `systemctl daemon-reload` and `systemctl restart gaoler`"
        }
        Reason::Unsupported => "this kernel cannot; take cut_established out",
        Reason::Overflow | Reason::Other => "gaoler_cut_errors_total counts how often",
    };
    tracing::error!(
        reason = reason.word(),
        "cut_established: banned addresses keep their live connections: {why}; {remedy}"
    );
}

/// The firewall's state changed.
pub fn condition(backend: &str, condition: &Condition) {
    let state = Printable(words(condition).as_bytes());
    match condition {
        Condition::Ready => tracing::info!(backend, "{backend}: {state}"),
        Condition::Starting => tracing::info!(backend, "{backend}: {state}; bans wait"),
        Condition::Absent => tracing::warn!(backend, "{backend}: {state}; bans wait"),
        Condition::Panic => tracing::warn!(backend, "{backend}: {state}; bans wait"),
        Condition::Broken(_) => {
            tracing::error!(backend, "{backend}: {state}; bans are not enforced");
        }
    }
}

/// What is was compared with what should be.
pub fn reconciled(trigger: &str, missing: u64, unexpected: u64) {
    if missing == 0 && unexpected == 0 {
        tracing::debug!(trigger, "the firewall is as it should be ({trigger})");
    } else {
        tracing::info!(
            trigger,
            missing,
            unexpected,
            "the firewall was not as it should be ({trigger}): {missing} rules put back, \
             {unexpected} removed"
        );
    }
}

/// What a ban stops became known, or has changed.
pub fn coverage(backend: &str, coverage: &Coverage) {
    let mode = coverage.mode;
    tracing::info!(backend, mode, "{backend}: {coverage}");
    if !coverage.unprovisioned.is_empty() {
        let jails: Vec<&str> = coverage.unprovisioned.iter().map(JailName::as_str).collect();
        let jails = jails.join(", ");
        tracing::info!(
            backend,
            "no set of firewalld's holds the bans of {jails}: they take rich rules, good for some \
             200; run `gaoler provision --apply`, or set `ban_ports: all`"
        );
    }
}

/// Somebody made bans permanent in the firewall's own configuration.
pub fn made_permanent(count: u64, remedy: &str) {
    tracing::warn!(
        count,
        "{count} rules of gaoler's were made permanent (firewall-cmd --runtime-to-permanent?): they \
         come back at each reload of firewalld, and gaoler removes them at run time only. Remove \
         them for good, such as by: {remedy}"
    );
}

/// The store works again, or does not.
pub fn store(trouble: Option<&str>) {
    match trouble {
        None => tracing::info!("state database: works again; every ban is kept"),
        Some(why) => {
            let why = Printable(why.as_bytes());
            tracing::error!("state database: {why}; bans go on, and are lost if gaoler ends now");
        }
    }
}

/// What the store held is lost, and a new file begun.
pub fn state_lost(why: &str, aside: Option<&Path>) {
    let why = Printable(why.as_bytes());
    if let Some(aside) = aside {
        let aside = aside.display();
        tracing::error!(
            "state database: {why}; it is kept as {aside}, and a new one begun. Bans in force are \
             taken from the firewall, for their jail's bantime from now; the history is lost"
        );
    } else {
        tracing::error!("state database: {why}; a new one is begun, and the history lost");
    }
}

/// Bans were taken up from the firewall, since the store could not tell of them.
pub fn adopted(bans: usize) {
    tracing::warn!(
        "{bans} bans are taken up from the firewall, which the state database did not know"
    );
}

/// The configuration was read again.
pub fn reloaded(refused: Option<&impl Display>) {
    match refused {
        None => tracing::info!("configuration reloaded"),
        Some(refused) => tracing::error!("reload: {refused}"),
    }
}
