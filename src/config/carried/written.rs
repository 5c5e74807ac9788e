//! What an installation comes to, written as `gaoler.yaml`.
//!
//! Jails whose filter gaoler has one of its own for stand in it; the others are run out of
//! fail2ban's files, by `fail2ban.dir`. Every line says where it comes from.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use super::{Carried, CarriedJail, merged};
use crate::config::builtin;
use crate::config::error::ConfigErrors;
use crate::config::filter_file;
use crate::config::tree::{Entry, Node, Value};
use crate::fail2ban::spec;

/// fail2ban's filters, and those of ours that read the same log and count the same.
const OURS: [(&str, &str); 12] = [
    ("apache-auth", "httpd-auth"),
    ("apache-badbots", "httpd-badbots"),
    ("dovecot", "dovecot"),
    ("grafana", "grafana"),
    ("http-get-dos", "http-get-dos"),
    ("mysqld-auth", "mariadb"),
    ("nginx-bad-request", "nginx-bad-request"),
    ("pam-generic", "pam"),
    ("postfix", "postfix"),
    ("proftpd", "proftpd"),
    ("sshd", "sshd"),
    ("vsftpd", "vsftpd"),
];

/// What `defaults` takes when all jails say the same.
const SHARED: [&str; 4] = ["ignoreip", "maxretry", "findtime", "bantime"];

/// Where comments stand.
const MARGIN: usize = 44;

/// Files that do what an installation does.
#[derive(Debug)]
pub struct Written {
    /// `gaoler.yaml`.
    pub yaml: String,
    /// The files in `filters/`: names without `.yaml`, and texts.
    pub filters: Vec<(String, String)>,
}

/// The `gaoler.yaml` that does what the installation does. Filters that gaoler has none of its own for
/// are left to the installation; or, `with_filters`, written as files beside it.
///
/// # Errors
///
/// All that is wrong with its files.
pub fn written(dir: &Path, with_filters: bool) -> Result<Written, ConfigErrors> {
    let carried = match super::read(dir) {
        Ok(carried) => carried,
        Err(errors) => return Err(ConfigErrors::new(errors).expect("there is one at least")),
    };
    let work = |jail| Own::of(jail).or_else(|| with_filters.then(|| Own::copied(jail)));
    let jails: Vec<(&CarriedJail, Option<Own>)> =
        carried.jails.iter().map(|jail| (jail, work(jail))).collect();
    let mut out = Page { text: String::new(), dir };
    out.head(&carried);
    out.server(&carried);
    let own: Vec<(&CarriedJail, &Own)> =
        jails.iter().filter_map(|(jail, own)| Some((*jail, own.as_ref()?))).collect();
    let shared = shared(&own);
    out.defaults(&shared);
    let rest: Vec<&CarriedJail> =
        jails.iter().filter(|(_, own)| own.is_none()).map(|(jail, _)| *jail).collect();
    out.rest(&rest);
    out.jails(&own, &shared);
    let copied = own.iter().filter(|(_, own)| own.is_copied);
    let filters = copied.filter_map(|(jail, own)| Some((own.filter.clone(), copy(jail)?)));
    Ok(Written { yaml: out.text, filters: filters.collect() })
}

/// A filter of fail2ban's as a file of gaoler's.
fn copy(jail: &CarriedJail) -> Option<String> {
    let found = jail.found.as_ref()?;
    let (definition, file) = (&found.definition, found.file.as_ref()?);
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let mut out = format!(
        "# Made from {} by `gaoler import-fail2ban`. The patterns are those\n\
         # of the installation it was made from, and so is their licence.\n\
         description: {}\nlanguage: fail2ban\n",
        file.display(),
        quoted(&format!("As fail2ban's: {}", jail.shown_filter()))
    );
    if definition.maxlines > 0 {
        let _ = writeln!(out, "maxlines: {}", definition.maxlines);
    }
    for (key, text) in
        [("prefregex", &definition.prefregex), ("datepattern", &definition.datepattern)]
    {
        if let Some(text) = text {
            let _ = writeln!(out, "{key}: {}", quoted(text));
        }
    }
    for (key, lines) in
        [("failregex", &definition.failregex), ("ignoreregex", &definition.ignoreregex)]
    {
        if !lines.is_empty() {
            let _ = writeln!(out, "{key}:");
        }
        for line in lines {
            let _ = writeln!(out, "  - {}", quoted(line));
        }
    }
    Some(out)
}

