//! A log format in httpd's own words, made ready to read lines.
//!
//! Servers escape quotes in all that they log of a request. So a line is cut at its bare quotes as
//! the format is at its own, and no peer can move a cut. Within a part, a field that may hold
//! blanks (a user, a request line) is what is left once its neighbours are taken from both ends;
//! two such fields beside each other cannot be told apart, and a format that has them is refused.
//!
//! Source: Apache's `mod_log_config` (`LogFormat`), `mod_remoteip` (`%{c}a`), `mod_logio`.

mod words;

use memchr::memmem;

use super::{Request, closing_quote, status};

/// A compiled format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFormat {
    /// What stands between quotes and outside of them, in turns; outside first. Never empty.
    regions: Vec<Region>,
}

/// Why a format is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogFormatError {
    /// A `%` that begins nothing.
    #[error("`{0}` is no directive of httpd's LogFormat; a percent sign is %%")]
    Directive(String),
    /// Nobody to ban.
    #[error(
        "it has none of %h, %a and %{{c}}a, and so does not say who connected; X-Forwarded-For \
         alone is whatever a client writes"
    )]
    NoAddress,
    /// Nothing tells where one ends.
    #[error("nothing stands between {0} and {1}: put a blank between them, or quotes around each")]
    Adjacent(String, String),
    /// Either may hold what stands between them.
    #[error("{0} and {1} may both hold blanks: put each in quotes of its own")]
    Ambiguous(String, String),
    /// The filter judges by what the log does not have.
    #[error("the filter judges by {0}, and the format has no {1}")]
    Lacks(&'static str, &'static str),
}

/// A part between quotes, or outside of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Region {
    fields: Vec<Field>,
    /// Which field may hold blanks.
    free: Option<usize>,
    /// What stands behind the last field.
    tail: Vec<u8>,
}

/// A field, and what stands before it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Field {
    literal: Vec<u8>,
    meaning: Meaning,
}

/// What a directive tells us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// `%h`, `%a`.
    Client,
    /// `%{c}a`, `%{c}h`.
    Peer,
    /// `%{X-Forwarded-For}i`.
    Forwarded,
    /// `%u`.
    User,
    /// `%t`: `[22/Nov/2026:10:00:00 +0000]`.
    Time,
    /// `%{…}t`.
    OwnTime,
    /// `%r`.
    RequestLine,
    /// `%m`.
    Method,
    /// `%U`, `%U%q`.
    Target,
    /// `%s`.
    Status,
    /// `%{Referer}i`.
    Referer,
    /// `%{User-Agent}i`.
    Agent,
    /// `%v`.
    Vhost,
    /// Anything else.
    Other,
}

impl LogFormat {
    /// Compiles a format as `LogFormat` has it, with or without its backslashes before quotes.
    ///
    /// # Errors
    ///
    /// Says which directives cannot be told apart, or that there is no address.
    pub fn parse(words: &str) -> Result<Self, LogFormatError> {
        let format = Self { regions: words::regions(words)? };
        if !(format.has(Meaning::Client) || format.has(Meaning::Peer)) {
            return Err(LogFormatError::NoAddress);
        }
        Ok(format)
    }

    /// Whether a line tells of a client beside the peer.
    #[must_use]
    pub fn tells_of_clients(&self) -> bool {
        self.has(Meaning::Forwarded) || self.has(Meaning::Client) && self.has(Meaning::Peer)
    }

    /// Whether lines have a status; likewise below.
    pub(super) fn has_status(&self) -> bool {
        self.has(Meaning::Status)
    }

    pub(super) fn has_method(&self) -> bool {
        self.has(Meaning::RequestLine) || self.has(Meaning::Method)
    }

    pub(super) fn has_target(&self) -> bool {
        self.has(Meaning::RequestLine) || self.has(Meaning::Target)
    }

    pub(super) fn has_agent(&self) -> bool {
        self.has(Meaning::Agent)
    }

    pub(super) fn has_referer(&self) -> bool {
        self.has(Meaning::Referer)
    }

    pub(super) fn has_user(&self) -> bool {
        self.has(Meaning::User)
    }

    pub(super) fn has_vhost(&self) -> bool {
        self.has(Meaning::Vhost)
    }

    fn has(&self, meaning: Meaning) -> bool {
        let mut fields = self.regions.iter().flat_map(|region| &region.fields);
        fields.any(|field| field.meaning == meaning)
    }

