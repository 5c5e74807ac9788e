//! A page for each filter that is built in, from its file: what its head comment says, what a jail gets
//! from it, its patterns, and its samples as the lines that count and those that do not.

use std::fmt::Write as _;
use std::path::Path;

use crate::config::error::ConfigErrors;
use crate::config::{builtin, duration, filter_file};
use crate::filter::definition::{Definition, HttpdFormat, Sample};
use crate::printable::excerpt;

const INDEX_HEAD: &str = "\
# The filters that come with gaoler

<!-- Generated from config/filters: `UPDATE=1 cargo test --test documents`. -->

A jail that has a filter's name, or names it with `filter`, needs to say nothing else. Each is
written from its daemon's own formats, and its samples are what the daemon wrote where they say *real*; the others
follow its source or its documentation. How filters are written, and how to change one: [filters](../filters.md).

| filter | recognises | reads | ports | modes |
|---|---|---|---|---|
";

/// A sample's line is shown up to here.
const SHOWN: usize = 400;

/// The index of all pages, in Markdown.
///
/// # Errors
///
/// What is wrong with a filter's file; of a build that passed its tests, nothing.
pub fn index() -> Result<String, ConfigErrors> {
    let mut page = INDEX_HEAD.to_owned();
    for name in builtin::names() {
        let filter = definition(name)?;
        let modes: Vec<&str> = filter.modes.iter().map(|mode| mode.name.as_str()).collect();
        let _ = writeln!(
            page,
            "| [{name}]({name}.md) | {} | {} | {} | {} |",
            filter.description,
            source(&filter),
            ports(&filter),
            modes.join(", ")
        );
    }
    Ok(page)
}

/// The page of the filter of that name, in Markdown; empty if there is none.
///
/// # Errors
///
/// As [`index`].
pub fn page(name: &str) -> Result<String, ConfigErrors> {
    let filter = definition(name)?;
    let mut page = format!(
        "# {name}\n\n<!-- Generated from config/filters/{name}.yaml: \
         `UPDATE=1 cargo test --test documents`. -->\n\n{}.\n\n",
        filter.description
    );
    let _ = writeln!(page, "```yaml\njails:\n  {name}: {{}}\n```\n\n| | |\n|---|---|");
    let _ = writeln!(page, "| reads | {} |", source(&filter));
    let _ = writeln!(page, "| ports | {} |", ports(&filter));
    if let Some(policy) = policy(&filter) {
        let _ = writeln!(page, "| a ban takes | {policy} |");
    }
    let modes: Vec<&str> = filter.mode_names().collect();
    if modes.len() > 1 {
        let _ = writeln!(page, "| modes | {} |", modes.join(", "));
    }
    page.push('\n');
    page.push_str(&prose(builtin::yaml(name).unwrap_or_default()));
    patterns(&mut page, &filter);
    samples(&mut page, "Lines that count", &filter, |sample| sample.address.is_some());
    samples(&mut page, "Lines that do not", &filter, |sample| sample.address.is_none());
    Ok(page)
}

fn definition(name: &str) -> Result<Definition, ConfigErrors> {
    let yaml = builtin::yaml(name).unwrap_or_default();
    filter_file::parse(name, Path::new(name), yaml.as_bytes())
}

/// Where a jail with this filter looks that names no source: a journal comes before a log.
fn source(filter: &Definition) -> String {
    let defaults = &filter.defaults;
    let code = |texts: &[String]| {
        texts.iter().map(|text| format!("`{text}`")).collect::<Vec<_>>().join(", ")
    };
    match (defaults.journalmatch.is_empty(), defaults.logpath.is_empty()) {
        (false, false) => {
            let (journal, log) = (code(&defaults.journalmatch), code(&defaults.logpath));
            format!("the journal, {journal}; or with `logpath` {log}")
        }
        (false, true) => format!("the journal, {}", code(&defaults.journalmatch)),
        (true, false) => code(&defaults.logpath),
        (true, true) => "gaoler's own bans".to_owned(),
    }
}

/// What a ban refuses.
fn ports(filter: &Definition) -> String {
    let ports = filter.defaults.port.join(", ");
    match filter.defaults.protocol.as_slice() {
        [] => ports,
        protocols => format!("{ports} ({})", protocols.join(", ")),
    }
}

/// How many failures, where the filter has its own mind.
fn policy(filter: &Definition) -> Option<String> {
    let failures = filter.defaults.maxretry.map(|count| format!("{count} failures"));
    let window = filter.defaults.findtime.map(|time| format!("within {}", duration::show(time)));
    let terms: Vec<String> = failures.into_iter().chain(window).collect();
    (!terms.is_empty()).then(|| terms.join(" "))
}

