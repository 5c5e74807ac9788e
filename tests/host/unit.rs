//! The unit: hardened, without root, and quiet.

use anyhow::{Context, Result};

use crate::host::{Host, SOON};

/// `systemd-analyze` finds no fault, and scores what was promised.
pub(crate) fn verifies_and_is_hardened(host: &Host) -> Result<()> {
    let verify = host.sh("systemd-analyze verify gaoler.service 2>&1")?;
    assert_eq!(verify, "");
    // Scored with the drop-in for log files, and without.
    let with_logs = score(&host.sh("systemd-analyze security gaoler.service")?)?;
    assert!(with_logs <= 1.9, "with 20-httpd-logs.conf {with_logs}");
    Ok(())
}

/// What no log is ever in is out of sight, though the capability reads every file; and polkit lets
/// the user do nothing but what firewalld does.
pub(crate) fn sees_no_secret(host: &Host) -> Result<()> {
    host.settle()?;
    let pid = host.sh("systemctl show -P MainPID gaoler")?;
    host.sh("echo hunter2 >/home/alice/secret; echo hunter2 >/root/secret")?;
    // In the mount namespace of the process, as root: not even that reads them there.
    let within = |path: &str| {
        let script = format!("nsenter -t {} -m -- cat {path} 2>&1 || true", pid.trim());
        host.sh(&script)
    };
    for path in
        ["/etc/shadow", "/etc/ssh/ssh_host_ed25519_key", "/root/secret", "/home/alice/secret"]
    {
        let secret = host.sh(&format!("cat {path}"))?;
        let told = within(path)?;
        assert!(!secret.is_empty() && !told.contains(secret.trim()), "{path}: {told}");
    }
    assert_eq!(within("/etc/hostname")?, host.sh("cat /etc/hostname")?, "the way of asking works");

    let may = |action: &str| {
        let check = format!("pkcheck --process {} --action-id {action}", pid.trim());
        let told = host.sh(&format!("if {check} >/dev/null 2>&1; then echo yes; else echo no; fi"));
        anyhow::Ok(told? == "yes\n")
    };
    assert!(may("org.fedoraproject.FirewallD1.config")?);
    for action in [
        "org.fedoraproject.FirewallD1.direct",
        "org.fedoraproject.FirewallD1.policies",
        "org.freedesktop.systemd1.manage-units",
        "org.freedesktop.login1.reboot",
        "org.freedesktop.policykit.exec",
    ] {
        assert!(!may(action)?, "{action}");
    }
    Ok(())
}

/// Nothing listens but the pages, and those for this host alone.
pub(crate) fn listens_on_loopback_alone(host: &Host) -> Result<()> {
    host.settle()?;
    let listens = host.sh("ss -Hlntup | grep gaoler | awk '{ print $5 }'")?;
    assert_eq!(listens, "127.0.0.1:9642\n");
    Ok(())
}

fn score(report: &str) -> Result<f64> {
    let line = report.lines().find(|line| line.contains("Overall exposure level"));
    let score = line.and_then(|line| line.split(": ").nth(1)).context("no score")?;
    Ok(score.split_whitespace().next().context("no score")?.parse()?)
}

/// The process is user gaoler's, and can read logs but change nothing.
pub(crate) fn runs_as_its_own_user(host: &Host) -> Result<()> {
    host.settle()?;
    let pid = host.sh("systemctl show -P MainPID gaoler")?;
    let status = host.sh(&format!("cat /proc/{}/status", pid.trim()))?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.map(|line| line.trim().to_owned()).with_context(|| format!("{name} in:\n{status}"))
    };
    let uid = host.sh("id -u gaoler")?;
    let uids: Vec<String> = field("Uid:")?.split_whitespace().map(str::to_owned).collect();
    assert!(uids.iter().all(|is| is == uid.trim()) && uid.trim() != "0", "{uids:?}");
    let dac_read_search = format!("{:016x}", 1 << 2);
    assert_eq!(field("CapEff:")?, dac_read_search);
    assert_eq!(field("CapBnd:")?, dac_read_search);
    assert_eq!(field("NoNewPrivs:")?, "1");
    assert_eq!(field("Seccomp:")?, "2");
    Ok(())
}

/// It stops when told, and the whole suite has drawn no complaint that was not provoked.
pub(crate) fn stops_cleanly(host: &Host) -> Result<()> {
    host.settle()?;
    host.sh("systemctl stop gaoler")?;
    host.until("it has stopped", SOON, || {
        Ok((host.sh("systemctl is-active gaoler || true")? == "inactive\n").then_some(()))
    })?;
    let result = host.sh("systemctl show -P Result gaoler")?;
    assert_eq!(result, "success\n");

    complained_of_nothing(host)
}

/// gaoler's log holds no error but those that tests provoke, and no panic; seccomp denied nothing.
pub(crate) fn complained_of_nothing(host: &Host) -> Result<()> {
    // A line each, though a message may have several.
    let complaints =
        host.sh("journalctl -q _SYSTEMD_UNIT=gaoler.service -p err -o json | jq -c .MESSAGE")?;
    let unprovoked: Vec<&str> =
        complaints.lines().filter(|line| !PROVOKED.iter().any(|why| line.contains(why))).collect();
    assert!(unprovoked.is_empty(), "{unprovoked:#?}");
    let all = host.sh("journalctl -q _SYSTEMD_UNIT=gaoler.service -o cat")?;
    assert!(!all.contains("panicked at"), "{all}");
    let denied = host.sh("journalctl -q -b _TRANSPORT=audit -o cat | grep -c gaoler || true")?;
    assert_eq!(denied, "0\n", "seccomp denied something");
    Ok(())
}

/// What tests provoke: a breaker that opens, a broken configuration, firewalld stopped, a namespace
/// that comes later, a capability that is lacking, a log that is taken away, or may not be read.
const PROVOKED: [&str; 8] = [
    "breaker is open",
    "fintime",
    "firewalld: ",
    "nftables: ",
    "journal[guarded]",
    "cut_established: ",
    "access_log: there is no such file",
    "access_log: permission denied",
];
