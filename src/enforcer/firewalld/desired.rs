//! What should be: the bans, and what each needs.
//!
//! Two bans may need the same (two jails that guard one port). It goes when the last of them goes.
//! Within a set a wider ban stands for the narrower ones, whose entries come when it goes. Pure;
//! knows nothing of what firewalld holds.

mod overlap;

use std::collections::{BTreeMap, HashMap, HashSet};

use super::element::{Element, Holder, Need, Zone};
use super::provided::Means;
use crate::enforcer::order::Block;
use crate::enforcer::shard::{MOST_ENTRIES, SetName};
use crate::jail::ban::BanKey;
use crate::jail::widths::Widths;

/// The bans that should be in force.
#[derive(Debug, Default)]
pub struct Desired {
    bans: HashMap<BanKey, Wanted>,
    needed_by: BTreeMap<Need, HashSet<BanKey>>, // Invariant: no set is empty.
    /// How much of `needed_by` is rules.
    rules: usize,
    /// What of `needed_by` is in which set.
    entries: HashMap<SetName, Entries>,
    next: u64,
}

/// What one ban needs.
#[derive(Debug)]
struct Wanted {
    block: Block,
    /// Nothing while it is not known how it will be enforced.
    needs: Vec<Need>,
    age: u64, // Greater is newer.
}

/// The entries of one set.
#[derive(Debug, Default)]
struct Entries {
    count: usize,
    widths: Widths,
}

/// What an order has made needed, or needless.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shift {
    /// Needed since now.
    pub needed: Vec<Need>,
    /// Needed no longer.
    pub needless: Vec<Need>,
}

/// Why a ban is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Too many rules. Each costs firewalld time, and every new connection.
    #[error(
        "rich rules hold {0} rules a zone at most here, and all are taken; sets hold more: see \
         `gaoler provision`"
    )]
    Full(usize),
    /// Too many entries of one set. Each makes firewalld slower.
    #[error("the set {0} holds {MOST_ENTRIES} entries at most, and all are taken")]
    SetFull(SetName),
    /// An address that stands for everybody.
    #[error("the ban would refuse a whole address family")]
    Everybody,
}

impl Desired {
    /// Takes a ban, or what it now blocks; it counts as the newest. There may be `room` rules.
    ///
    /// # Errors
    ///
    /// Refuses it if there would be too much; then all stays as it was.
    pub fn enforce(
        &mut self,
        key: &BanKey,
        block: Block,
        means: &mut Means,
        room: usize,
    ) -> Result<Shift, Refusal> {
        let needs = means.needs(&block)?;
        let known = self.bans.get(key);
        if known.is_some_and(|wanted| wanted.block == block && wanted.needs == needs) {
            return Ok(Shift::default());
        }
        self.check_room(&needs, room)?;
        let mut needless = self.release(key);
        needless.retain(|need| !needs.contains(need));
        let needed = self.need(key, &needs);
        self.next += 1;
        self.bans.insert(key.clone(), Wanted { block, needs, age: self.next });
        Ok(Shift { needed, needless })
    }

    /// Drops a ban; gives what nobody needs any longer.
    pub fn release(&mut self, key: &BanKey) -> Vec<Need> {
        let Some(wanted) = self.bans.remove(key) else { return Vec::new() };
        let mut needless = Vec::new();
        for need in wanted.needs {
            let Some(bans) = self.needed_by.get_mut(&need) else { continue };
            bans.remove(key);
            if bans.is_empty() {
                self.needed_by.remove(&need);
                self.forget(&need);
                needless.push(need);
            }
        }
        needless
    }

    /// Works out anew what each ban needs, since the means or the room have changed. The newest
    /// bans are taken first; those that find no room are dropped, and given with the reason.
    pub fn rework(&mut self, means: &mut Means, room: usize) -> Vec<(BanKey, Refusal)> {
        self.needed_by.clear();
        self.entries.clear();
        self.rules = 0;
        let mut bans: Vec<(BanKey, Wanted)> = std::mem::take(&mut self.bans).into_iter().collect();
        bans.sort_unstable_by_key(|(_, wanted)| std::cmp::Reverse(wanted.age));
        let mut refused = Vec::new();
        for (key, Wanted { block, age, .. }) in bans {
            let fitting = means.needs(&block).and_then(|needs| {
                self.check_room(&needs, room)?;
                Ok(needs)
            });
            match fitting {
                Ok(needs) => {
                    self.need(&key, &needs);
                    self.bans.insert(key, Wanted { block, needs, age });
                }
                Err(refusal) => refused.push((key, refusal)),
            }
        }
        refused
    }

