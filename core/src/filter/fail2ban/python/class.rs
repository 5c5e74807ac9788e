//! `[…]`: to Python, `[`, `&&`, `--` and `~~` in it are but characters.

use super::escape::Escaped;
use super::{PythonError, Translator};

impl Translator<'_> {
    /// A class; its `[` is read.
    pub(super) fn class(&mut self) -> Result<(), PythonError> {
        self.out.push('[');
        if self.takes("^") {
            self.out.push('^');
        }
        let mut first = true;
        loop {
            let Some(c) = self.next() else { return Err(PythonError::Open("[")) };
            if c == ']' && !first {
                self.out.push(']');
                return Ok(());
            }
            first = false;
            let from = self.item(c)?;
            match self.range()? {
                None => push(&mut self.out, &from),
                Some(to) => self.push_range(&from, &to)?,
            }
        }
    }

    /// One character, or an escape.
    fn item(&mut self, c: char) -> Result<Escaped, PythonError> {
        if c == '\\' { self.escape_in_class() } else { Ok(Escaped::Literal(c)) }
    }

    /// Where a range ends, if a `-` comes that makes one.
    fn range(&mut self) -> Result<Option<Escaped>, PythonError> {
        if !self.rest.starts_with('-') || self.rest.starts_with("-]") {
            return Ok(None);
        }
        self.next();
        let c = self.next().ok_or(PythonError::Open("["))?;
        self.item(c).map(Some)
    }

    fn push_range(&mut self, from: &Escaped, to: &Escaped) -> Result<(), PythonError> {
        match (from, to) {
            (Escaped::Literal(low), Escaped::Literal(high)) if low <= high => {
                push(&mut self.out, from);
                self.out.push('-');
                push(&mut self.out, to);
                Ok(())
            }
            _ => Err(PythonError::Range(format!("{}-{}", shown(from), shown(to)))),
        }
    }
}

fn shown(item: &Escaped) -> String {
    match item {
        Escaped::Regex(regex) => regex.clone(),
        Escaped::Literal(c) => c.to_string(),
    }
}

fn push(out: &mut String, item: &Escaped) {
    match item {
        Escaped::Regex(regex) => out.push_str(regex),
        Escaped::Literal(c) => {
            if matches!(c, '[' | ']' | '\\' | '^' | '-' | '&' | '~' | '#') {
                out.push('\\');
            }
            out.push(*c);
        }
    }
}
