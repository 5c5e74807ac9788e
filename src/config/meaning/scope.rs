//! What a jail's bans refuse.

use std::collections::BTreeSet;

use super::Meaning;
use super::jail::Draft;
use crate::config::ports::Ports;
use crate::config::view::Item;
use crate::filter::definition::Defaults;
use crate::jail::scope::{PortRange, Protocol, Scope};

/// More rules than that for each ban and zone are worth a word.
const MANY_RULES: usize = 10;

impl Meaning<'_> {
    /// The jail's ports, or else the filter's, or else all.
    pub(super) fn scope(&mut self, draft: &Draft, defaults: &Defaults) -> Option<Scope> {
        let protocols = protocols(draft);
        let words = words(draft, defaults)?;
        let (ports, errors) = self.resolved(draft, &words, &protocols);
        if errors {
            return None;
        }
        let every = draft.view.text("ban_ports").is_some_and(|item| item.text == "all");
        let ports = ports.filter(|_| !every).unwrap_or_default();
        let scope = Scope { ports, protocols };
        // Where the filter says `all`, its author meant it.
        if every || draft.own.entry("port").is_some() || defaults.port.is_empty() {
            self.advise_of_scope(draft.name, &scope, if every { "ban_ports" } else { "port" });
        }
        Some(scope)
    }

    /// The ports, `None` for all of them, and whether there were errors.
    fn resolved(
        &mut self,
        draft: &Draft,
        words: &[Item],
        protocols: &BTreeSet<Protocol>,
    ) -> (Option<BTreeSet<PortRange>>, bool) {
        let mut ports = BTreeSet::new();
        let (mut all, mut errors) = (words.is_empty(), false);
        for word in words {
            match self.services.resolve(&word.text, protocols) {
                Ok(Ports::All) => all = true,
                Ok(Ports::These(these)) => ports.extend(these),
                Err(error) => {
                    errors = true;
                    let why = format!("`{}` {error}", word.text);
                    self.error(&word.place, &draft.key("port"), why);
                }
            }
        }
        ((!all).then_some(ports), errors)
    }

    /// `key` says which ports.
    fn advise_of_scope(&mut self, name: &str, scope: &Scope, key: &str) {
        let rules = scope.ports.len() * scope.protocols.len();
        if scope.ports.is_empty() {
            self.warnings.push(format!(
                "jail {name}: a ban refuses every port, since `{key}` is all of them"
            ));
        } else if rules >= MANY_RULES {
            self.warnings.push(format!(
                "jail {name}: each ban takes {rules} rules in each zone (one a port and protocol); \
                 a range or `all` takes fewer"
            ));
        }
    }
}

/// What is written, and where; `None` if all of it was refused.
fn words(draft: &Draft, defaults: &Defaults) -> Option<Vec<Item>> {
    if draft.own.entry("port").is_some() {
        let words = draft.own.texts("port");
        return (!words.is_empty()).then_some(words);
    }
    let item = |text: &String| Item { text: text.clone(), place: draft.place.clone() };
    Some(defaults.port.iter().map(item).collect())
}

fn protocols(draft: &Draft) -> BTreeSet<Protocol> {
    let named = draft.view.texts("protocol");
    let protocols = named.iter().map(|item| match item.text.as_str() {
        "udp" => Protocol::Udp,
        _ => Protocol::Tcp,
    });
    let protocols: BTreeSet<Protocol> = protocols.collect();
    if protocols.is_empty() { BTreeSet::from([Protocol::Tcp]) } else { protocols }
}
