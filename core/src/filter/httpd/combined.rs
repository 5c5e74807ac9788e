//! Lines of `%h %l %u %t "%r" %>s %b`, with `"%{Referer}i" "%{User-Agent}i"` after it or without,
//! and with a virtual host before it or without.
//!
//! The user may hold blanks and brackets, but no bare quote: servers escape those. So the request
//! is what the first bare quote opens, the time stands right before it, and the user is what is
//! left between the time and the second blank.

use std::ops::Range;

use super::{Request, closing_quote, status};

/// A middle is remembered if it is no longer.
const LONGEST: usize = 256;

/// What stands on a line between the client and the request's text: identity, user, time and a quote. Many
/// lines that follow one another have the same, and there it is known where what is.
#[derive(Clone, Debug, Default)]
pub struct Middle {
    /// That of the line before; empty: it is not known.
    bytes: Vec<u8>,
    places: Places,
}

/// Where what is behind the client.
#[derive(Clone, Debug, Default)]
struct Places {
    user: Option<Range<usize>>,
    time: Range<usize>,
    /// Behind the quote that opens the request.
    request: usize,
}

/// Reads one line; `None` if it is none of an access log.
#[must_use]
pub fn parse(line: &[u8], vhost_first: bool) -> Option<Request<'_>> {
    let mut request = Request::default();
    let rest = read(line, vhost_first, Places::of, &mut request)?;
    (request.referer, request.agent) = headers(rest);
    Some(request)
}

/// Reads a line up to the status into an empty request, and says whether it is one: what follows is what the
/// client says of itself.
pub(super) fn parse_request<'a>(
    line: &'a [u8],
    vhost_first: bool,
    middle: &mut Middle,
    request: &mut Request<'a>,
) -> bool {
    read(line, vhost_first, |text| middle.places(text), request).is_some()
}

/// As [`parse_request`]; returns what follows. `places` says where what is behind the client.
fn read<'a>(
    line: &'a [u8],
    vhost_first: bool,
    places: impl FnOnce(&[u8]) -> Option<Places>,
    request: &mut Request<'a>,
) -> Option<&'a [u8]> {
    let mut rest = line;
    if vhost_first {
        (request.vhost, rest) = word(rest)?;
    }
    (request.client, rest) = word(rest)?;
    let places = places(rest)?;
    request.time = &rest[places.time];
    request.user = places.user.map(|user| &rest[user]);
    let rest = &rest[places.request..];
    let end = closing_quote(rest)?;
    request.set_request_line(&rest[..end]);
    let rest = rest[end + 1..].strip_prefix(b" ")?;
    request.status = status(rest.get(..3)?)?;
    Some(&rest[3..])
}

impl Middle {
    /// Where what is in this text, as [`Places::of`] says.
    fn places(&mut self, text: &[u8]) -> Option<Places> {
        // All that decides it stands before the quote, and the quote too.
        if !self.bytes.is_empty() && text.starts_with(&self.bytes) {
            return Some(self.places.clone());
        }
        self.bytes.clear();
        let places = Places::of(text)?;
        if places.request <= LONGEST {
            self.bytes.extend_from_slice(&text[..places.request]);
            self.places = places.clone();
        }
        Some(places)
    }
}

impl Places {
    /// Looks for everything; `None` if this is not what follows a client.
    fn of(text: &[u8]) -> Option<Self> {
        let (_identity, rest) = word(text)?;
        let begin = text.len() - rest.len();
        let quote = opening_quote(rest)?;
        // ` [22/Nov/2026:10:00:00 +0000] `: whatever the zone, the bracket nearest to the quote opens.
        let head = rest[..quote].strip_suffix(b"] ")?;
        let bracket = memchr::memrchr(b'[', head)?;
        let user = head[..bracket].strip_suffix(b" ")?;
        Some(Self {
            user: (user != b"-").then_some(begin..begin + user.len()),
            time: begin + bracket + 1..begin + head.len(),
            request: begin + quote + 1,
        })
    }
}

/// The text up to the first blank, and what follows it.
fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = memchr::memchr(b' ', text)?;
    Some((&text[..space], &text[space + 1..]))
}

/// Where the request's quote opens: the first that follows `] `. Apache writes an empty user as
/// two quotes, which follow a blank, and a quote in a user's name as `\"`.
fn opening_quote(text: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'"', text).find(|&at| text[..at].ends_with(b"] "))
}

/// The quoted fields after the status and the size, referer and user agent; empty if there are none.
fn headers(text: &[u8]) -> (&[u8], &[u8]) {
    let Some((referer, rest)) = quoted(text) else { return (&[], &[]) };
    (referer, quoted(rest).map_or(&[][..], |(agent, _)| agent))
}

