//! What the formats' own linters say of the packages, and the `SELinux` module's own claims.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::format::packages;

/// Nothing, warnings neither, but what packaging/rpm/rpmlint.toml says, with reasons.
pub(crate) fn rpmlint() -> Result<()> {
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/rpm/rpmlint.toml");
    finds_no_fault("rpmlint", &["--strict", "-c", config], "rpm")
}

/// Nothing but that the project has neither a mail address nor a bug at Debian.
pub(crate) fn lintian() -> Result<()> {
    let unfit = "bogus-mail-host,bogus-mail-host-in-debian-changelog,initial-upload-closes-no-bugs";
    let options = ["--no-cfg", "--allow-root", "--fail-on", "error,warning"];
    finds_no_fault("lintian", &[&options[..], &["--suppress-tags", unfit]].concat(), "deb")
}

/// Runs a linter over the first release's packages.
fn finds_no_fault(linter: &str, options: &[&str], extension: &str) -> Result<()> {
    let mut files: Vec<PathBuf> = packages()?;
    files.retain(|path| {
        path.extension() == Some(OsStr::new(extension)) && path.to_string_lossy().contains("-1")
    });
    ensure!(files.len() >= 2, "the packages are not there: {files:?}");
    let ran = Command::new(linter).args(options).args(&files).output()?;
    let said = String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()).into_owned();
    assert!(ran.status.success(), "{said}");
    Ok(())
}
