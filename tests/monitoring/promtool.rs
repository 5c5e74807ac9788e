//! promtool's own opinion of the rules: its lints, and the tests in tests/alerts.

use crate::rules::{RULES, TESTS};
use crate::tool::{files, run};

#[test]
fn promtool_has_nothing_to_complain_of() {
    let (ok, said) = run("promtool", &["check", "rules", "--lint=all", "--lint-fatal", RULES]);
    assert!(ok && said.contains("SUCCESS"), "{said}");
}

#[test]
fn alerts_fire_when_they_should_and_not_when_not() {
    let files = files(TESTS, ".yaml");
    assert!(files.len() >= 5, "{files:?}");
    for file in files {
        let (ok, said) = run("promtool", &["test", "rules", &format!("{TESTS}/{file}")]);
        assert!(ok && said.contains("SUCCESS"), "{said}");
    }
}
