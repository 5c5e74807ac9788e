//! Which entries are asked of libsystemd (`sd_journal_add_match(3)`).
//!
//! The jail's own match, and journald's own entries that say how much its rate limit dropped, since
//! what was dropped can be missed by no other sign.
//!
//! Unless the jail trusts everybody, `_UID=0` must hold as well: journald states `_UID` itself, from the
//! sender's credentials, while a program named sshd that any local user runs has `_COMM=sshd` too. That
//! is for the reader to see in each entry ([`Reading::Untrusted`](super::entry::Reading)); libsystemd is
//! asked only where it has nothing else to go by, since to join two lists of its index at each step
//! costs it a sixth of all its reading.

use systemd::journal::JournalRef;

use crate::record::journalmatch::{JournalMatch, Term};

/// `SD_MESSAGE_JOURNAL_DROPPED`, from `sd-messages.h`.
pub(super) const DROPPED: &str = "a596d6fe7bfa4994828e72309e95d61e";

/// Asks for the entries of `matches`; if those are all, of root alone unless `trust_unprivileged`.
///
/// # Errors
///
/// Passes on what libsystemd says.
pub(super) fn apply(
    journal: &mut JournalRef,
    matches: &JournalMatch,
    trust_unprivileged: bool,
) -> systemd::Result<()> {
    // libsystemd: equal fields are alternatives, other fields must hold together, and `match_or`
    // separates groups of those.
    for group in matches.groups() {
        add(journal, group)?;
        journal.match_or()?;
    }
    if !matches.groups().is_empty() {
        for units in dropped_of(matches) {
            journal.match_add("MESSAGE_ID", DROPPED)?;
            // Only journald speaks so; anybody may send the other two fields.
            journal.match_add("_TRANSPORT", "driver")?;
            for unit in units {
                journal.match_add("OBJECT_SYSTEMD_UNIT", unit)?;
            }
            journal.match_or()?;
        }
    }
    if matches.groups().is_empty() && !trust_unprivileged {
        journal.match_add("_UID", "0")?;
    }
    Ok(())
}

fn add(journal: &mut JournalRef, group: &[Term]) -> systemd::Result<()> {
    for term in group {
        journal.match_add(&term.field, term.value.as_str())?;
    }
    Ok(())
}

/// The units whose dropped entries matter, by group. The rate limit is each unit's own; a match
/// that names no unit at all may have lost entries of any.
fn dropped_of(matches: &JournalMatch) -> Vec<Vec<&str>> {
    let mut named: Vec<Vec<&str>> =
        matches.groups().iter().map(|group| units(group)).filter(|u| !u.is_empty()).collect();
    if named.is_empty() {
        named.push(Vec::new());
    }
    named
}

fn units(group: &[Term]) -> Vec<&str> {
    group.iter().filter(|t| t.field == "_SYSTEMD_UNIT").map(|t| t.value.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lines: &[&str], expected: &[&[&str]]) {
        let matches = JournalMatch::parse(lines.iter().copied()).unwrap();
        assert_eq!(dropped_of(&matches), expected);
    }

    #[test]
    fn asks_for_the_drops_of_the_units_named() {
        check(&["_SYSTEMD_UNIT=sshd.service _UID=0"], &[&["sshd.service"]]);
        check(&["_SYSTEMD_UNIT=a _SYSTEMD_UNIT=b"], &[&["a", "b"]]);
        check(&["_SYSTEMD_UNIT=sshd.service + _COMM=sshd"], &[&["sshd.service"]]);
    }

    #[test]
    fn asks_for_all_drops_where_no_unit_is_named() {
        check(&["_COMM=sshd"], &[&[]]);
    }
}
