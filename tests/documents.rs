//! What the documents show is true: their configuration is accepted, their filters do what their
//! samples say, their commands exist.

#![allow(clippy::disallowed_methods, reason = "runs gaoler, as a reader would")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use gaoler::config;
use gaoler::config::builtin;
use gaoler::config::filters::Filters;
use gaoler::config::reference::filters;

/// The fenced blocks of one language in a document of the project.
fn blocks(document: &str, language: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(document);
    let text = std::fs::read_to_string(&path).expect("the document is there");
    let opening = format!("```{language}\n");
    let blocks: Vec<String> = text
        .split(&opening)
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .map(str::to_owned)
        .collect();
    assert!(!blocks.is_empty(), "{document} shows no {language}");
    blocks
}

#[test]
fn the_first_jail_of_the_readme_is_accepted() {
    for yaml in blocks("README.md", "yaml") {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("gaoler.yaml");
        std::fs::write(&path, &yaml).unwrap();
        let config = config::load(&path).unwrap_or_else(|errors| panic!("{errors}"));
        let names: Vec<&str> = config.jails.iter().map(|jail| jail.name.as_str()).collect();
        assert_eq!(names, ["sshd", "http-get-dos"]);
    }
}

/// The web configuration is accepted by us and by promtool, with a certificate in place.
#[test]
fn the_web_configuration_shown_is_accepted() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(path("gaoler.crt"), signed.cert.pem()).unwrap();
    std::fs::write(path("gaoler.key"), signed.signing_key.serialize_pem()).unwrap();
    let here = format!("{}/", directory.path().display());
    let [settings, web]: [String; 2] = blocks("docs/status-page.md", "yaml").try_into().unwrap();
    let web = web.replace("/etc/pki/tls/certs/", &here).replace("/etc/pki/tls/private/", &here);
    std::fs::write(path("web.yml"), web).unwrap();
    let settings = settings.replace("/etc/gaoler/web.yml", &format!("{here}web.yml"));
    std::fs::write(path("gaoler.yaml"), format!("{settings}\njails: {{sshd: {{}}}}\n")).unwrap();
    for (program, arguments, file) in [
        (env!("CARGO_BIN_EXE_gaoler"), ["check", "--config"], "gaoler.yaml"),
        ("promtool", ["check", "web-config"], "web.yml"),
    ] {
        let check = Command::new(program).args(arguments).arg(path(file)).output().unwrap();
        let said = String::from_utf8_lossy(&[check.stdout, check.stderr].concat()).into_owned();
        assert!(check.status.success(), "{program}: {said}");
        assert!(!said.contains("asks for a password"), "{said}");
    }
}

#[test]
fn the_policies_shown_are_accepted_and_come_to_what_is_said() {
    let mut said = String::new();
    for yaml in blocks("docs/bans.md", "yaml") {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("gaoler.yaml");
        std::fs::write(&path, &yaml).unwrap();
        let check = Command::new(env!("CARGO_BIN_EXE_gaoler"))
            .args(["check", "--config"])
            .arg(&path)
            .output()
            .unwrap();
        assert!(check.status.success(), "{yaml}\n{}", String::from_utf8_lossy(&check.stderr));
        said.push_str(&String::from_utf8(check.stdout).unwrap());
    }
    for text in blocks("docs/bans.md", "text") {
        assert!(said.contains(text.trim()), "{text}\n{said}");
    }
    assert!(said.contains("counts bans of every other jail"), "{said}");
}

