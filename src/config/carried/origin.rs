//! Where a carried jail's records come from.

use super::node::Fields;
use super::{Draft, given, place};
use crate::fail2ban::spec;
use crate::record::journalmatch::JournalMatch;

/// All that daemons say in a journal, for a jail that names no match.
const EVERYTHING: &str = "_TRANSPORT=journal + _TRANSPORT=syslog + _TRANSPORT=stdout";

impl Draft<'_> {
    /// `backend`, with `journalmatch` or `logpath`.
    pub(super) fn origin(&mut self) {
        let backend = given(&self.jail.options, "backend").unwrap_or_default();
        if self.jail.journal {
            return self.journal();
        }
        if backend.starts_with("systemd") {
            self.note(
                "backend",
                "the jail has backend = systemd and no journalmatch, and so reads all of the journal \
                 and never its logpath; here it reads its logpath. If the daemon logs to the journal, \
                 give the jail a journalmatch",
            );
        }
        self.files();
    }

    fn journal(&mut self) {
        let mut lines = self.jail.lines("journalmatch");
        let at = place(self.jail.place("journalmatch"));
        if lines.is_empty() {
            self.note("backend", "the jail has no journalmatch: it reads all that daemons log");
            lines.push(EVERYTHING.to_owned());
        }
        let trusted = JournalMatch::parse(lines.iter().map(String::as_str))
            .is_ok_and(|matches| matches.pins_units());
        self.fields.list("journalmatch", lines, &at);
        if trusted {
            // No local user's process is of a system unit: the kernel's word, by way of journald.
            self.fields.flag("trust_unprivileged", true, at);
        }
        self.location();
    }

    /// `backend = systemd[journalpath=…]`.
    fn location(&mut self) {
        let Some(Ok(spec)) = given(&self.jail.options, "backend").map(spec::parse) else { return };
        let at = place(self.jail.place("backend"));
        let mut journal = Fields::new(at.clone());
        for (theirs, ours) in [("journalpath", "directory"), ("namespace", "namespace")] {
            if let Some(text) = spec.option(theirs) {
                journal.text(ours, text, at.clone());
            }
        }
        if spec.option("journalpath").or(spec.option("namespace")).is_some() {
            self.fields.section("journal", journal);
        }
        for option in ["journalfiles", "journalflags"] {
            if spec.option(option).is_some() {
                self.note(
                    "backend",
                    format!(
                        "`{option}` is not carried over: name the directory of \
                                              the journal's files with `journal: {{directory: …}}`"
                    ),
                );
            }
        }
    }

    fn files(&mut self) {
        let at = place(self.jail.place("logpath"));
        let lines = self.jail.lines("logpath");
        // How far a file was read is remembered, so that `head` and `tail` say nothing here.
        let paths = lines.iter().map(|line| {
            let path = line.strip_suffix(" tail").or_else(|| line.strip_suffix(" head"));
            path.unwrap_or(line).trim().to_owned()
        });
        let paths: Vec<String> = paths.collect();
        if paths.is_empty() {
            let why = "the jail names no log to read; give it a `logpath`, or `backend = systemd`";
            return self.refuse("logpath", why.to_owned());
        }
        self.fields.list("logpath", paths, &at);
    }
}
