//! What `gaoler provision` says it did, or would do.

use std::collections::BTreeMap;
use std::process::ExitCode;

use serde_json::json;

use crate::cli::Format;
use crate::cli::check::scope;
use crate::enforcer::firewalld::provision::Wanted;
use crate::enforcer::firewalld::provision::plan::{Plan, Step};
use crate::enforcer::shard::{SetName, Tag};

/// What only an operator does.
const RELOAD: &str = "firewall-cmd --reload";

/// All there is to say.
pub(super) struct Report {
    apply: bool,
    remove: bool,
    /// Each wanted group, and what it refuses, in words.
    groups: Vec<(Tag, String)>,
    pub(super) plan: Plan,
    /// How many steps were taken.
    pub(super) done: usize,
    /// How many of them could not remove what a package brought.
    pub(super) packaged: usize,
    /// Why the next step was not.
    pub(super) error: Option<String>,
    /// Whether firewalld runs with something else than its permanent configuration has.
    pub(super) reload_due: bool,
    pub(super) notes: Vec<String>,
}

impl Report {
    pub(super) fn new(apply: bool, remove: bool, wanted: &Wanted, plan: Plan) -> Self {
        let groups = wanted.groups().iter();
        let groups = groups.map(|group| (group.tag().clone(), scope(group.scope()))).collect();
        let (notes, error) = (Vec::new(), None);
        let (done, packaged, reload_due) = (0, 0, false);
        Self { apply, remove, groups, plan, done, packaged, error, reload_due, notes }
    }

    pub(super) fn code(&self) -> ExitCode {
        if self.error.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    pub(super) fn text(&self, format: Format) -> String {
        match format {
            Format::Human => self.human(),
            Format::Json => format!("{}\n", self.json()),
        }
    }

    fn human(&self) -> String {
        let mut lines = self.steps();
        for (tag, sets) in &self.plan.surplus {
            lines.push(format!(
                "  ? group {tag}: {sets} sets that no jail here needs; --prune removes them"
            ));
        }
        lines.extend(self.notes.iter().map(|note| format!("note: {note}")));
        if !lines.is_empty() {
            lines.push(String::new());
        }
        lines.extend(self.end());
        lines.push(String::new());
        lines.join("\n")
    }

    /// A line for each policy, for each repair, and for the sets of a group together.
    fn steps(&self) -> Vec<String> {
        let added = self.sets(|step| matches!(step, Step::AddSet(_)));
        let removed = self.sets(|step| matches!(step, Step::RemoveSet(_)));
        let add = |(tag, sets)| format!("  + group {tag}, {}: {sets} sets", self.refuses(&tag));
        let remove = |(tag, sets)| format!("  - group {tag}: {sets} sets");
        let lines = added.into_iter().map(add).chain(self.plan.steps.iter().filter_map(line));
        lines.chain(removed.into_iter().map(remove)).collect()
    }

    /// How many sets of each group have such a step.
    fn sets(&self, such: fn(&Step) -> bool) -> BTreeMap<Tag, usize> {
        let mut groups = BTreeMap::new();
        for step in self.plan.steps.iter().filter(|step| such(step)) {
            if let Some((tag, ..)) = SetName::parse(step.name()) {
                *groups.entry(tag).or_default() += 1;
            }
        }
        groups
    }

    fn refuses(&self, tag: &Tag) -> &str {
        self.groups.iter().find(|(of, _)| of == tag).map_or("", |(_, words)| words)
    }

    fn end(&self) -> Vec<String> {
        let mut lines = self.outcome();
        if self.packaged > 0 {
            lines.push(format!(
                "{} of them come with the package, which alone can remove them.",
                self.packaged
            ));
        }
        if self.reload_due {
            lines.push(format!("firewalld has not loaded this yet. Once, when it suits: {RELOAD}"));
        }
        lines
    }

    fn outcome(&self) -> Vec<String> {
        let steps = self.plan.steps.len();
        if let Some(error) = &self.error {
            return vec![
                format!("FAILED after {} of {steps} changes: {error}", self.done),
                "What was changed stays; run this again to go on from there.".to_owned(),
            ];
        }
        vec![match (steps, self.apply) {
            (0, _) if self.remove => {
                "Nothing to do: firewalld's permanent configuration has nothing of gaoler's.".into()
            }
            (0, _) => {
                let there = self.plan.unchanged;
                format!("Nothing to do: all {there} sets and policies are as they should be.")
            }
            (_, true) => format!("Done: {steps} changes of firewalld's permanent configuration."),
            (_, false) => format!(
                "Nothing is changed yet: {steps} changes are due. --apply makes them; \
                 then, once: {RELOAD}"
            ),
        }]
    }

    fn json(&self) -> serde_json::Value {
        let groups = self.groups.iter();
        json!({
            "applied": self.apply,
            "groups": groups.map(|(tag, refuses)| {
                json!({"group": tag.to_string(), "refuses": refuses})
            }).collect::<Vec<_>>(),
            "steps": self.plan.steps.iter().map(|step| {
                json!({"change": step.change(), "name": step.name(), "why": step.why()})
            }).collect::<Vec<_>>(),
            "done": self.done,
            "unchanged": self.plan.unchanged,
            "surplus": self.plan.surplus.iter().map(|(tag, sets)| {
                json!({"group": tag.to_string(), "sets": sets})
            }).collect::<Vec<_>>(),
            "packaged": self.packaged,
            "reload_due": self.reload_due,
            "notes": self.notes,
            "error": self.error,
        })
    }
}

/// The line of a step that has one of its own.
fn line(step: &Step) -> Option<String> {
    let (name, why) = (step.name(), step.why().join("; "));
    Some(match step {
        Step::AddPolicy(of, policy) => format!(
            "  + policy {name}, from ANY to {}, priority {}: {} rules",
            of.egress(),
            policy.priority,
            policy.rich_rules.len()
        ),
        Step::ChangePolicy(..) => format!("  ~ policy {name}: {why}"),
        Step::RemovePolicy(_) => format!("  - policy {name}"),
        Step::RepairSet(..) => format!("  ~ set {name}: {why}"),
        Step::AddSet(_) | Step::RemoveSet(_) => return None,
    })
}
