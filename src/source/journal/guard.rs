//! Which entries are asked of libsystemd (`sd_journal_add_match(3)`).
//!
//! The jail's own match, and journald's own entries that say how much its rate limit dropped, since
//! what was dropped can be missed by no other sign.
//!
//! Unless the jail trusts everybody, `_UID=0` must hold as well: journald states `_UID` itself, from the
//! sender's credentials, while a program named sshd that any local user runs has `_COMM=sshd` too. That
//! is for the reader to see in each entry ([`Reading::Untrusted`](super::entry::Reading)); libsystemd is
//! asked only where it has nothing else to go by, since to join two lists of its index at each step
//! costs it a sixth of all its reading. So a match's own `_UID=0` is not asked for either where it names
//! a unit: whose entries are few but root's. Who else may write is kept out by the index, not read.

use systemd::journal::JournalRef;

use crate::record::journalmatch::{JournalMatch, Term};

/// `SD_MESSAGE_JOURNAL_DROPPED`, from `sd-messages.h`.
pub(super) const DROPPED: &str = "a596d6fe7bfa4994828e72309e95d61e";

/// Asks for the entries of `matches`, and for what journald says of `drops`; if those are all, of root
/// alone unless `trust_unprivileged`. What else comes is [`Untrusted`](super::entry::Reading).
///
/// # Errors
///
/// Passes on what libsystemd says.
pub(super) fn apply(
    journal: &mut JournalRef,
    matches: &JournalMatch,
    trust_unprivileged: bool,
    drops: bool,
) -> systemd::Result<()> {
    // libsystemd: equal fields are alternatives, other fields must hold together, and `match_or`
    // separates groups of those.
    for group in matches.groups() {
        for term in asked(group, trust_unprivileged) {
            journal.match_add(&term.field, term.value.as_str())?;
        }
        journal.match_or()?;
    }
    if drops && !matches.groups().is_empty() {
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

/// What libsystemd is asked of a group. `_UID=0` is not where the reader looks for it anyway, and the
/// group names a unit.
fn asked(group: &[Term], trust_unprivileged: bool) -> impl Iterator<Item = &Term> {
    let values = |field| group.iter().filter(move |term| term.field == field).map(|it| &it.value);
    let of_root = values("_UID").all(|uid| uid == "0");
    let mut units = values("_SYSTEMD_UNIT").peekable();
    // A user's own services say all that the user wants.
    let of_a_unit = units.peek().is_some() && units.all(|unit| !unit.starts_with("user@"));
    let read = !trust_unprivileged && of_root && of_a_unit;
    group.iter().filter(move |term| !(read && term.field == "_UID"))
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
    use proptest::prelude::*;

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

    /// What is asked for `line`, if it trusts root alone; and if it trusts all.
    #[track_caller]
    fn check_asked(line: &str, expected: [&str; 2]) {
        let matches = JournalMatch::parse([line]).unwrap();
        let actual = [false, true].map(|trust| {
            let terms = matches.groups().iter().flat_map(|group| asked(group, trust));
            terms.map(|term| format!("{}={}", term.field, term.value)).collect::<Vec<_>>().join(" ")
        });
        assert_eq!(actual, expected);
    }

    #[test]
    fn asks_not_for_what_is_read_in_a_unit_s_entries() {
        check_asked("_SYSTEMD_UNIT=a _UID=0", ["_SYSTEMD_UNIT=a", "_SYSTEMD_UNIT=a _UID=0"]);
        check_asked(
            "_UID=0 + _SYSTEMD_UNIT=a _UID=0 X=b",
            ["_UID=0 _SYSTEMD_UNIT=a X=b", "_UID=0 _SYSTEMD_UNIT=a _UID=0 X=b"],
        );
        for line in [
            "_UID=0 SYSLOG_IDENTIFIER=a",
            "_SYSTEMD_UNIT=a _UID=0 _UID=9",
            "_SYSTEMD_UNIT=user@9 _UID=0",
        ] {
            check_asked(line, [line; 2]);
        }
    }

    #[test]
    fn asks_for_all_drops_where_no_unit_is_named() {
        check(&["_COMM=sshd"], &[&[]]);
    }

    /// Whether an entry with these fields is let through, as libsystemd has it.
    fn lets_through(terms: &[&Term], entry: &[(&str, &str)]) -> bool {
        terms.iter().all(|term| {
            let alternatives = terms.iter().filter(|other| other.field == term.field);
            alternatives
                .into_iter()
                .any(|it| entry.contains(&(it.field.as_str(), it.value.as_str())))
        })
    }

    /// Mostly what matters.
    const FIELD: &str = "_UID|_SYSTEMD_UNIT|_UID|_SYSTEMD_UNIT|_COMM";
    const VALUE: &str = "0|9|0|9|user@9";

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..Default::default() })]

        /// What is not asked for the reader keeps out: with it, all is as if everything was asked. And
        /// something is asked, or every entry would come.
        #[test]
        fn lets_through_what_the_whole_match_does(
            group in prop::collection::vec((FIELD, VALUE), 1..5),
            (uid, unit) in (prop::option::of("0|0|0|9"), prop::option::of(VALUE)),
            more in prop::collection::vec((FIELD, VALUE), 0..3),
            trusts: bool,
        ) {
            let term = |(field, value): &(String, String)| Term {
                field: field.clone(),
                value: value.clone(),
            };
            let group: Vec<Term> = group.iter().map(term).collect();
            let mut entry: Vec<(&str, &str)> = more.iter().map(|(f, v)| (f.as_str(), v.as_str())).collect();
            entry.extend(uid.as_deref().map(|uid| ("_UID", uid)));
            entry.extend(unit.as_deref().map(|unit| ("_SYSTEMD_UNIT", unit)));
            let mut uids = entry.iter().filter(|(field, _)| *field == "_UID").peekable();
            let is_read = trusts || uids.peek().is_some() && uids.all(|(_, uid)| *uid == "0");
            let all: Vec<&Term> = group.iter().collect();
            let asked: Vec<&Term> = asked(&group, trusts).collect();
            prop_assert!(!asked.is_empty());
            prop_assert_eq!(
                is_read && lets_through(&asked, &entry),
                is_read && lets_through(&all, &entry)
            );
        }
    }
}