/// A filter that does a jail's work.
struct Own {
    filter: String,
    /// Whether it is a copy of fail2ban's, and none of gaoler's own.
    is_copied: bool,
    /// Whether our filter itself says what the jail says of its journal.
    has_journal: bool,
}

impl Own {
    /// Ours, unless the installation has changed fail2ban's.
    fn of(jail: &CarriedJail) -> Option<Self> {
        let Some(found) = &jail.found else {
            let filter = super::RECIDIVE.to_owned();
            return Some(Self { filter, is_copied: false, has_journal: true });
        };
        let spec = spec::parse(&jail.filter).ok()?;
        let changed = found.file.as_deref().is_some_and(|f| f.with_extension("local").exists());
        let other = spec.options.iter().any(|(name, _)| name != "mode" && name != "logtype");
        if changed || other || jail.own_patterns {
            return None;
        }
        let (_, name) = OURS.iter().find(|(theirs, _)| *theirs == spec.name)?;
        let definition =
            filter_file::parse(name, Path::new(name), builtin::yaml(name)?.as_bytes()).ok()?;
        let mode = spec.option("mode").unwrap_or("normal");
        let mode = (definition.mode_names().any(|known| known == mode)).then_some(mode)?;
        let filter =
            if mode == "normal" { (*name).to_owned() } else { format!("{name}[mode={mode}]") };
        let has_journal = !definition.defaults.journalmatch.is_empty();
        Some(Self { filter, is_copied: false, has_journal })
    }

    /// fail2ban's own, in a file that has the jail's name.
    fn copied(jail: &CarriedJail) -> Self {
        Self { filter: jail.entry.key.clone(), is_copied: true, has_journal: false }
    }
}

/// The text that is being written.
struct Page<'a> {
    text: String,
    dir: &'a Path,
}

