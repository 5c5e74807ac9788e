//! fail2ban's tags in a pattern, and what each becomes as a regex.
//!
//! `<HOST>` and `<ADDR>` are the address, bare or in brackets, IPv4-mapped or not. We never look up
//! names, so `<HOST>` matches no name and `<DNS>` is refused. `<F-USER>…</F-USER>` and its kin are
//! named groups, `<F-USER/>` is one of no blanks. Source: jail.conf(5), "FILTER FILES".

/// Why a pattern's tags were refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TagError {
    /// Names could be anybody's.
    #[error("`<DNS>` would trust a name, which its owner chooses; use `<ADDR>`")]
    Name,
    /// Several lines at once.
    #[error("`<SKIPLINES>` spans lines, and a record is one line; match each line by itself")]
    Lines,
    /// No tag of ours.
    #[error("`{0}` is no tag; known are {KNOWN}")]
    Unknown(String),
    /// A tag with no `>`, or an `<F-…>` without its end.
    #[error("`{0}` is not closed")]
    Open(String),
}

const KNOWN: &str =
    "<HOST> <ADDR> <IP4> <IP6> <CIDR> <SUBNET> <F-ID> <F-USER> <F-NOFAIL> <F-CONTENT> <F-NAME>";

const IP4: &str = r"(?P<ip4>[0-9]{1,3}(?:\.[0-9]{1,3}){3})";
const IP6: &str = r"(?P<ip6>[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,8})";

/// Replaces every tag by its regex. Octets and groups of an address are checked when one matches.
///
/// # Errors
///
/// Names the tag that is unknown, refused or not closed.
pub fn translate(pattern: &str) -> Result<String, TagError> {
    let mut out = String::with_capacity(pattern.len() + 128);
    let mut open: Vec<&str> = Vec::new();
    let mut rest = pattern;
    while let Some(at) = rest.find(['<', '\\']) {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        let Some((tag, after)) = tag(after, before) else {
            let literal = if after.starts_with('\\') { escape_len(after) } else { 1 };
            out.push_str(&after[..literal]);
            rest = &after[literal..];
            continue;
        };
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(name) {
                return Err(TagError::Unknown(format!("<{tag}>")));
            }
            out.push(')');
        } else if let Some(name) = opens(tag) {
            open.push(name);
            out.push_str("(?P<");
            out.push_str(&group(name));
            out.push('>');
        } else {
            out.push_str(&whole(tag)?);
        }
        rest = after;
    }
    out.push_str(rest);
    match open.pop() {
        Some(name) => Err(TagError::Open(format!("<{name}>"))),
        None => Ok(out),
    }
}

/// The name of a tag that begins a group: `F-USER` of `<F-USER>`.
fn opens(tag: &str) -> Option<&str> {
    (tag.starts_with("F-") && !tag.ends_with('/')).then_some(tag)
}

/// The tag that `text` begins with, without its brackets, and what follows it. `(?P<name>` and
/// `(?<name>` are regex syntax, and small letters no tag.
fn tag<'t>(text: &'t str, before: &str) -> Option<(&'t str, &'t str)> {
    let inner = text.strip_prefix('<')?;
    if before.ends_with("(?P") || before.ends_with("(?") {
        return None;
    }
    let (tag, after) = inner.split_once('>')?;
    let name = tag.strip_prefix('/').unwrap_or(tag);
    let name = name.strip_suffix('/').unwrap_or(name);
    let known = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-' || c == '_';
    (name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.len() > 1
        && name.chars().all(known))
    .then_some((tag, after))
}

/// The regex of a tag that stands for itself.
fn whole(tag: &str) -> Result<String, TagError> {
    let address = || format!(r"\[?(?:(?:::[Ff]{{4}}:)?{IP4}|{IP6})\]?");
    Ok(match tag {
        "HOST" | "ADDR" => format!("(?:{})", address()),
        "SUBNET" => format!(r"(?:{}(?:/(?P<cidr>[0-9]{{1,3}}))?)", address()),
        "IP4" => IP4.to_owned(),
        "IP6" => format!(r"\[?{IP6}\]?"),
        "CIDR" => "(?P<cidr>[0-9]{1,3})".to_owned(),
        "DNS" => return Err(TagError::Name),
        "SKIPLINES" => return Err(TagError::Lines),
        "F-NOFAIL/" => "(?P<nofail>)".to_owned(),
        "F-PORT/" => "(?P<fport>[0-9]+)".to_owned(),
        _ => match tag.strip_suffix('/').filter(|name| name.starts_with("F-")) {
            Some(name) => format!(r"(?P<{}>\S+)", group(name)),
            None => return Err(TagError::Unknown(format!("<{tag}>"))),
        },
    })
}

