//! The portable binary: it starts on RHEL 8, whose glibc is 2.28 and whose systemd is 239.

use std::process::Command;

use anyhow::{Context, Result, ensure};

/// The libraries that every RHEL has. Whatever else it needs it brings.
const LIBRARIES: [&str; 7] = [
    "ld-linux-x86-64.so.2",
    "ld-linux-aarch64.so.1",
    "libc.so.6",
    "libdl.so.2",
    "libm.so.6",
    "libpthread.so.0",
    "libsystemd.so.0",
];

/// The newest that may be asked for, of each library that gives its symbols versions.
const NEWEST: [(&str, &[u32]); 2] = [("GLIBC_", &[2, 28]), ("LIBSYSTEMD_", &[239])];

/// No symbol is newer, and the host's own libsystemd is asked for.
pub(crate) fn asks_for_nothing_newer() -> Result<()> {
    let binary = std::env::var("GAOLER_PORTABLE").context("GAOLER_PORTABLE: `make packages`")?;
    let symbols = readelf(&["--dyn-syms", &binary])?;
    for (prefix, newest) in NEWEST {
        let asked: Vec<Vec<u32>> = symbols
            .split_whitespace()
            .filter_map(|word| word.split_once('@')?.1.strip_prefix(prefix).map(version))
            .collect::<Result<_>>()?;
        let most = asked.iter().max().with_context(|| format!("no symbol of {prefix}"))?;
        assert!(most.as_slice() <= newest, "{prefix}{most:?} is newer than RHEL 8's {newest:?}");
    }
    let dynamic = readelf(&["--dynamic", &binary])?;
    let needed: Vec<&str> = dynamic
        .lines()
        .filter(|line| line.contains("(NEEDED)"))
        .filter_map(|line| line.split(['[', ']']).nth(1))
        .collect();
    for library in &needed {
        assert!(LIBRARIES.contains(library), "{library} is not on every RHEL");
    }
    assert!(
        needed.contains(&"libsystemd.so.0"),
        "the host's journal is read by the host's library"
    );
    assert!(!dynamic.contains("RPATH") && !dynamic.contains("RUNPATH"), "{dynamic}");
    Ok(())
}

fn readelf(arguments: &[&str]) -> Result<String> {
    let ran = Command::new("readelf").arg("--wide").args(arguments).output()?;
    ensure!(ran.status.success(), "readelf: {}", String::from_utf8_lossy(&ran.stderr));
    Ok(String::from_utf8(ran.stdout)?)
}

/// `2.2.5`
fn version(text: &str) -> Result<Vec<u32>> {
    text.split('.').map(|part| part.parse().with_context(|| format!("a version: {text}"))).collect()
}
