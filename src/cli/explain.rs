//! `gaoler explain ADDRESS`, for people.
//!
//! Records and the names in them are what attackers wrote: all of it goes through [`Printable`].

mod records;
#[cfg(test)]
mod tests;

use std::fmt::{self, Write as _};

use jiff::SignedDuration;
use jiff::tz::TimeZone;

use crate::config::duration;
use crate::control::explanation::{BanView, Counting, EarlierBan, Explanation, JailView};
use crate::jail::ban::BanOrigin;
use crate::printable::Printable;
use crate::telemetry::lines::local;
use crate::telemetry::verdicts::RecentVerdict;
use crate::trace::TraceId;

/// How many of the last verdicts are shown.
const VERDICTS: usize = 5;

/// What is known of an address, in sentences and indented lists; times in `zone`.
#[must_use]
pub(super) fn human(told: &Explanation, zone: &TimeZone) -> String {
    let mut text = String::new();
    Page { text: &mut text, zone, told }.write().expect("a String takes all");
    text
}

/// A page as it is written.
struct Page<'a> {
    text: &'a mut String,
    zone: &'a TimeZone,
    told: &'a Explanation,
}

impl Page<'_> {
    fn write(&mut self) -> fmt::Result {
        let told = self.told;
        let silent = told.jails.iter().all(says_nothing);
        if silent {
            let jails: Vec<&str> = told.jails.iter().map(|jail| jail.jail.as_str()).collect();
            let jails = jails.join(", ");
            writeln!(
                self.text,
                "{} is not banned, and no failure of it counts now (jails: {jails}).",
                told.address
            )?;
        }
        for jail in &told.jails {
            for ban in &jail.bans {
                self.ban(jail, ban)?;
            }
            self.no_ban(jail)?;
        }
        self.earlier(silent)?;
        self.verdicts()
    }

    fn ban(&mut self, jail: &JailView, view: &BanView) -> fmt::Result {
        let (ban, zone) = (&view.ban, self.zone);
        let would = if jail.dry_run { "would be" } else { "is" };
        let who = match &self.told.address {
            address if *address == ban.address => {
                format!("{address} {would} banned by {}", jail.jail)
            }
            address if is_part(address, &ban.address) => {
                format!("{address} {would} banned by {}, as part of {}", jail.jail, ban.address)
            }
            address => format!("{} of {address} {would} banned by {}", ban.address, jail.jail),
        };
        let until =
            ban.until.map_or("for ever".to_owned(), |at| format!("until {}", local(at, zone)));
        writeln!(self.text, "{who}, {until}.")?;
        let why = match ban.origin {
            BanOrigin::Manual => "an operator banned it".to_owned(),
            BanOrigin::Detected => failures(ban.failures, jail),
        };
        self.line("why", &why)?;
        self.line("since", &local(ban.since, zone))?;
        self.line("firewall", &standing(view))?;
        self.trace(ban.trace_id)?;
        records::write(self.text, zone, &jail.filter, &view.records)
    }

    /// Why a jail does not ban the address, where there is something to say.
    fn no_ban(&mut self, jail: &JailView) -> fmt::Result {
        let (address, name) = (&self.told.address, &jail.jail);
        if let Some(word) = &jail.ignored {
            writeln!(self.text, "{address} is never banned by {name}: {}.", ignored(word))?;
        }
        if let Some(counting) = &jail.counting {
            writeln!(self.text, "{address} is not banned by {name} yet.")?;
            self.line("why", &failures(counting.failures, jail))?;
            self.counting(jail, counting)?;
        }
        if let Some(held) = jail.withheld.as_ref().filter(|_| jail.bans.is_empty()) {
            writeln!(self.text, "{address} is not banned by {name}, though it was due.")?;
            self.line("why", &failures(held.failures, jail))?;
            let resume = format!("open: it only watches until `gaoler resume {name}`");
            let breaker =
                if jail.breaker_open { resume.as_str() } else { "open then, closed since" };
            self.line("breaker", &breaker)?;
            self.counting(jail, held)?;
        }
        Ok(())
    }

    fn counting(&mut self, jail: &JailView, counting: &Counting) -> fmt::Result {
        if let Some(time) = counting.time {
            self.line("last", &local(time, self.zone))?;
        }
        self.trace(counting.trace_id)?;
        records::write(self.text, self.zone, &jail.filter, &counting.records)
    }

    /// The bans that have ended, and what the last rested on where `no_other` records are shown.
    fn earlier(&mut self, no_other: bool) -> fmt::Result {
        let Some(last) = self.told.earlier.first() else { return Ok(()) };
        writeln!(self.text, "Earlier bans, the last first:")?;
        for ban in &self.told.earlier {
            self.earlier_ban(ban)?;
        }
        if no_other && !last.records.is_empty() {
            writeln!(self.text, "What the last of them rested on:")?;
            records::write(self.text, self.zone, "", &last.records)?;
        }
        Ok(())
    }

    fn earlier_ban(&mut self, ban: &EarlierBan) -> fmt::Result {
        let (since, ended) = (local(ban.since, self.zone), local(ban.ended, self.zone));
        let failures = match ban.origin {
            BanOrigin::Manual => "by an operator".to_owned(),
            BanOrigin::Detected => format!("{} failures", ban.failures),
        };
        let EarlierBan { jail, address, reason, .. } = ban;
        let reason = Printable(reason.as_bytes());
        write!(self.text, "  {since} to {ended}  {jail}  {address}  {failures}, ended: {reason}")?;
        match ban.trace_id {
            Some(trace) => writeln!(self.text, "  trace {trace}"),
            None => writeln!(self.text),
        }
    }

    fn verdicts(&mut self) -> fmt::Result {
        if self.told.verdicts.is_empty() {
            return Ok(());
        }
        writeln!(self.text, "The last verdicts:")?;
        for verdict in self.told.verdicts.iter().take(VERDICTS) {
            let RecentVerdict { jail, address, verdict: word, times, .. } = verdict;
            let time = local(verdict.time, self.zone);
            let word = word.as_str().replace('_', " ");
            let address = crate::jail::ban::show(address);
            write!(self.text, "  {time}  {jail}  {address}  {word}")?;
            if let Some(reason) = &verdict.reason {
                write!(self.text, " ({})", Printable(reason.as_bytes()))?;
            }
            if verdict.failures > 0 {
                write!(self.text, ", {} of {} failures", verdict.failures, verdict.maxretry)?;
            }
            if *times > 1 {
                write!(self.text, ", {times} times")?;
            }
            writeln!(self.text)?;
        }
        Ok(())
    }

    fn trace(&mut self, trace: Option<TraceId>) -> fmt::Result {
        trace.map_or(Ok(()), |trace| self.line("trace", &trace))
    }

    fn line(&mut self, what: &str, value: &dyn fmt::Display) -> fmt::Result {
        writeln!(self.text, "  {what:<9} {value}")
    }
}

