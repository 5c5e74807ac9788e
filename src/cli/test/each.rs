//! Of each failure what was asked for, and nothing else: `--out '<ip> <F-USER>'`.

use std::io::{self, Write};

use jiff::tz::TimeZone;

use super::Report;
use crate::filter::{Match, Matcher, Name, Outcome};
use crate::printable::Printable;

/// What to write of each failure: text, and `<tokens>` as fail2ban-regex's `-o` has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// `<ip>`, `<host>`, `<id>`, `<fid>`: whose it is.
    Whose,
    /// `<time>`: when, local.
    Time,
    /// `<msg>`, `<matches>`: the line.
    Line,
    /// `<F-USER>`: what a group captured.
    Group(String),
}

impl Template {
    /// Reads a template; a word by itself (`ip`, `F-USER`) is that token.
    pub(in crate::cli) fn parse(text: &str) -> Self {
        if !text.contains(['<', ' ']) {
            return Self(vec![Piece::token(text)]);
        }
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, token, after)) = next_token(rest) {
            pieces.push(Piece::Text(before.to_owned()));
            pieces.push(Piece::token(token));
            rest = after;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        pieces.retain(|piece| *piece != Piece::Text(String::new()));
        Self(pieces)
    }
}

/// What is before the next `<token>`, it, and what is after it.
fn next_token(text: &str) -> Option<(&str, &str, &str)> {
    let (before, after) = text.split_once('<')?;
    let (token, rest) = after.split_once('>')?;
    Some((before, token, rest))
}

impl Piece {
    fn token(word: &str) -> Self {
        match word {
            "ip" | "host" | "id" | "fid" => Self::Whose,
            "time" => Self::Time,
            "msg" | "matches" => Self::Line,
            name => Self::Group(name.strip_prefix("F-").unwrap_or(name).to_ascii_lowercase()),
        }
    }
}

/// Writes a line for each failure.
pub(super) struct Each<W> {
    out: W,
    zone: TimeZone,
    template: Template,
}

impl<W: Write> Each<W> {
    pub(super) fn new(out: W, zone: TimeZone, template: Template) -> Self {
        Self { out, zone, template }
    }

    fn write<Who>(&mut self, who: &[u8], line: &[u8], found: &Match<'_, Who>) -> io::Result<()> {
        let Self { out, zone, template } = self;
        for piece in &template.0 {
            match piece {
                Piece::Text(text) => out.write_all(text.as_bytes())?,
                Piece::Whose => write!(out, "{}", Printable(who))?,
                Piece::Line => write!(out, "{}", Printable(line))?,
                Piece::Time => {
                    if let Some(time) = found.time {
                        write!(out, "{}", zone.to_datetime(time))?;
                    }
                }
                Piece::Group(name) => {
                    let group = found.groups().find(|(group, _)| group == name);
                    write!(out, "{}", Printable(group.map_or(&[], |(_, text)| text)))?;
                }
            }
        }
        out.write_all(b"\n")
    }
}

impl<W: Write> Report for Each<W> {
    fn line(&mut self, _number: u64, text: &[u8], outcome: &Outcome<'_>) -> io::Result<()> {
        match outcome {
            Outcome::Failure(found) => {
                self.write(found.address.to_string().as_bytes(), text, found)
            }
            Outcome::Unattributed(Some(found)) => {
                let (Name::Host(name) | Name::Id(name)) = found.address;
                self.write(name, text, found)
            }
            _ => Ok(()),
        }
    }

    fn after(&mut self, _matcher: &Matcher, _text: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn oversized(&mut self, _number: u64) -> io::Result<()> {
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_told_from_text() {
        let text = |text: &str| Piece::Text(text.to_owned());
        let user = || Piece::Group("user".to_owned());
        for (template, expected) in [
            ("ip", vec![Piece::Whose]),
            ("F-USER", vec![user()]),
            ("user", vec![user()]),
            ("<ip> <F-USER>", vec![Piece::Whose, text(" "), user()]),
            ("at <time>: <msg>", vec![text("at "), Piece::Time, text(": "), Piece::Line]),
            ("1 < 2", vec![text("1 < 2")]),
        ] {
            assert_eq!(Template::parse(template).0, expected, "{template}");
        }
    }
}
