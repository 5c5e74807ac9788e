//! The page at `/`: what this is, how it fares, where the rest is. Needs no script and loads
//! nothing; no address is on it.

use std::fmt::{self, Write};

use super::overview::{JailNumbers, Overview, SourceState, words};

/// Dark or light as the reader likes; narrow enough for a phone.
const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\
table{border-collapse:collapse;width:100%}\
.wide{overflow-x:auto}\
th,td{text-align:left;padding:.25rem .75rem .25rem 0;border-bottom:1px solid #8886}\
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}\
td:first-child{overflow-wrap:anywhere}\
.ok{color:light-dark(#126b2f,#6fdc8c)}.bad{color:light-dark(#a11616,#ff9b9b)}";

/// Writes the page.
#[must_use]
pub fn landing(version: &str, overview: &Overview) -> String {
    let mut page = String::with_capacity(4 * 1024);
    // A String takes any text: there is no error to tell of.
    _ = write_page(&mut page, version, overview);
    page
}

fn write_page(page: &mut String, version: &str, overview: &Overview) -> fmt::Result {
    let version = Text(version);
    write!(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>gaoler</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <h1>gaoler {version}</h1>\n\
         <p>Bans attackers through the firewall. <a href=\"/metrics\">Metrics</a> · \
         <a href=\"/-/ready\">Ready?</a> · <a href=\"/-/healthy\">Healthy?</a></p>\n"
    )?;
    write_health(page, overview)?;
    write_sources(page, &overview.sources)?;
    write_jails(page, &overview.jails)?;
    page.write_str("</body>\n</html>\n")
}

fn write_health(page: &mut String, overview: &Overview) -> fmt::Result {
    page.write_str("<h2>Health</h2>\n")?;
    let reasons = overview.reasons();
    if reasons.is_empty() {
        page.write_str("<p class=\"ok\">Ready.</p>\n")?;
    } else {
        page.write_str("<p class=\"bad\">Not ready:</p>\n<ul>\n")?;
        for reason in &reasons {
            writeln!(page, "<li>{}</li>", Text(reason))?;
        }
        page.write_str("</ul>\n")?;
    }
    let firewall = overview.firewall.as_ref().map_or("none: gaoler only watches", words);
    writeln!(page, "<p>Firewall: {}.</p>", Text(firewall))
}

fn write_sources(page: &mut String, sources: &[SourceState]) -> fmt::Result {
    page.write_str(
        "<h2>Sources</h2>\n<div class=\"wide\"><table>\n<tr><th>Source</th><th>State</th></tr>\n",
    )?;
    for source in sources {
        let (class, state) = match (source.up, source.caught_up) {
            (false, _) => ("bad", "cannot be read"),
            (true, false) => ("", "catching up"),
            (true, true) => ("ok", "up to date"),
        };
        let name = Text(&source.name);
        writeln!(page, "<tr><td>{name}</td><td class=\"{class}\">{state}</td></tr>")?;
    }
    page.write_str("</table></div>\n")
}

fn write_jails(page: &mut String, jails: &[JailNumbers]) -> fmt::Result {
    page.write_str(
        "<h2>Jails</h2>\n<div class=\"wide\"><table>\n<tr><th>Jail</th>\
         <th class=\"n\">Currently failed</th><th class=\"n\">Total failed</th>\
         <th class=\"n\">Currently banned</th><th class=\"n\">Enforced</th>\
         <th class=\"n\">Total banned</th></tr>\n",
    )?;
    for jail in jails {
        write!(page, "<tr><td>{}", Text(&jail.name))?;
        if let Some(why) = jail.watches {
            write!(page, " <span class=\"bad\">{why}</span>")?;
        }
        page.write_str("</td>")?;
        for number in [
            jail.currently_failed,
            jail.total_failed,
            jail.currently_banned,
            jail.enforced,
            jail.total_banned,
        ] {
            write!(page, "<td class=\"n\">{number}</td>")?;
        }
        page.write_str("</tr>\n")?;
    }
    page.write_str("</table></div>\n")
}

/// Text that stays text in HTML, in an element as in a quoted attribute.
struct Text<'a>(&'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::enforcer::order::Condition;

    #[test]
    fn names_stay_text() {
        let hostile = "<script>alert('&\"')</script>";
        let overview = Overview {
            started: true,
            sources: vec![SourceState { name: hostile.into(), up: true, caught_up: true }],
            firewall: Some(Condition::Broken(hostile.into())),
            state_ok: true,
            jails: vec![JailNumbers { name: hostile.into(), ..JailNumbers::default() }],
            verdicts: Vec::new(),
        };
        let page = landing(hostile, &overview);
        assert!(!page.contains("<script"), "{page}");
        let escaped = "&lt;script&gt;alert(&#39;&amp;&quot;&#39;)&lt;/script&gt;";
        assert_eq!(page.matches(escaped).count(), 5, "{page}");
    }

    #[test]
    fn shows_each_jail_with_its_numbers() {
        let sshd = JailNumbers {
            name: "sshd".into(),
            currently_failed: 1,
            total_failed: 2,
            currently_banned: 3,
            total_banned: 5,
            enforced: 4,
            watches: None,
        };
        let page = landing("1", &Overview { jails: vec![sshd], ..Overview::default() });
        let cells = [1, 2, 3, 4, 5].map(|n| format!("<td class=\"n\">{n}</td>")).concat();
        assert!(page.contains(&format!("<tr><td>sshd</td>{cells}</tr>")), "{page}");
    }

    #[test]
    fn shows_which_jail_only_watches() {
        let watches = Some("breaker open");
        let sshd = JailNumbers { name: "sshd".into(), watches, ..JailNumbers::default() };
        let page = landing("1", &Overview { jails: vec![sshd], ..Overview::default() });
        let cell = "<tr><td>sshd <span class=\"bad\">breaker open</span></td>";
        assert!(page.contains(cell), "{page}");
    }
}