/// Whether a jail has nothing to say of the address.
fn says_nothing(jail: &JailView) -> bool {
    let JailView { ignored, bans, counting, withheld, .. } = jail;
    ignored.is_none() && bans.is_empty() && counting.is_none() && withheld.is_none()
}

fn is_part(address: &str, banned: &str) -> bool {
    let [address, banned] = [address, banned].map(super::value::network);
    matches!((address, banned), (Ok(address), Ok(banned)) if banned.contains(&address))
}

fn failures(failures: u32, jail: &JailView) -> String {
    let findtime = duration::show(SignedDuration::from_secs(jail.findtime_seconds));
    let plural = if failures == 1 { "failure" } else { "failures" };
    format!("{failures} {plural} within {findtime}, where {} are too many", jail.maxretry)
}

/// How a ban stands with the firewall, in words.
fn standing(view: &BanView) -> String {
    match (view.ban.state.as_str(), &view.refused) {
        ("enforced", _) => "has the ban: it is enforced".to_owned(),
        ("pending", _) => "does not have the ban yet; gaoler goes on trying".to_owned(),
        ("refused", Some(why)) => format!("will not have the ban: {}", Printable(why.as_bytes())),
        ("watched", _) => "there is none: gaoler only watches".to_owned(),
        ("dry_run", _) => "is not told: the jail is a dry run".to_owned(),
        (state, _) => state.to_owned(),
    }
}

/// Why an address is never banned, in words.
fn ignored(word: &str) -> &str {
    match word {
        "ignoreip" => "it is in the jail's ignoreip",
        "ignoreself" => "it is one of this host's own addresses (ignoreself)",
        "special" => "it is a loopback, link-local, multicast or unspecified address",
        "proxy" => "it is in the jail's trusted_proxies",
        "gateway" => "it is one of this host's default gateways",
        "session" => "an administrator is logged in from it now (ignoresessions)",
        other => other,
    }
}
