//! The same objects as files, for packages and for hosts whose configuration is laid down as files.
//!
//! Source: firewalld.ipset(5) and firewalld.policy(5).

use std::fmt::Write;

use super::{Policy, PolicyName, SET_TYPE, SetRule, Wanted, description, family, family_option};
use crate::config::checked::Action;
use crate::enforcer::shard::SetName;

/// Every file: its path under firewalld's directory, such as `ipsets/gaoler4-00.xml`, and its text.
#[must_use]
pub fn files(wanted: &Wanted) -> Vec<(String, String)> {
    let sets = wanted.sets().map(|name| (format!("ipsets/{name}.xml"), set(name)));
    let policies = PolicyName::ALL
        .map(|name| (format!("policies/{}.xml", name.as_str()), policy(name, &wanted.rules())));
    sets.chain(policies).collect()
}

const HEAD: &str = r#"<?xml version="1.0" encoding="utf-8"?>"#;

fn set(name: &SetName) -> String {
    let (family, description) = (family_option(family(name)), description(name));
    format!(
        r#"{HEAD}
<ipset type="{SET_TYPE}">
  <short>{name}</short>
  <description>{description}</description>
  <option name="family" value="{family}"/>
</ipset>
"#
    )
}

fn policy(name: PolicyName, rules: &[SetRule]) -> String {
    let Policy { target, priority, ingress_zones, egress_zones, .. } = Policy::of(name, Vec::new());
    let mut text = format!(
        r#"{HEAD}
<policy priority="{priority}" target="{target}">
  <short>{}</short>
  <description>{}</description>
"#,
        name.as_str(),
        name.description()
    );
    let mut put = |line: std::fmt::Arguments<'_>| {
        writeln!(text, "{line}").expect("a String takes all");
    };
    for zone in ingress_zones {
        put(format_args!(r#"  <ingress-zone name="{zone}"/>"#));
    }
    for zone in egress_zones {
        put(format_args!(r#"  <egress-zone name="{zone}"/>"#));
    }
    for rule in rules {
        put(format_args!(r#"  <rule family="{}">"#, rule.family().as_str()));
        put(format_args!(r#"    <source ipset="{}"/>"#, rule.set));
        if let Some((range, protocol)) = rule.ports {
            let protocol = protocol.as_str();
            put(format_args!(r#"    <port port="{range}" protocol="{protocol}"/>"#));
        }
        match rule.action {
            Action::Reject => put(format_args!(r#"    <reject type="{}"/>"#, rule.reject_type())),
            Action::Drop => put(format_args!("    <drop/>")),
        }
        put(format_args!("  </rule>"));
    }
    text.push_str("</policy>\n");
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    /// `UPDATE=1 cargo test packaged` writes them.
    #[test]
    fn what_is_packaged_is_what_is_written_here() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/firewalld");
        let files = files(&Wanted::new([], Action::default()));
        if std::env::var_os("UPDATE").is_some() {
            for (path, text) in &files {
                let path = directory.join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
        }
        let mut expected: BTreeSet<String> = files.iter().map(|(path, _)| path.clone()).collect();
        for (path, text) in files {
            let found = fs::read_to_string(directory.join(&path)).unwrap_or_default();
            assert!(found == text, "packaging/firewalld/{path}: UPDATE=1 cargo test packaged");
        }
        for kind in ["ipsets", "policies"] {
            for file in fs::read_dir(directory.join(kind)).unwrap() {
                let name = file.unwrap().file_name().into_string().unwrap();
                assert!(expected.remove(&format!("{kind}/{name}")), "{kind}/{name} is nobody's");
            }
        }
        assert_eq!(expected, BTreeSet::new());
    }
}
