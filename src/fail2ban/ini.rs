//! One ini file, as Python's `ConfigParser` reads it.
//!
//! `[section]`, `name = value` or `name : value`, names in any case; a line indented deeper than its
//! option's continues the value, blank lines included; `#` and `;` begin a comment line, ` ;` one
//! within a line. Nothing is interpolated here.
//!
//! Source: the Python documentation, "configparser: Supported INI File Structure".

use std::path::Path;
use std::sync::Arc;

use super::error::{Place, Problem, ReadError};
use super::section::{Section, Value};

/// The section whose options every other has.
const DEFAULT: &str = "DEFAULT";

/// What one file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ini {
    /// The options of `[DEFAULT]`.
    pub(super) defaults: Section,
    /// The other sections, in their order.
    pub(super) sections: Vec<(String, Section)>,
}

impl Ini {
    /// Reads a file's bytes; `file` is for places.
    ///
    /// # Errors
    ///
    /// The first line that means nothing.
    pub(super) fn parse(file: &Path, bytes: &[u8]) -> Result<Self, ReadError> {
        let file: Arc<Path> = file.into();
        let text = std::str::from_utf8(bytes)
            .map_err(|_| ReadError::new(Place { file: file.clone(), line: 0 }, Problem::NotUtf8))?;
        let mut parser = Parser::new(file);
        // Python's text files end lines in any of three ways.
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        for (line, number) in text.split('\n').zip(1..) {
            parser.line(line, number)?;
        }
        parser.finish_option();
        Ok(parser.ini)
    }

    /// The section of that name.
    pub(super) fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|(own, _)| own == name).map(|(_, section)| section)
    }
}

/// What is being read.
struct Parser {
    file: Arc<Path>,
    ini: Ini,
    /// The section that options go to, if any was met.
    section: Option<String>,
    /// The option that a deeper line continues.
    option: Option<Open>,
    /// How far its line was indented.
    indent: usize,
}

/// An option whose value may go on.
struct Open {
    name: String,
    lines: Vec<String>,
    place: Place,
}

impl Parser {
    fn new(file: Arc<Path>) -> Self {
        Self { file, ini: Ini::default(), section: None, option: None, indent: 0 }
    }

    fn line(&mut self, line: &str, number: u64) -> Result<(), ReadError> {
        let (text, is_comment) = without_comment(line);
        if text.is_empty() {
            // A blank line may be part of a value; a comment never is.
            if let Some(open) = self.option.as_mut().filter(|_| !is_comment) {
                open.lines.push(String::new());
            }
            return Ok(());
        }
        let indent = line.chars().take_while(|c| c.is_whitespace()).count();
        if let Some(open) = self.option.as_mut().filter(|_| indent > self.indent) {
            open.lines.push(text.to_owned());
            return Ok(());
        }
        self.indent = indent;
        self.finish_option();
        let place = Place { file: self.file.clone(), line: number };
        match header(text) {
            Some(name) => self.begin_section(name, place),
            None => self.begin_option(text, place),
        }
    }

    fn begin_section(&mut self, name: &str, place: Place) -> Result<(), ReadError> {
        if name != DEFAULT {
            if self.ini.section(name).is_some() {
                return Err(ReadError::new(place, Problem::DuplicateSection(name.to_owned())));
            }
            self.ini.sections.push((name.to_owned(), Section::default()));
        }
        self.section = Some(name.to_owned());
        Ok(())
    }

    fn begin_option(&mut self, text: &str, place: Place) -> Result<(), ReadError> {
        let Some(section) = &self.section else {
            return Err(ReadError::new(place, Problem::NoSection(text.to_owned())));
        };
        let split = text.split_once(['=', ':']).filter(|(name, _)| !name.trim().is_empty());
        let Some((name, value)) = split else {
            return Err(ReadError::new(place, Problem::NoOption(text.to_owned())));
        };
        let name = name.trim_end().to_lowercase();
        let known = match section.as_str() {
            DEFAULT => Some(&self.ini.defaults),
            section => self.ini.section(section),
        };
        if known.is_some_and(|section| section.has(&name)) {
            let problem = Problem::DuplicateOption(section.clone(), name);
            return Err(ReadError::new(place, problem));
        }
        self.option = Some(Open { name, lines: vec![value.trim().to_owned()], place });
        Ok(())
    }

