//! What the package brings: how much the units may, and that they say what they are to.

#![expect(clippy::disallowed_methods, reason = "asks systemd-analyze")]

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

fn packaged(name: &str) -> String {
    fs::read_to_string(Path::new("packaging").join(name)).expect(name)
}

/// What systemd-analyze thinks of a unit with these drop-ins: at most so many tenths of exposure.
#[track_caller]
fn check(unit: &str, drop_ins: &[&str], most: u32) {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join(unit);
    let mut text = packaged(unit);
    // Offline it looks at one file: a drop-in is what is appended to it.
    text.truncate(text.find("[Install]").unwrap_or(text.len()));
    for drop_in in drop_ins {
        text += &packaged(drop_in);
    }
    fs::write(&path, text).unwrap();
    let threshold = format!("--threshold={most}");
    let run = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--no-pager", &threshold])
        .arg(&path)
        .output()
        .expect("systemd-analyze");
    let said = String::from_utf8_lossy(&[run.stdout, run.stderr].concat()).into_owned();
    let level = said.lines().last().unwrap_or_default();
    assert!(run.status.success(), "{unit} {drop_ins:?}: more than {most} tenths: {level}");
    assert!(said.contains("Overall exposure level"), "{said}");
}

#[test]
fn the_units_are_as_closed_as_was_promised() {
    check("gaoler.service", &[], 15);
    check("gaoler.service", &["10-nftables.conf"], 19);
    check("gaoler.service", &["11-cut-established.conf"], 19);
    check("gaoler.service", &["20-httpd-logs.conf"], 19);
    check("gaoler.service", &["10-nftables.conf", "20-httpd-logs.conf"], 19);
    check("gaoler-httpd-acl.service", &[], 30);
}

/// A capability that reads every file must not read those.
#[test]
fn secrets_are_out_of_sight() {
    let drop_in = packaged("20-httpd-logs.conf");
    let line = drop_in.lines().find_map(|line| line.strip_prefix("InaccessiblePaths="));
    let hidden: Vec<&str> =
        line.unwrap().split(' ').map(|path| path.trim_start_matches('-')).collect();
    for path in ["/etc/shadow", "/etc/gshadow", "/etc/ssh", "/root", "/home"] {
        assert!(hidden.contains(&path), "{path}");
    }
    let unit = packaged("gaoler.service");
    for line in ["User=gaoler", "SupplementaryGroups=systemd-journal", "CapabilityBoundingSet="] {
        assert!(unit.lines().any(|is| is == line), "{line}");
    }
}

/// The install target puts every file somewhere. (Directories are for one format of packages each; an
/// image is made by its Containerfile, not installed.)
#[test]
fn every_file_is_installed() {
    let makefile = fs::read_to_string("Makefile").unwrap();
    let entries = fs::read_dir("packaging").unwrap().map(Result::unwrap);
    for entry in entries.filter(|entry| entry.path().is_file()) {
        let name = entry.file_name().into_string().unwrap();
        if name == "Containerfile" {
            continue;
        }
        assert!(makefile.contains(&format!("packaging/{name}")), "`make install` forgets {name}");
    }
}
