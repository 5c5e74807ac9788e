//! A compiled regex, on the engine that it needs.
//!
//! Nearly all run on the regex crate, in time linear in the line. Look-around, back-references, atomic
//! groups and possessive repetitions have no such engine: patterns that have them, and no others, run
//! on `fancy-regex`, which backtracks. It counts its steps and gives up at [`STEPS`]; what a line is
//! then, nobody knows, and so the caller is told ([`Exceeded`]) and must not pass it off as a
//! line that does not match. Before any step is taken, the line must match the pattern's [`shadow()`],
//! a linear regex that matches wherever the pattern can.

mod shadow;

use fancy_regex::{BytesMode, Expr, RegexBuilder as FancyBuilder};
use regex::bytes::{CaptureLocations, Regex, RegexBuilder};

use self::shadow::shadow;
use super::error::{Place, Problem};
use super::split::Room;

/// How often the backtracking engine may take back a step on one text of at most 1 KiB.
pub const STEPS: usize = 1 << 16;

/// How long a text may be, and how many steps it has. Between two steps the engine may look at all that
/// is left of the text, so it is their product that ends a hostile one in milliseconds.
const BUDGETS: [(usize, usize); 4] =
    [(1 << 10, STEPS), (1 << 12, STEPS >> 2), (1 << 14, STEPS >> 4), (usize::MAX, STEPS >> 8)];

/// How much memory one compiled pattern may take.
const SIZE_LIMIT: usize = 4 << 20;

/// How many instructions a pattern that backtracks may compile to.
const PROGRAM_LIMIT: usize = 20_000;

/// What a regex is to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// Any bytes: `.` is any of them, classes are ASCII's.
    Bytes,
    /// UTF-8, as Python's `str` has it: `.` is all but a line break, classes are Unicode's.
    Text,
}

/// A regex over bytes. Its clones share the program but not the caches.
#[derive(Clone, Debug)]
pub(super) enum Engine {
    /// In linear time.
    Linear(Regex),
    /// By backtracking, within a budget.
    Backtracking(Box<Backtracking>),
}

/// A regex that has no linear engine.
#[derive(Clone, Debug)]
pub(super) struct Backtracking {
    /// One for each of the [`BUDGETS`].
    regexes: Vec<fancy_regex::Regex>,
    /// `None`: nothing linear can be proved to match wherever it does.
    shadow: Option<Regex>,
    why: &'static str,
}

/// Which engine one of a filter's regexes runs on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Which regex.
    pub place: Place,
    /// As written.
    pub source: String,
    /// What in it needs the backtracking engine; `None`: it runs in linear time.
    pub backtracks: Option<&'static str>,
    /// Whether something linear looks at each text first; else every text costs steps.
    pub prefiltered: bool,
}

/// Where a regex has put what it captured.
#[derive(Clone, Debug)]
pub(super) enum Locations {
    Linear(CaptureLocations),
    Backtracking(Vec<Option<(usize, usize)>>),
    /// Of a pattern [in parts](super::split), and of the whole; whether the whole has told.
    Split(Box<(Room, Locations)>, bool),
}

/// The budget was used up, and whether the text matches nobody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Exceeded;

impl Engine {
    /// Compiles a regex over bytes; no line is too broken to match.
    pub(super) fn compile(pattern: &str) -> Result<Self, Problem> {
        Self::compile_over(pattern, Over::Bytes)
    }

    /// Compiles a regex over what it is to read.
    pub(super) fn compile_over(pattern: &str, over: Over) -> Result<Self, Problem> {
        let linear = linear(pattern, over);
        let possessive = linear.is_ok() && POSSESSIVE.iter().any(|sign| pattern.contains(sign));
        match linear {
            Ok(regex) if !possessive => return Ok(Self::Linear(regex)),
            Err(regex::Error::CompiledTooBig(_)) => return Err(Problem::TooLarge),
            _ => {}
        }
        let tree = shadow::parse(pattern, over);
        let why = tree.as_ref().ok().and_then(shadow::why);
        match (linear, tree, why) {
            // To the regex crate, `a++` repeats what repeats; to all others it takes back no step.
            (_, Ok(tree), Some(why)) => {
                let regex = Backtracking::compile(pattern, over, &tree, why)?;
                Ok(Self::Backtracking(Box::new(regex)))
            }
            (Ok(regex), ..) => Ok(Self::Linear(regex)),
            (Err(error), Err(other), _) if is_beyond(&error) => {
                Err(Problem::Syntax(other.to_string()))
            }
            (Err(error), ..) => Err(Problem::Syntax(reason(&error))),
        }
    }

    /// Room for what it captures.
    pub(super) fn locations(&self) -> Locations {
        match self {
            Self::Linear(regex) => Locations::Linear(regex.capture_locations()),
            Self::Backtracking(_) => Locations::Backtracking(Vec::new()),
        }
    }

    /// Looks for a match, and what it captures; says where it ends.
    pub(super) fn read(
        &self,
        locations: &mut Locations,
        text: &[u8],
    ) -> Result<Option<usize>, Exceeded> {
        match (self, locations) {
            (Self::Linear(regex), Locations::Linear(locations)) => {
                Ok(regex.captures_read(locations, text).map(|found| found.end()))
            }
            (Self::Backtracking(regex), Locations::Backtracking(locations)) => {
                regex.read(locations, text)
            }
            // Another engine's room: there is none for what this one would capture.
            (Self::Linear(_), Locations::Backtracking(_) | Locations::Split(..))
            | (Self::Backtracking(_), Locations::Linear(_) | Locations::Split(..)) => Ok(None),
        }
    }

