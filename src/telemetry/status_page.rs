//! The page at `/`: how gaoler fares, what its jails do, who is banned and why.
//!
//! Needs no script, loads nothing but its own style, reads well on a phone, in the dark, and aloud.
//! Whatever a log or a client wrote stays text.

mod health;
mod html;
mod tables;

use std::fmt::{self, Write};

use jiff::Timestamp;

use self::health::{Check, checks, summary};
use self::html::{Prose, Text};
use super::overview::Overview;
use super::shown::Bans;

/// The style, served at `/style.css`: so a page may hold none of its own.
pub const STYLE: &str = include_str!("status_page/style.css");

/// Where the documents are.
const DOCS: &str = "https://github.com/gaoler/gaoler/blob/main/docs";

/// What the page is made from.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The host's name.
    pub host: &'a str,
    /// How things stand.
    pub overview: &'a Overview,
    /// Who is banned, if whoever asks may know.
    pub bans: &'a Bans,
    /// What time it is.
    pub now: Timestamp,
}

/// Writes the page.
#[must_use]
pub fn status_page(facts: Facts) -> String {
    let mut page = String::with_capacity(16 * 1024);
    // A String takes any text: there is no error to tell of.
    _ = write_page(&mut page, facts);
    page
}

fn write_page(page: &mut String, facts: Facts) -> fmt::Result {
    let Facts { host, overview, bans, now } = facts;
    let checks = checks(overview);
    write_head(page, facts)?;
    let (mark, sentence) = summary(&checks, overview);
    let sentence = Text(&sentence);
    write!(
        page,
        "<main id=\"main\">\n<p class=\"card verdict {}\">{sentence}</p>\n",
        mark.class()
    )?;
    write_health(page, &checks)?;
    let status = &overview.status;
    section(page, "sources", "Sources", |page| tables::sources(page, &status.sources, now))?;
    section(page, "jails", "Jails", |page| tables::jails(page, &status.jails))?;
    section(page, "banned", "Banned", |page| tables::bans(page, bans, &status.jails, now))?;
    section(page, "verdicts", "Recent verdicts", |page| {
        tables::verdicts(page, &overview.verdicts, bans.are_shown(), now)
    })?;
    write_foot(page, host)
}

fn write_head(page: &mut String, Facts { host, overview, now, .. }: Facts) -> fmt::Result {
    let (host, version) = (Text(host), Text(&overview.status.version));
    let (whole, shown) =
        (now.strftime("%Y-%m-%dT%H:%M:%SZ"), now.strftime("%Y-%m-%d %H:%M:%S UTC"));
    write!(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>gaoler on {host}</title>\n<link rel=\"stylesheet\" href=\"/style.css\">\n\
         <link rel=\"icon\" href=\"data:,\">\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#main\">Skip to the status</a>\n\
         <header>\n<h1>gaoler on {host}</h1>\n\
         <p class=\"quiet\">version {version}, as of <time datetime=\"{whole}\">{shown}</time></p>\n</header>\n"
    )
}

fn section(
    page: &mut String,
    id: &str,
    title: &str,
    write: impl FnOnce(&mut String) -> fmt::Result,
) -> fmt::Result {
    write!(
        page,
        "<section class=\"card\" aria-labelledby=\"{id}\">\n<h2 id=\"{id}\">{title}</h2>\n"
    )?;
    write(page)?;
    page.write_str("</section>\n")
}

fn write_health(page: &mut String, checks: &[Check]) -> fmt::Result {
    section(page, "health", "Health", |page| {
        page.write_str("<ul class=\"checks\">\n")?;
        for Check { mark, word, what, says, remedy } in checks {
            let (class, what, says) = (mark.class(), Text(what), Text(says));
            write!(
                page,
                "<li><p><span class=\"mark {class}\">{word}</span></p>\
                 <div><p><strong>{what}</strong>: {says}.</p>"
            )?;
            if let Some((remedy, runbook)) = remedy {
                let remedy = Prose(remedy);
                write!(
                    page,
                    "<p class=\"quiet\">{remedy} <a href=\"{DOCS}/runbooks/{runbook}.md\">Runbook \
                     {runbook}</a></p>"
                )?;
            }
            page.write_str("</div></li>\n")?;
        }
        page.write_str("</ul>\n")
    })
}

fn write_foot(page: &mut String, host: &str) -> fmt::Result {
    let host = Text(host);
    page.write_str("</main>\n<footer>\n<nav aria-label=\"More of this host\">\n<ul>\n")?;
    for (path, name) in [
        ("/metrics", "Metrics"),
        ("/api/v1/status", "Status as JSON"),
        ("/api/v1/jails", "Jails as JSON"),
        ("/-/ready", "Ready?"),
        ("/-/healthy", "Healthy?"),
    ] {
        writeln!(page, "<li><a href=\"{path}\">{name}</a></li>")?;
    }
    for (document, name) in [
        ("status-page.md", "About this page"),
        ("metrics.md", "About the metrics"),
        ("operating.md", "Operating gaoler"),
    ] {
        writeln!(page, "<li><a href=\"{DOCS}/{document}\">{name}</a></li>")?;
    }
    write!(
        page,
        "</ul>\n</nav>\n<p class=\"quiet\">On {host}: <code>gaoler status</code>, \
         <code>gaoler banned</code>, <code>gaoler explain ADDRESS</code>.</p>\n\
         </footer>\n</body>\n</html>\n"
    )
}

#[cfg(test)]
mod tests;
