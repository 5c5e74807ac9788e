//! From httpd's words to the parts of a line.

use super::{Field, LogFormatError, Meaning, Region};

/// A directive such as `%>s` or `%{Referer}i`.
struct Directive<'w> {
    /// As written, for messages.
    text: &'w str,
    argument: &'w str,
    letter: char,
}

/// The parts of a format, cut at its quotes.
pub(super) fn regions(words: &str) -> Result<Vec<Region>, LogFormatError> {
    let mut draft = Draft::default();
    let mut rest = words;
    while let Some(first) = rest.chars().next() {
        rest = match first {
            '%' if rest.starts_with("%%") => draft.literal("%", &rest[2..]),
            '%' => {
                let (directive, after) = directive(rest)?;
                draft.directive(&directive)?;
                after
            }
            '"' => draft.quote(&rest[1..]),
            '\\' => match rest.as_bytes().get(1) {
                Some(b'"') => draft.quote(&rest[2..]),
                Some(b't') => draft.literal("\t", &rest[2..]),
                Some(b'\\') => draft.literal("\\", &rest[2..]),
                _ => draft.literal("\\", &rest[1..]),
            },
            _ => draft.literal(&rest[..first.len_utf8()], &rest[first.len_utf8()..]),
        };
    }
    draft.quote("");
    Ok(draft.regions)
}

/// What has been read so far.
#[derive(Default)]
struct Draft<'w> {
    regions: Vec<Region>,
    /// The part being read.
    region: Region,
    /// Its fields as written.
    texts: Vec<&'w str>,
    /// What is told already; the first field that tells a thing counts.
    told: Vec<Meaning>,
}

impl<'w> Draft<'w> {
    fn literal<'r>(&mut self, text: &str, rest: &'r str) -> &'r str {
        self.region.tail.extend_from_slice(text.as_bytes());
        rest
    }

    fn quote<'r>(&mut self, rest: &'r str) -> &'r str {
        self.regions.push(std::mem::take(&mut self.region));
        self.texts.clear();
        rest
    }

    fn directive(&mut self, directive: &Directive<'w>) -> Result<(), LogFormatError> {
        let region = &mut self.region;
        let beside = self.texts.last().copied().filter(|_| region.tail.is_empty());
        if let Some(beside) = beside {
            // `%U%q` is how httpd's manual writes a request's target.
            if directive.letter == 'q' && beside.ends_with('U') {
                return Ok(());
            }
            return Err(LogFormatError::Adjacent(beside.to_owned(), directive.text.to_owned()));
        }
        let number = region.fields.len();
        if directive.is_free(region.free.is_some())
            && let Some(other) = region.free.replace(number)
        {
            let other = self.texts[other].to_owned();
            return Err(LogFormatError::Ambiguous(other, directive.text.to_owned()));
        }
        let mut meaning = directive.meaning();
        if self.told.contains(&meaning) {
            meaning = Meaning::Other;
        }
        self.told.push(meaning);
        self.texts.push(directive.text);
        region.fields.push(Field { literal: std::mem::take(&mut region.tail), meaning });
        Ok(())
    }
}

/// Takes a directive off: `%`, conditions (`!200,304`), `<` or `>`, `{argument}`, its letter.
fn directive(text: &str) -> Result<(Directive<'_>, &str), LogFormatError> {
    let wrong = || {
        let shown: String = text.chars().take(12).collect();
        LogFormatError::Directive(shown)
    };
    let mut rest = text[1..].trim_start_matches(|c: char| c.is_ascii_digit() || "!,<>".contains(c));
    let mut argument = "";
    if let Some(braced) = rest.strip_prefix('{') {
        (argument, rest) = braced.split_once('}').ok_or_else(wrong)?;
    }
    // `%{NAME}^ti` and `^to`: trailers.
    rest = rest.strip_prefix("^t").unwrap_or(rest);
    let letter = rest.chars().next().filter(char::is_ascii_alphabetic).ok_or_else(wrong)?;
    let rest = &rest[1..];
    let text = &text[..text.len() - rest.len()];
    let letter = if text.contains('^') { '^' } else { letter };
    Ok((Directive { text, argument, letter }, rest))
}

impl Directive<'_> {
    fn meaning(&self) -> Meaning {
        let header = |name: &str| self.argument.eq_ignore_ascii_case(name);
        match self.letter {
            'a' | 'h' if self.argument == "c" => Meaning::Peer,
            'a' | 'h' if self.argument.is_empty() => Meaning::Client,
            'i' if header("X-Forwarded-For") => Meaning::Forwarded,
            'i' if header("Referer") => Meaning::Referer,
            'i' if header("User-Agent") => Meaning::Agent,
            'u' => Meaning::User,
            't' if self.argument.is_empty() => Meaning::Time,
            't' => Meaning::OwnTime,
            'r' => Meaning::RequestLine,
            'm' => Meaning::Method,
            'U' => Meaning::Target,
            's' => Meaning::Status,
            'v' => Meaning::Vhost,
            _ => Meaning::Other,
        }
    }

    /// Whether its value may hold blanks, or anything else that a peer writes. Of a protocol only
    /// what follows a field that may is taken to be a word.
    fn is_free(&self, after_free: bool) -> bool {
        match self.letter {
            'H' => !after_free,
            // Addresses, numbers, times, the server's own name, identd's word, the method, and one
            // letter for how the connection ended.
            letter => !"ahAlptTDsbBIOSPkXLvm".contains(letter),
        }
    }
}
