//! Patterns in which the peer might choose the address.
//!
//! The address must stand at a fixed distance from one end of the line: after `^` and no catch-all,
//! or before `$` and none. Else a user name such as `x from 203.0.113.9` can take its place
//! (CVE-2006-6302 and its many successors).

/// What is unsafe about a pattern with tags, in a sentence; `None`: nothing we can see.
#[must_use]
pub fn warning(pattern: &str) -> Option<&'static str> {
    let tags = ["<HOST>", "<ADDR>", "<SUBNET>", "<IP4>", "<IP6>", "<F-ID"];
    let (at, tag) = tags.iter().find_map(|tag| Some((pattern.find(tag)?, tag)))?;
    let (before, after) = (&pattern[..at], &pattern[at + tag.len()..]);
    if before.starts_with('^') && !has_catch_all(before) {
        return None;
    }
    if ends_with_anchor(after) && !has_catch_all(after) {
        // `.*<ADDR>` would leave the address's own end only.
        let eats = before.ends_with(['*', '+']);
        return eats.then_some("what repeats directly before the address may take a part of it");
    }
    Some(
        "the peer may be able to choose the address: anchor the pattern so that only fixed text \
         stands between `^` and the address, or between the address and `$`",
    )
}

/// Whether some part matches any text at all.
fn has_catch_all(pattern: &str) -> bool {
    let any = [".*", ".+", r"\S*", r"\S+", "[^"];
    any.iter().any(|any| pattern.contains(any)) || pattern.contains("/>")
}

fn ends_with_anchor(pattern: &str) -> bool {
    pattern.ends_with('$') && !pattern.ends_with(r"\$")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, safe: bool) {
        assert_eq!(warning(pattern).is_none(), safe, "{pattern}");
    }

    #[test]
    fn a_fixed_distance_from_one_end_is_safe() {
        check(r#"^<HOST> -.*"(GET|HEAD).*"#, true);
        check(r"^Failed \w+ for .* from <HOST> port \d+ ssh2$", true);
        check(r"^\[\] \[client <ADDR>:\d+\] .*", true);
    }

    #[test]
    fn anything_else_is_not() {
        check(r"^Failed \w+ for .* from <HOST>", false);
        check(r"from <HOST> port", false);
        check(r"^Failed .* from <HOST> port \d+ ssh2: .*$", false);
        check(r"^for <F-USER/> from <ADDR>", false);
        check(r"^rhost=.*<ADDR>$", false);
        check(r"^a .* from <ADDR> costs \$", false);
    }
}
