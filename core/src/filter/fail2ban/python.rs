//! Python's `re` syntax, read token by token and written as the regex crate and `fancy-regex` have it.
//!
//! Most of the two languages is one. What differs, differs silently: `{` that repeats nothing and `[`
//! in a class are literals to Python, `\<` is one, too, `$` also matches before the last line break,
//! flags amid a pattern and conditions are written otherwise. So every token is read as Python's
//! `re` module documents it, and written so that it can mean nothing else.

mod class;
mod escape;
mod group;

use self::escape::Escaped;

/// How many lines a regex reads at once, and what `^` and `$` mean then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::filter) enum Anchors {
    /// One line, a line break at its end: `$` is before that, or after it.
    Line,
    /// Several lines: `^` and `$` are where any of them begins or ends (`re.MULTILINE`).
    EachLine,
    /// Several lines: `^` and `$` are where all of them begin and end.
    AllLines,
}

/// Why a regex is none of Python's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PythonError {
    /// `\N`, `\q` …
    #[error("`\\{0}` is no escape of Python's")]
    Escape(char),
    /// Something opened is not closed.
    #[error("`{0}` is not closed")]
    Open(&'static str),
    /// A parenthesis that closes nothing.
    #[error("there is a `)` too many")]
    Closed,
    /// `(?…` that is nothing.
    #[error("`(?{0}` is no group of Python's")]
    Group(String),
    /// `[z-a]`, `[\w-z]`.
    #[error("`{0}` is no range")]
    Range(String),
    /// A repetition that cannot be.
    #[error("`{{{0}}}` is no repetition")]
    Repetition(String),
}

/// Translates a pattern.
///
/// # Errors
///
/// Says what in it is no syntax of Python's.
pub(in crate::filter) fn translate(pattern: &str, anchors: Anchors) -> Result<String, PythonError> {
    let mut translator = Translator::new(pattern, anchors);
    while let Some(c) = translator.next() {
        translator.token(c)?;
    }
    if translator.scopes.len() > 1 {
        return Err(PythonError::Open("("));
    }
    Ok(translator.out)
}

struct Translator<'p> {
    rest: &'p str,
    anchors: Anchors,
    out: String,
    /// The flags in force, a group within the other; the first is the pattern's own.
    scopes: Vec<Scope>,
}

/// What flags we take upon ourselves; all others the engine knows.
#[derive(Clone, Copy, Default)]
struct Scope {
    /// `(?x)`: blanks and comments mean nothing.
    verbose: bool,
    /// `(?m)`.
    each_line: bool,
}

impl<'p> Translator<'p> {
    fn new(pattern: &'p str, anchors: Anchors) -> Self {
        let out = String::with_capacity(pattern.len() + pattern.len() / 4);
        Self { rest: pattern, anchors, out, scopes: vec![Scope::default()] }
    }

    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }

    /// Takes what comes next if it is this.
    fn takes(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Takes as many such characters as come next.
    fn take_while(&mut self, such: impl Fn(char) -> bool) -> &'p str {
        let end = self.rest.find(|c| !such(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn scope(&self) -> Scope {
        self.scopes.last().copied().unwrap_or_default()
    }

    fn token(&mut self, c: char) -> Result<(), PythonError> {
        match c {
            '\\' => match self.escape()? {
                Escaped::Regex(regex) => self.out.push_str(&regex),
                Escaped::Literal(c) => push_literal(&mut self.out, c),
            },
            '[' => self.class()?,
            '(' => self.group()?,
            ')' => {
                if self.scopes.len() == 1 {
                    return Err(PythonError::Closed);
                }
                self.scopes.pop();
                self.out.push(')');
            }
            '{' => self.braces()?,
            '^' => self.begin(),
            '$' => self.end(),
            '.' | '|' | '*' | '+' | '?' => self.out.push(c),
            '#' if self.scope().verbose => {
                self.take_while(|c| c != '\n');
            }
            c if self.scope().verbose && c.is_ascii_whitespace() => {}
            c => push_literal(&mut self.out, c),
        }
        Ok(())
    }

    fn begin(&mut self) {
        let each = self.scope().each_line || self.anchors == Anchors::EachLine;
        self.out.push_str(if each { "(?m:^)" } else { r"\A" });
    }

    /// A text of one line has no line break but its last, so that each line's end is its own.
    fn end(&mut self) {
        let each = self.scope().each_line || self.anchors != Anchors::AllLines;
        self.out.push_str(if each { "(?m:$)" } else { r"(?:\n?\z)" });
    }

    /// A repetition, `{2}`, `{2,}`, `{,3}`, `{2,3}`; all else is a brace.
    fn braces(&mut self) -> Result<(), PythonError> {
        let before = self.rest;
        let digit = |c: char| c.is_ascii_digit();
        let least = self.take_while(digit);
        let bounded = self.takes(",");
        let most = if bounded { self.take_while(digit) } else { least };
        if !self.takes("}") || (least.is_empty() && !bounded) {
            self.rest = before;
            self.out.push_str(r"\{");
            return Ok(());
        }
        let number = |text: &str| text.parse::<u32>().ok();
        if number(least).zip(number(most)).is_some_and(|(least, most)| least > most) {
            return Err(PythonError::Repetition(format!("{least},{most}")));
        }
        let least = if least.is_empty() { "0" } else { least };
        let comma = if bounded { "," } else { "" };
        let most = if bounded { most } else { "" };
        self.out.extend(["{", least, comma, most, "}"]);
        Ok(())
    }
}

/// Writes a character that stands for itself.
fn push_literal(out: &mut String, c: char) {
    if matches!(
        c,
        '\\' | '.' | '+' | '*' | '?' | '(' | ')' | '|' | '[' | ']' | '{' | '}' | '^' | '$' | '#'
    ) {
        out.push('\\');
    }
    out.push(c);
}

#[cfg(test)]
mod tests;
