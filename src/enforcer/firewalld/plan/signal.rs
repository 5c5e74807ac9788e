//! What firewalld says unasked, and when it calls for a look.

use super::{DEBOUNCE, Plan};
use crate::enforcer::firewalld::call::Signal;
use crate::enforcer::firewalld::element::{Element, Holder};
use crate::enforcer::firewalld::rule::{Marked, Rule, address};
use crate::enforcer::shard::SetName;
use crate::moment::Moment;

impl Plan {
    /// firewalld said something.
    pub fn heard(&mut self, signal: &Signal, now: Moment) {
        let soon = now.boot.after(DEBOUNCE);
        match signal {
            Signal::Reloaded => {
                self.doubt();
                self.leftovers.reloaded();
                self.look_at(now.boot, "reloaded");
            }
            Signal::PanicOff => self.look_at(now.boot, "panic_off"),
            Signal::PanicOn => self.look_at(soon, "panic_on"),
            Signal::Zones => self.look_at(soon, "zones"),
            Signal::Policies => self.look_at(soon, "policies"),
            Signal::RuleRemoved(zone, text) if self.misses_rule(zone, text) => {
                self.doubt();
                self.look_at(soon, "rule_removed");
            }
            Signal::EntryRemoved(set, text) if self.misses_entry(set, text) => {
                self.doubt();
                self.look_at(soon, "entry_removed");
            }
            Signal::RuleRemoved(..) | Signal::EntryRemoved(..) => {}
        }
    }

    /// Whether a rule was removed that should be there.
    fn misses_rule(&self, zone: &str, text: &str) -> bool {
        let Some(Marked::Rule(rule)) = Rule::marked(text) else { return false };
        // firewalld names the zone as its caller did: the default one has no name then.
        let zone = self.zones.iter().find(|z| zone.is_empty() || ***z == *zone);
        let holder = zone.map(|zone| Holder::Zone(zone.clone()));
        holder.is_some_and(|zone| self.desired.belongs(&Element::Rule(rule), &zone, &self.zones))
    }

    /// Whether an entry was removed that should be there.
    fn misses_entry(&self, set: &str, text: &str) -> bool {
        let (Some(set), Some(net)) = (SetName::ours(set), address(text)) else { return false };
        self.desired.belongs(&Element::Entry(net), &Holder::Set(set), &self.zones)
    }
}
