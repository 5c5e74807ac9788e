//! The steps that wait for their call, in the order of their urgency.
//!
//! Hints only: whether a step is still needed is decided when its turn comes.

use std::collections::VecDeque;

use crate::enforcer::firewalld::reconcile::Step;

/// Steps that wait.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    urgent: VecDeque<Step>,
    releases: VecDeque<Step>,
    repairs: VecDeque<Step>,
    /// Whether the last turn was the look's.
    looked: bool,
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// A new ban's.
    Urgent,
    /// A new ban's; if there is none, a release's; if there is none, a repair's.
    Any,
}

impl Agenda {
    /// Adds the steps of a new ban.
    pub(super) fn enforce(&mut self, steps: impl IntoIterator<Item = Step>) {
        self.urgent.extend(steps);
    }

    /// Adds the steps that somebody waits for to be done with a ban.
    pub(super) fn release(&mut self, steps: impl IntoIterator<Item = Step>) {
        self.releases.extend(steps);
    }

    /// Puts what a look found in place of all that waited: it has found that too.
    pub(super) fn replace(&mut self, releases: Vec<Step>, repairs: Vec<Step>) {
        self.urgent.clear();
        self.releases = releases.into();
        self.repairs = repairs.into();
    }

    /// Whose turn it is; `None`: the look's. While there is one it alternates with new bans, so
    /// that neither waits for the other's end.
    pub(super) fn turn(&mut self, looking: bool) -> Option<Turn> {
        if !looking {
            return Some(Turn::Any);
        }
        self.looked = !self.looked;
        (!self.looked).then_some(Turn::Urgent)
    }

    /// Takes the next step.
    pub(super) fn take(&mut self, turn: Turn) -> Option<Step> {
        let urgent = self.urgent.pop_front();
        match turn {
            Turn::Urgent => urgent,
            Turn::Any => {
                urgent.or_else(|| self.releases.pop_front()).or_else(|| self.repairs.pop_front())
            }
        }
    }
}
