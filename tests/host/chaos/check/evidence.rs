//! What a run wrote down. All times of the boot clock are microseconds, and so are all of the wall
//! clock, as the faked processes saw it.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

/// Microseconds: an instant of one clock, or a span.
pub(crate) type Micros = i64;

/// What makes a ban, and how long it lasts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule {
    pub(crate) maxretry: usize,
    pub(crate) findtime: Micros,
    pub(crate) bantime: Micros,
}

/// One failure, as a log has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// By the log's own time.
    pub(crate) wall: Micros,
    /// It was logged between these two, on the boot clock.
    pub(crate) early: Micros,
    pub(crate) late: Micros,
    /// Whether the log certainly holds it, where a reader could find it.
    pub(crate) sure: bool,
}

/// What gaoler said of a ban.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Ban,
    Restore,
    Unban,
}

/// One line of gaoler's own about a ban.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    pub(crate) subject: IpNet,
    pub(crate) at: Micros,
    pub(crate) said: Said,
}

/// One look at the kernel: whom it refused, some time between the two.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    pub(crate) from: Micros,
    pub(crate) to: Micros,
    pub(crate) refused: BTreeSet<IpNet>,
}

/// A fault, from when it began until gaoler had recovered from it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trouble {
    pub(crate) from: Micros,
    pub(crate) over: Micros,
}

/// A start of gaoler.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    /// When the gaoler before it ended.
    pub(crate) died: Micros,
    pub(crate) at: Micros,
}

/// All of it.
#[derive(Clone, Debug)]
pub(crate) struct Evidence {
    pub(crate) rule: Rule,
    /// By whom a ban would be of, in the order they were logged.
    pub(crate) failures: BTreeMap<IpNet, Vec<Failure>>,
    pub(crate) lines: Vec<Line>,
    pub(crate) looks: Vec<Look>,
    pub(crate) troubles: Vec<Trouble>,
    pub(crate) starts: Vec<Start>,
    /// How far the wall clock was ahead of the boot clock, and since when; ascending, the first for
    /// all time before.
    pub(crate) clock: Vec<(Micros, Micros)>,
    /// Until when anything was watched.
    pub(crate) end: Micros,
}

impl Evidence {
    /// Until when something must have happened that is due at `at`: `grace` later, or when the
    /// troubles that are under way then are over and `grace` has passed.
    pub(crate) fn put_off(&self, at: Micros, grace: Micros) -> Micros {
        let mut until = at + grace;
        // One trouble may begin before what another put off has happened.
        while let Some(trouble) = self.troubles.iter().find(|trouble| {
            trouble.from <= until && at <= trouble.over && until < trouble.over + grace
        }) {
            until = trouble.over + grace;
        }
        until
    }

    /// Whether a fault is under way at some time between the two, or its end is nearer than `grace`.
    pub(crate) fn troubled(&self, from: Micros, to: Micros, grace: Micros) -> bool {
        self.troubles.iter().any(|trouble| trouble.from <= to && from <= trouble.over + grace)
    }

    /// The trouble that is under way at `at`.
    pub(crate) fn trouble_at(&self, at: Micros) -> Option<&Trouble> {
        self.troubles.iter().find(|trouble| trouble.from <= at && at <= trouble.over)
    }

    /// When the wall clock jumped between the two, and by how much.
    pub(crate) fn jumps(&self, from: Micros, to: Micros) -> impl Iterator<Item = (Micros, Micros)> {
        let pairs = self.clock.windows(2).map(|pair| (pair[1].0, pair[1].1 - pair[0].1));
        pairs.filter(move |(at, _)| from <= *at && *at <= to)
    }

    /// What the wall clock may have shown at `at`: two times where it jumped within `slack` of it.
    pub(crate) fn walls(&self, at: Micros, slack: Micros) -> Vec<Micros> {
        let since = self.clock.partition_point(|(since, _)| *since <= at - slack).max(1) - 1;
        let in_effect = self.clock[since..].iter().take_while(|(since, _)| *since <= at + slack);
        let mut walls: Vec<Micros> = in_effect.map(|(_, ahead)| at + ahead).collect();
        if walls.is_empty() {
            walls.push(at + self.clock[since].1);
        }
        walls
    }
}
