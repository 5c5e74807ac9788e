//! What was ordered and is not yet done: one task a ban, however often it is ordered meanwhile.

use std::collections::VecDeque;

use rustc_hash::{FxHashMap, FxHashSet};

use super::super::desired::Target;
use crate::jail::ban::BanKey;

/// What was asked of a ban last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Enforce,
    Release,
}

/// A ban, and what must be brought into order for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Task {
    pub(super) key: BanKey,
    pub(super) asked: Asked,
    pub(super) targets: Vec<Target>,
}

/// Tasks in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    queue: VecDeque<BanKey>, // Each is in `tasks`, and once.
    tasks: FxHashMap<BanKey, (Asked, Vec<Target>)>,
    targets: FxHashSet<Target>,
}

impl Agenda {
    /// Adds a task, or adds to the one there is for the ban.
    pub(super) fn add(&mut self, task: Task) {
        self.targets.extend(&task.targets);
        if let Some((asked, targets)) = self.tasks.get_mut(&task.key) {
            *asked = task.asked;
            targets.extend(task.targets);
            targets.sort_unstable();
            targets.dedup();
            return;
        }
        self.queue.push_back(task.key.clone());
        self.tasks.insert(task.key, (task.asked, task.targets));
    }

    /// Puts a task back that came to nothing; what was asked since counts.
    pub(super) fn put_back(&mut self, task: Task) {
        let asked = self.tasks.get(&task.key).map_or(task.asked, |(asked, _)| *asked);
        self.add(Task { asked, ..task });
    }

    /// The next task.
    pub(super) fn take(&mut self) -> Option<Task> {
        let key = self.queue.pop_front()?;
        let (asked, targets) = self.tasks.remove(&key)?;
        if self.tasks.is_empty() {
            self.targets.clear();
        }
        Some(Task { key, asked, targets })
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Drops the releases; gives the bans.
    pub(super) fn drop_releases(&mut self) -> Vec<BanKey> {
        let tasks = &mut self.tasks;
        let released = tasks.extract_if(|_, (asked, _)| matches!(asked, Asked::Release));
        let released: Vec<BanKey> = released.map(|(key, _)| key).collect();
        self.queue.retain(|key| tasks.contains_key(key));
        released
    }

    /// Whether something may be to be done about the target.
    pub(super) fn may_concern(&self, target: Target) -> bool {
        self.targets.contains(&target)
    }

    /// Whether nothing is to be done.
    pub(super) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }
}
