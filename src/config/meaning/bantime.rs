//! How a jail's bans grow.

use super::Meaning;
use super::jail::Draft;
use crate::config::duration;
use crate::config::values;
use crate::jail::bantime::formula::Formula;
use crate::jail::bantime::{Growth, Increment};

/// The keys that mean nothing while `bantime.increment` is off.
const KIN: [&str; 6] = [
    "bantime.factor",
    "bantime.formula",
    "bantime.multipliers",
    "bantime.maxtime",
    "bantime.rndtime",
    "bantime.overalljails",
];

impl Meaning<'_> {
    /// The growth of a jail's bans, if they grow.
    pub(super) fn increment(&mut self, draft: &Draft) -> Option<Increment> {
        let view = &draft.view;
        if !view.flag("bantime.increment") {
            self.advise_of_increment(draft);
            return None;
        }
        let increment = Increment {
            growth: growth(draft),
            factor: view
                .text("bantime.factor")
                .and_then(|item| values::factor(&item.text).ok())
                .unwrap_or(1.0),
            maxtime: view.duration("bantime.maxtime"),
            rndtime: view.duration("bantime.rndtime"),
            overalljails: view.flag("bantime.overalljails"),
        };
        self.advise_of_growth(draft, &increment);
        Some(increment)
    }

    fn advise_of_increment(&mut self, draft: &Draft) {
        for key in KIN.iter().filter(|key| draft.own.entry(key).is_some()) {
            self.warnings.push(format!(
                "jail {}: {key} means nothing while bantime.increment is off",
                draft.name
            ));
        }
    }

    fn advise_of_growth(&mut self, draft: &Draft, increment: &Increment) {
        let name = draft.name;
        let Some(bantime) = draft.view.duration("bantime") else {
            self.warnings.push(format!(
                "jail {name}: bantime is permanent, so that bantime.increment has nothing to do"
            ));
            return;
        };
        if let Some(maxtime) = increment.maxtime.filter(|maxtime| *maxtime < bantime) {
            self.warnings.push(format!(
                "jail {name}: bantime.maxtime is below bantime: every ban lasts {}",
                duration::show(maxtime)
            ));
        } else if increment.first(bantime, 1000).all(|grown| grown == bantime) {
            self.warnings.push(format!(
                "jail {name}: bans do not grow, since no ban comes to more than bantime"
            ));
        }
    }
}

/// Multipliers win, as in jail.conf(5); but a jail's own formula wins over those of `defaults`.
fn growth(draft: &Draft) -> Growth {
    let multipliers = draft.view.texts("bantime.multipliers");
    let formula = draft.own.text("bantime.formula");
    let own_formula_only = formula.is_some() && draft.own.entry("bantime.multipliers").is_none();
    if !multipliers.is_empty() && !own_formula_only {
        let numbers = multipliers.iter().filter_map(|item| values::factor(&item.text).ok());
        return Growth::Multipliers(numbers.collect());
    }
    let formula = formula.or_else(|| draft.view.text("bantime.formula"));
    let formula = formula.and_then(|item| item.text.parse::<Formula>().ok());
    Growth::Formula(formula.unwrap_or_default())
}
