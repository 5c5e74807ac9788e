//! `%(name)s`: what an option's value comes to.
//!
//! A name is looked for among the parameters, in the section, in `[DEFAULT]`. `%(known/name)s` is
//! what the option was before a later file overrode it; `%(section/name)s` another section's;
//! `%(__name__)s` the section's own name; `%%` a `%`.
//!
//! Source: jail.conf(5), "INTERPOLATION"; the Python documentation, `BasicInterpolation`.

use super::error::{Problem, ReadError};
use super::layers::Layers;
use super::section::{Section, Value};

/// As Python's `configparser` has it.
const DEEPEST: usize = 10;

/// No value of a real configuration is longer.
const LONGEST: usize = 1 << 20;

impl Layers {
    /// The value of an option of a section, interpolated; `vars` go before all else. `None` if
    /// nothing gives it, or there is no such section.
    pub(super) fn get(
        &self,
        section: &str,
        option: &str,
        vars: &Section,
    ) -> Result<Option<Value>, ReadError> {
        if section != "DEFAULT" && self.section(section).is_none() {
            return Ok(None);
        }
        let option = option.to_lowercase();
        let scope = Scope { layers: self, section, vars };
        let Some(raw) = scope.plain(&option) else { return Ok(None) };
        let mut text = String::new();
        scope.fill(&raw.text, &mut text, 1).map_err(|why| {
            let problem = match why {
                Why::Missing(name) => Problem::Missing { option: option.clone(), name },
                Why::Percent => Problem::Percent(option.clone()),
                Why::Depth => Problem::Depth(option.clone()),
            };
            ReadError::new(raw.place.clone(), problem)
        })?;
        Ok(Some(Value { text, place: raw.place.clone() }))
    }

    /// As [`get`](Self::get), where the name may be `section/option`, too.
    pub(super) fn get_of(
        &self,
        section: &str,
        option: &str,
        vars: &Section,
    ) -> Result<Option<Value>, ReadError> {
        if let Some((of, name)) = of_section(option) {
            let none = Section::default();
            let known = format!("KNOWN/{section}");
            let sections: &[&str] = match of.to_lowercase().as_str() {
                "known" => &[&known, section],
                "default" => &["DEFAULT"],
                _ => &[of],
            };
            for section in sections {
                if let Some(value) = self.get(section, name, &none)? {
                    return Ok(Some(value));
                }
            }
        }
        self.get(section, option, vars)
    }
}

/// `section/option`, as its two parts.
fn of_section(name: &str) -> Option<(&str, &str)> {
    let (section, option) = name.split_once('/')?;
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let fits = !section.is_empty() && section.chars().all(is_word);
    let plain = |c: char| !c.is_whitespace() && c != '>';
    (fits && !option.is_empty() && option.chars().all(plain)).then_some((section, option))
}

/// Where names are looked for.
struct Scope<'a> {
    layers: &'a Layers,
    section: &'a str,
    vars: &'a Section,
}

enum Why {
    Missing(String),
    Percent,
    Depth,
}

impl<'a> Scope<'a> {
    /// An option by its plain name, in lower case.
    fn plain(&self, name: &str) -> Option<&'a Value> {
        let own = || self.layers.section(self.section).and_then(|section| section.get(name));
        self.vars.get_folded(name).or_else(own).or_else(|| self.layers.defaults.get(name))
    }

    /// What `%(name)s` refers to.
    fn named(&self, name: &str) -> Option<&'a Value> {
        let lower = name.to_lowercase();
        self.plain(&lower).or_else(|| {
            let (section, option) = name.split_once('/')?;
            let option = option.to_lowercase();
            let of = match section.to_lowercase().as_str() {
                "default" => None,
                "known" => self.layers.section(&format!("KNOWN/{}", self.section)),
                _ => Some(self.layers.section(section)?),
            };
            of.and_then(|of| of.get(&option)).or_else(|| self.layers.defaults.get(&option))
        })
    }

    fn fill(&self, text: &str, out: &mut String, depth: usize) -> Result<(), Why> {
        if depth > DEEPEST || out.len() > LONGEST {
            return Err(Why::Depth);
        }
        let mut rest = text;
        while let Some(at) = rest.find('%') {
            out.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix('%') {
                out.push('%');
                rest = after;
                continue;
            }
            let named = rest.strip_prefix('(').and_then(|inner| inner.split_once(')'));
            let named = named.and_then(|(name, after)| Some((name, after.strip_prefix('s')?)));
            let Some((name, after)) = named.filter(|(name, _)| !name.is_empty()) else {
                return Err(Why::Percent);
            };
            rest = after;
            if name == "__name__" {
                out.push_str(self.section);
                continue;
            }
            let value = self.named(name).ok_or_else(|| Why::Missing(name.to_owned()))?;
            self.fill(&value.text, out, depth + 1)?;
        }
        out.push_str(rest);
        if out.len() > LONGEST { Err(Why::Depth) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fail2ban::layers::tests::layers;

    #[track_caller]
    fn check(files: &[&str], section: &str, option: &str, expected: Result<Option<&str>, &str>) {
        let layers = layers(files);
        let found = layers.get(section, option, &Section::default());
        let found = found.map(|value| value.map(|value| value.text)).map_err(|e| e.to_string());
        let expected = expected.map(|v| v.map(str::to_owned)).map_err(str::to_owned);
        assert_eq!(found, expected);
    }

    #[test]
    fn names_are_looked_for_in_the_section_then_in_default() {
        let file = "[DEFAULT]\na = 1\nb = %(a)s\n[s]\na = 2\nc = x%(B)s%%\nn = <%(__name__)s>\n";
        check(&[file], "s", "C", Ok(Some("x2%")));
        check(&[file], "s", "n", Ok(Some("<s>")));
        check(&[file], "s", "b", Ok(Some("2")));
        check(&[file], "s", "z", Ok(None));
        check(&[file], "t", "a", Ok(None));
    }

    #[test]
    fn known_is_what_an_earlier_file_said() {
        let files = ["[s]\nr = a\n", "[s]\nr = %(known/r)s b\n"];
        check(&files, "s", "r", Ok(Some("a b")));
        let files = ["[DEFAULT]\nr = d\n[s]\nx = 1\n", "[s]\nr = %(known/r)s b\n"];
        check(&files, "s", "r", Ok(Some("d b")));
    }

    #[test]
    fn other_sections_are_named_with_a_stroke() {
        let file = "[DEFAULT]\nq = 3\n[s]\na = %(t/x)s %(default/q)s %(t/q)s\n[t]\nx = 1\n";
        check(&[file], "s", "a", Ok(Some("1 3 3")));
    }

    #[test]
    fn what_refers_to_nothing_or_to_itself_is_refused() {
        let missing =
            "f0.conf:2: `a` refers to `%(b)s`, which is not given anywhere it could be; give it";
        check(&["[s]\na = %(b)s\n"], "s", "a", Err(missing));
        let depth = "f0.conf:2: `a` refers to itself, or to too much else, by way of `%(…)s`";
        check(&["[s]\na = %(a)s\n"], "s", "a", Err(depth));
        let percent = "f0.conf:2: `a` has a `%` that is followed by neither `%` nor `(name)s`; write \
                       `%%` for a `%`";
        check(&["[s]\na = 5%\n"], "s", "a", Err(percent));
        let wide = format!("[s]\na = {}\n", "%(b)s".repeat(2000));
        let wide = format!("{wide}b = {}\n", "x".repeat(2000));
        check(&[&wide], "s", "a", Err(depth));
    }
}
