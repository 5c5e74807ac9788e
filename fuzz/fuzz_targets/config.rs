//! `gaoler.yaml`, a filter's file, a web configuration and fail2ban's files: the first line says which. Of
//! fail2ban's there are several, each behind a line with its name.

#![no_main]

use std::cell::LazyCell;
use std::io::Write;
use std::path::Path;

use gaoler::config::{Location, Surroundings, filter_file, load_from, load_in, web};
use gaoler::fail2ban::{Logtype, filter};
use gaoler::filter::{Filter, NORMAL};
use gaoler_fuzz::head;
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

/// The files of fail2ban's that there may be: layers of jails, and of a filter with what it includes.
const FAIL2BANS: [&str; 7] = [
    "jail.conf",
    "jail.local",
    "jail.d/fuzz.conf",
    "filter.d/fuzz.conf",
    "filter.d/fuzz.local",
    "filter.d/common.conf",
    "action.d/fuzz.conf",
];

thread_local! {
    static DIRECTORY: LazyCell<TempDir> =
        LazyCell::new(|| tempfile::tempdir().expect("a directory for configurations"));
}

fuzz_target!(|data: &[u8]| {
    let (kind, yaml) = head(data);
    let told = DIRECTORY.with(|directory| match kind {
        b"filter" => {
            let definition = filter_file::parse("fuzz", Path::new("fuzz.yaml"), yaml);
            let compiled = definition.map(|definition| Filter::compile(&definition, NORMAL));
            compiled.map(|_| ()).map_err(|errors| errors.to_string())
        }
        b"web" => web::load(&write(directory.path(), yaml)).map(|_| ()).map_err(|e| e.to_string()),
        b"fail2ban" => fail2ban(directory.path(), yaml),
        _ => {
            let loaded = load_in(&write(directory.path(), yaml), &surroundings());
            loaded.map(|_| ()).map_err(|errors| errors.to_string())
        }
    });
    if let Err(told) = told {
        let harmless = |c: char| c == '\n' || !c.is_control();
        assert!(!told.is_empty() && told.chars().all(harmless), "{told:?}");
    }
});

fn write(directory: &Path, yaml: &[u8]) -> std::path::PathBuf {
    let path = directory.join("gaoler.yaml");
    std::fs::write(&path, yaml).expect("the directory is ours");
    path
}

fn surroundings() -> Surroundings {
    Surroundings { services: "/etc/services".into(), environment: |_| None }
}

/// What comes of fail2ban's files: first by themselves, then as jails of ours.
fn fail2ban(directory: &Path, text: &[u8]) -> Result<(), String> {
    let directory = directory.join("fail2ban");
    let _ = std::fs::remove_dir_all(&directory);
    for beside in ["", "jail.d", "filter.d", "action.d"] {
        std::fs::create_dir_all(directory.join(beside)).expect("the directory is ours");
    }
    let mut file = directory.join(FAIL2BANS[0]);
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        if let Some(named) = FAIL2BANS.iter().find(|name| line.trim_ascii_end() == name.as_bytes())
        {
            file = directory.join(named);
            continue;
        }
        // One that includes what is no file at all would have it read, such as a device.
        if !line.windows(4).any(|part| matches!(part, b"/dev" | b"/pro" | b"/sys")) {
            let opened = std::fs::OpenOptions::new().create(true).append(true).open(&file);
            opened.and_then(|mut file| file.write_all(line)).expect("the directory is ours");
        }
    }
    let reads = [Logtype::File, Logtype::Journal].map(|logtype| {
        let read = filter(&directory, "fuzz", logtype);
        read.map(|definition| drop(Filter::compile(&definition, NORMAL)))
    });
    let location = Location { file: directory.join("gaoler.yaml"), fail2ban_dir: Some(directory) };
    let loaded = load_from(&location, &surroundings()).map(|_| ()).map_err(|e| e.to_string());
    reads.into_iter().map(|read| read.map_err(|error| error.to_string())).chain([loaded]).collect()
}
