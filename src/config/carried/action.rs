//! What a carried jail's actions come to: which of ours does each one's work.
//!
//! No program is run here. An action that has a firewall refuse an address becomes the jail's ports,
//! for our enforcer; of the others it is said what does their work.

use std::collections::BTreeSet;

use super::{Draft, given, place};
use crate::config::error::shown;
use crate::fail2ban::spec::Spec;

/// What an action does, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Has firewalld refuse.
    Firewalld,
    /// Has another firewall refuse.
    Firewall,
    /// Writes a mail.
    Mail,
    /// Tells others, far away.
    Report,
    /// Nothing.
    Nothing,
    /// Something that only its author knows.
    Custom,
}

const FIREWALLS: [&str; 16] = [
    "iptables",
    "nftables",
    "ufw",
    "shorewall",
    "pf",
    "ipfw",
    "bsd-ipfw",
    "ipfilter",
    "apf",
    "npf",
    "route",
    "hostsdeny",
    "osx-afctl",
    "osx-ipfw",
    "ip6tables",
    "ipset",
];
const REPORTS: [&str; 8] = [
    "abuseipdb",
    "blocklist_de",
    "complain",
    "dshield",
    "mynetwatchman",
    "badips",
    "xarf",
    "osx-notify",
];

fn kind(name: &str) -> Kind {
    let begins = |words: &[&str]| words.iter().any(|word| name.starts_with(word));
    match name {
        "" | "dummy" => Kind::Nothing,
        _ if name.starts_with("firewallcmd") => Kind::Firewalld,
        _ if begins(&FIREWALLS) => Kind::Firewall,
        _ if name.contains("mail") || name.starts_with("smtp") => Kind::Mail,
        _ if begins(&REPORTS) => Kind::Report,
        _ => Kind::Custom,
    }
}

/// Whether an action drives a firewall that is not firewalld.
pub(super) fn is_other_firewall(name: &str) -> bool {
    kind(name) == Kind::Firewall
}

impl Draft<'_> {
    /// The ports that the jail's actions close, and what does the work of the others.
    pub(super) fn actions(&mut self) {
        let actions = &self.jail.actions;
        let closes = |spec: &&Spec| matches!(kind(&spec.name), Kind::Firewalld | Kind::Firewall);
        let closing: Vec<&Spec> = actions.iter().filter(closes).collect();
        let others: Vec<&Spec> = actions.iter().filter(|spec| !closes(spec)).collect();
        for spec in &others {
            self.name_other(spec);
        }
        if closing.is_empty() && others.iter().all(|spec| kind(&spec.name) != Kind::Custom) {
            self.note(
                "action",
                "no action of the jail has a firewall refuse anybody: `dry_run: true`, so that it only \
                 says whom it would ban",
            );
            self.fields.flag("dry_run", true, place(self.jail.place("action")));
        }
        self.ports(&closing);
        self.blocktype(&closing);
    }

    fn name_other(&mut self, spec: &Spec) {
        let name = shown(&spec.name);
        let instead = match kind(&spec.name) {
            Kind::Mail => {
                "gaoler sends no mail: Alertmanager does, by the rules in `alerts/`; `gaoler explain \
                 ADDRESS` has the matched lines"
            }
            Kind::Report => {
                "gaoler reports to nobody far away: a collector can, from the event `gaoler.ban` \
                 (`telemetry.otlp`)"
            }
            Kind::Custom => {
                "gaoler runs no program: each ban is a line in the journal with its fields \
                 (`journalctl -u gaoler -o json`: `GAOLER_JAIL`, `GAOLER_ADDRESS`) and an event to a collector (`telemetry.otlp`), for a \
                 program of yours to act on"
            }
            Kind::Firewalld | Kind::Firewall | Kind::Nothing => return,
        };
        self.note("action", format!("action `{name}` is not carried over: {instead}"));
    }

    /// The union of what the actions close; every port where one closes all, or none says.
    fn ports(&mut self, closing: &[&Spec]) {
        let of_jail = |option| given(&self.jail.options, option).map(str::to_owned);
        let (mut ports, mut protocols) = (Vec::new(), Vec::new());
        let mut all = false;
        for spec in closing {
            let everything = closes_everything(&spec.name);
            let port = spec.option("port").filter(|port| !port.contains('<')).map(str::to_owned);
            match port.or_else(|| of_jail("port")).filter(|_| !everything) {
                Some(port) => ports.extend(words(&port)),
                None => all = true,
            }
            protocols.extend(spec.option("protocol").map(str::to_owned));
        }
        if closing.is_empty() {
            ports.extend(of_jail("port").as_deref().map(words).unwrap_or_default());
        }
        if all || ports.is_empty() {
            ports = vec!["all".to_owned()];
        }
        ports.sort();
        ports.dedup();
        self.fields.list("port", ports, &place(self.jail.place("port")));
        self.protocols(protocols, of_jail("protocol"));
    }

    fn protocols(&mut self, mut protocols: Vec<String>, of_jail: Option<String>) {
        if protocols.is_empty() {
            protocols.extend(of_jail);
        }
        let mut known = BTreeSet::new();
        for word in protocols.iter().flat_map(|text| words(text)) {
            match word.as_str() {
                "tcp" | "udp" => known.extend([word]),
                "all" => known.extend(["tcp".to_owned(), "udp".to_owned()]),
                _ => {
                    let word = shown(&word);
                    self.note(
                        "protocol",
                        format!("protocol `{word}` is left out: tcp and udp are refused"),
                    );
                }
            }
        }
        if !known.is_empty() {
            self.fields.list("protocol", known, &place(self.jail.place("protocol")));
        }
    }

    fn blocktype(&mut self, closing: &[&Spec]) {
        let drops = |spec: &&Spec| {
            spec.options.iter().any(|(name, value)| {
                name.ends_with("blocktype") && value.to_lowercase().starts_with("drop")
            })
        };
        if closing.iter().any(|spec| drops(&spec)) {
            self.note(
                "action",
                "the action drops packets; here one setting holds for all jails: `enforcement: \
                 {firewalld: {action: drop}}`",
            );
        }
    }
}

/// Whether an action closes every port, whatever `port` it is given.
fn closes_everything(name: &str) -> bool {
    name.contains("allports") || ["route", "hostsdeny", "ufw"].contains(&name)
}

/// Ports or protocols, apart by commas and blanks.
fn words(text: &str) -> Vec<String> {
    let words = text.split([',', ' ', '\n']).filter(|word| !word.is_empty());
    words.map(|word| if word == "0:65535" { "all" } else { word }.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_known_by_their_names() {
        let check = |name, expected| assert_eq!(kind(name), expected, "{name}");
        check("firewallcmd-ipset", Kind::Firewalld);
        check("iptables-multiport", Kind::Firewall);
        check("nftables", Kind::Firewall);
        check("sendmail-whois-lines", Kind::Mail);
        check("mail", Kind::Mail);
        check("abuseipdb", Kind::Report);
        check("my-own", Kind::Custom);
        check("cloudflare", Kind::Custom);
        check("dummy", Kind::Nothing);
    }
}
