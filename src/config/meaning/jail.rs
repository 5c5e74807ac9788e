//! One jail.

use std::sync::Arc;

use super::{Meaning, guards, recidive};
use crate::config::checked::JailSettings;
use crate::config::error::{ConfigError, Place, Problem};
use crate::config::filters::Found;
use crate::config::keys::gaoler::{FILE, JAIL};
use crate::config::tree::{Entry, Node, Value};
use crate::config::view::{self, View};
use crate::config::{duration, values};
use crate::filter::definition::Defaults;
use crate::filter::{Filter, NORMAL};
use crate::jail::ban::JailName;
use crate::jail::window::Threshold;

/// A jail as it is being read.
pub(super) struct Draft<'a> {
    pub(super) name: &'a str,
    /// Where its name is written.
    pub(super) place: &'a Place,
    /// What is said in the jail itself, by its filter's name and so on.
    pub(super) own: View<'a>,
    /// The same with `defaults` and the table's defaults behind it.
    pub(super) view: View<'a>,
}

impl Draft<'_> {
    /// The jail's key of that name, from the top.
    pub(super) fn key(&self, key: &str) -> String {
        format!("jails.{}.{key}", self.name)
    }
}

/// Which filter, and where that is said.
struct Named {
    filter: String,
    mode: String,
    place: Place,
    mode_place: Place,
}

/// Whether the jail is to run.
pub(super) fn is_enabled(tree: &Node, jail: &Entry) -> bool {
    let mut layers = vec![&jail.node];
    layers.extend(tree.get("defaults").map(|entry| &entry.node));
    View::new(layers, JAIL).flag("enabled")
}

