//! A loss of all that sets held is healed by one call for each scope and family: see [`lodging`].
//!
//! Only after a reload or a restart of firewalld, when it has built all anew, and only once a set
//! was seen to have lost what it held: an administrator may have told it to keep entries
//! (`FlushAllOnReload=no`), and then nothing is to be moved. A firewalld that fills sets late is
//! waited for after a call that fills one, so there is little to gain.
//!
//! [`lodging`]: crate::enforcer::firewalld::lodging

use ipnet::IpNet;

use super::Plan;
use crate::enforcer::firewalld::element::{Element, Holder, Need};
use crate::enforcer::firewalld::lodging::ROOM;
use crate::enforcer::firewalld::reconcile::{Drift, Hold};
use crate::enforcer::firewalld::rule::address;
use crate::enforcer::shard::SetName;
use crate::moment::Moment;

impl Plan {
    /// Makes guests of what was found in a refuge and would be missing in its own set: an earlier
    /// run has put it there, and there it may stay.
    pub(super) fn recognise_guests(&mut self, holder: &Holder, texts: &[String]) {
        let Holder::Set(set) = holder else { return };
        if set.refuge().as_ref() != Some(set) {
            return;
        }
        let mut recognised = false;
        for net in texts.iter().filter_map(|text| address(text)) {
            let Some(home) = self.means.home_of(set, &net) else { continue };
            let holder = Holder::Set(home.clone());
            let need = Need::Entry(home.clone(), net);
            if !self.desired.needs(&need) || self.placed.hold(&holder, &need.element()).is_some() {
                continue;
            }
            // Those that it covers come along, else it would stand for them no longer.
            let covered = self.desired.overlapping(&home, net);
            for need in covered.into_iter().chain([need]) {
                let Element::Entry(other) = need.element() else { continue };
                recognised |= net.contains(&other) && self.means.lodging_mut().take_in(set, other);
            }
        }
        if recognised {
            self.rework();
        }
    }

    /// A set that should hold something, and by which to see whether a reload has emptied all; `None`
    /// where that is known, or none did.
    pub(super) fn witness<'a>(&self, unlisted: &'a [Holder]) -> Option<&'a Holder> {
        let known = self.look.as_ref().is_none_or(|look| look.emptied);
        let held = |holder: &&Holder| {
            let held =
                |(element, hold)| hold == Hold::Held && self.desired.belongs(&element, holder, &[]);
            matches!(holder, Holder::Set(_)) && self.placed.elements(holder).any(held)
        };
        unlisted.iter().find(held).filter(|_| !known && self.leftovers.is_fresh())
    }

    /// Brings together in one set what this one was just found not to hold, and all that is in doubt
    /// beside it, if a reload has emptied the sets and one of them is for it.
    pub(super) fn take_in(&mut self, listed: &Holder, drift: &Drift, now: Moment) {
        if let (Some(look), Holder::Set(_)) = (&mut self.look, listed) {
            look.emptied |= drift.missing > 0;
        }
        let Some(refuge) = self.refuge_for(listed) else { return };
        let guests = self.homeless(&refuge);
        if guests.is_empty() || self.desired.entries(&refuge) + guests.len() > ROOM {
            return;
        }
        let held = |(home, net): &&(Holder, IpNet)| {
            let held = self.placed.hold(home, &Element::Entry(*net)) == Some(Hold::Held);
            held && self.placed.doubts(home)
        };
        // Nobody will miss them there any more.
        let missing = guests.iter().filter(held).count() as u64;
        self.note_drift(&Drift { missing, unexpected: 0 });
        for (_, net) in guests {
            self.means.lodging_mut().take_in(&refuge, net);
        }
        self.rework();
        self.mend(&Holder::Set(refuge), now);
        self.list_needed_next();
    }

    /// Forgets the guests whom no ban needs any more.
    pub(super) fn forget_guests(&mut self) {
        let desired = &self.desired;
        let stays = |set: &SetName, net| desired.needs(&Need::Entry(set.clone(), net));
        self.means.lodging_mut().keep(stays);
    }

    /// The set that can take in what this one has lost: listed since, and empty too.
    fn refuge_for(&self, lost: &Holder) -> Option<SetName> {
        let Holder::Set(set) = lost else { return None };
        let emptied = self.look.as_ref().is_some_and(|look| look.emptied);
        let bare = |holder: &Holder| self.placed.is_empty(holder) && !self.placed.doubts(holder);
        let refuge = set.refuge().filter(|refuge| bare(&Holder::Set(refuge.clone())))?;
        (emptied && self.leftovers.is_fresh() && bare(lost) && !self.settling.is_late())
            .then_some(refuge)
    }

    /// What belongs in other sets of the same scope and family that are empty, or not listed yet.
    fn homeless(&self, refuge: &SetName) -> Vec<(Holder, IpNet)> {
        let others = self.desired.sets().filter(|set| *set != refuge);
        let others = others.filter(|set| set.refuge().as_ref() == Some(refuge));
        let gone = |holder: &Holder| self.placed.is_empty(holder) || self.placed.doubts(holder);
        let gone = others.map(|set| (set, Holder::Set(set.clone()))).filter(|(_, h)| gone(h));
        let nets = gone.flat_map(|(set, holder)| {
            self.desired.nets_of(set).map(move |net| (holder.clone(), net))
        });
        nets.collect()
    }

    /// Has those listed next that bans need now.
    fn list_needed_next(&mut self) {
        let Some(mut look) = self.look.take() else { return };
        // The first is the one whose answer this is.
        let unlisted = look.unlisted.make_contiguous();
        self.most_needed_first(unlisted.get_mut(1..).unwrap_or_default());
        self.look = Some(look);
    }
}