/// What stands between the next two bare quotes, and what follows them.
fn quoted(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = &text[memchr::memchr(b'"', text)? + 1..];
    let end = closing_quote(text)?;
    Some((&text[..end], &text[end + 1..]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEAD: &str = "198.51.100.7 - - [22/Nov/2026:10:00:00 +0000]";

    #[track_caller]
    fn check(line: &str, user: &str, request: [&str; 2], status: u16, agent: &str) {
        let parsed = parse(line.as_bytes(), false).unwrap();
        assert_eq!(parsed.client, b"198.51.100.7");
        assert_eq!(parsed.time, b"22/Nov/2026:10:00:00 +0000");
        assert_eq!(parsed.user.unwrap_or(b"-"), user.as_bytes());
        assert_eq!([parsed.method, parsed.target], request.map(str::as_bytes));
        assert_eq!(parsed.status, status);
        assert_eq!(parsed.agent, agent.as_bytes());
    }

    #[test]
    fn common_and_combined_lines() {
        check(&format!(r#"{HEAD} "GET / HTTP/1.1" 200 12"#), "-", ["GET", "/"], 200, "");
        check(
            &format!(r#"{HEAD} "HEAD /a b HTTP/1.1" 404 - "-" "curl/8.5.0""#),
            "-",
            ["HEAD", "/a b"],
            404,
            "curl/8.5.0",
        );
        check(&format!(r#"{HEAD} "-" 408 -"#), "-", ["-", ""], 408, "");
        check(&format!(r#"{HEAD} "GET /" 400 12"#), "-", ["GET", "/"], 400, "");
    }

    #[test]
    fn the_referer_stands_before_the_agent() {
        let line = format!(r#"{HEAD} "GET / HTTP/1.1" 200 12 "http://r/\"x" "a""#);
        let parsed = parse(line.as_bytes(), false).unwrap();
        assert_eq!((parsed.referer, parsed.agent), (&br#"http://r/\"x"#[..], &b"a"[..]));
    }

    #[test]
    fn escapes_are_honoured() {
        check(
            &format!(r#"{HEAD} "GET /\"x\\ HTTP/1.1" 200 1 "\"r\"" "a\\""#),
            "-",
            ["GET", r#"/\"x\\"#],
            200,
            r"a\\",
        );
        check(
            &format!(r#"{HEAD} "\x16\x03\x01" 400 1 "-" "-""#),
            "-",
            [r"\x16\x03\x01", ""],
            400,
            "-",
        );
    }

    #[test]
    fn a_user_stays_where_it_is() {
        for user in [
            "bob",
            "",
            "a b",
            r#""""#,
            r#"x] \"GET / HTTP/1.1\" 200"#,
            "[22/Nov/2020:10:00:00 +0000]",
            "203.0.113.9 - - [22/Nov/2020:10:00:00 +0000]",
        ] {
            let line = format!(
                r#"198.51.100.7 - {user} [22/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 401 5"#
            );
            check(&line, user, ["GET", "/"], 401, "");
        }
    }

    #[test]
    fn a_virtual_host_comes_first_if_it_is_said_to() {
        let line = r#"www.example.org:443 ::1 - - [x] "GET / HTTP/1.1" 200 1"#;
        let parsed = parse(line.as_bytes(), true).unwrap();
        assert_eq!((parsed.vhost, parsed.client), (&b"www.example.org:443"[..], &b"::1"[..]));
    }

    #[test]
    fn other_lines_are_none() {
        for line in ["", "x", HEAD, "a b c d", r#"1 2 3 "GET / HTTP/1.1" 200"#] {
            assert_eq!(parse(line.as_bytes(), false), None, "{line}");
        }
        let unclosed = format!(r#"{HEAD} "GET / HTTP/1.1\" 200 1"#);
        assert_eq!(parse(unclosed.as_bytes(), false), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(line: Vec<u8>) {
            let _ = parse(&line, false);
            let _ = parse(&line, true);
        }

        /// What is not read changes nothing of what is.
        #[test]
        fn the_request_is_the_same_without_what_follows(
            line in r#"([a-z] )?198\.51\.100\.7 - (-|"|a b) \[22/Nov\] "[A-Z]{0,4} ?/?( HTTP/1)?"? (200|4) ?1?( "[a-z\\"]{0,4}"){0,3}"#,
            vhost_first: bool,
        ) {
            let whole = parse(line.as_bytes(), vhost_first);
            let expected = whole.map(|whole| Request { referer: b"", agent: b"", ..whole });
            let (mut request, mut middle) = (Request::default(), Middle::default());
            let read = parse_request(line.as_bytes(), vhost_first, &mut middle, &mut request);
            prop_assert_eq!(read.then_some(request), expected);
        }

        /// The oracle reads each line as if it were the first.
        #[test]
        fn a_line_is_read_as_if_none_had_been_before(
            lines in prop::collection::vec(
                r#"(::1|[a-z] ?) (-|"|a b|\[x\] ")? ?-? (-|a b|\[x\]) ?\[(22/Nov|x\[)\]? "(GET|"|-)? ?/?" 200 1"#,
                0..12,
            ),
            long in prop::option::of(0..12usize),
            vhost_first: bool,
        ) {
            let mut middle = Middle::default();
            for (number, line) in lines.iter().enumerate() {
                let long = if long == Some(number) { "u".repeat(LONGEST) } else { String::new() };
                for line in [line.replacen("a b", &format!("{long}a b"), 1), line.clone()] {
                    let mut request = Request::default();
                    let read = parse_request(line.as_bytes(), vhost_first, &mut middle, &mut request);
                    let expected = parse(line.as_bytes(), vhost_first);
                    prop_assert_eq!(read.then_some(request), expected, "{}", line);
                }
            }
        }

        /// What the peer writes, escaped as servers do, moves no field but its own.
        #[test]
        fn nothing_that_the_peer_writes_moves_another_field(
            user in "[ -~]{0,40}", target in "[ -~]{0,40}", agent in "[ -~]{0,40}"
        ) {
            let escape = |text: &str| text.replace('\\', r"\\").replace('"', r#"\""#);
            let (user, target, agent) = (escape(&user), escape(&target), escape(&agent));
            let line = format!(
                r#"198.51.100.7 - {user} [22/Nov/2026:10:00:00 +0000] "GET /{target} HTTP/1.1" 404 5 "-" "{agent}""#
            );
            let target = format!("/{target}");
            check(&line, &user, ["GET", &target], 404, &agent);
        }
    }
}