    /// Whether it matches at all.
    pub(super) fn is_match(&self, text: &[u8]) -> Result<bool, Exceeded> {
        match self {
            Self::Linear(regex) => Ok(regex.is_match(text)),
            Self::Backtracking(regex) => regex.is_match(text),
        }
    }

    /// A linear regex that matches wherever this one does; `None`: there is none that we know of.
    pub(super) fn shadow(&self) -> Option<&str> {
        match self {
            Self::Linear(regex) => Some(regex.as_str()),
            Self::Backtracking(regex) => regex.shadow.as_ref().map(Regex::as_str),
        }
    }

    /// Why it has no linear engine; `None`: it has.
    pub(super) fn why(&self) -> Option<&'static str> {
        match self {
            Self::Linear(_) => None,
            Self::Backtracking(regex) => Some(regex.why),
        }
    }

    /// For reports, where it stands as `source`.
    pub(super) fn choice(&self, place: Place, source: &str) -> Choice {
        let (backtracks, prefiltered) = (self.why(), self.shadow().is_some());
        Choice { place, source: source.to_owned(), backtracks, prefiltered }
    }

    /// The names of its groups, by number.
    pub(super) fn capture_names(&self) -> impl Iterator<Item = Option<&str>> {
        let (linear, backtracking) = match self {
            Self::Linear(regex) => (Some(regex.capture_names()), None),
            Self::Backtracking(regex) => (None, Some(regex.regexes[0].capture_names())),
        };
        linear.into_iter().flatten().chain(backtracking.into_iter().flatten())
    }
}

impl Backtracking {
    fn compile(pattern: &str, over: Over, tree: &Expr, why: &'static str) -> Result<Self, Problem> {
        // fancy-regex reckons with groups that are not there, and makes room for them.
        let groups = shadow::groups(tree);
        if let Some(group) = shadow::highest_reference(tree).filter(|group| *group > groups) {
            return Err(Problem::Syntax(format!(
                "it refers to group {group}, which is not there: it has {groups}"
            )));
        }
        let mode = match over {
            Over::Bytes => BytesMode::Ascii,
            Over::Text => BytesMode::UnicodeBytes,
        };
        let build = |(_, steps)| {
            FancyBuilder::new(pattern)
                .bytes_mode(mode)
                .dot_matches_new_line(over == Over::Bytes)
                .backtrack_limit(steps)
                .delegate_size_limit(over.size_limit())
                .max_prog_size(PROGRAM_LIMIT)
                .build()
                .map_err(|error| Problem::Syntax(error.to_string()))
        };
        let regexes: Vec<_> = BUDGETS.into_iter().map(build).collect::<Result<_, _>>()?;
        let shadow = shadow(tree).and_then(|shadow| linear(&shadow, over).ok());
        Ok(Self { regexes, shadow, why })
    }

    fn read(
        &self,
        locations: &mut Vec<Option<(usize, usize)>>,
        text: &[u8],
    ) -> Result<Option<usize>, Exceeded> {
        if !self.may_match(text) {
            return Ok(None);
        }
        let captures = self.regex(text).captures(text).map_err(|_| Exceeded)?;
        let Some(captures) = captures else { return Ok(None) };
        locations.clear();
        locations.extend(captures.iter().map(|group| group.map(|at| (at.start(), at.end()))));
        Ok(end(locations))
    }

    fn is_match(&self, text: &[u8]) -> Result<bool, Exceeded> {
        Ok(self.may_match(text) && self.regex(text).is_match(text).map_err(|_| Exceeded)?)
    }

    /// The one whose budget is that of such a text.
    fn regex(&self, text: &[u8]) -> &fancy_regex::Regex {
        let longer = BUDGETS.iter().take_while(|(length, _)| *length < text.len()).count();
        &self.regexes[longer]
    }

    fn may_match(&self, text: &[u8]) -> bool {
        self.shadow.as_ref().is_none_or(|shadow| shadow.is_match(text))
    }
}

fn end(locations: &[Option<(usize, usize)>]) -> Option<usize> {
    locations.first().copied().flatten().map(|(_, end)| end)
}

impl Locations {
    /// Where a group begins and ends, if it took part in the match.
    pub(super) fn get(&self, group: usize) -> Option<(usize, usize)> {
        match self {
            Self::Linear(locations) => locations.get(group),
            Self::Backtracking(locations) => locations.get(group).copied().flatten(),
            Self::Split(rooms, false) => rooms.0.get(group),
            Self::Split(rooms, true) => rooms.1.get(group),
        }
    }
}

/// How a repetition that takes back no step ends; each may also be plain text, in a class.
const POSSESSIVE: [&str; 4] = ["*+", "++", "?+", "}+"];

/// Compiles on the linear engine.
fn linear(pattern: &str, over: Over) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern)
        .unicode(over == Over::Text)
        // A line holds no line break; should a source let one through, `.` covers it.
        .dot_matches_new_line(over == Over::Bytes)
        .size_limit(over.size_limit())
        .build()
}

impl Over {
    /// Unicode's classes are hundreds of ranges each.
    fn size_limit(self) -> usize {
        match self {
            Self::Bytes => SIZE_LIMIT,
            Self::Text => 4 * SIZE_LIMIT,
        }
    }
}

/// Whether the regex crate knows what is meant, and does not do it.
fn is_beyond(error: &regex::Error) -> bool {
    let reason = reason(error);
    reason.contains("look-around") || reason.contains("backreference")
}

/// The regex crate's reason, without its drawing of the (translated) pattern.
pub(super) fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or(&text);
    last.trim().trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests;
