//! Where a jail's records come from.

use std::path::PathBuf;

use super::Meaning;
use super::jail::Draft;
use crate::filter::definition::Defaults;
use crate::record::journalmatch::JournalMatch;
use crate::record::origin::{FilesOrigin, JournalLocation, JournalOrigin, Origin};

impl Meaning<'_> {
    /// Exactly one of `journalmatch` and `logpath`, the jail's or else the filter's.
    pub(super) fn origin(&mut self, draft: &Draft, defaults: &Defaults) -> Option<Origin> {
        let own = &draft.own;
        if let Some(entry) = own.entry("jails") {
            let why = "means something only to a jail with `filter: recidive`; leave it out";
            self.error(&entry.place, &draft.key("jails"), why.to_owned());
        }
        match (own.entry("journalmatch"), own.entry("logpath")) {
            (Some(_), Some(logpath)) => {
                let why = "a jail reads the journal or files, not both; leave out `journalmatch` or \
                           `logpath`, or write two jails";
                self.error(&logpath.place, &draft.key("logpath"), why.to_owned());
                None
            }
            (Some(_), None) => self.journal(draft, &lines(draft, "journalmatch")),
            (None, Some(_)) => self.files(draft, lines(draft, "logpath")),
            (None, None) if !defaults.journalmatch.is_empty() => {
                self.journal(draft, &defaults.journalmatch)
            }
            (None, None) if !defaults.logpath.is_empty() => {
                self.files(draft, defaults.logpath.clone())
            }
            (None, None) => {
                if !self.may_be_mistyped(draft.name) {
                    let why = "the jail says nothing of where to look, and nor does its filter; \
                               give it a `journalmatch` or a `logpath`";
                    self.error(draft.place, &format!("jails.{}", draft.name), why.to_owned());
                }
                None
            }
        }
    }

    fn files(&mut self, draft: &Draft, patterns: Vec<String>) -> Option<Origin> {
        for key in ["journal", "trust_unprivileged"] {
            if let Some(entry) = draft.own.entry(key) {
                let why = "means something only to a jail that reads the journal; leave it out";
                self.error(&entry.place, &draft.key(key), why.to_owned());
            }
        }
        (!patterns.is_empty()).then_some(Origin::Files(FilesOrigin { patterns }))
    }

    fn journal(&mut self, draft: &Draft, lines: &[String]) -> Option<Origin> {
        let location = self.location(draft);
        // Refused lines were left out; a match without any would be every entry there is.
        let matches = JournalMatch::parse(lines.iter().map(String::as_str)).ok()?;
        if matches.groups().is_empty() {
            return None;
        }
        let trust_unprivileged = draft.view.flag("trust_unprivileged");
        self.advise_of_trust(draft, &matches, trust_unprivileged);
        Some(Origin::Journal(JournalOrigin { matches, trust_unprivileged, location: location? }))
    }

    fn location(&mut self, draft: &Draft) -> Option<JournalLocation> {
        let journal = draft.view.section("journal");
        let text = |key| journal.text(key).map(|item| item.text);
        match (text("directory"), text("namespace")) {
            (None, None) => Some(JournalLocation::System),
            (Some(directory), None) => Some(JournalLocation::Directory(PathBuf::from(directory))),
            (None, Some(namespace)) => Some(JournalLocation::Namespace(namespace)),
            (Some(_), Some(_)) => {
                let why = "a directory and a namespace exclude each other; leave one of them out";
                let place = journal.entry("namespace").map_or(draft.place, |entry| &entry.place);
                self.error(place, &draft.key("journal.namespace"), why.to_owned());
                None
            }
        }
    }

    fn advise_of_trust(&mut self, draft: &Draft, matches: &JournalMatch, trusts: bool) {
        let name = draft.name;
        if trusts && matches.pins_units() {
            // Nobody else's word gets through the match itself.
        } else if trusts {
            self.warnings.push(format!(
                "jail {name}: trust_unprivileged is on: any local user can have any address banned"
            ));
        } else if !pins_root(matches) {
            self.warnings.push(format!(
                "jail {name}: `{matches}` is read with `_UID=0` required as well, since any local \
                 program may call itself what it likes; `trust_unprivileged: true` turns this off"
            ));
        }
    }
}

/// Whether the match itself lets nothing through but what root's processes said.
fn pins_root(matches: &JournalMatch) -> bool {
    matches.groups().iter().all(|group| {
        let mut uids = group.iter().filter(|term| term.field == "_UID").peekable();
        uids.peek().is_some() && uids.all(|term| term.value == "0")
    })
}

fn lines(draft: &Draft, key: &str) -> Vec<String> {
    draft.own.texts(key).into_iter().map(|item| item.text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_pinned_only_if_every_group_does() {
        let check = |text, expected| {
            assert_eq!(pins_root(&JournalMatch::parse([text]).unwrap()), expected, "{text}");
        };
        check("_SYSTEMD_UNIT=sshd.service _UID=0", true);
        check("_SYSTEMD_UNIT=sshd.service _UID=0 + _UID=0 _COMM=sshd", true);
        check("_SYSTEMD_UNIT=sshd.service _UID=0 + _COMM=sshd", false);
        check("_UID=0 _UID=1000", false);
        check("_COMM=sshd", false);
    }
}
