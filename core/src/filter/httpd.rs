//! Access logs, read field by field instead of matched.
//!
//! The address is the log's own client field: whatever a request says, it stands in quotes behind
//! it. Behind a trusted proxy it is whom that proxy names ([`forwarded`]). Source: Apache's
//! `mod_log_config`, nginx's `ngx_http_log_module`.

pub mod combined;
mod forwarded;
pub mod json;
pub mod logformat;
pub mod rule;

use std::net::IpAddr;

use super::address;

/// One request, as an access log has it. Fields borrow from the line, escapes and all; one that
/// the log does not have is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Request<'a> {
    /// The client: the peer, or whom the server takes for the client where it names the peer too.
    pub client: &'a [u8],
    /// Who connected, where the log names it apart from the client.
    pub peer: &'a [u8],
    /// `X-Forwarded-For`: the peer's own words.
    pub forwarded: &'a [u8],
    /// The authenticated user, or the one that tried to be; `None`: `-`.
    pub user: Option<&'a [u8]>,
    /// When, without brackets.
    pub time: &'a [u8],
    /// The method, such as `GET`; all of a request line that is none.
    pub method: &'a [u8],
    /// The request target, such as `/index.html?x=1`.
    pub target: &'a [u8],
    /// The status of the answer; 0: none.
    pub status: u16,
    /// The page that the client says it came from.
    pub referer: &'a [u8],
    /// The user agent.
    pub agent: &'a [u8],
    /// The virtual host.
    pub vhost: &'a [u8],
}

impl<'a> Request<'a> {
    /// Who connected; `None` if that is no address.
    #[must_use]
    pub fn peer(&self) -> Option<IpAddr> {
        address::parse(if self.peer.is_empty() { self.client } else { self.peer })
    }

    /// Its fields by name, for reports.
    pub fn fields(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> + use<'a> {
        let fields = [
            ("user", self.user.unwrap_or_default()),
            ("method", self.method),
            ("target", self.target),
            ("referer", self.referer),
            ("agent", self.agent),
            ("vhost", self.vhost),
        ];
        fields.into_iter().filter(|(_, value)| !value.is_empty())
    }

    /// Takes apart a request line, `GET /index.html HTTP/1.1`.
    fn set_request_line(&mut self, line: &'a [u8]) {
        let Some(space) = memchr::memchr(b' ', line) else {
            self.method = line;
            return;
        };
        self.method = &line[..space];
        let rest = &line[space + 1..];
        self.target = match rest {
            // Nearly all: not even looked for.
            [target @ .., b' ', b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => {
                target
            }
            _ => match memchr::memrchr(b' ', rest) {
                Some(space) if rest[space + 1..].starts_with(b"HTTP/") => &rest[..space],
                _ => rest,
            },
        };
    }
}

/// Three digits as a status.
fn status(text: &[u8]) -> Option<u16> {
    let digits: &[u8; 3] = text.try_into().ok()?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0, |value, digit| value * 10 + u16::from(digit - b'0')))
}

/// Where the quoted text that begins here ends: at the first quote that no backslash escapes.
fn closing_quote(text: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + memchr::memchr(b'"', &text[from..])?;
        let backslashes = text[..at].iter().rev().take_while(|byte| **byte == b'\\').count();
        if backslashes % 2 == 0 {
            return Some(at);
        }
        from = at + 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The oracle looks for the last blank.
        #[test]
        fn the_target_ends_where_the_protocol_begins(
            line in r"[A-Z]{0,2} ?(/| |é){0,4}( ?HTTP/[0-9. ]{0,4}){0,2}",
        ) {
            let mut request = Request::default();
            request.set_request_line(line.as_bytes());
            let (method, rest) = line.split_once(' ').unwrap_or((&line, ""));
            let target = match rest.rsplit_once(' ') {
                Some((target, protocol)) if protocol.starts_with("HTTP/") => target,
                _ => rest,
            };
            prop_assert_eq!((request.method, request.target), (method.as_bytes(), target.as_bytes()));
        }
    }
}