    fn finish_option(&mut self) {
        let (Some(section), Some(open)) = (&self.section, self.option.take()) else { return };
        let text = open.lines.join("\n").trim_end().to_owned();
        let value = Value { text, place: open.place };
        if section == DEFAULT {
            self.ini.defaults.set(&open.name, value);
        } else if let Some((_, section)) =
            self.ini.sections.iter_mut().find(|(name, _)| name == section)
        {
            section.set(&open.name, value);
        }
    }
}

/// The line without its comment and the blanks around it, and whether there was a comment.
fn without_comment(line: &str) -> (&str, bool) {
    let trimmed = line.trim();
    if trimmed.starts_with(['#', ';']) {
        return ("", true);
    }
    let begins = line.match_indices(';').map(|(at, _)| at);
    let mut begins = begins.filter(|at| line[..*at].ends_with(char::is_whitespace));
    match begins.next() {
        Some(at) => (line[..at].trim(), true),
        None => (trimmed, false),
    }
}

/// The name of the section that a line begins.
fn header(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('[')?;
    let name = &inner[..inner.rfind(']')?];
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The options as `section.name=value@line`.
    fn flat(text: &str) -> Result<Vec<String>, String> {
        let ini = Ini::parse(Path::new("x.conf"), text.as_bytes()).map_err(|e| e.to_string())?;
        let defaults = std::iter::once((DEFAULT.to_owned(), ini.defaults));
        let sections = defaults.chain(ini.sections);
        Ok(sections
            .flat_map(|(name, section)| {
                let options = section.iter();
                let options = options.map(|(option, value)| {
                    format!("{name}.{option}={}@{}", value.text, value.place.line)
                });
                options.collect::<Vec<_>>()
            })
            .collect())
    }

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        assert_eq!(flat(text).unwrap(), expected);
    }

    #[test]
    fn options_are_read_in_either_form_and_any_case() {
        check("[sshd]\nmaxRetry = 3\nport: ssh\n", &["sshd.maxretry=3@2", "sshd.port=ssh@3"]);
        check("[DEFAULT]\nbantime=1h\n[a b]\nx=\n", &["DEFAULT.bantime=1h@2", "a b.x=@4"]);
    }

    #[test]
    fn deeper_lines_go_on_and_blank_ones_between_them_count() {
        check("[f]\nr = a\n    b\n\n    c\n\n", &["f.r=a\nb\n\nc@2"]);
        check("[f]\nr =\n  ^a\n  ^b\nq = 1", &["f.r=\n^a\n^b@2", "f.q=1@5"]);
    }

    #[test]
    fn comments_stand_alone_or_behind_a_blank() {
        check("# x\n[f] ; y\na = 1 ; one\n; z\nb = 1;2 #3\n", &["f.a=1@3", "f.b=1;2 #3@5"]);
        check("[f]\nr = a\n# not part of it\n  b\n", &["f.r=a\nb@2"]);
    }

    #[test]
    fn lines_end_in_any_way() {
        check("[f]\r\na = 1\r\nb = 2\r", &["f.a=1@2", "f.b=2@3"]);
    }

    #[test]
    fn what_means_nothing_is_refused_with_its_line() {
        let check = |text, expected: &str| {
            let error = flat(text).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        };
        check("a = 1\n", "x.conf:1: `a = 1` stands before any [section]");
        check("[f]\nnonsense\n", "x.conf:2: `nonsense` is neither `name = value`");
        check("[f]\na = 1\nA = 2\n", "x.conf:3: `a` stands twice in [f]");
        check("[f]\n[g]\n[f]\n", "x.conf:3: the section [f] is there twice");
        let error = Ini::parse(Path::new("x.conf"), b"[f]\na = \xff\n").unwrap_err();
        assert_eq!(error.to_string(), "x.conf: is not UTF-8; save the file as UTF-8");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(text in "[\\[\\]a-c=:;# \t\n\r%()é]{0,80}") {
            let _ = flat(&text);
        }

        #[test]
        fn what_is_written_is_read(names in prop::collection::btree_map("[a-z]{1,8}", "[!-9<-~]{1,20}", 1..6)) {
            let names: Vec<_> = names.into_iter().filter(|(_, value)| !value.starts_with(';')).collect();
            let lines: Vec<_> = names.iter().map(|(name, value)| format!("{name} = {value}")).collect();
            let text = format!("[s]\n{}", lines.join("\n"));
            let ini = Ini::parse(Path::new("x"), text.as_bytes()).unwrap();
            let section = ini.section("s").unwrap();
            for (name, value) in &names {
                prop_assert_eq!(section.text(name), Some(value.as_str()));
            }
        }
    }
}
