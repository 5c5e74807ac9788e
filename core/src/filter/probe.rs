//! A filter's patterns taken apart, for whoever writes them: which part of a pattern a line fails at,
//! and each pattern by itself.
//!
//! Not for the daemon: parts are compiled when they are first asked for.

mod cut;

use super::definition::{Definition, Language};
use super::engine::{Engine, Locations, Over};
use super::error::{Place, Problem};
use super::{Filter, tags};

/// The patterns of a filter; none for an httpd rule.
#[derive(Debug)]
pub struct Probes {
    prefregex: Option<Probe>,
    failregex: Vec<Probe>,
    ignoreregex: Vec<Probe>,
}

/// Where a line parts from the pattern that fits it best.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearMiss {
    /// Which pattern.
    pub place: Place,
    /// As much of it, as written, as the line fits.
    pub fits: String,
    /// The first part that it does not.
    pub fails: String,
    /// Where in the text the part that fits ends.
    pub at: usize,
}

/// One pattern, in parts.
#[derive(Debug)]
struct Probe {
    place: Place,
    parts: Vec<Part>,
    source: String,
    compile: Compile,
}

/// A pattern's beginning, as far as one of its parts.
#[derive(Debug)]
struct Part {
    /// Where it ends in the source.
    end: usize,
    /// How many letters and digits it has that stand for themselves.
    literals: usize,
    compiled: Compiled,
}

/// A part is compiled once it is asked for; what stands before a cut need be no regex.
#[derive(Debug)]
enum Compiled {
    NotYet,
    Regex(Engine, Locations),
    Refused,
}

/// How a pattern's text is compiled.
#[derive(Clone, Copy, Debug)]
struct Compile {
    language: Language,
    several_lines: bool,
    usedns: super::definition::UseDns,
}

/// As many letters and digits must fit; else a line has nothing to do with a pattern.
const LITERALS: usize = 3;

impl Probes {
    /// Takes a filter's patterns apart.
    #[must_use]
    pub fn new(filter: &Filter) -> Self {
        let definition = &filter.definition;
        let prefregex = definition.prefregex.as_deref();
        let prefregex = prefregex.map(|text| Probe::new(Place::Prefregex, text, definition));
        let failregex = (1..).zip(filter.patterns());
        let failregex = failregex
            .map(|(number, text)| Probe::new(Place::Failregex(number), text, definition))
            .collect();
        let ignoreregex = (1..).zip(&definition.ignoreregex);
        let ignoreregex = ignoreregex
            .map(|(number, text)| Probe::new(Place::Ignoreregex(number), text, definition))
            .collect();
        Self { prefregex, failregex, ignoreregex }
    }

    /// What the patterns see of a line without its date. `None`: the prefregex does not let it through.
    pub fn content<'t>(&mut self, text: &'t [u8]) -> Option<&'t [u8]> {
        let Some(prefix) = &mut self.prefregex else { return Some(text) };
        let (regex, locations) = prefix.whole()?;
        regex.read(locations, text).ok().flatten()?;
        let group = regex.capture_names().position(|name| name == Some("content"));
        let content = group.and_then(|group| locations.get(group));
        Some(content.map_or(text, |(start, end)| &text[start..end]))
    }

    /// Whether one pattern, from 0, matches what the patterns see.
    pub fn matches(&mut self, pattern: usize, content: &[u8]) -> bool {
        let whole = self.failregex.get_mut(pattern).and_then(Probe::whole);
        whole
            .is_some_and(|(regex, locations)| matches!(regex.read(locations, content), Ok(Some(_))))
    }

    /// Which ignoreregex, from 0, takes a line without its date, or what the patterns see of it.
    pub fn ignoring(&mut self, text: &[u8]) -> Option<usize> {
        let content = self.content(text).unwrap_or(text);
        self.ignoreregex.iter_mut().position(|probe| {
            let takes = |(regex, locations): (&Engine, &mut Locations)| {
                [content, text]
                    .iter()
                    .any(|text| matches!(regex.read(locations, text), Ok(Some(_))))
            };
            probe.whole().is_some_and(takes)
        })
    }

    /// Where a line without its date parts from the pattern that fits it best; `None`: it has nothing
    /// to do with any.
    pub fn nearest(&mut self, text: &[u8]) -> Option<NearMiss> {
        let Some(content) = self.content(text) else {
            return self.prefregex.as_mut()?.nearest(text).map(|(_, miss)| miss);
        };
        let before = content.as_ptr() as usize - text.as_ptr() as usize;
        let misses = self.failregex.iter_mut().filter_map(|probe| probe.nearest(content));
        // Of equals the first, as patterns are tried.
        let (_, miss) = misses.reduce(|best, miss| if miss.0 > best.0 { miss } else { best })?;
        Some(NearMiss { at: miss.at + before, ..miss })
    }
}

impl Probe {
    fn new(place: Place, source: &str, definition: &Definition) -> Self {
        let compile = Compile {
            language: definition.language,
            several_lines: definition.maxlines > 1,
            usedns: definition.usedns,
        };
        let parts = cut::parts(source).into_iter();
        let parts = parts
            .map(|(end, literals)| Part { end, literals, compiled: Compiled::NotYet })
            .collect();
        Self { place, parts, source: source.to_owned(), compile }
    }

    fn whole(&mut self) -> Option<(&Engine, &mut Locations)> {
        self.compiled(self.parts.len().checked_sub(1)?)
    }

    fn compiled(&mut self, part: usize) -> Option<(&Engine, &mut Locations)> {
        let Self { parts, source, compile, .. } = self;
        let part = parts.get_mut(part)?;
        let text = &source[..part.end];
        if matches!(part.compiled, Compiled::NotYet) {
            part.compiled = match compile.compile(text) {
                Ok(regex) => {
                    let locations = regex.locations();
                    Compiled::Regex(regex, locations)
                }
                Err(_) => Compiled::Refused,
            };
        }
        match &mut part.compiled {
            Compiled::Regex(regex, locations) => Some((regex, locations)),
            Compiled::NotYet | Compiled::Refused => None,
        }
    }

    /// Where a match of the pattern's beginning as far as this part ends.
    fn end(&mut self, part: usize, text: &[u8]) -> Option<usize> {
        let (regex, locations) = self.compiled(part)?;
        regex.read(locations, text).ok().flatten()
    }

    /// The longest beginning that matches, and how much that says.
    fn nearest(&mut self, text: &[u8]) -> Option<(usize, NearMiss)> {
        // If a longer beginning matches, so does each shorter one.
        let (mut low, mut high) = (0, self.parts.len());
        let mut at = None;
        while low < high {
            let middle = usize::midpoint(low, high);
            match self.end(middle, text) {
                Some(end) => {
                    at = Some(end);
                    low = middle + 1;
                }
                None => high = middle,
            }
        }
        let (fits, fails) = (self.parts.get(low.checked_sub(1)?)?, self.parts.get(low)?);
        let literals = fits.literals;
        let miss = NearMiss {
            place: self.place.clone(),
            fits: self.source[..fits.end].to_owned(),
            fails: self.source[fits.end..fails.end].to_owned(),
            at: at?,
        };
        (literals >= LITERALS).then_some((literals, miss))
    }
}

impl Compile {
    fn compile(self, text: &str) -> Result<Engine, Problem> {
        match self.language {
            Language::Gaoler => Engine::compile(&tags::translate(text)?),
            Language::Fail2ban => {
                let python = super::fail2ban::to_regex(text, self.several_lines, self.usedns)?;
                Engine::compile_over(&python, Over::Text)
            }
        }
    }
}

#[cfg(test)]
mod tests;