impl Page<'_> {
    fn line(&mut self, text: &str, comment: &str) {
        let _ = match comment {
            "" => writeln!(self.text, "{text}"),
            comment => writeln!(self.text, "{text:MARGIN$} # {comment}"),
        };
    }

    /// Where a node is from, as a comment has it.
    fn from(&self, node: &Node) -> String {
        let file = node.place.file.strip_prefix(self.dir).unwrap_or(&node.place.file);
        match node.place.line {
            0 => String::new(),
            line => format!("{}:{line}", file.display()),
        }
    }

    fn head(&mut self, carried: &Carried) {
        let dir = self.dir.display();
        let _ = writeln!(
            self.text,
            "# gaoler's configuration, made from {dir} by `gaoler import-fail2ban`. Behind each value\n\
             # stands where it comes from. `gaoler check` says whether it is right; docs/migrating.md has\n\
             # what differs; `gaoler replay` compares what both would have banned."
        );
        let mut of_jails = merged::Noted::default();
        for jail in &carried.jails {
            of_jails.add(&jail.entry.key, &jail.notes);
        }
        let notes: Vec<String> =
            carried.notes.iter().map(ToString::to_string).chain(of_jails.lines()).collect();
        if !notes.is_empty() {
            self.line("#\n# What a person should look at:", "");
        }
        for note in notes {
            let _ = writeln!(self.text, "# - {}", note.replace('\n', " "));
        }
        self.line("", "");
    }

    fn server(&mut self, carried: &Carried) {
        if let Some(age) = &carried.dbpurgeage {
            let from = self.from(age);
            self.line(&format!("state: {{dbpurgeage: {}}}", value(&age.value)), &from);
            self.line("", "");
        }
    }

    fn defaults(&mut self, shared: &BTreeMap<&str, Node>) {
        if shared.is_empty() {
            return;
        }
        self.line("defaults:", "");
        for (key, node) in shared {
            let from = self.from(node);
            self.line(&format!("  {key}: {}", value(&node.value)), &from);
        }
        self.line("", "");
    }

    /// The jails that stay in fail2ban's files.
    fn rest(&mut self, rest: &[&CarriedJail]) {
        if rest.is_empty() {
            return;
        }
        self.line(
            "# These jails have filters that gaoler has none of its own for. They are run out of",
            "",
        );
        self.line("# fail2ban's files, which must stay where they are:", "");
        for jail in rest {
            let _ = writeln!(self.text, "# - {} (filter {})", jail.entry.key, jail.shown_filter());
        }
        let dir = Value::Text(self.dir.display().to_string());
        self.line(&format!("fail2ban: {{dir: {}}}", value(&dir)), "");
        self.line("", "");
    }

    fn jails(&mut self, own: &[(&CarriedJail, &Own)], shared: &BTreeMap<&str, Node>) {
        self.line(if own.is_empty() { "jails: {}" } else { "jails:" }, "");
        for (jail, own) in own {
            let from = self.from(&jail.entry.node);
            self.line(&format!("  {}:", text(&jail.entry.key)), &from);
            let theirs = jail.shown_filter();
            let whose = if own.is_copied { "in filters/" } else { "gaoler's own" };
            let comment = format!("{whose}; fail2ban's: {theirs}");
            self.line(&format!("    filter: {}", text(&own.filter)), &comment);
            for Entry { key, node, .. } in jail.entry.node.entries() {
                // What the filter says of the journal, ours says as well.
                let of_filter = node.place == jail.entry.place && own.has_journal;
                let ours =
                    of_filter && ["journalmatch", "trust_unprivileged"].contains(&key.as_str());
                if key == "filter" || ours || shared.contains_key(key.as_str()) {
                    continue;
                }
                let from = self.from(node);
                self.line(&format!("    {key}: {}", value(&node.value)), &from);
            }
            self.line("", "");
        }
    }
}

impl CarriedJail {
    fn shown_filter(&self) -> String {
        let filter = if self.filter.is_empty() { "in the jail itself" } else { &self.filter };
        filter.replace('\n', " ")
    }
}

/// What all jails say alike, where there are several.
fn shared<'a>(own: &[(&'a CarriedJail, &Own)]) -> BTreeMap<&'static str, Node> {
    let mut shared = BTreeMap::new();
    let Some(((first, _), others)) = own.split_first().filter(|(_, others)| !others.is_empty())
    else {
        return shared;
    };
    let of = |jail: &'a CarriedJail, key| jail.entry.node.get(key).map(|entry| &entry.node);
    for key in SHARED {
        let Some(node) = of(first, key) else { continue };
        let alike = |(jail, _): &(&'a CarriedJail, &Own)| {
            of(jail, key).is_some_and(|o| value(&o.value) == value(&node.value))
        };
        if others.iter().all(alike) {
            shared.insert(key, node.clone());
        }
    }
    shared
}

/// A value on one line.
fn value(value: &Value) -> String {
    match value {
        Value::Null => "~".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Text(written) => text(written),
        Value::List(items) => {
            let items: Vec<_> = items.iter().map(|item| self::value(&item.value)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Map(entries) => {
            let entries =
                entries.iter().map(|e| format!("{}: {}", e.key, self::value(&e.node.value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
    }
}

/// A text: plain where YAML cannot take it for anything else, else in quotes.
fn text(text: &str) -> String {
    let first = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '_');
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./-".contains(c);
    let word = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let is_plain =
        first && text.chars().all(plain) && !word.contains(&text.to_lowercase().as_str());
    let is_number = text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_alphanumeric());
    if is_plain || is_number && !text.contains(['x', 'o', 'e', 'E']) {
        text.to_owned()
    } else {
        serde_json::Value::from(text).to_string()
    }
}
