//! fail2ban's `journalmatch`: which journal entries a jail wants.
//!
//! `FIELD=value` terms, as journalctl(1) takes them: terms of one field are alternatives, terms of
//! different fields must all hold, and `+` (or a new line) separates alternatives of whole groups.

use std::fmt;

/// Groups of which one must hold; in a group, each field must have one of its values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct JournalMatch {
    /// As written, for people. Lines are joined by ` + `.
    text: String,
    /// Invariant: no group is empty.
    groups: Vec<Vec<Term>>,
}

/// One `FIELD=value`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Term {
    /// A journal field, such as `_SYSTEMD_UNIT`.
    pub field: String,
    /// Its exact value.
    pub value: String,
}

/// Why a journalmatch was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalMatchError {
    /// A term lacks its `=`, or the name of the field.
    #[error("`{0}` is not of the form FIELD=value")]
    NotATerm(String),
    /// A field's name has other than capitals, digits and underscores.
    #[error("`{0}` is not a journal field: capitals, digits and underscores only")]
    NotAField(String),
    /// `+` with nothing on one side.
    #[error("`+` needs a term on both sides")]
    EmptyGroup,
    /// A quote that is not closed.
    #[error("a quote is not closed")]
    OpenQuote,
}

impl JournalMatch {
    /// Reads the lines of a `journalmatch`; values with blanks may be quoted, as in a shell.
    ///
    /// # Errors
    ///
    /// Says which part is not of the form `FIELD=value`.
    pub fn parse<'a>(lines: impl IntoIterator<Item = &'a str>) -> Result<Self, JournalMatchError> {
        let mut parsed = Self::default();
        for line in lines {
            let line = line.trim();
            parsed.groups.extend(groups(line)?);
            if !parsed.text.is_empty() {
                parsed.text.push_str(" + ");
            }
            parsed.text.push_str(line);
        }
        Ok(parsed)
    }

    /// Whether every group lets through only what processes of system units said, or root's: no
    /// other local user can be such a process.
    #[must_use]
    pub fn pins_units(&self) -> bool {
        let pins = |group: &Vec<Term>| {
            let is_unit =
                |term: &Term| term.field == "_SYSTEMD_UNIT" && !term.value.starts_with("user@");
            let mut units = group.iter().filter(|term| term.field == "_SYSTEMD_UNIT").peekable();
            let mut uids = group.iter().filter(|term| term.field == "_UID").peekable();
            units.peek().is_some() && units.all(is_unit)
                || uids.peek().is_some() && uids.all(|term| term.value == "0")
        };
        !self.groups.is_empty() && self.groups.iter().all(pins)
    }

    /// The groups of which one must hold. Empty: every entry is wanted.
    #[must_use]
    pub fn groups(&self) -> &[Vec<Term>] {
        &self.groups
    }
}

impl fmt::Display for JournalMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The groups of one line.
fn groups(line: &str) -> Result<Vec<Vec<Term>>, JournalMatchError> {
    let words = words(line)?;
    words
        .split(|word| word == "+")
        .map(|group| {
            if group.is_empty() {
                return Err(JournalMatchError::EmptyGroup);
            }
            group.iter().map(|word| term(word)).collect()
        })
        .collect()
}

fn term(word: &str) -> Result<Term, JournalMatchError> {
    let (field, value) =
        word.split_once('=').ok_or_else(|| JournalMatchError::NotATerm(word.to_owned()))?;
    if field.is_empty() {
        return Err(JournalMatchError::NotATerm(word.to_owned()));
    }
    if !field.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_') {
        return Err(JournalMatchError::NotAField(field.to_owned()));
    }
    Ok(Term { field: field.to_owned(), value: value.to_owned() })
}

/// Splits at blanks; single and double quotes hold blanks together and are removed.
fn words(line: &str) -> Result<Vec<String>, JournalMatchError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err(JournalMatchError::OpenQuote);
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(lines: &[&str], expected: &[&[(&str, &str)]]) {
        let parsed = JournalMatch::parse(lines.iter().copied()).unwrap();
        let actual: Vec<Vec<(&str, &str)>> = parsed
            .groups()
            .iter()
            .map(|group| group.iter().map(|t| (t.field.as_str(), t.value.as_str())).collect())
            .collect();
        assert_eq!(actual, expected);
    }

    #[test]
    fn a_plus_or_a_new_line_begins_a_group() {
        let unit = ("_SYSTEMD_UNIT", "sshd.service");
        check(&["_SYSTEMD_UNIT=sshd.service _UID=0"], &[&[unit, ("_UID", "0")]]);
        check(&["_SYSTEMD_UNIT=sshd.service + _COMM=sshd"], &[&[unit], &[("_COMM", "sshd")]]);
        check(&["_SYSTEMD_UNIT=sshd.service", "_COMM=sshd"], &[&[unit], &[("_COMM", "sshd")]]);
    }

    #[test]
    fn quotes_hold_blanks() {
        check(&[r#"MESSAGE="a b" _COMM='x'"#], &[&[("MESSAGE", "a b"), ("_COMM", "x")]]);
    }

    #[test]
    fn refuses_what_it_cannot_mean() {
        let refusal = |line| JournalMatch::parse([line]).unwrap_err();
        assert_eq!(refusal("sshd"), JournalMatchError::NotATerm("sshd".into()));
        assert_eq!(refusal("=x"), JournalMatchError::NotATerm("=x".into()));
        assert_eq!(refusal("_comm=x"), JournalMatchError::NotAField("_comm".into()));
        assert_eq!(refusal("_COMM=x +"), JournalMatchError::EmptyGroup);
        assert_eq!(refusal("_COMM='x"), JournalMatchError::OpenQuote);
    }

    proptest! {
        /// What is displayed means the same; and of a value in quotes every character comes back.
        #[test]
        fn what_is_displayed_means_the_same(
            groups in prop::collection::vec(prop::collection::vec(("[A-Z_]{1,8}", "[^'\n\r]{0,12}"), 1..4), 1..4),
        ) {
            let term = |(field, value): &(String, String)| format!("{field}='{value}'");
            let lines: Vec<String> = groups
                .iter()
                .map(|group| group.iter().map(term).collect::<Vec<_>>().join(" "))
                .collect();
            let parsed = JournalMatch::parse(lines.iter().map(String::as_str)).unwrap();
            let told: Vec<Vec<(String, String)>> = parsed
                .groups()
                .iter()
                .map(|group| group.iter().map(|t| (t.field.clone(), t.value.clone())).collect())
                .collect();
            prop_assert_eq!(told, groups);
            let again = parsed.to_string();
            prop_assert_eq!(JournalMatch::parse([again.as_str()]), Ok(parsed));
        }

        #[test]
        fn any_text_is_read_without_harm(line in ".{0,60}", signs in "[A-Z_='\"+ ]{0,30}") {
            let _ = (JournalMatch::parse([line.as_str()]), JournalMatch::parse([signs.as_str()]));
        }
    }
}
