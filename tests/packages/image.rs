//! `rpm --root`: a root where no systemd runs, as images and kickstarts have it.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};
use tempfile::TempDir;

use crate::format::Format;

/// The programs that the packages' scripts call; what else a RHEL has is nothing to them.
const TOOLS: &str = "sh rm mktemp systemctl systemd-sysusers systemd-tmpfiles";

/// Installs, upgrades, installs again, and removes; the user, the directories, the preset and the edits
/// are as they would be on a host that runs.
pub(crate) fn rpm_root() -> Result<()> {
    let root = TempDir::new()?;
    let root = root.path();
    furnish(root)?;
    install(root, 1, &["gaoler", "gaoler-selinux", "gaoler-fail2ban"])?;
    let user = fs::read_to_string(root.join("etc/passwd"))?;
    ensure!(user.lines().any(|line| line.starts_with("gaoler:")), "no user: {user}");
    assert!(root.join("var/lib/gaoler").is_dir());
    let enabled = root.join("etc/systemd/system/multi-user.target.wants/gaoler.service");
    assert!(!enabled.exists(), "the preset says no");
    asks_no_policy_for_much(root)?;

    let config = root.join("etc/gaoler/gaoler.yaml");
    fs::write(&config, "# mine\n")?;
    for _ in ["an upgrade", "once more"] {
        install(root, 2, &["gaoler", "gaoler-selinux", "gaoler-fail2ban"])?;
        assert_eq!(fs::read_to_string(&config)?, "# mine\n");
    }
    let new = fs::read_to_string(root.join("etc/gaoler/gaoler.yaml.rpmnew"))?;
    assert!(new.starts_with("# The second release's."), "{new}");
    let differs = rpm(root, "-V gaoler gaoler-selinux gaoler-fail2ban --nodeps || true")?;
    assert_eq!(differs.trim(), "S.5....T.  c /etc/gaoler/gaoler.yaml", "all else is as packaged");

    let said = rpm(root, "-e gaoler gaoler-selinux gaoler-fail2ban")?;
    assert_eq!(
        said.trim(),
        "warning: /etc/gaoler/gaoler.yaml saved as /etc/gaoler/gaoler.yaml.rpmsave"
    );
    let left = sh(&format!(
        "cd {}; find etc usr var -iname '*gaoler*' -prune -print | sort",
        root.display()
    ))?;
    assert_eq!(left, "etc/gaoler\nvar/lib/gaoler\n");
    let edit = fs::read_to_string(root.join("etc/gaoler/gaoler.yaml.rpmsave"))?;
    assert_eq!(edit, "# mine\n");
    Ok(())
}

/// The `SELinux` module needs of a policy what RHEL 8's has already; all else is in optional blocks.
fn asks_no_policy_for_much(root: &Path) -> Result<()> {
    const IN_EVERY_POLICY: &str = "system_r domain file_type non_security_file_type logfile port_type \
        unreserved_port_type init_t etc_t node_t proc_t proc_net_t usr_t var_t var_lib_t var_log_t var_run_t";
    let module = fs::read_to_string(root.join("usr/share/selinux/packages/gaoler/gaoler.cil"))?;
    assert!(module.contains("(type gaoler_t)") && module.contains("(optional "));
    // What is indented is in a block of its own.
    let asked = module.lines().filter_map(|line| {
        let (statement, name) = line.split_once(" cil_gen_require ")?;
        ["(roleattributeset", "(typeattributeset"].contains(&statement).then_some(name)
    });
    for name in asked.map(|name| name.trim_end_matches(')')) {
        assert!(IN_EVERY_POLICY.split_whitespace().any(|known| known == name), "{name}");
    }
    Ok(())
}

/// The tools with their libraries, and RHEL's preset for everything.
fn furnish(root: &Path) -> Result<()> {
    let root = root.display();
    sh(&format!(
        "cd {root}
         mkdir -p usr/bin usr/lib usr/lib64 usr/sbin dev etc/systemd/system proc var/lib usr/lib/systemd/system-preset
         ln -s usr/bin usr/lib usr/lib64 usr/sbin .
         echo 'disable *' >usr/lib/systemd/system-preset/99-default-disable.preset
         echo '[Unit]' >usr/lib/systemd/system/multi-user.target 2>/dev/null || true
         mknod -m 0666 dev/null c 1 3
         for tool in {TOOLS}; do
             tool=$(command -v $tool)
             cp -L --parents $tool $(ldd $tool | grep -oE '/[^ ]+') .
         done"
    ))?;
    Ok(())
}

fn install(root: &Path, release: u32, names: &[&str]) -> Result<()> {
    let mut files = String::new();
    for name in names {
        files.push(' ');
        files.push_str(&Format::Rpm.file(name, release)?.display().to_string());
    }
    // The dependencies are RHEL's, which this root does not have.
    let said = rpm(root, &format!("-U --nodeps --replacepkgs {files}"))?;
    let complaints: Vec<&str> = said.lines().filter(|line| !line.contains(".rpmnew")).collect();
    ensure!(complaints.is_empty(), "rpm or a script complains: {complaints:#?}");
    Ok(())
}

fn rpm(root: &Path, arguments: &str) -> Result<String> {
    let root = root.display();
    sh(&format!(
        "unshare -m sh -ec 'mount -t proc proc {root}/proc; \
         rpm --force-debian --root {root} --dbpath /var/lib/rpm {arguments}'"
    ))
}

/// Both of what it says and what it complains of.
fn sh(script: &str) -> Result<String> {
    let ran = Command::new("sh").args(["-ec", &format!("exec 2>&1\n{script}")]).output()?;
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    ensure!(ran.status.success(), "{script}: {said}");
    Ok(said)
}
