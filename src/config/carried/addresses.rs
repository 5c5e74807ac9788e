//! Whom a carried jail never bans.

use std::path::Path;

use super::{Draft, given, place};
use crate::config::error::shown;
use crate::config::values;
use crate::fail2ban::jail::is_on;

/// No list of addresses is longer than that.
const LONGEST_LIST: usize = 1 << 20;

impl Draft<'_> {
    /// ignoreip, ignoreself, ignorecommand.
    pub(super) fn addresses(&mut self) {
        if let Some(text) = given(&self.jail.options, "ignoreself") {
            let ignores = is_on(text);
            self.fields.flag("ignoreself", ignores, place(self.jail.place("ignoreself")));
        }
        if let Some(text) = given(&self.jail.options, "ignorecommand") {
            let text = shown(text);
            self.note(
                "ignorecommand",
                format!("`{text}` is not run, no program ever is: list in ignoreip whom it spares"),
            );
        }
        let Some(text) = given(&self.jail.options, "ignoreip") else { return };
        let mut networks = Vec::new();
        for word in words(text) {
            match word.strip_prefix("file:") {
                Some(file) => networks.extend(self.listed(Path::new(file))),
                None => networks.extend(self.network(word)),
            }
        }
        if !networks.is_empty() {
            let at = place(self.jail.place("ignoreip"));
            self.fields.list("ignoreip", networks, &at);
        }
    }

    /// The addresses in a file, as they are now.
    fn listed(&mut self, file: &Path) -> Vec<String> {
        let text = match crate::config::read(file) {
            Ok(bytes) if bytes.len() <= LONGEST_LIST => {
                String::from_utf8_lossy(&bytes).into_owned()
            }
            Ok(_) => return self.unlisted(file, "it is longer than 1 MiB"),
            Err(error) => return self.unlisted(file, &error.to_string()),
        };
        self.note(
            "ignoreip",
            format!("`file:{}` is read at the start and at each reload", file.display()),
        );
        let lines = text.lines().map(|line| line.split(['#', ';']).next().unwrap_or_default());
        let words: Vec<&str> = lines.flat_map(words).collect();
        words.into_iter().filter_map(|word| self.network(word)).collect()
    }

    /// Whom the file spares would be banned: that is no note, but an error.
    fn unlisted(&mut self, file: &Path, why: &str) -> Vec<String> {
        let why = format!("`file:{}` cannot be read: {why}", file.display());
        self.refuse("ignoreip", why);
        Vec::new()
    }

    /// An address or network; a name is noted.
    fn network(&mut self, word: &str) -> Option<String> {
        match values::network(word) {
            Ok(_) => Some(word.to_owned()),
            Err(why) => {
                let word = shown(word);
                self.note("ignoreip", format!("`{word}` is left out: it {why}"));
                None
            }
        }
    }
}

/// Words apart by blanks and commas.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split([' ', ',', '\n', '\t']).filter(|word| !word.is_empty())
}
