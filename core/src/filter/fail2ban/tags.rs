//! fail2ban's tags in a pattern, and what each is as Python's `re` has it.
//!
//! Source: jail.conf(5), "FILTER FILES". What is no tag stays as it is, as it does in fail2ban:
//! `<W>` may well stand in a log.

use crate::filter::definition::UseDns;

const IP4: &str = r"(?:::[fF]{4,6}:)?(?P<ip4>[0-9]{1,3}(?:\.[0-9]{1,3}){3})";
const IP6: &str =
    "(?P<ip6>(?:(?:[0-9A-Fa-f]{1,4})?::|[0-9A-Fa-f]{1,4}:){1,7}(?:[0-9A-Fa-f]{1,4}|:))";
const DNS: &str = r"(?P<dns>[\w.^-]*\w)";
const CIDR: &str = r"(?P<cidr>\d+)";

/// Replaces every tag that is one.
pub(super) fn expand(pattern: &str, usedns: UseDns) -> String {
    let mut out = String::with_capacity(pattern.len() + 256);
    let mut open: Vec<&str> = Vec::new();
    let mut skips = 0;
    let mut rest = pattern;
    while let Some(at) = rest.find('<') {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        let Some(tag) = tag(after) else {
            out.push('<');
            rest = &after[1..];
            continue;
        };
        rest = &after[tag.len() + 2..];
        match whole(tag, usedns, &mut skips).or_else(|| part(tag, &mut open)) {
            // `(?P<HOST>` is a group of that name.
            Some(regex) if !out.ends_with("(?P") => out.push_str(&regex),
            _ => {
                out.push('<');
                out.push_str(tag);
                out.push('>');
            }
        }
    }
    out.push_str(rest);
    out
}

/// What stands between `<` and `>`, if it could be a tag.
fn tag(text: &str) -> Option<&str> {
    let (tag, _) = text[1..].split_once('>')?;
    let name = tag.strip_prefix('/').unwrap_or(tag);
    let name = name.strip_suffix('/').unwrap_or(name);
    let known = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    (!name.is_empty() && name.chars().all(known)).then_some(tag)
}

/// The regex of a tag that stands for itself.
fn whole(tag: &str, usedns: UseDns, skips: &mut usize) -> Option<String> {
    let address = || format!(r"\[?(?:{IP4}|{IP6})\]?");
    let short = tag.strip_prefix("F-").and_then(|tag| tag.strip_suffix('/'));
    Some(match short.unwrap_or(tag) {
        "HOST" if short.is_none() => match usedns {
            UseDns::Names => format!("(?:{}|{DNS})", address()),
            UseDns::No => address(),
        },
        "SKIPLINES" if short.is_none() => {
            *skips += 1;
            format!(r"\n(?P<skiplines{}>(?:(?:.*\n)*?))", *skips - 1)
        }
        "IP4" => IP4.to_owned(),
        "IP6" => IP6.to_owned(),
        "ADDR" => address(),
        "CIDR" => CIDR.to_owned(),
        "SUBNET" => format!(r"\[?(?:{IP4}|{IP6})(?:/{CIDR})?\]?"),
        "DNS" => DNS.to_owned(),
        "ID" if short.is_some() => r"(?P<fid>\S+)".to_owned(),
        "PORT" if short.is_some() => r"(?P<fport>\w+)".to_owned(),
        _ => return None,
    })
}

/// `<F-NAME>`, `</F-NAME>`.
fn part<'t>(tag: &'t str, open: &mut Vec<&'t str>) -> Option<String> {
    let closes = tag.starts_with('/');
    let name = tag.strip_prefix('/').unwrap_or(tag).strip_prefix("F-")?;
    let known = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_' || c == '-';
    if name.is_empty() || !name.chars().all(known) {
        return None;
    }
    if closes {
        return open.contains(&name).then(|| ")".to_owned());
    }
    open.push(name);
    Some(format!("(?P<{}>", group(name)))
}

/// The group of `F-NAME`.
pub(super) fn group(name: &str) -> String {
    match name.to_ascii_lowercase().as_str() {
        "id" => "fid".to_owned(),
        "port" => "fport".to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, expected: &str) {
        assert_eq!(expand(pattern, UseDns::Names), expected);
    }

    #[test]
    fn tags_become_groups() {
        check("<F-USER>.*</F-USER>", "(?P<user>.*)");
        check("<F-ID/> <F-PORT/>", r"(?P<fid>\S+) (?P<fport>\w+)");
        check("<F-ID>x</F-ID><F-ALT_USER_1>y</F-ALT_USER_1>", "(?P<fid>x)(?P<alt_user_1>y)");
        check("<IP4>", IP4);
        check(
            "a<SKIPLINES>b<SKIPLINES>",
            r"a\n(?P<skiplines0>(?:(?:.*\n)*?))b\n(?P<skiplines1>(?:(?:.*\n)*?))",
        );
        check("<CIDR>", CIDR);
    }

    #[test]
    fn what_is_no_tag_stays() {
        for pattern in [
            "<W>",
            "(?P<name>x)",
            "a<b",
            "<",
            "</F-USER>",
            "<F-USER/>",
            "<f-user>",
            "<[^>]+>",
            "(?P<HOST>x)",
        ] {
            check(pattern, pattern);
        }
    }

    #[test]
    fn names_are_hosts_if_usedns_lets_them() {
        assert!(expand("<HOST>", UseDns::Names).contains("(?P<dns>"));
        assert_eq!(expand("<HOST>", UseDns::No), expand("<ADDR>", UseDns::No));
    }
}
