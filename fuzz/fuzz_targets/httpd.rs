//! Access logs: the first line is a format, the rest a line of the log.

#![no_main]

use gaoler::filter::definition::{HttpdFormat, HttpdRule};
use gaoler::filter::httpd::rule::{Judgement, Rule};
use gaoler_fuzz::{head, is_named};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let (format, line) = head(data);
    let Ok(format) = std::str::from_utf8(format) else { return };
    let proxies = ["10.0.0.0/8", "fd00::/8"].map(|text| text.parse().expect("a network"));
    let rule = HttpdRule {
        format: HttpdFormat::named(format),
        trusted_proxies: proxies.to_vec(),
        ..HttpdRule::default()
    };
    let rule = match Rule::compile(&rule, &mut Vec::new()) {
        Ok(rule) => rule,
        Err(refusal) => return assert!(!refusal.problem.to_string().is_empty()),
    };
    let Some(request) = rule.parse(line) else { return };
    let within = line.as_ptr_range();
    let mut fields = vec![request.client, request.peer, request.forwarded, request.time];
    fields.extend(request.fields().map(|(_, value)| value));
    for field in fields {
        let inside = field.is_empty() || within.contains(&field.as_ptr());
        assert!(inside && field.len() <= line.len(), "a field is a part of its line");
    }
    if let Judgement::Failure(address) = rule.judge(&request) {
        let told = [request.client, request.peer, request.forwarded];
        assert!(told.iter().any(|field| is_named(address, field)), "{address} is in no such field");
    }
});
