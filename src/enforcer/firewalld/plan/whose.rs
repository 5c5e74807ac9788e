//! For whose sake a call is made.

use super::Plan;
use crate::enforcer::firewalld::call::Call;
use crate::enforcer::firewalld::element::{Element, Holder};
use crate::enforcer::firewalld::reconcile::Step;
use crate::jail::ban::BanKey;

impl Plan {
    /// The bans that a call under way is made for, or for whose end. To be asked before what came of
    /// it is taken.
    #[must_use]
    pub fn bans_of_call(&self, call: &Call) -> Vec<BanKey> {
        match call {
            Call::Change(Step::Add(holder, element)) => self.bans_needing(holder, element),
            Call::Change(Step::Fill(set, nets)) => {
                let holder = Holder::Set(set.clone());
                let bans = nets.iter().map(|net| self.bans_needing(&holder, &Element::Entry(*net)));
                bans.flatten().collect()
            }
            Call::Change(Step::Remove(_, element)) => self.releases.waiting_for(element),
            _ => Vec::new(),
        }
    }

    fn bans_needing(&self, holder: &Holder, element: &Element) -> Vec<BanKey> {
        let need = element.need(holder);
        need.map(|need| self.desired.bans_needing(&need)).unwrap_or_default()
    }
}
