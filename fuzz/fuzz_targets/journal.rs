//! The journal's export format, and what its entries become.

#![no_main]

use gaoler::source::export::{Export, Reading};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for trust_unprivileged in [false, true] {
        let mut export = Export::new(data, trust_unprivileged);
        let mut entries = 0;
        while let Ok(Some(reading)) = export.next() {
            if let Reading::Record { text, .. } = reading {
                assert!(!text.contains(&b'\n'), "a record is one line");
                assert!(text.len() <= 3 * data.len() + 8, "a record is what its entry says");
            }
            entries += 1;
        }
        assert!(entries <= data.len(), "every entry takes up bytes");
    }
});
