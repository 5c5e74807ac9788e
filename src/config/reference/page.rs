//! The reference as a manual page: gaoler.yaml(5).

use roff::{Inline, Roff, bold, italic, roman};

use super::{FILTER_HEAD, FOREIGN_HEAD, HEAD, WEB_HEAD, value};
use crate::config::keys::{self, Key, Keys, filter, foreign, gaoler, web};

/// The page's sections but for its title, NAME and SEE ALSO, which all pages share.
pub fn page(roff: &mut Roff) {
    roff.control("SH", ["DESCRIPTION"]);
    prose(roff, HEAD);
    sections(roff, gaoler::FILE, "KEYS OF GAOLER.YAML", "");
    roff.control("SH", ["FILTERS"]);
    prose(roff, FILTER_HEAD);
    sections(roff, filter::FILE, "KEYS OF A FILTER", "");
    roff.control("SH", ["THE WEB CONFIGURATION"]);
    prose(roff, WEB_HEAD);
    sections(roff, web::FILE, "KEYS OF THE WEB CONFIGURATION", "");
    roff.control("SH", ["KEYS THAT ONLY FAIL2BAN HAS"]);
    prose(roff, FOREIGN_HEAD);
    for (key, remedy) in foreign::FAIL2BAN {
        roff.control("TP", []).text([bold(*key)]).text(inlines(remedy));
    }
}

/// The paragraphs and lists of a text in Markdown; its headings, tables and comments are left out.
fn prose(roff: &mut Roff, markdown: &str) {
    let paragraphs = markdown.split("\n\n").map(str::trim);
    let said = paragraphs.filter(|text| !text.is_empty() && !text.starts_with(['#', '<', '|']));
    for (number, paragraph) in said.enumerate() {
        let Some(items) = paragraph.strip_prefix("- ") else {
            if number > 0 {
                roff.control("PP", []);
            }
            roff.text(inlines(&joined(paragraph)));
            continue;
        };
        for item in items.split("\n- ") {
            roff.control("IP", ["\u{2022}", "2"]).text(inlines(&joined(item)));
        }
    }
}

fn joined(lines: &str) -> String {
    lines.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

/// A heading and the keys of a section, then those of each section in it, by their whole names.
fn sections(roff: &mut Roff, keys: Keys, title: &str, path: &str) {
    let known = || keys::all(keys).filter(|key| !key.later);
    roff.control(if path.is_empty() { "SH" } else { "SS" }, [title]);
    for key in known() {
        one(roff, key, path);
    }
    for key in known() {
        if let Some((inner, path)) = key.inner(path) {
            sections(roff, inner, &path, &format!("{path}."));
        }
    }
}

fn one(roff: &mut Roff, key: &Key, path: &str) {
    let mut term = vec![bold(format!("{path}{}", key.name)), roman(" ")];
    term.extend(inlines(&format!("({})", value(&key.kind))));
    roff.control("TP", []).text(term);
    let mut doc = inlines(key.doc);
    if !key.default.is_empty() {
        doc.extend([roman(" Default: "), bold(key.default), roman(".")]);
    }
    roff.text(doc);
}

/// Markdown's `code` in bold, its `**strong**` in italics, and nothing else of it.
fn inlines(markdown: &str) -> Vec<Inline> {
    let pieces = markdown.split('`').enumerate();
    let mut all = Vec::new();
    for (number, piece) in pieces {
        if number % 2 == 1 {
            all.push(bold(piece));
            continue;
        }
        let strong = piece.split("**").enumerate();
        all.extend(
            strong.map(|(number, text)| if number % 2 == 1 { italic(text) } else { roman(text) }),
        );
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_becomes_words_and_fonts() {
        let check = |markdown, expected: &[Inline]| {
            let shown: Vec<Inline> =
                inlines(markdown).into_iter().filter(|inline| *inline != roman("")).collect();
            assert_eq!(shown, expected, "{markdown}");
        };
        check("plain", &[roman("plain")]);
        check("a `key` of it", &[roman("a "), bold("key"), roman(" of it")]);
        check(
            "a **strong** `1 ** 2`",
            &[roman("a "), italic("strong"), roman(" "), bold("1 ** 2")],
        );
    }

    #[test]
    fn every_key_of_the_file_is_on_the_page() {
        let mut roff = Roff::new();
        page(&mut roff);
        let page = roff.render();
        for key in keys::all(gaoler::FILE).filter(|key| !key.later) {
            assert!(page.contains(&format!(".TP\n\\fB{}\\fR", key.name)), "{}", key.name);
        }
        assert!(page.contains("\\fBdefaults.bantime\\fR"), "keys have their whole names");
    }
}
