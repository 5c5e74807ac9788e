//! Whether the unit may do what the configuration asks for.

use std::path::Path;

use crate::config::checked::Config;

/// Where drop-ins of the unit are (systemd.unit(5)).
const DROP_INS: [&str; 4] = [
    "etc/systemd/system/gaoler.service.d",
    "run/systemd/system/gaoler.service.d",
    "usr/local/lib/systemd/system/gaoler.service.d",
    "usr/lib/systemd/system/gaoler.service.d",
];

/// A note if some jail cuts connections and no drop-in of the unit gives the capability. `root` is
/// `/`.
pub(super) fn note(config: &Config, root: &Path) -> Option<String> {
    let jail = config.jails.iter().find(|jail| jail.cut_established)?;
    let given = DROP_INS.iter().any(|directory| {
        let files = std::fs::read_dir(root.join(directory)).into_iter().flatten().flatten();
        let conf = files
            .map(|file| file.path())
            .filter(|path| path.extension().is_some_and(|e| e == "conf"));
        conf.filter_map(|path| std::fs::read_to_string(path).ok()).any(|text| gives(&text))
    });
    (!given).then(|| {
        format!(
            "jail {}: cut_established needs CAP_NET_ADMIN, and no drop-in of gaoler.service gives it: \
             copy /usr/share/gaoler/11-cut-established.conf to /etc/systemd/system/gaoler.service.d/",
            jail.name
        )
    })
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
        let shipped = include_str!("../../../packaging/11-cut-established.conf");
        std::fs::write(directory.join("b.conf"), shipped).unwrap();
        assert!(!noted("{cut_established: true}"));
    }
}
