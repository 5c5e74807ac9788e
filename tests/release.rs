//! A version is written once. Whatever else names it is held to it here.

use std::fs;

const VERSION: &str = env!("CARGO_PKG_VERSION");

fn text(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The value of a key that stands at a line's beginning.
fn value<'a>(yaml: &'a str, key: &str) -> &'a str {
    let line = yaml.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
    line.unwrap_or_else(|| panic!("no {key}")).trim_matches('"')
}

#[test]
fn the_chart_is_of_this_version() {
    let chart = text("helm/gaoler/Chart.yaml");
    assert_eq!(value(&chart, "appVersion"), VERSION);
    assert_eq!(value(&chart, "version"), VERSION, "chart and program are released together");
}

/// The newest section is of this version, with its day; or of what comes after the last release.
#[test]
fn the_changelog_tells_of_this_version() {
    let changelog = text("CHANGELOG.md");
    let heads: Vec<&str> = changelog.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let newest = heads.first().expect("a section");
    assert!(*newest == "Unreleased" || is_release(newest, VERSION), "## {newest}: of {VERSION}?");
    for older in &heads[1..] {
        let (version, _) = older.split_once(' ').expect("a version and its day");
        assert!(is_release(older, version), "## {older}: such as `## 1.2.3 (2026-11-23)`");
    }
}

fn is_release(head: &str, version: &str) -> bool {
    let day =
        head.strip_prefix(version).and_then(|rest| rest.strip_prefix(" (")?.strip_suffix(')'));
    day.is_some_and(|day| {
        let shape: String = day.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        shape == "0000-00-00"
    })
}

/// Packages, image and archives take the version from Cargo.toml: none of them says it itself.
#[test]
fn nothing_else_says_a_version_of_its_own() {
    let directories =
        ["packaging", "packaging/rpm", "packaging/deb", "packaging/container", "scripts"];
    for directory in directories {
        let Ok(entries) = fs::read_dir(directory) else { continue };
        let files = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
        for file in files {
            let lines = fs::read_to_string(&file).unwrap();
            let said = lines.lines().find(|line| {
                ["Version: ", "version=", "Version="].iter().any(|key| {
                    let value = line.trim_start().strip_prefix(key).unwrap_or_default();
                    value.trim_start_matches('"').starts_with(|c: char| c.is_ascii_digit())
                })
            });
            assert_eq!(said, None, "{}", file.display());
        }
    }
}

/// The image is compiled by the toolchain that the code asks for.
#[test]
fn the_image_is_built_by_the_toolchain_that_is_asked_for() {
    let wanted = format!("/rust:{}.", env!("CARGO_PKG_RUST_VERSION"));
    assert!(text("packaging/Containerfile").contains(&wanted), "{wanted}");
}

#[test]
fn a_section_has_its_version_and_its_day() {
    #[track_caller]
    fn check(head: &str, expected: bool) {
        assert_eq!(is_release(head, "1.2.3"), expected, "{head}");
    }
    check("1.2.3 (2026-11-23)", true);
    check("1.2.3", false);
    check("1.2.30 (2026-11-23)", false);
    check("1.2.3 (today)", false);
}
