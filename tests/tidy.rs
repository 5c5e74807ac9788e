//! Holds what rustc does not: the direction of dependencies, and that decisions stay pure.
//!
//! `main → cli → daemon → shell → core`. A file may name modules below its own layer, its own
//! module, and beside it only what is listed. That the core names nothing above it, and no runtime,
//! database or log, the compiler holds: it is a crate that depends on none.

use std::fs;
use std::path::{Path, PathBuf};

/// The layers, lowest first. A module may use those of lower layers. The first is `gaoler-core`.
const LAYERS: [&[&str]; 4] = [
    &["moment", "record", "failure", "trace", "printable", "filter", "jail"],
    &["config", "fail2ban", "source", "enforcer", "store", "control", "telemetry"],
    &["daemon"],
    &["cli"],
];

/// Uses within a layer that are meant: (who, whom).
const BESIDE: [(&str, &str); 13] = [
    // A configuration may name a fail2ban installation.
    ("config", "fail2ban"),
    ("filter", "record"),
    ("filter", "printable"),
    ("jail", "failure"),
    ("jail", "moment"),
    ("jail", "printable"),
    ("jail", "trace"),
    // Settings, and the words in which sources and the enforcer report.
    ("enforcer", "config"),
    ("store", "source"),
    ("telemetry", "source"),
    ("telemetry", "enforcer"),
    // The pages speak as the control socket does, and let in whom the configuration says.
    ("telemetry", "control"),
    ("telemetry", "config"),
];

/// What a pure module must not name of the library that every crate has.
const IMPURE: [&str; 7] =
    ["std::fs", "std::io", "std::net::Tcp", "std::net::Udp", "std::thread", "::now()", "std::env"];

