//! The documents hang together: every link in them leads somewhere, the book holds every page.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// Written by hand, outside of docs/.
const OTHERS: [&str; 6] = [
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "fuzz/README.md",
    "helm/gaoler/README.md",
];

/// The book's table of contents.
const SUMMARY: &str = "docs/SUMMARY.md";

/// What a document links to, and what in it can be linked to.
struct Document {
    links: Vec<String>,
    anchors: BTreeSet<String>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> Document {
    let text = fs::read_to_string(root().join(path)).expect("a document is text");
    let (mut links, mut anchors, mut heading) = (Vec::new(), BTreeSet::new(), None::<String>);
    for event in Parser::new_ext(&text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                links.push(dest_url.into_string());
            }
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => {
                let name = anchor(&heading.take().expect("it began"));
                let again = (1..).map(|nth| format!("{name}-{nth}"));
                let free =
                    std::iter::once(name.clone()).chain(again).find(|name| !anchors.contains(name));
                anchors.extend(free);
            }
            Event::Text(part) | Event::Code(part) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&part);
                }
            }
            _ => {}
        }
    }
    Document { links, anchors }
}

/// The name that forges, and mdBook, give a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// docs/**/*.md, relative to the root.
fn pages() -> BTreeSet<PathBuf> {
    let (mut pages, mut directories) = (BTreeSet::new(), vec![root().join("docs")]);
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.insert(path.strip_prefix(root()).unwrap().to_owned());
            }
        }
    }
    pages
}

/// Without `.` and `..`, as far as it can be.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                assert!(plain.pop(), "{} leaves the repository", path.display());
            }
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

/// Why a document's link leads nowhere.
fn broken(document: &Path, link: &str, documents: &BTreeMap<PathBuf, Document>) -> Option<String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (path, place) = link.split_once('#').unwrap_or((link, ""));
    let target = match path {
        "" => document.to_owned(),
        _ => plain(&document.parent().expect("a file").join(path)),
    };
    let wrong = |what: &str| Some(format!("{}: {link}: {what}", document.display()));
    if !root().join(&target).exists() {
        return wrong("there is no such file");
    }
    match documents.get(&target) {
        Some(document) if !place.is_empty() && !document.anchors.contains(place) => {
            wrong("there is no such heading")
        }
        None if !place.is_empty() => wrong("that is no document, and has no headings"),
        _ => None,
    }
}

#[test]
fn every_link_leads_somewhere() {
    let paths = pages().into_iter().chain(OTHERS.map(PathBuf::from));
    let documents: BTreeMap<_, _> = paths.map(|path| (path.clone(), read(&path))).collect();
    let links = documents.iter().flat_map(|(path, document)| {
        document.links.iter().map(move |link| (path.as_path(), link.as_str()))
    });
    let wrong: Vec<String> =
        links.clone().filter_map(|(path, link)| broken(path, link, &documents)).collect();
    assert_eq!(wrong, [""; 0]);
    assert!(links.count() > 150, "the documents are read");
}

/// A page that is new is written into docs/SUMMARY.md, or nobody finds it in the book.
#[test]
fn the_book_holds_every_page_once() {
    let summary = Path::new(SUMMARY);
    let mut missing = pages();
    missing.remove(summary);
    for link in read(summary).links {
        let page = plain(&Path::new("docs").join(&link));
        assert!(missing.remove(&page), "{SUMMARY}: {link} is no page, or stands there twice");
    }
    if std::env::var_os("UPDATE").is_some() && !missing.is_empty() {
        let text = fs::read_to_string(root().join(summary)).unwrap();
        fs::write(root().join(summary), with(&text, &missing)).unwrap();
        return;
    }
    assert_eq!(
        missing,
        BTreeSet::new(),
        "these are not in {SUMMARY}; UPDATE=1 cargo test --test links puts them there"
    );
}

/// The summary with more pages: those of a directory below its README.md, which comes after the page of
/// its name; others at the end.
fn with(summary: &str, missing: &BTreeSet<PathBuf>) -> String {
    let mut lines: Vec<String> = summary.lines().map(str::to_owned).collect();
    for page in missing {
        let text = fs::read_to_string(root().join(page)).unwrap();
        let title = text.lines().find_map(|line| line.strip_prefix("# ")).unwrap_or("(no title)");
        let link = page.strip_prefix("docs").expect("a page").to_str().expect("text");
        let mates = match link.rsplit_once('/') {
            Some((directory, "README.md")) => format!("({directory}.md)"),
            Some((directory, _)) => format!("({directory}/"),
            None => "- [".to_owned(),
        };
        let last = lines.iter().rposition(|line| line.contains(&mates)).unwrap_or(lines.len() - 1);
        let below = if link.contains('/') && !link.ends_with("README.md") { "  " } else { "" };
        lines.insert(last + 1, format!("{below}- [{title}]({link})"));
    }
    lines.join("\n") + "\n"
}

#[test]
fn anchors_are_those_of_forges() {
    #[track_caller]
    fn check(heading: &str, expected: &str) {
        assert_eq!(anchor(heading), expected, "{heading}");
    }
    check("What it does with firewalld", "what-it-does-with-firewalld");
    check("Sets: gaoler provision", "sets-gaoler-provision");
    check("Bans: how long, how wide, whom again", "bans-how-long-how-wide-whom-again");
    check("/api/v1/status", "apiv1status");
}
