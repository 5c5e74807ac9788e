//! Every alert has its page, and no page is without its alert.

use std::collections::BTreeSet;

use crate::rules::alerts;
use crate::tool::{files, read, run};

const SECTIONS: [&str; 4] = ["Meaning", "Impact", "Diagnosis", "Mitigation"];

#[test]
fn every_alert_has_a_page_and_every_page_an_alert() {
    let pages: BTreeSet<String> = files("docs/runbooks", ".md").into_iter().collect();
    let mut expected: BTreeSet<String> =
        alerts().into_iter().map(|(name, _)| format!("{name}.md")).collect();
    expected.insert("README.md".to_owned());
    assert_eq!(pages, expected);
}

#[test]
fn every_page_has_its_four_sections() {
    for (name, rule) in alerts() {
        let page = read(&format!("docs/runbooks/{name}.md"));
        assert!(page.starts_with(&format!("# {name}\n")), "{name}");
        let parts: Vec<_> = page.split("\n## ").skip(1).collect();
        let titles: Vec<_> = parts.iter().map(|part| part.lines().next().unwrap()).collect();
        assert_eq!(titles, SECTIONS, "{name}");
        for part in parts {
            assert!(part.lines().skip(1).any(|line| !line.is_empty()), "{name}: empty: {part}");
        }
        let severity = &rule.labels["severity"];
        assert!(page.contains(&format!("\n**{severity}**")), "{name} is {severity}");
    }
}

#[test]
fn the_index_lists_them() {
    let index = read("docs/runbooks/README.md");
    for (name, rule) in alerts() {
        let summary = rule.annotations["summary"].trim_end_matches('.').to_owned();
        let line = format!("| [{name}]({name}.md) | {} | {summary} |", rule.labels["severity"]);
        assert!(index.contains(&line), "docs/runbooks/README.md lacks: {line}");
    }
}

/// Commands of gaoler's that a page shows exist, with their options.
#[test]
fn the_commands_shown_exist() {
    let mut seen = 0;
    for page in files("docs/runbooks", ".md") {
        let text = read(&format!("docs/runbooks/{page}"));
        for command in text.lines().filter_map(|line| line.strip_prefix("# gaoler ")) {
            let words: Vec<_> = command.split(" #").next().unwrap().split_whitespace().collect();
            let (ok, help) = run(env!("CARGO_BIN_EXE_gaoler"), &[words[0], "--help"]);
            assert!(ok, "{page}: {command}");
            for option in words.iter().filter(|word| word.starts_with("--")) {
                assert!(help.contains(*option), "{page}: {command}: no {option}");
            }
            seen += 1;
        }
    }
    assert!(seen >= 20, "only {seen} commands are shown");
}