impl Meaning<'_> {
    /// The settings of a jail; `None` if they cannot be, which has been reported.
    pub(super) fn jail(&mut self, tree: &Node, entry: &Entry) -> Option<JailSettings> {
        let table = view::defaults(JAIL);
        let mut layers = vec![&entry.node];
        layers.extend(tree.get("defaults").map(|entry| &entry.node));
        layers.push(&table);
        let draft = Draft {
            name: &entry.key,
            place: &entry.place,
            own: View::new(vec![&entry.node], JAIL),
            view: View::new(layers, JAIL),
        };
        let (found, filter) = self.filter(&draft)?;
        let policy = policy(&found.definition.defaults, &draft);
        let draft = Draft { view: draft.view.under(&policy), ..draft };
        let origin = if recidive::is_asked_for(&found) {
            Some(self.bans(&draft, tree))
        } else {
            self.origin(&draft, &found.definition.defaults)
        };
        let (increment, widen) = (self.increment(&draft), self.widen(&draft));
        let state = View::new(vec![tree], FILE).section("state");
        let scope = self.scope(&draft, &found.definition.defaults);
        self.advise(&draft);
        self.advise_of_guards(&draft);
        let view = &draft.view;
        let ignoreip = view.texts("ignoreip");
        Some(JailSettings {
            name: JailName::new(draft.name),
            filter,
            origin: origin?,
            time_zone: self::time_zone(view),
            threshold: Threshold::new(view.count("maxretry"), view.duration("findtime")?).ok()?,
            bantime: view.duration("bantime"),
            scope: scope?,
            ignoreip: ignoreip.iter().filter_map(|item| values::network(&item.text).ok()).collect(),
            ignoreself: view.flag("ignoreself"),
            ignoresessions: view.flag("ignoresessions"),
            floors: guards::floors(tree),
            max_new_bans: guards::rate(view),
            dry_run: view.flag("dry_run"),
            trusted_proxies: super::proxied::trusted(view),
            cut_established: view.flag("cut_established"),
            max_addresses: view.count("max_addresses"),
            expect_every: view.duration("expect_every"),
            increment,
            dbpurgeage: state.duration("dbpurgeage")?,
            ipv6_prefix: u8::try_from(view.count("ipv6_prefix")).ok()?,
            widen,
        })
    }

    fn filter(&mut self, draft: &Draft) -> Option<(Arc<Found>, Arc<Filter>)> {
        if let Some(found) = self.given.get(draft.name).cloned() {
            return self.given_filter(draft, found);
        }
        let named = self.named(draft)?;
        let found = match self.filters.find(&named.filter, &named.place) {
            Ok(found) => found,
            Err(errors) => {
                self.errors.extend(errors.into_iter().map(|error| with_key(error, draft)));
                return None;
            }
        };
        self.known_mode(draft, &named, &found)?;
        let adapted = self.adapted(draft, &found)?;
        match self.filters.compile(&found, &named.mode, &adapted) {
            Ok(filter) => {
                self.advise_of_filter(&filter);
                self.advise_of_proxies(draft.name, &filter);
                Some((found, filter))
            }
            Err(why) => {
                let (place, key) = match &found.file {
                    Some(file) => (Place::file(file), String::new()),
                    None => (named.place, draft.key("filter")),
                };
                self.errors.push(ConfigError { place, key, problem: Problem::Filter(why) });
                None
            }
        }
    }

    /// A filter that is fail2ban's, with what the jail says of it.
    fn given_filter(
        &mut self,
        draft: &Draft,
        found: Arc<Found>,
    ) -> Option<(Arc<Found>, Arc<Filter>)> {
        match Filter::compile(&found.definition, NORMAL) {
            Ok(filter) => {
                self.advise_of_filter(&filter);
                Some((found, Arc::new(filter)))
            }
            Err(why) => {
                let place = found.file.as_deref().map_or_else(|| draft.place.clone(), Place::file);
                let (key, problem) = (draft.key("filter"), Problem::Filter(why.to_string()));
                self.errors.push(ConfigError { place, key, problem });
                None
            }
        }
    }

    /// Which filter and mode a jail names; by default the filter of its own name.
    fn named(&mut self, draft: &Draft) -> Option<Named> {
        let written = draft.own.text("filter");
        if written.is_none() && self.may_be_mistyped(draft.name) {
            return None;
        }
        let place = written.as_ref().map_or(draft.place, |item| &item.place).clone();
        let spec = written.map_or_else(|| draft.name.to_owned(), |item| item.text);
        let (filter, in_spec) = values::filter_spec(&spec).ok()?;
        let apart = draft.own.text("mode");
        if let (Some(_), Some(mode)) = (in_spec, &apart) {
            let why = "the mode is given twice, here and in `filter`; keep one of them".to_owned();
            self.error(&mode.place, &draft.key("mode"), why);
            return None;
        }
        let (mode, mode_place) = match (in_spec, apart) {
            (Some(mode), _) => (mode.to_owned(), place.clone()),
            (None, Some(mode)) => (mode.text, mode.place),
            (None, None) => ("normal".to_owned(), place.clone()),
        };
        Some(Named { filter: filter.to_owned(), mode, place, mode_place })
    }

    fn known_mode(&mut self, draft: &Draft, named: &Named, found: &Found) -> Option<()> {
        let modes = || found.definition.modes.iter().map(|mode| mode.name.as_str());
        if named.mode == "normal" || modes().any(|mode| mode == named.mode) {
            return Some(());
        }
        let known: Vec<_> =
            std::iter::once("normal").chain(modes().filter(|m| *m != "normal")).collect();
        let why = format!(
            "the filter `{}` has no mode `{}`; it has: {}",
            named.filter,
            named.mode,
            known.join(", ")
        );
        self.error(&named.mode_place, &draft.key("mode"), why);
        None
    }

    /// Once for each filter, however many jails name it.
    fn advise_of_filter(&mut self, filter: &Filter) {
        for warning in filter.warnings() {
            if !self.warnings.contains(warning) {
                self.warnings.push(warning.clone());
            }
        }
    }

    /// What a careful reader should know of a jail's numbers.
    fn advise(&mut self, draft: &Draft) {
        let (name, view) = (draft.name, &draft.view);
        for item in view.texts("ignoreip") {
            if values::network(&item.text).is_ok_and(|network| network.prefix_len() == 0) {
                self.warnings.push(format!(
                    "jail {name}: ignoreip holds `{}`, so that nobody of that family is ever banned",
                    item.text
                ));
            }
        }
        if !view.flag("ignoreself") {
            self.warnings.push(format!(
                "jail {name}: ignoreself is off: the host may ban its own addresses"
            ));
        }
        let megabytes =
            view.count("maxretry").saturating_mul(view.count("max_addresses")).saturating_mul(16)
                >> 20;
        if megabytes > 256 {
            self.warnings.push(format!(
                "jail {name}: maxretry and max_addresses together allow some {megabytes} MiB of memory"
            ));
        }
    }
}

/// What the filter has of what neither the jail nor `defaults` says, as a layer of the jail.
fn policy(defaults: &Defaults, draft: &Draft) -> Node {
    let place = draft.place;
    let node = |value| Node { place: place.clone(), value };
    let protocol = defaults.protocol.iter().map(|word| node(Value::Text(word.clone()))).collect();
    let given = [
        ("maxretry", defaults.maxretry.and_then(|n| i128::try_from(n).ok()).map(Value::Int)),
        ("findtime", defaults.findtime.map(|time| Value::Text(duration::show(time)))),
        ("protocol", Some(Value::List(protocol)).filter(|_| !defaults.protocol.is_empty())),
    ];
    let entry = |(key, value): (&str, Option<Value>)| {
        let value = value.filter(|_| !draft.view.is_written(key));
        Some(Entry { key: key.to_owned(), place: place.clone(), node: node(value?) })
    };
    node(Value::Map(given.into_iter().filter_map(entry).collect()))
}

/// An error about which filter is named is the jail's; one in a filter's file keeps its own key.
fn with_key(error: ConfigError, draft: &Draft) -> ConfigError {
    let at_the_jail = matches!(error.problem, Problem::Meaning(_)) && error.key.is_empty();
    if at_the_jail { ConfigError { key: draft.key("filter"), ..error } } else { error }
}

fn time_zone(view: &View) -> jiff::tz::TimeZone {
    view.text("logtimezone")
        .and_then(|item| values::time_zone(&item.text).ok())
        .unwrap_or_else(jiff::tz::TimeZone::system)
}
