//! Access logs of one JSON object a line, as operators make them with `LogFormat` or `log_format`.
//!
//! Read by a scanner of our own, not by a JSON parser: servers write `\x16` for control bytes and
//! bytes that are not UTF-8, neither of which is JSON, and a peer must not become invisible by
//! sending them. Only the outermost object's keys count; values keep their escapes. Headers such as
//! `x_forwarded_for` are the peer's own words, and count only where that is a trusted proxy.

use super::{Request, closing_quote, status};

/// Reads one line; `None` if it is no object, or names the client or the peer twice: then something
/// in it was not escaped, and nothing can be believed.
#[must_use]
pub fn parse(line: &[u8]) -> Option<Request<'_>> {
    let mut rest = line.trim_ascii().strip_prefix(b"{")?;
    let mut request = Request::default();
    loop {
        rest = rest.trim_ascii_start();
        if rest.starts_with(b"}") {
            return Some(request);
        }
        let (key, after) = string(rest)?;
        let after = after.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
        let (value, after) = value(after)?;
        assign(&mut request, key, value)?;
        let after = after.trim_ascii_start();
        rest = after.strip_prefix(b",").unwrap_or(after);
        if rest.len() == after.len() && !rest.starts_with(b"}") {
            return None;
        }
    }
}

/// Puts a value where its key says. The first key for a field holds, except that the client may
/// be named once only.
fn assign<'a>(request: &mut Request<'a>, key: &[u8], value: &'a [u8]) -> Option<()> {
    let field = match key {
        b"client" | b"client_ip" | b"clientip" | b"remote_addr" | b"remote_ip" | b"remoteIP"
        | b"ClientHost" => {
            return once(&mut request.client, value);
        }
        b"peer" | b"peer_addr" | b"peer_ip" | b"realip_remote_addr" => {
            return once(&mut request.peer, value);
        }
        // Traefik's. Its `ClientHost` is whatever an X-Forwarded-For says that it believes.
        b"ClientAddr" => return once(&mut request.peer, without_port(value)),
        b"x_forwarded_for"
        | b"http_x_forwarded_for"
        | b"X-Forwarded-For"
        | b"forwarded_for"
        | b"xff" => return once(&mut request.forwarded, value),
        b"user" | b"remote_user" | b"remoteUser" => {
            let user = request.user.get_or_insert(value);
            if *user == b"-" || user.is_empty() {
                request.user = None;
            }
            return Some(());
        }
        b"status" | b"response" | b"DownstreamStatus" => {
            request.status = status(value).unwrap_or(request.status);
            return Some(());
        }
        b"request" | b"request_line" => {
            if request.method.is_empty() {
                request.set_request_line(value);
            }
            return Some(());
        }
        b"method" | b"request_method" | b"verb" | b"RequestMethod" => &mut request.method,
        b"path" | b"uri" | b"request_uri" | b"url" | b"RequestPath" => &mut request.target,
        b"agent" | b"user_agent" | b"http_user_agent" | b"userAgent" => &mut request.agent,
        b"referer" | b"http_referer" | b"Referer" | b"referrer" => &mut request.referer,
        b"vhost" | b"server_name" | b"virtual_host" => &mut request.vhost,
        b"time" | b"time_iso8601" | b"time_local" | b"timestamp" | b"@timestamp" | b"ts" => {
            &mut request.time
        }
        _ => return Some(()),
    };
    if field.is_empty() {
        *field = value;
    }
    Some(())
}

/// Sets what may be named once only.
fn once<'a>(field: &mut &'a [u8], value: &'a [u8]) -> Option<()> {
    std::mem::replace(field, value).is_empty().then_some(())
}

/// The address of `192.0.2.1:4711` or `[2001:db8::1]:4711`.
fn without_port(value: &[u8]) -> &[u8] {
    let address = memchr::memrchr(b':', value).map_or(value, |colon| &value[..colon]);
    let bare = address.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]"));
    bare.unwrap_or(address)
}

/// A string without its quotes, and what follows.
fn string(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = text.strip_prefix(b"\"")?;
    let end = closing_quote(text)?;
    Some((&text[..end], &text[end + 1..]))
}