    /// All that is needed, that of the newest bans first.
    #[must_use]
    pub fn newest_first(&self) -> Vec<Need> {
        let mut bans: Vec<&Wanted> = self.bans.values().collect();
        bans.sort_unstable_by_key(|wanted| std::cmp::Reverse(wanted.age));
        let mut seen = HashSet::new();
        let needs = bans.into_iter().flat_map(|wanted| &wanted.needs);
        needs.filter(|need| seen.insert(*need)).cloned().collect()
    }

    /// Whether some ban needs it.
    #[must_use]
    pub fn needs(&self, need: &Need) -> bool {
        self.needed_by.contains_key(need)
    }

    /// Whether `element` should be in `holder`. An entry that a wider one covers should not.
    #[must_use]
    pub fn belongs(&self, element: &Element, holder: &Holder, zones: &[Zone]) -> bool {
        let Some(need) = element.need(holder).filter(|need| self.needs(need)) else { return false };
        match (need, holder) {
            (Need::Entry(set, net), _) => !self.is_covered(&set, net),
            (Need::Rule(_), Holder::Zone(zone)) => zones.contains(zone),
            (Need::Rule(_), Holder::Set(_)) => false,
        }
    }

    /// How many entries of the set are needed.
    #[must_use]
    pub fn entries(&self, set: &SetName) -> usize {
        self.entries.get(set).map_or(0, |entries| entries.count)
    }

    /// The bans that need this itself.
    #[must_use]
    pub fn bans_needing(&self, need: &Need) -> Vec<BanKey> {
        self.needed_by.get(need).into_iter().flatten().cloned().collect()
    }

    /// What the ban needs; `None` if it should not be in force.
    #[must_use]
    pub fn needs_of(&self, key: &BanKey) -> Option<&[Need]> {
        self.bans.get(key).map(|wanted| wanted.needs.as_slice())
    }

    /// What the ban blocks.
    #[must_use]
    pub fn block_of(&self, key: &BanKey) -> Option<&Block> {
        self.bans.get(key).map(|wanted| &wanted.block)
    }

    /// All bans, in no order.
    pub fn bans(&self) -> impl Iterator<Item = &BanKey> {
        self.bans.keys()
    }

    /// Notes that `key` needs `needs`; gives those that nobody needed before.
    fn need(&mut self, key: &BanKey, needs: &[Need]) -> Vec<Need> {
        let mut needed = Vec::new();
        for need in needs {
            if !self.needs(need) {
                self.count(need);
                needed.push(need.clone());
            }
            self.needed_by.entry(need.clone()).or_default().insert(key.clone());
        }
        needed
    }

    /// # Errors
    ///
    /// Says what is full if all of `needs` were taken.
    fn check_room(&self, needs: &[Need], room: usize) -> Result<(), Refusal> {
        let fresh = needs.iter().filter(|need| !self.needs(need));
        let mut rules = self.rules;
        for need in fresh {
            match need {
                Need::Rule(_) => rules += 1,
                Need::Entry(set, _) if self.entries(set) >= MOST_ENTRIES => {
                    return Err(Refusal::SetFull(set.clone()));
                }
                Need::Entry(..) => {}
            }
        }
        if rules > room { Err(Refusal::Full(room)) } else { Ok(()) }
    }

    fn count(&mut self, need: &Need) {
        match need {
            Need::Rule(_) => self.rules += 1,
            Need::Entry(set, net) => {
                let entries = self.entries.entry(set.clone()).or_default();
                entries.count += 1;
                entries.widths.add(*net);
            }
        }
    }

    fn forget(&mut self, need: &Need) {
        match need {
            Need::Rule(_) => self.rules -= 1,
            Need::Entry(set, net) => {
                let Some(entries) = self.entries.get_mut(set) else { return };
                entries.count -= 1;
                entries.widths.remove(*net);
            }
        }
    }
}

#[cfg(test)]
mod tests;