#[test]
fn the_filters_shown_do_what_their_samples_say() {
    for yaml in blocks("docs/filters.md", "yaml") {
        let directory = tempfile::tempdir().unwrap();
        let whole = yaml.contains("description:");
        let yaml = if whole { yaml } else { format!("description: shown in part\n{yaml}") };
        let path = directory.path().join("shown.yaml");
        std::fs::write(&path, &yaml).unwrap();
        let spec = path.to_str().expect("a temporary path is text");
        let named = Filters::new(directory.path().to_owned()).named(spec);
        let (_, filter) = named.unwrap_or_else(|errors| panic!("{yaml}\n{errors}"));
        assert_eq!(filter.warnings(), [""; 0], "{yaml}");
        let broken: Vec<String> =
            Arc::clone(&filter).run_samples().iter().map(ToString::to_string).collect();
        assert_eq!(broken, [""; 0], "{yaml}");
    }
}

/// What each filter's page shows is all that a jail needs to say.
#[test]
fn a_jail_needs_no_more_than_a_filters_name() {
    for name in builtin::names() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("gaoler.yaml");
        let shown = blocks(&format!("docs/filters/{name}.md"), "yaml");
        std::fs::write(&path, &shown[0]).unwrap();
        let config = config::load(&path).unwrap_or_else(|errors| panic!("{name}: {errors}"));
        assert_eq!(config.jails[0].filter.name(), name);
    }
}

/// Each filter that is built in has its page, made from its file, and no other filter has one.
#[test]
fn the_filters_pages_are_their_files() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/filters");
    let mut pages: BTreeMap<String, String> = builtin::names()
        .map(|name| (format!("{name}.md"), filters::page(name).expect("its file is read")))
        .collect();
    pages.insert("README.md".to_owned(), filters::index().expect("their files are read"));
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(&directory).unwrap();
        for (name, page) in &pages {
            std::fs::write(directory.join(name), page).unwrap();
        }
    }
    let there: BTreeMap<String, String> = std::fs::read_dir(&directory)
        .expect("UPDATE=1 cargo test --test documents makes them")
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_name().unwrap().to_str().expect("ASCII").to_owned();
            (name, std::fs::read_to_string(&path).unwrap())
        })
        .collect();
    for (name, page) in &there {
        let stale = pages.get(name) != Some(page);
        assert!(!stale, "docs/filters/{name} is out of date: UPDATE=1 cargo test --test documents");
    }
    assert_eq!(
        there.len(),
        pages.len(),
        "UPDATE=1 cargo test --test documents makes those missing"
    );
}

#[test]
fn the_commands_shown_exist() {
    let mut seen = 0;
    for document in ["README.md", "docs/operating.md", "docs/bans.md"] {
        for console in blocks(document, "console") {
            for line in console.lines() {
                let Some(command) = line.strip_prefix("# ").or_else(|| line.strip_prefix("$ "))
                else {
                    continue;
                };
                let mut words = command.split_whitespace();
                if words.next() != Some("gaoler") {
                    continue;
                }
                let verb = words.next().expect("a verb");
                let help =
                    Command::new(env!("CARGO_BIN_EXE_gaoler")).args([verb, "--help"]).output();
                let help = help.unwrap();
                assert!(help.status.success(), "{document}: {line}");
                let help = String::from_utf8(help.stdout).unwrap();
                for option in words.filter(|word| word.starts_with("--")) {
                    assert!(help.contains(option), "{document}: {line}: no {option}");
                }
                seen += 1;
            }
        }
    }
    assert!(seen >= 8, "only {seen} commands are shown");
}

/// Every verb has a page, gaoler.yaml has one, and mandoc finds nothing wrong with them.
#[test]
fn the_manual_pages_are_whole_and_well_formed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let made = Command::new(env!("CARGO_BIN_EXE_gaoler")).args(["man", "--out", path]).output();
    assert!(made.unwrap().status.success());
    let pages: Vec<_> =
        std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    for page in ["gaoler.8", "gaoler-ban.8", "gaoler-explain.8", "gaoler.yaml.5"] {
        assert!(pages.iter().any(|path| path.ends_with(page)), "{page} is missing");
    }
    let lint = Command::new("mandoc").args(["-Tlint", "-Wwarning"]).args(&pages).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&lint.stdout), "");
}