/// Any value, and what follows. Of objects and arrays we want nothing but their end.
fn value(text: &[u8]) -> Option<(&[u8], &[u8])> {
    match text.first()? {
        b'"' => string(text),
        b'{' | b'[' => Some((&[], &text[nested(text)?..])),
        _ => {
            let end = memchr::memchr3(b',', b'}', b' ', text)?;
            Some(text.split_at(end))
        }
    }
}

/// The length of the object or array that begins here.
fn nested(text: &[u8]) -> Option<usize> {
    let mut depth = 0usize;
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            b'"' => at += closing_quote(&text[at + 1..])? + 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_of_nginxs_fields() {
        let line = br#"{"time":"2026-11-22T10:00:00+00:00","remote_addr":"198.51.100.7",
            "remote_user":"bob","request":"GET /x HTTP/1.1","status": 404,"bytes":12,
            "tls":{"v":["1.3","}"],"remote_addr":"203.0.113.9"},"http_user_agent":"a \"b\""}"#;
        let expected = Request {
            client: b"198.51.100.7",
            user: Some(b"bob"),
            time: b"2026-11-22T10:00:00+00:00",
            method: b"GET",
            target: b"/x",
            status: 404,
            agent: br#"a \"b\""#,
            ..Request::default()
        };
        assert_eq!(parse(line), Some(expected));
    }

    #[test]
    fn fields_may_be_apart_and_text() {
        let line = br#"{"client":"::1","method":"HEAD","path":"/","status":"200","user":"-","referer":"r"}"#;
        let request = parse(line).unwrap();
        assert_eq!(request.referer, b"r");
        assert_eq!((request.method, request.target), (&b"HEAD"[..], &b"/"[..]));
        assert_eq!((request.status, request.user), (200, None));
    }

    #[test]
    fn bytes_that_are_no_json_hide_nobody() {
        let line = b"{\"client\":\"::1\",\"agent\":\"\\x16\xff\",\"status\":404}";
        assert_eq!(parse(line).unwrap().status, 404);
    }

    #[test]
    fn two_clients_are_none() {
        let line = br#"{"client":"198.51.100.7","agent":"","client":"203.0.113.9","status":404}"#;
        assert_eq!(parse(line), None);
        let line = br#"{"client":"198.51.100.7","remote_addr":"203.0.113.9","status":404}"#;
        assert_eq!(parse(line), None);
    }

    #[test]
    fn a_peer_and_what_it_forwards() {
        let line = br#"{"realip_remote_addr":"10.0.0.1","remote_addr":"::1","xff":"a, \"b"}"#;
        let request = parse(line).unwrap();
        assert_eq!((request.peer, request.client), (&b"10.0.0.1"[..], &b"::1"[..]));
        assert_eq!(request.forwarded, br#"a, \"b"#);
        assert_eq!(parse(br#"{"peer":"10.0.0.1","peer_ip":"10.0.0.2"}"#), None);
        assert_eq!(parse(br#"{"peer":"10.0.0.1","xff":"::1","x_forwarded_for":"::2"}"#), None);
    }

    #[test]
    fn traefiks_peer_has_a_port() {
        for (text, peer) in [("192.0.2.1:4711", "192.0.2.1"), ("[2001:db8::1]:4711", "2001:db8::1")]
        {
            let line = format!(r#"{{"ClientHost":"203.0.113.9","ClientAddr":"{text}"}}"#);
            let request = parse(line.as_bytes()).unwrap();
            assert_eq!((request.peer, request.client), (peer.as_bytes(), &b"203.0.113.9"[..]));
        }
    }

    #[test]
    fn other_lines_are_none() {
        for line in ["", "x", "[]", "{", r#"{"a"}"#, r#"{"a":1"#, r#"{"a":1 "b":2}"#, r#"{"a":[}"#]
        {
            assert_eq!(parse(line.as_bytes()), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(line: Vec<u8>, text in r#"[{}\[\]",:a\\ ]{0,30}"#) {
            let _ = parse(&line);
            let _ = parse(format!("{{{text}").as_bytes());
        }
    }
}
