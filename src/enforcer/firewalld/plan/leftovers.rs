//! Ours that a reload of firewalld brought back: somebody had it made permanent.
//!
//! A reload or a restart drops what is there at run time only. So whatever of ours is there right
//! after, and was not put there since, comes from the permanent configuration, where it would
//! outlive every ban. We never edit that; whoever did must.

use std::collections::HashSet;

use crate::enforcer::firewalld::element::{Element, Holder};
use crate::enforcer::firewalld::reconcile::Hold;
use crate::enforcer::order::Report;
use crate::jail::ban::show;

/// What a look right after a reload finds.
#[derive(Debug, Default)]
pub(super) struct Leftovers {
    /// Whether no look has ended since the last reload.
    fresh: bool,
    /// What was put there since.
    since: HashSet<(Holder, Element)>,
    found: u64,
    /// How to be rid of the first.
    remedy: Option<String>,
    told: bool,
}

impl Leftovers {
    /// firewalld has dropped all that is not permanent.
    pub(super) fn reloaded(&mut self) {
        *self = Self { fresh: true, told: self.told, ..Self::default() };
    }

    /// Whether it matters what a look finds.
    pub(super) fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// We are putting it there.
    pub(super) fn adding(&mut self, holder: &Holder, element: Element) {
        if self.fresh {
            self.since.insert((holder.clone(), element));
        }
    }

    /// It is there. `known`: what was known of it before it was looked for.
    pub(super) fn found(&mut self, holder: &Holder, element: Element, known: Option<Hold>) {
        let ours = match (holder, known) {
            // Its call was under way, or firewalld keeps entries (FlushAllOnReload=no).
            (_, Some(Hold::Doubtful)) | (Holder::Set(_), Some(Hold::Held)) => true,
            _ => self.since.contains(&(holder.clone(), element)),
        };
        if self.fresh && !ours {
            self.found += 1;
            self.remedy.get_or_insert_with(|| remedy(holder, element));
        }
    }

    /// The look has ended. What to report, once.
    pub(super) fn looked(&mut self) -> Option<Report> {
        let Self { found, remedy, told, .. } =
            std::mem::replace(self, Self { told: self.told, ..Self::default() });
        let remedy = remedy.filter(|_| !told)?;
        self.told = true;
        Some(Report::MadePermanent { count: found, remedy })
    }
}

fn remedy(holder: &Holder, element: Element) -> String {
    match (holder, element) {
        (Holder::Zone(zone), Element::Rule(rule)) => {
            format!("firewall-cmd --permanent --zone={zone} --remove-rich-rule='{rule}'")
        }
        (Holder::Set(set), Element::Entry(net)) => {
            format!("firewall-cmd --permanent --ipset={set} --remove-entry={}", show(&net))
        }
        _ => unreachable!("rules are in zones, entries in sets"),
    }
}