/// The group's name for `F-NAME`: fail2ban's own, so that reports agree.
fn group(name: &str) -> String {
    match name.strip_prefix("F-").unwrap_or(name) {
        "ID" => "fid".to_owned(),
        "PORT" => "fport".to_owned(),
        name => name.to_ascii_lowercase().replace('-', "_"),
    }
}

/// How long a backslash and what it escapes are.
fn escape_len(text: &str) -> usize {
    1 + text[1..].chars().next().map_or(0, char::len_utf8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(pattern: &str, text: &str, expected: Option<&str>) {
        let regex = regex::bytes::Regex::new(&translate(pattern).unwrap()).unwrap();
        let found = regex.captures(text.as_bytes()).and_then(|captures| {
            let group = captures.name("ip4").or_else(|| captures.name("ip6"))?;
            Some(String::from_utf8(group.as_bytes().to_vec()).unwrap())
        });
        assert_eq!(found.as_deref(), expected);
    }

    #[test]
    fn an_address_in_its_shapes() {
        check("from <HOST> port", "from 198.51.100.7 port", Some("198.51.100.7"));
        check("from <HOST> port", "from ::ffff:198.51.100.7 port", Some("198.51.100.7"));
        check("from <ADDR> port", "from [2001:db8::1] port", Some("2001:db8::1"));
        check("from <ADDR> port", "from ::1 port", Some("::1"));
        check("from <ADDR> port", "from :: port", Some("::"));
        check("<ADDR>:[0-9]+$", "2001:db8::1:5678", Some("2001:db8::1"));
        check("from <HOST> port", "from example.org port", None);
        check("from <IP4>$", "from ::1", None);
        check("from <IP6>$", "from 198.51.100.7", None);
        check("<SUBNET>$", "198.51.100.0/24", Some("198.51.100.0"));
    }

    #[test]
    fn groups_have_fail2bans_names() {
        let text = |pattern| translate(pattern).unwrap();
        assert_eq!(text("<F-USER>.*</F-USER>"), "(?P<user>.*)");
        assert_eq!(text("<F-USER/>"), r"(?P<user>\S+)");
        assert_eq!(text("<F-ID>x</F-ID><F-PORT/>"), "(?P<fid>x)(?P<fport>[0-9]+)");
        assert_eq!(text("<F-NOFAIL/>"), "(?P<nofail>)");
        assert_eq!(text("<F-A>x<F-B/></F-A>"), r"(?P<a>x(?P<b>\S+))");
        assert_eq!(text("<F-ALT_USER1>x</F-ALT_USER1>"), "(?P<alt_user1>x)");
    }

    #[test]
    fn what_is_no_tag_stays() {
        for pattern in
            [r"(?P<name>x)", r"(?<name>x)", r"\<HOST>", "rcpt=<[^>]+>", "a<b", "<x>", "<", r"\"]
        {
            assert_eq!(translate(pattern).unwrap(), pattern);
        }
    }

    #[test]
    fn wrong_tags_are_named() {
        let refusal = |pattern| translate(pattern).unwrap_err();
        assert_eq!(refusal("from <DNS>"), TagError::Name);
        assert_eq!(refusal("<SKIPLINES>"), TagError::Lines);
        assert_eq!(refusal("<HOTS>"), TagError::Unknown("<HOTS>".into()));
        assert_eq!(refusal("<F-USER>x"), TagError::Open("<F-USER>".into()));
        assert_eq!(refusal("x</F-USER>"), TagError::Unknown("</F-USER>".into()));
        assert_eq!(refusal("<F-A><F-B>x</F-A></F-B>"), TagError::Unknown("</F-A>".into()));
    }

    proptest! {
        /// What has no tag is left as it is, and nothing panics.
        #[test]
        fn text_without_tags_stays(text in "[a-z0-9 ^$.*()\\[\\]\\\\<>-]{0,40}", any in ".{0,40}") {
            prop_assert_eq!(translate(&text), Ok(text));
            let _ = translate(&any);
        }

        /// Groups that are opened and closed in turn are a regex, however deep they stand.
        #[test]
        fn groups_nest(names in prop::collection::vec("[A-Z][A-Z]{1,5}", 1..8)) {
            let open = names.iter().map(|name| format!("<F-{name}>"));
            let close = names.iter().rev().map(|name| format!("</F-{name}>"));
            let pattern: String = open.chain(["<IP4>".to_owned()]).chain(close).collect();
            let regex = translate(&pattern).unwrap();
            prop_assert_eq!(regex.matches("(?P<").count(), names.len() + 1);
            let unclosed = pattern.replacen(&format!("</F-{}>", names[0]), "", 1);
            prop_assert!(translate(&unclosed).is_err());
        }
    }
}
