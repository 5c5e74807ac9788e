//! `gaoler.yaml`, a filter's file and a web configuration: the first line says which.

#![no_main]

use std::cell::LazyCell;
use std::path::Path;

use gaoler::config::{Surroundings, filter_file, load_in, web};
use gaoler::filter::{Filter, NORMAL};
use gaoler_fuzz::head;
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

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
        _ => {
            let surroundings =
                Surroundings { services: "/etc/services".into(), environment: |_| None };
            let loaded = load_in(&write(directory.path(), yaml), &surroundings);
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
