//! How two configurations differ in whom they would have banned.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

use super::report::{BanReport, Report};

/// Bans by jail and address: those of one side only, and those that are not alike.
#[derive(Debug, Default, Serialize)]
pub(super) struct Difference {
    /// How many bans are the same on both sides: jail, address, begin and end.
    same: usize,
    /// Of addresses that only the first bans.
    only_here: Vec<Sided>,
    /// Of addresses that only the other bans.
    only_there: Vec<Sided>,
    /// Both ban the address, at other times or for longer.
    otherwise: Vec<Otherwise>,
}

#[derive(Debug, Serialize)]
struct Sided {
    jail: String,
    #[serde(flatten)]
    ban: BanReport,
}

#[derive(Debug, Serialize)]
struct Otherwise {
    jail: String,
    here: Vec<BanReport>,
    there: Vec<BanReport>,
}

type Bans<'a> = BTreeMap<(&'a str, &'a str), Vec<&'a BanReport>>;

impl Difference {
    pub(super) fn between(here: &Report, there: &Report) -> Self {
        let (here, there) = (bans(here), bans(there));
        let mut difference = Self::default();
        for ((jail, address), ours) in &here {
            match there.get(&(*jail, *address)) {
                None => difference.only_here.extend(ours.iter().map(|ban| sided(jail, ban))),
                Some(theirs) if ours == theirs => difference.same += ours.len(),
                Some(theirs) => {
                    let copied =
                        |bans: &[&BanReport]| bans.iter().map(|ban| (*ban).clone()).collect();
                    difference.otherwise.push(Otherwise {
                        jail: (*jail).to_owned(),
                        here: copied(ours),
                        there: copied(theirs),
                    });
                }
            }
        }
        for ((jail, address), theirs) in &there {
            if !here.contains_key(&(*jail, *address)) {
                difference.only_there.extend(theirs.iter().map(|ban| sided(jail, ban)));
            }
        }
        difference
    }

    /// Whether there is none.
    pub(super) fn is_none(&self) -> bool {
        self.only_here.is_empty() && self.only_there.is_empty() && self.otherwise.is_empty()
    }

    pub(super) fn human(&self, here: &str, there: &str) -> String {
        let mut out = format!("Both ban alike: {} bans\n", self.same);
        for (name, sided) in [(here, &self.only_here), (there, &self.only_there)] {
            if !sided.is_empty() {
                let _ = writeln!(out, "Only {name} bans:");
            }
            for Sided { jail, ban } in sided {
                let _ = writeln!(out, "  {jail:<16} {}", ban.shown());
            }
        }
        if !self.otherwise.is_empty() {
            out.push_str("Both ban, and not alike:\n");
        }
        for Otherwise { jail, here: ours, there: theirs } in &self.otherwise {
            for (name, bans) in [(here, ours), (there, theirs)] {
                for ban in bans {
                    let _ = writeln!(out, "  {jail:<16} {}  {name}", ban.shown());
                }
            }
        }
        out
    }
}

fn bans(report: &Report) -> Bans<'_> {
    let mut bans = Bans::new();
    for jail in &report.jails {
        for ban in &jail.bans {
            bans.entry((&jail.name, &ban.address)).or_default().push(ban);
        }
    }
    bans
}

fn sided(jail: &str, ban: &BanReport) -> Sided {
    Sided { jail: jail.to_owned(), ban: ban.clone() }
}
