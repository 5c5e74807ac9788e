//! What a backslash means, outside of a class and within.

use super::{PythonError, Translator};

/// What an escape stands for.
pub(super) enum Escaped {
    /// Itself a regex: a class, an anchor, a back-reference.
    Regex(String),
    /// A character.
    Literal(char),
}

impl Translator<'_> {
    /// Outside of a class; the backslash is read.
    pub(super) fn escape(&mut self) -> Result<Escaped, PythonError> {
        let Some(c) = self.rest.chars().next() else { return Err(PythonError::Open("\\")) };
        let regex = match c {
            'A' | 'B' | 'b' | 'z' => format!("\\{c}"),
            'Z' => r"\z".to_owned(),
            '1'..='9' => return self.reference(),
            _ => return self.character(),
        };
        self.next();
        Ok(Escaped::Regex(regex))
    }

    /// Within a class; the backslash is read.
    pub(super) fn escape_in_class(&mut self) -> Result<Escaped, PythonError> {
        if self.takes("b") {
            return Ok(Escaped::Literal('\u{8}'));
        }
        self.character()
    }

    /// What means the same in both places.
    fn character(&mut self) -> Result<Escaped, PythonError> {
        let c = self.next().ok_or(PythonError::Open("\\"))?;
        Ok(Escaped::Literal(match c {
            'd' | 'D' | 's' | 'S' | 'w' | 'W' => return Ok(Escaped::Regex(format!("\\{c}"))),
            'a' => '\u{7}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            'x' => self.hexadecimal('x', 2)?,
            'u' => self.hexadecimal('u', 4)?,
            'U' => self.hexadecimal('U', 8)?,
            '0'..='7' => self.octal(c),
            c if c.is_ascii_alphanumeric() => return Err(PythonError::Escape(c)),
            c => c,
        }))
    }

    /// `\1`, `\12`; three octal digits are a character.
    fn reference(&mut self) -> Result<Escaped, PythonError> {
        let digits: Vec<u8> = self.rest.bytes().take(3).take_while(u8::is_ascii_digit).collect();
        if digits.len() == 3 && digits[0] <= b'3' && digits.iter().all(|digit| *digit <= b'7') {
            return self.character();
        }
        let (number, rest) = self.rest.split_at(digits.len().min(2));
        self.rest = rest;
        Ok(Escaped::Regex(format!("(?:\\{number})")))
    }

    fn hexadecimal(&mut self, name: char, count: usize) -> Result<char, PythonError> {
        let wrong = PythonError::Escape(name);
        let Some(digits) = self.rest.get(..count) else { return Err(wrong) };
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(wrong);
        }
        self.rest = &self.rest[count..];
        u32::from_str_radix(digits, 16).ok().and_then(char::from_u32).ok_or(wrong)
    }

    fn octal(&mut self, first: char) -> char {
        let mut value = first.to_digit(8).unwrap_or_default();
        for _ in 0..2 {
            let Some(digit) = self.rest.chars().next().and_then(|c| c.to_digit(8)) else { break };
            self.rest = &self.rest[1..];
            value = value * 8 + digit;
        }
        char::from_u32(value).unwrap_or_default()
    }
}
