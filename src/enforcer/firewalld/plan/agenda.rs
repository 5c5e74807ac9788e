//! The steps that wait for their call, and whose turn it is.
//!
//! Every kind gets its turn, however many of the others keep coming: bans that a reload has lost are
//! as urgent as new ones, and new ones can come as fast as firewalld takes them.
//!
//! Hints only: whether a step is still needed is decided when its turn comes.

use std::collections::VecDeque;

use crate::enforcer::firewalld::reconcile::Step;

/// How many calls of a look there are to one of a new ban. Looking takes firewalld a quarter of the
/// time that adding does.
const LOOKS: u8 = 4;

/// How many steps there are to a call of a look that has found something to put right.
const STEPS: u8 = 16;

/// Whose turn follows whose, by their places in [`Agenda::take`]: what was lost is of people who
/// were found out, and comes back before most of those who are new.
const SHARES: [usize; 5] = [REPAIRS, URGENT, REPAIRS, RELEASES, REPAIRS];
const URGENT: usize = 0;
const RELEASES: usize = 1;
const REPAIRS: usize = 2;

/// Steps that wait.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    urgent: VecDeque<Step>,
    releases: VecDeque<Step>,
    repairs: VecDeque<Step>,
    /// Turns since a look and the others began to share them.
    turns: u8,
    /// The share that was taken last, by its place among the [`SHARES`].
    last: usize,
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// A new ban's.
    Urgent,
    /// A new ban's, a release's or a repair's, one after the other.
    Any,
}

impl Agenda {
    /// Adds the steps of a new ban.
    pub(super) fn enforce(&mut self, steps: impl IntoIterator<Item = Step>) {
        self.urgent.extend(steps);
    }

    /// The steps of new bans, the newest first.
    pub(super) fn newest(&self) -> impl ExactSizeIterator<Item = &Step> {
        self.urgent.iter().rev()
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

    /// Adds what a look has found amiss, and goes on.
    pub(super) fn mend(&mut self, steps: Vec<Step>) {
        self.repairs.extend(steps);
    }

    /// Whose turn it is; `None`: the look's. While there is one it goes on between the others, so that
    /// neither waits for the other's end.
    pub(super) fn turn(&mut self, looking: bool) -> Option<Turn> {
        if !looking {
            return Some(Turn::Any);
        }
        let (looks, steps, turn) =
            if self.repairs.is_empty() { (LOOKS, 1, Turn::Urgent) } else { (1, STEPS, Turn::Any) };
        let now = self.turns % (looks + steps);
        self.turns = now + 1;
        (now >= looks).then_some(turn)
    }

    /// Takes the next step.
    pub(super) fn take(&mut self, turn: Turn) -> Option<Step> {
        let mut kinds = [&mut self.urgent, &mut self.releases, &mut self.repairs];
        if turn == Turn::Urgent {
            return kinds[URGENT].pop_front();
        }
        let mut order = (1..=SHARES.len()).map(|after| (self.last + after) % SHARES.len());
        let (share, step) =
            order.find_map(|share| Some((share, kinds[SHARES[share]].pop_front()?)))?;
        self.last = share;
        Some(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::enforcer::firewalld::element::Holder;

    fn step(text: &str) -> Step {
        Step::RemoveStray(Holder::Zone("public".into()), text.to_owned())
    }

    fn text(step: Step) -> String {
        match step {
            Step::RemoveStray(_, text) => text,
            other => unreachable!("not among these: {other:?}"),
        }
    }

    #[test]
    fn what_was_lost_comes_back_though_new_bans_never_cease() {
        let mut agenda = Agenda::default();
        let lost = ["lost 1", "lost 2", "lost 3", "lost 4"].map(step);
        agenda.replace(vec![step("release")], lost.into());
        let taken: Vec<String> = (0..8)
            .map(|_| {
                agenda.enforce([step("new"), step("new")]);
                let turn = agenda.turn(false).expect("there is no look");
                text(agenda.take(turn).expect("there is always a new ban"))
            })
            .collect();
        let shared = ["new", "lost 1", "release", "lost 2", "lost 3", "new", "lost 4", "new"];
        assert_eq!(taken, shared);
    }

    #[test]
    fn a_look_and_new_bans_share_the_calls() {
        let mut agenda = Agenda::default();
        agenda.enforce([step("new"), step("new")]);
        let turns: Vec<Option<Turn>> = (0..10).map(|_| agenda.turn(true)).collect();
        let new = |turn: &&Option<Turn>| **turn == Some(Turn::Urgent);
        assert_eq!(turns.iter().filter(new).count(), 2, "{turns:?}");
        assert_eq!(turns[0], None);
    }
}
