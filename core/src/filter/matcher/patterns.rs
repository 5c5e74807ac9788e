//! Patterns at work: the prefregex, then each failregex until one matches and says who.

use jiff::Timestamp;

use super::captured::Captured;
use super::found::{Groups, Match};
use super::outcome::Outcome;
use super::part::Part;
use crate::filter::Patterns;
use crate::filter::engine::{Exceeded, Locations};
use crate::filter::pattern::Pattern;
use crate::filter::prefix::{Prefix, PrefixLocations, Prefixed};
use crate::filter::session::Sessions;

/// Clones of the filter's patterns, for caches of their own, and room for what they capture.
#[derive(Debug)]
pub(super) struct PatternState {
    patterns: Patterns,
    prefix: Option<PrefixLocations>,
    captures: Vec<Locations>,
    sessions: Sessions,
}

impl PatternState {
    /// At the beginning of a log.
    pub(super) fn new(patterns: &Patterns) -> Self {
        let patterns = patterns.clone();
        let prefix = patterns.prefregex.as_ref().map(Prefix::locations);
        let captures = patterns.failregex.iter().map(Pattern::locations).collect();
        Self { patterns, prefix, captures, sessions: Sessions::default() }
    }

    /// Has them try every text: what reaches them may match.
    pub(super) fn open(&mut self) {
        self.patterns.gate = None;
    }

    /// Forgets the attempts told of so far.
    pub(super) fn forget(&mut self) {
        self.sessions = Sessions::default();
    }

    /// What a line without its date is; `time` is asked where it is somebody's.
    pub(super) fn read<'a>(
        &'a mut self,
        line: &'a [u8],
        time: impl FnOnce() -> Option<Timestamp>,
        exceeded: &mut Option<Part>,
    ) -> Outcome<'a> {
        let Self { patterns, prefix, captures, sessions } = self;
        let (prefix, text) = match read_prefix(patterns, prefix.as_mut(), line) {
            Ok(Some(found)) => found,
            Ok(None) => return Outcome::missed(*exceeded),
            Err(Exceeded) => {
                *exceeded = Some(Part::Prefregex);
                return Outcome::missed(*exceeded);
            }
        };
        if patterns.gate.as_ref().is_some_and(|gate| !gate.is_match(text)) {
            return Outcome::missed(*exceeded);
        }
        for ((number, pattern), locations) in (0u16..).zip(&patterns.failregex).zip(captures) {
            match pattern.read(locations, text) {
                Ok(true) => {}
                Ok(false) => continue,
                Err(Exceeded) => {
                    exceeded.get_or_insert(Part::Failregex(number));
                    continue;
                }
            }
            let own = Captured { pattern, locations, text };
            let informs = own.group(pattern.groups.nofail).is_some();
            let Some(address) = own.address().or_else(|| prefix?.address()) else {
                if informs {
                    return Outcome::NoFail(None);
                }
                continue;
            };
            let user = own.user().or_else(|| prefix?.user());
            let groups = Groups::Captured { prefix, pattern: own };
            let found = Match { pattern: number, address, time: time(), user, groups };
            let session = own.session().or_else(|| prefix?.session());
            let told = session.is_some_and(|text| sessions.told_again(address, text, number));
            let counts = !(informs || told);
            return if counts { Outcome::Failure(found) } else { Outcome::NoFail(Some(found)) };
        }
        Outcome::missed(*exceeded)
    }
}

/// What the prefregex captured, if there is one, and the text that the rest sees. `None`: it does
/// not match.
type Prefixing<'a> = Option<(Option<Captured<'a>>, &'a [u8])>;

fn read_prefix<'a>(
    patterns: &'a Patterns,
    locations: Option<&'a mut PrefixLocations>,
    line: &'a [u8],
) -> Result<Prefixing<'a>, Exceeded> {
    let (Some(prefix), Some(locations)) = (&patterns.prefregex, locations) else {
        return Ok(Some((None, line)));
    };
    let found = prefix.read(locations, line)?;
    Ok(found.map(|Prefixed { pattern, locations, content }| {
        (Some(Captured { pattern, locations, text: line }), content)
    }))
}