#[test]
fn nothing_points_back() {
    for (layer, modules) in LAYERS.iter().enumerate() {
        for module in *modules {
            for file in files_of(module) {
                let text = code(&file);
                for (other_layer, others) in LAYERS.iter().enumerate() {
                    for other in others.iter().filter(|other| *other != module) {
                        let allowed = other_layer < layer
                            || other_layer == layer && BESIDE.contains(&(*module, *other));
                        let names = text.contains(&format!("crate::{other}::"))
                            || text.contains(&format!("crate::{{{other}"));
                        assert!(
                            allowed || !names,
                            "{}: `{module}` must not use `{other}`",
                            file.display()
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn decisions_stay_pure() {
    for module in LAYERS[0] {
        for file in files_of(module) {
            let text = code(&file);
            for word in IMPURE {
                assert!(!text.contains(word), "{}: a pure module names `{word}`", file.display());
            }
        }
    }
}

/// All that the core may depend on: none of these waits, or meets the world outside.
const PURE: [&str; 13] = [
    "aho-corasick",
    "fancy-regex",
    "fastrand",
    "hashbrown",
    "ipnet",
    "jiff",
    "memchr",
    "regex",
    "regex-automata",
    "regex-syntax",
    "rustc-hash",
    "serde",
    "thiserror",
];

#[test]
fn the_core_depends_on_nothing_that_acts() {
    let manifest = fs::read_to_string(root().join("core/Cargo.toml")).unwrap();
    let (_, dependencies) = manifest.split_once("\n[dependencies]\n").expect("there are some");
    let (dependencies, _) = dependencies.split_once("\n[").expect("a section comes after them");
    let names = dependencies.lines().filter_map(|line| line.split(['.', ' ']).next());
    let names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
    assert_eq!(names, PURE);
    assert_eq!(manifest.matches("dependencies").count(), 2, "these, and those of its tests");
}

/// Or `cargo test`, `clippy` and `doc` would pass over the core.
#[test]
fn who_names_no_package_means_both() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert!(manifest.contains("\ndefault-members = [\".\", \"core\"]\n"));
}

/// The daemon never reloads firewalld and never changes its permanent configuration; `gaoler
/// provision` does the latter, at an operator's word.
#[test]
fn only_an_operator_changes_firewalld_for_good() {
    for file in all_files() {
        let text = code(&file);
        for method in ["reload", "completeReload", "runtimeToPermanent"] {
            let named = format!(r#"name = "{method}")]"#);
            assert!(!text.contains(&named), "{}: {method} is the operator's", file.display());
        }
        let connects = text.contains("Permanent::connect");
        assert!(!connects || file.ends_with("cli/provision.rs"), "{}", file.display());
    }
}

/// Where `unsafe` stands: what the kernel or a C library has no safe form for, one module each.
/// (libsystemd is reached by the `systemd` crate, netlink by `netlink-packet-*` and rustix.)
const UNSAFE: [&str; 2] = ["control/peer.rs", "source/journal/sigbus.rs"];

#[test]
fn what_is_unsafe_has_its_place_and_its_reason() {
    let mut found = Vec::new();
    for file in all_files() {
        let text = code(&file);
        if !["unsafe {", "unsafe fn", "unsafe impl", "unsafe_code"]
            .iter()
            .any(|word| text.contains(word))
        {
            continue;
        }
        let whole = fs::read_to_string(&file).unwrap();
        for word in ["[expect(unsafe_code, reason = ", "// SAFETY: "] {
            assert!(whole.contains(word), "{}: no {word}", file.display());
        }
        found.push(file.strip_prefix(root().join("src")).unwrap().display().to_string());
    }
    found.sort_unstable();
    assert_eq!(found, UNSAFE);
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert!(manifest.contains("unsafe_code = \"deny\""), "or nothing above holds");
    for manifest in ["Cargo.toml", "core/Cargo.toml"] {
        let text = fs::read_to_string(root().join(manifest)).unwrap();
        assert!(text.contains("\n[lints]\nworkspace = true\n"), "{manifest} has lints of its own");
    }
}

/// Or what one of them misses reaches a terminal.
#[test]
fn what_may_be_shown_is_decided_in_one_place() {
    for file in all_files().iter().filter(|file| !file.ends_with("core/src/printable.rs")) {
        let text = code(file);
        for word in ["is_control", "escape_default", "escape_unicode", "escape_debug"] {
            assert!(!text.contains(word), "{}: {word} is `printable`'s", file.display());
        }
    }
}

/// No shell, no child process, whatever crate would start it.
#[test]
fn gaoler_starts_no_program() {
    for file in all_files() {
        let text = code(&file);
        for word in [
            "process::Command",
            "Stdio",
            "/bin/sh",
            "\"sh\"",
            "execve",
            "posix_spawn",
            "libc::system",
        ] {
            assert!(!text.contains(word), "{}: {word}", file.display());
        }
    }
}

#[test]
fn main_stays_thin() {
    let main = fs::read_to_string(root().join("src/main.rs")).unwrap();
    assert!(main.lines().count() <= 40, "main.rs only hands over and reports");
}

#[test]
fn every_module_has_a_layer() {
    let core = modules_of("core/src/lib.rs");
    for module in &core {
        assert!(LAYERS[0].contains(&module.as_str()), "`{module}` is of the core");
    }
    for module in modules_of("src/lib.rs") {
        assert!(
            LAYERS[1..].iter().any(|layer| layer.contains(&module.as_str())),
            "`{module}` is in no layer of tests/tidy.rs above the core"
        );
    }
    assert_eq!(core.len(), LAYERS[0].len());
}

#[test]
fn files_stay_readable() {
    for layer in LAYERS {
        for module in layer {
            for file in files_of(module) {
                let lines = code(&file).lines().count();
                assert!(lines <= 400, "{}: {lines} lines: split by idea", file.display());
            }
        }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The directory that has a module: of the core's crate, or of the shell's.
fn source_of(module: &str) -> PathBuf {
    root().join(if LAYERS[0].contains(&module) { "core/src" } else { "src" })
}

/// The modules that a library declares.
fn modules_of(library: &str) -> Vec<String> {
    let library = fs::read_to_string(root().join(library)).unwrap();
    let modules = library.lines().filter_map(|line| line.strip_prefix("pub mod "));
    modules.map(|line| line.trim_end_matches(';').to_owned()).collect()
}

/// Every module's files, and the binary's.
fn all_files() -> Vec<PathBuf> {
    let modules = LAYERS.concat().into_iter().flat_map(files_of);
    modules.chain([root().join("src/main.rs")]).collect()
}

/// The module's own file and all below it, but tests, which may name anything.
fn files_of(module: &str) -> Vec<PathBuf> {
    let source = source_of(module);
    let mut files = vec![source.join(module).with_extension("rs")];
    let mut directories = vec![source.join(module)];
    while let Some(directory) = directories.pop() {
        let Ok(entries) = fs::read_dir(directory) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && path.file_name().is_some_and(|name| name != "tests.rs")
            {
                files.push(path);
            }
        }
    }
    files
}

/// The file without its tests and its comments: both may name anything.
fn code(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}