    /// Reads one line; `None` if it is not of this format.
    #[must_use]
    pub fn read<'a>(&self, line: &'a [u8]) -> Option<Request<'a>> {
        let mut request = Request::default();
        let mut rest = line.trim_ascii_end();
        let (last, quoted) = self.regions.split_last()?;
        for region in quoted {
            rest = region.read_closed(rest, &mut request)?;
        }
        if closing_quote(rest).is_some() {
            return None;
        }
        last.read(rest, &mut request)?;
        Some(request)
    }

    /// Reads the head of a line: the parts that end within it. `None` if a part that tells of the peer
    /// or of clients does not.
    #[must_use]
    pub fn read_head<'a>(&self, head: &'a [u8]) -> Option<Request<'a>> {
        let mut request = Request::default();
        let mut rest = head;
        let (_, quoted) = self.regions.split_last()?;
        let mut read = 0;
        for region in quoted {
            let mut tried = request;
            let Some(after) = region.read_closed(rest, &mut tried) else { break };
            (request, rest, read) = (tried, after, read + 1);
        }
        let whose = |field: &Field| {
            matches!(field.meaning, Meaning::Peer | Meaning::Client | Meaning::Forwarded)
        };
        let cut_off = self.regions[read..].iter().flat_map(|region| &region.fields).any(whose);
        (!cut_off).then_some(request)
    }
}

impl Region {
    /// Reads the text between two bare quotes.
    fn read<'a>(&self, text: &'a [u8], request: &mut Request<'a>) -> Option<()> {
        let free = self.free.unwrap_or(self.fields.len());
        let mut rest = text;
        for (number, field) in self.fields[..free].iter().enumerate() {
            rest = rest.strip_prefix(field.literal.as_slice())?;
            let value;
            (value, rest) = rest.split_at(field.end(rest, self.literal_after(number))?);
            field.meaning.assign(request, value);
        }
        let Some((free, after)) = self.fields[free..].split_first() else {
            return (rest == self.tail).then_some(());
        };
        rest = rest.strip_prefix(free.literal.as_slice())?.strip_suffix(self.tail.as_slice())?;
        for field in after.iter().rev() {
            let start = field.start(rest)?;
            field.meaning.assign(request, &rest[start..]);
            rest = rest[..start].strip_suffix(field.literal.as_slice())?;
        }
        free.meaning.assign(request, rest);
        Some(())
    }

    /// Reads the part that `text` begins with, up to a bare quote; returns what follows that.
    fn read_closed<'a>(&self, text: &'a [u8], request: &mut Request<'a>) -> Option<&'a [u8]> {
        let end = if let Some(end) = self.read_empty_user(text, request) {
            end
        } else {
            let end = closing_quote(text)?;
            self.read(&text[..end], request)?;
            end
        };
        Some(&text[end + 1..])
    }

    /// Reads a part in which the user is empty, which httpd writes as two bare quotes; returns
    /// where it ends. No user writes a bare quote.
    fn read_empty_user<'a>(&self, text: &'a [u8], request: &mut Request<'a>) -> Option<usize> {
        self.fields.iter().find(|field| field.meaning == Meaning::User)?;
        let quotes = closing_quote(text)?;
        let after = text[quotes..].strip_prefix(b"\"\"")?;
        let end = quotes + 2 + closing_quote(after)?;
        let mut tried = *request;
        self.read(&text[..end], &mut tried)?;
        (tried.user == Some(b"\"\"")).then(|| {
            *request = tried;
            end
        })
    }

    /// What follows the field of that number.
    fn literal_after(&self, number: usize) -> &[u8] {
        self.fields.get(number + 1).map_or(&self.tail, |field| &field.literal)
    }
}

impl Field {
    /// Where its value ends, in a text that begins with it.
    fn end(&self, text: &[u8], literal_after: &[u8]) -> Option<usize> {
        match self.meaning {
            Meaning::Time if text.starts_with(b"[") => Some(memchr::memchr(b']', text)? + 1),
            Meaning::Time => None,
            _ if literal_after.is_empty() => Some(text.len()),
            _ => memmem::find(text, literal_after),
        }
    }

    /// Where its value begins, in a text that ends with it.
    fn start(&self, text: &[u8]) -> Option<usize> {
        match self.meaning {
            Meaning::Time if text.ends_with(b"]") => memchr::memrchr(b'[', text),
            Meaning::Time => None,
            _ => Some(memmem::rfind(text, &self.literal)? + self.literal.len()),
        }
    }
}

impl Meaning {
    fn assign<'a>(self, request: &mut Request<'a>, value: &'a [u8]) {
        match self {
            Self::Client => request.client = value,
            Self::Peer => request.peer = value,
            Self::Forwarded => request.forwarded = value,
            Self::User => request.user = (value != b"-").then_some(value),
            Self::Time => request.time = &value[1..value.len() - 1],
            Self::OwnTime => request.time = value,
            Self::RequestLine => request.set_request_line(value),
            Self::Method => request.method = value,
            Self::Target => request.target = value,
            Self::Status => request.status = status(value).unwrap_or_default(),
            Self::Referer => request.referer = value,
            Self::Agent => request.agent = value,
            Self::Vhost => request.vhost = value,
            Self::Other => {}
        }
    }
}

#[cfg(test)]
mod tests;