/// The comment at a file's head as Markdown. A paragraph with columns or indented lines is kept as it
/// is, others are running text.
fn prose(yaml: &str) -> String {
    let lines = yaml.lines().map_while(|line| line.strip_prefix('#'));
    let text: Vec<&str> = lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
    let mut out = String::new();
    for paragraph in text.join("\n").split("\n\n") {
        let laid_out = paragraph.lines().any(|line| line.trim_end().contains("  "));
        match (laid_out, paragraph.split_once('\n')) {
            (false, _) => out.push_str(&escaped(paragraph)),
            // `WHAT COUNTS.`, then its list.
            (true, Some((title, list))) if !title.contains("  ") => {
                let _ = write!(out, "{}\n\n```text\n{list}\n```", escaped(title));
            }
            (true, _) => {
                let _ = write!(out, "```text\n{paragraph}\n```");
            }
        }
        out.push_str("\n\n");
    }
    out
}

/// Running text in which nothing is taken for HTML.
fn escaped(text: &str) -> String {
    let parts = text.split('`').enumerate();
    let parts =
        parts.map(
            |(number, part)| {
                if number % 2 == 0 { part.replace('<', "&lt;") } else { part.to_owned() }
            },
        );
    parts.collect::<Vec<_>>().join("`")
}

fn patterns(page: &mut String, filter: &Definition) {
    let mut section = |title: &str, patterns: &[String]| {
        if !patterns.is_empty() {
            let _ = writeln!(page, "{title}\n\n```text\n{}\n```\n", patterns.join("\n"));
        }
    };
    section("## What every line must look like first", filter.prefregex.as_slice());
    section("## Patterns", &filter.failregex);
    for mode in &filter.modes {
        section(&format!("### Of mode {}", mode.name), &mode.failregex);
    }
    section("## What is ignored", &filter.ignoreregex);
    if let Some(rule) = &filter.httpd {
        section("## Conditions", &conditions(rule));
    }
}

/// A rule's conditions, one a line.
fn conditions(rule: &crate::filter::definition::HttpdRule) -> Vec<String> {
    let lists = [
        ("method", &rule.method),
        ("status", &rule.status),
        ("path", &rule.path),
        ("user_agent", &rule.user_agent),
        ("referer", &rule.referer),
        ("user", &rule.user),
        ("vhost", &rule.vhost),
    ];
    let lines =
        lists.iter().flat_map(|(key, list)| list.iter().map(move |one| format!("{key}: {one}")));
    let length = (rule.path_length > 0).then(|| format!("path_length: {}", rule.path_length));
    lines.chain(length).collect()
}

fn samples(page: &mut String, title: &str, filter: &Definition, wanted: fn(&Sample) -> bool) {
    let mut samples = filter.samples.iter().filter(|sample| wanted(sample)).peekable();
    if samples.peek().is_none() {
        return;
    }
    let _ = writeln!(page, "## {title}\n\n```text");
    for sample in samples {
        let _ = writeln!(page, "# {}\n{}", remark(sample), excerpt(&sample.line, SHOWN));
    }
    page.push_str("```\n\n");
}

/// Why the sample is there, when it holds, and what it yields.
fn remark(sample: &Sample) -> String {
    let mut remark = if sample.why.is_empty() { "as it is".to_owned() } else { sample.why.clone() };
    if !sample.mode.is_empty() {
        let _ = write!(remark, " [mode {}]", sample.mode.join(", "));
    }
    match &sample.logformat {
        Some(HttpdFormat::LogFormat(words)) => {
            let _ = write!(remark, " [logformat {words}]");
        }
        Some(HttpdFormat::Json) => remark.push_str(" [logformat json]"),
        Some(HttpdFormat::VhostCombined) => remark.push_str(" [logformat vhost_combined]"),
        Some(HttpdFormat::Combined) | None => {}
    }
    if !sample.trusted_proxies.is_empty() {
        let networks: Vec<_> = sample.trusted_proxies.iter().map(ToString::to_string).collect();
        let _ = write!(remark, " [trusted_proxies {}]", networks.join(", "));
    }
    if let Some(address) = sample.address {
        let _ = write!(remark, ": {address}");
    }
    if let Some(user) = sample.user.as_ref().filter(|user| !user.is_empty()) {
        let _ = write!(remark, ", user {}", excerpt(user, SHOWN));
    }
    remark
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_comment_becomes_text_and_lists() {
        let yaml = "# One <two> `<ADDR>`\n# three.\n#\n# LIST.\n#   a   b\n#   c   d\n#\n#     x;\ndescription: x\n# no\n";
        let expected = "One &lt;two> `<ADDR>`\nthree.\n\nLIST.\n\n```text\n  a   b\n  c   d\n```\n\n```text\n    x;\n```\n\n";
        assert_eq!(prose(yaml), expected);
    }

    #[test]
    fn where_a_jail_looks() {
        let source = |name: &str| source(&definition(name).unwrap());
        assert_eq!(source("recidive"), "gaoler's own bans");
        assert_eq!(source("httpd-404"), "`/var/log/httpd/access_log`");
        let sshd = source("sshd");
        assert!(sshd.starts_with("the journal, `_SYSTEMD_UNIT=sshd.service _UID=0"), "{sshd}");
        assert!(sshd.ends_with("; or with `logpath` `/var/log/secure`"), "{sshd}");
    }
}
