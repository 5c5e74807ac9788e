//! The reference of every key, in Markdown and as a manual page: from the same tables that the
//! checker uses.

pub mod filters;
mod page;

use std::fmt::Write as _;

pub use self::page::page;
use super::keys::{self, Key, Keys, Kind, filter, foreign, gaoler, web};

const HEAD: &str = "\
# Configuration

<!-- Generated from the table of keys in src/config/keys: `UPDATE=1 cargo test --test config`. -->

gaoler reads `/etc/gaoler/gaoler.yaml` (or the file that `--config` names), then `conf.d/*.yaml`
beside it in the order of their names. What comes later wins, key by key; lists are replaced, not
joined. `gaoler check` says everything that is wrong at once, with file, line and column, and
changes nothing; a reload that finds an error keeps what was running.

- A **duration** is a number of seconds or terms such as `10m`, `1d12h`, `1w`, `1y 6mo`; the units are
  s, m, h, d, w, mo (a twelfth of a year) and y (365.25 days), and the longer words for them.
- Where several values are taken, one may stand alone: `port: ssh` is `port: [ssh]`.
- `${NAME}` in a text is filled in from the environment; `$${` stands for `${`.
- An editor that knows JSON Schema completes and checks the file: `gaoler schema` prints the schema.
";

const FILTER_HEAD: &str = "
# Filters

A filter is a file `NAME.yaml` in `filters/` beside `gaoler.yaml`; it comes before the built-in filter
of that name. Patterns are best written in single quotes, in which YAML changes nothing.
";

const WEB_HEAD: &str = "
# The web configuration

The file that `telemetry.web.config_file` names has the form that Prometheus' exporters share
(exporter-toolkit's `web-config.yml`), and `promtool check web-config` reads it. It may be changed while
gaoler runs: the next connection goes by it. If the new one is wrong, the old one stays and the log says so.
Relative paths in it begin at its own directory.
";

const FOREIGN_HEAD: &str = "
# Keys that only fail2ban has

Keys that mean what jail.conf(5) means carry its names. These have no place here, and are refused with
the remedy:

| key | instead |
|---|---|
";

/// The page: `gaoler.yaml`, filters' files, and what became of fail2ban's other keys.
#[must_use]
pub fn reference() -> String {
    let mut page = HEAD.to_owned();
    sections(&mut page, gaoler::FILE, "gaoler.yaml", "");
    page.push_str(FILTER_HEAD);
    sections(&mut page, filter::FILE, "NAME.yaml", "");
    page.push_str(WEB_HEAD);
    sections(&mut page, web::FILE, "web.yml", "");
    page.push_str(FOREIGN_HEAD);
    for (key, remedy) in foreign::FAIL2BAN {
        let _ = writeln!(page, "| `{key}` | {remedy} |");
    }
    page
}

/// A heading and a table for a section, then for each section in it.
fn sections(page: &mut String, keys: Keys, title: &str, path: &str) {
    let known = || keys::all(keys).filter(|key| !key.later);
    let _ =
        writeln!(page, "\n## `{title}`\n\n| key | value | default | meaning |\n|---|---|---|---|");
    for key in known() {
        let _ = writeln!(
            page,
            "| `{}` | {} | {} | {} |",
            key.name,
            value(&key.kind),
            default(key),
            key.doc
        );
    }
    let later: Vec<_> =
        keys::all(keys).filter(|key| key.later).map(|key| format!("`{}`", key.name)).collect();
    if !later.is_empty() {
        let _ = writeln!(page, "\nNot supported by this version yet: {}.", later.join(", "));
    }
    for key in known() {
        if let Some((inner, path)) = key.inner(path) {
            sections(page, inner, &path, &format!("{path}."));
        }
    }
}

fn default(key: &Key) -> String {
    if key.default.is_empty() { String::new() } else { format!("`{}`", key.default) }
}

fn value(kind: &Kind) -> String {
    match kind {
        Kind::Flag => "`true` or `false`".to_owned(),
        Kind::Count(least, most) => format!("a whole number from {least} to {most}"),
        Kind::Duration { permanent: true } => "a duration, or `permanent`".to_owned(),
        Kind::Duration { permanent: false } => "a duration".to_owned(),
        Kind::Choice(words) => {
            words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
        }
        Kind::Text(form) => form.what.to_owned(),
        Kind::Texts(form) => format!("{}; several", form.what),
        Kind::Section(_) => "a section".to_owned(),
        Kind::Named(..) => "sections by name".to_owned(),
        Kind::Sections(_) => "a list of sections".to_owned(),
        Kind::Pairs(name, form) => format!("{} each for {}", form.what, name.what),
    }
}
