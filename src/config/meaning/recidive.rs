//! `filter: recidive`: a jail for those whom other jails ban again and again.

use std::collections::BTreeSet;

use super::Meaning;
use super::jail::Draft;
use crate::config::filters::Found;
use crate::config::tree::Node;
use crate::config::walk::nearest;
use crate::record::origin::{BansOrigin, Origin};

/// What the built-in filter is called.
const RECIDIVE: &str = "recidive";

/// The keys of jails that read something.
const OF_READERS: [&str; 7] = [
    "journalmatch",
    "logpath",
    "journal",
    "trust_unprivileged",
    "datepattern",
    "logtimezone",
    "expect_every",
];

/// Whether a jail counts bans. A file `filters/recidive.yaml` is a filter like any other.
pub(super) fn is_asked_for(found: &Found) -> bool {
    found.definition.name == RECIDIVE && found.file.is_none()
}

impl Meaning<'_> {
    /// The bans of the jails that are named, or of all others.
    pub(super) fn bans(&mut self, draft: &Draft, tree: &Node) -> Origin {
        for key in OF_READERS {
            if let Some(entry) = draft.own.entry(key) {
                let why = "the filter `recidive` counts gaoler's own bans and reads no log; leave \
                           this out";
                self.error(&entry.place, &draft.key(key), why.to_owned());
            }
        }
        let jails = tree.get("jails").map(|entry| entry.node.entries()).unwrap_or_default();
        let known: Vec<&str> = jails.iter().map(|entry| entry.key.as_str()).collect();
        let mut named = BTreeSet::new();
        for item in draft.own.texts("jails") {
            if let Err(why) = feeds(&item.text, draft.name, &known) {
                self.error(&item.place, &draft.key("jails"), why);
            }
            named.insert(item.text);
        }
        let jails = draft.own.entry("jails").is_some().then_some(named);
        Origin::Bans(BansOrigin { of: draft.name.to_owned(), jails })
    }
}

/// Whether bans of `jail` can count in `own`.
fn feeds(jail: &str, own: &str, known: &[&str]) -> Result<(), String> {
    if jail == own {
        return Err("a jail's own bans never count in it; leave its name out".to_owned());
    }
    if known.contains(&jail) {
        return Ok(());
    }
    let advice = match nearest(jail, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "name jails of this configuration".to_owned(),
    };
    Err(format!("there is no jail `{jail}`; {advice}"))
}
