//! From a checked tree to what it means: names resolved, filters compiled, contradictions found.
//!
//! Runs even where the check of single values found errors, so that everything is reported at
//! once; what was refused there is passed over here.

mod bantime;
mod guards;
mod jail;
mod origin;
mod otlp;
mod proxied;
mod recidive;
mod scope;
mod widen;

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::SignedDuration;

use super::checked::{
    Action, Addresses, Config, Enforcement, Firewalld, JailSettings, Mode, Nftables, OnStop, Web,
};
use super::error::{ConfigError, Place, Problem};
use super::filters::{Filters, Found};
use super::keys::gaoler::FILE;
use super::ports::Services;
use super::tree::Node;
use super::values;
use super::view::{Item, View};
use super::web;

/// What is gathered on the way.
pub(super) struct Meaning<'a> {
    pub(super) filters: Filters,
    pub(super) services: Services,
    /// What the check of single values found.
    pub(super) refused: &'a [ConfigError],
    pub(super) errors: Vec<ConfigError>,
    pub(super) warnings: Vec<String>,
    /// Filters that are read already, by the name of the jail that they are for.
    pub(super) given: HashMap<String, Arc<Found>>,
}

/// How long ended bans are remembered: at least as long as they count.
fn history(file: &View) -> SignedDuration {
    let state = file.section("state");
    let ages = ["history", "dbpurgeage"].map(|key| state.duration(key));
    ages.into_iter().flatten().max().unwrap_or_default()
}

impl Meaning<'_> {
    /// The meaning of a whole, merged tree. Complete only if there are no errors.
    pub(super) fn config(&mut self, tree: &Node) -> Config {
        let file = View::new(vec![tree], FILE);
        let path = |section: &str, key: &str| {
            PathBuf::from(file.section(section).text(key).map(|item| item.text).unwrap_or_default())
        };
        let (state, socket) = (path("state", "path"), path("control", "socket"));
        let section = file.section("enforcement");
        let removes = section.text("on_stop").is_some_and(|item| item.text == "remove");
        let on_stop = if removes { OnStop::Remove } else { OnStop::Keep };
        let enforcement = self.enforcement(&section);
        let telemetry = file.section("telemetry");
        let listen = telemetry.text("listen");
        let listen = listen.and_then(|item| values::listen(&item.text).ok().flatten());
        let web = self.web(&telemetry.section("web"), listen);
        let otlp = self.otlp(&telemetry.section("otlp"));
        let max_new_bans = guards::rate(&file.section("enforcement"));
        self.advise_of_floors(guards::floors(tree));
        let jails = self.jails(tree);
        let warnings = Vec::new();
        Config {
            jails,
            enforcement,
            max_new_bans,
            on_stop,
            state,
            history: history(&file),
            socket,
            listen,
            otlp,
            web,
            warnings,
        }
    }

    fn web(&mut self, section: &View, listen: Option<SocketAddr>) -> Web {
        let file = section.text("config_file");
        let addresses = match section.text("addresses").as_ref().map(|item| item.text.as_str()) {
            Some("always") => Addresses::Always,
            Some("never") => Addresses::Never,
            _ => Addresses::Authenticated,
        };
        if let Some(address) = listen.filter(|address| !address.ip().is_loopback())
            && file.is_none()
        {
            let shown = if addresses == Addresses::Always { ", addresses included," } else { "" };
            self.warnings.push(format!(
                "telemetry.listen: `{address}` shows metrics and status{shown} to whoever can reach \
                 it; `telemetry.web.config_file` asks for a password"
            ));
        }
        if let Some(Item { text, .. }) = &file
            && let Err(errors) = web::load(Path::new(text))
        {
            self.errors.extend(errors);
        }
        Web { config_file: file.map(|item| item.text.into()), addresses }
    }

    fn enforcement(&mut self, section: &View) -> Enforcement {
        let is = |view: &View, key, word| view.text(key).is_some_and(|item| item.text == word);
        if is(section, "backend", "none") {
            self.warnings.push("enforcement.backend is `none`: nothing is refused".to_owned());
            return Enforcement::None;
        }
        if is(section, "backend", "nftables") {
            let table = section.section("nftables").text("table").map(|item| item.text);
            return Enforcement::Nftables(Nftables { table: table.unwrap_or_default() });
        }
        let firewalld = section.section("firewalld");
        Enforcement::Firewalld(Firewalld {
            mode: match firewalld.text("mode").as_ref().map(|item| item.text.as_str()) {
                Some("rich-rule") => Mode::RichRule,
                Some("ipset") => Mode::Ipset,
                _ => Mode::Auto,
            },
            zones: self.zones(&firewalld),
            action: if is(&firewalld, "action", "drop") { Action::Drop } else { Action::Reject },
            bus: firewalld.text("bus").map(|item| item.text),
        })
    }

    /// The zones, `None` for the active ones.
    fn zones(&mut self, firewalld: &View) -> Option<Vec<String>> {
        let items = firewalld.texts("zones");
        let active = items.iter().find(|item| item.text == "active");
        if let Some(active) = active.filter(|_| items.len() > 1) {
            self.error(
                &active.place,
                "enforcement.firewalld.zones",
                "`active` stands alone; leave it or the other zones out".to_owned(),
            );
        }
        let zones: BTreeSet<String> = items.iter().map(|item| item.text.clone()).collect();
        active.is_none().then(|| zones.into_iter().collect())
    }

    /// The jails that are enabled; those that are not are only checked.
    fn jails(&mut self, tree: &Node) -> Vec<JailSettings> {
        let entries = tree.get("jails").map(|entry| entry.node.entries()).unwrap_or_default();
        let mut jails = Vec::new();
        for entry in entries {
            let (enabled, warnings) = (jail::is_enabled(tree, entry), self.warnings.len());
            let settings = self.jail(tree, entry);
            if enabled {
                jails.extend(settings);
            } else {
                self.warnings.truncate(warnings);
            }
        }
        if jails.is_empty() && self.errors.is_empty() && self.refused.is_empty() {
            self.warnings.push("no jail is enabled: nothing is watched".to_owned());
        }
        jails
    }

    fn error(&mut self, place: &Place, key: &str, why: String) {
        let problem = Problem::Meaning(why);
        self.errors.push(ConfigError { place: place.clone(), key: key.to_owned(), problem });
    }

    /// Whether a key that a jail lacks may be there under a name that was refused, or in a form that
    /// was. To report it as missing would mislead.
    fn may_be_mistyped(&self, jail: &str) -> bool {
        let path = format!("jails.{jail}");
        let of_jail = |error: &ConfigError| {
            error.key == path || error.key == "jails" || error.key == format!("{path}.filter")
        };
        let unknown = |error: &ConfigError| {
            matches!(error.problem, Problem::UnknownKey(_))
                && error.key.strip_prefix(&path).is_some_and(|rest| rest.starts_with('.'))
        };
        self.refused.iter().any(|error| of_jail(error) || unknown(error))
    }
}
