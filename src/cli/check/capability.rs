//! Whether the unit may do what the configuration asks for.

use std::path::Path;

use crate::config::checked::{Config, Enforcement};

/// Where drop-ins of the unit are (systemd.unit(5)).
const DROP_INS: [&str; 4] = [
    "etc/systemd/system/gaoler.service.d",
    "run/systemd/system/gaoler.service.d",
    "usr/local/lib/systemd/system/gaoler.service.d",
    "usr/lib/systemd/system/gaoler.service.d",
];

/// A note if the backend, or a jail that cuts connections, needs a capability and no drop-in of the
/// unit gives it. `root` is `/`.
pub(super) fn note(config: &Config, root: &Path) -> Option<String> {
    let (what, drop_in) = needs(config)?;
    let given = DROP_INS.iter().any(|directory| {
        let files = std::fs::read_dir(root.join(directory)).into_iter().flatten().flatten();
        let conf = files
            .map(|file| file.path())
            .filter(|path| path.extension().is_some_and(|e| e == "conf"));
        conf.filter_map(|path| std::fs::read_to_string(path).ok()).any(|text| gives(&text))
    });
    (!given).then(|| {
        format!(
            "{what} needs CAP_NET_ADMIN, and no drop-in of gaoler.service gives it: copy \
             /usr/share/gaoler/{drop_in} to /etc/systemd/system/gaoler.service.d/"
        )
    })
}

/// What needs it, and the drop-in that is made for that.
fn needs(config: &Config) -> Option<(String, &'static str)> {
    if matches!(config.enforcement, Enforcement::Nftables(_)) {
        return Some(("enforcement.backend: nftables".to_owned(), "10-nftables.conf"));
    }
    let jail = config.jails.iter().find(|jail| jail.cut_established)?;
    Some((format!("jail {}: cut_established", jail.name), "11-cut-established.conf"))
}

fn gives(drop_in: &str) -> bool {
    let ambient = |line: &str| line.trim_start().starts_with("AmbientCapabilities=");
    drop_in.lines().any(|line| ambient(line) && line.contains("CAP_NET_ADMIN"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    #[test]
    fn the_shipped_drop_in_is_enough() {
        let host = tempfile::tempdir().unwrap();
        let yaml = host.path().join("gaoler.yaml");
        let noted = |jail: &str| {
            std::fs::write(&yaml, format!("jails: {{sshd: {jail}}}\n")).unwrap();
            note(&config::load(&yaml).unwrap(), host.path()).is_some()
        };
        assert!(!noted("{}") && noted("{cut_established: true}"));
        let directory = host.path().join(DROP_INS[0]);
        std::fs::create_dir_all(&directory).unwrap();
        let other =
            "[Service]\n# AmbientCapabilities=CAP_NET_ADMIN\nAmbientCapabilities=CAP_CHOWN\n";
        std::fs::write(directory.join("a.conf"), other).unwrap();
        assert!(noted("{cut_established: true}"));
        for shipped in [
            include_str!("../../../packaging/11-cut-established.conf"),
            include_str!("../../../packaging/10-nftables.conf"),
        ] {
            std::fs::write(directory.join("b.conf"), shipped).unwrap();
            assert!(!noted("{cut_established: true}"));
        }
    }

    #[test]
    fn the_nftables_backend_needs_it_too() {
        let host = tempfile::tempdir().unwrap();
        let yaml = host.path().join("gaoler.yaml");
        std::fs::write(&yaml, "enforcement: {backend: nftables}\njails: {sshd: {}}\n").unwrap();
        let noted = note(&config::load(&yaml).unwrap(), host.path()).unwrap();
        assert!(noted.contains("10-nftables.conf"), "{noted}");
    }
}
