//! From the first installation to the removal, by way of an upgrade: what an administrator wrote stays,
//! nobody who is banned is let in, and in the end nothing is left.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::backend::{Addresses, Backend, desired, lacks, network};
use crate::format::Format;
use crate::host::{CONFIG, Host, Ran, SOON, Side};
use crate::observe::{await_metric, ban};

/// Whom the tests ban.
const BANNED: [&str; 3] = ["198.18.250.1", "198.18.249.0/24", "2001:db8:fe:2::/64"];

/// Between two looks at the kernel.
const PAUSE: Duration = Duration::from_millis(50);

/// The whole of it, on a box without gaoler.
pub(crate) fn play(host: &Host, format: Format, backend: Backend) -> Result<()> {
    assert_eq!(files(host)?, "", "the box has no gaoler");
    format.install(host, "gaoler", 1)?;
    is_as_shipped(host)?;
    let banned = begin(host, backend)?;
    let config = host.sh(&format!("cat {CONFIG}"))?;
    let kept = || {
        assert_eq!(host.sh(&format!("cat {CONFIG}"))?, config, "the edit stays");
        await_metric(host, "gaoler_bans_enforced", &[], |are| (are - 3.0).abs() < 0.5)?;
        assert_eq!(desired(host)?, banned);
        backend.assert_exact(host, "public", &banned)
    };
    all_along(host, backend, &banned, || {
        let before = host.sh("systemctl show -P MainPID gaoler")?;
        format.install(host, "gaoler", 2)?;
        assert_ne!(host.sh("systemctl show -P MainPID gaoler")?, before, "the new one runs");
        kept()?;
        // What the new release would have written is there to be compared.
        let new = host.sh(
            "cat /etc/gaoler/gaoler.yaml.rpmnew /etc/gaoler/gaoler.yaml.dpkg-dist 2>&1 || true",
        )?;
        assert!(new.contains("# The second release's."), "{new}");
        format.install(host, "gaoler", 2)?;
        kept()
    })?;
    format.remove(host, "gaoler")?;
    nothing_is_left(host)?;
    assert_eq!(host.sh(&format!("cat {}", format.kept_edit()))?, config, "nor is the edit lost");
    end(host, format)
}

/// Has gaoler configured, provisioned and started, and the [`BANNED`] refused.
pub(crate) fn begin(host: &Host, backend: Backend) -> Result<Addresses> {
    host.configure(&guarded(backend)?)?;
    host.sh("touch /var/log/load.log")?;
    match backend {
        Backend::RichRule => {}
        Backend::Ipset => {
            host.gaoler_ok(&["provision", "--apply"])?;
            host.sh("firewall-cmd -q --reload")?;
        }
        Backend::Nftables => {
            host.sh("install -D -m 0644 -t /etc/systemd/system/gaoler.service.d /usr/share/gaoler/10-nftables.conf
                 systemctl daemon-reload")?;
        }
    }
    host.sh("systemctl start gaoler")?;
    ban(host, "load", &BANNED)?;
    let banned = BANNED.iter().map(|one| network(one)).collect::<Result<_>>()?;
    backend.assert_exact(host, "public", &banned)?;
    Ok(banned)
}

/// The suite's configuration with one jail of its: each list of ports costs firewalld 66 sets.
fn guarded(backend: Backend) -> Result<String> {
    let config = backend.config();
    let (head, jails) = config.split_once("  sshd:\n").context("jails")?;
    let (_, load) = jails.split_once("  load:\n").context("a jail")?;
    Ok(format!("{head}  load:\n{load}"))
}

/// Takes away what removals leave to administrators, and sees that this was all.
pub(crate) fn end(host: &Host, format: Format) -> Result<()> {
    format.purge(host)?;
    host.sh("rm -rf /etc/systemd/system/gaoler.service.d; systemctl daemon-reload")?;
    assert_eq!(files(host)?, "");
    Ok(())
}

/// No process, unit, rule, set, entry, policy or table; of files, what an administrator may want.
pub(crate) fn nothing_is_left(host: &Host) -> Result<()> {
    let ruleset = host.sh("nft list ruleset")?;
    for word in ["gaoler", "198.18.250.1", "198.18.249.0", "2001:db8:fe:2:"] {
        assert!(!ruleset.contains(word), "{word} is left in the kernel:\n{ruleset}");
    }
    let says = |way: &str| {
        let script = format!(
            "firewall-cmd {way} --list-all-zones; firewall-cmd {way} --list-all-policies
             firewall-cmd {way} --get-ipsets; firewall-cmd {way} --get-services"
        );
        host.run(Side::Server, &["sh", "-ec", &script])
    };
    let ours = |said: &Ran| said.stdout.contains("gaoler") || said.stdout.contains("-31007");
    let running = says("")?;
    assert!(running.code == 0 && !ours(&running), "firewalld has something left: {running:?}");
    // It hears of files that have gone a little later, be it between its list of names and what
    // firewall-cmd asks about each: that ends with an error, which tells nothing yet.
    let mut said = None;
    let heard = host.until("firewalld's permanent configuration has nothing of it", SOON, || {
        let permanent = said.insert(says("--permanent")?);
        Ok((permanent.code == 0 && !ours(permanent)).then_some(()))
    });
    heard.with_context(|| format!("{said:?}"))?;
    let units = host.sh("systemctl list-units --all --plain --no-legend 'gaoler*'
         systemctl list-unit-files --no-legend 'gaoler*' || true
         pgrep -x gaoler || true")?;
    assert_eq!(units, "");
    for file in files(host)?.lines() {
        let wanted = ["/etc/gaoler", "/var/lib/gaoler", "/etc/systemd/system/gaoler.service.d"];
        assert!(wanted.contains(&file), "{file} is left");
    }
    Ok(())
}

/// Every file whose name tells whose it is, but for what package databases remember.
fn files(host: &Host) -> Result<String> {
    host.sh("find /etc /usr /var /run -xdev -iname '*gaoler*' ! -path '/var/lib/dpkg/*' \
         ! -path '/var/log/*' -prune -print | sort")
}

/// It waits to be told: the user and the state's directory are there, the configuration is right, and
/// nothing runs.
fn is_as_shipped(host: &Host) -> Result<()> {
    host.gaoler_ok(&["check"])?;
    assert_eq!(host.sh("stat -c '%U %G %a' /var/lib/gaoler")?, "gaoler gaoler 700\n");
    assert_eq!(host.sh("systemctl is-active gaoler || true")?, "inactive\n");
    assert_eq!(host.sh("systemd-analyze verify gaoler.service 2>&1")?, "");
    host.sh("cd /usr/share
         test -s man/man8/gaoler.8.gz; test -s man/man8/gaoler-status.8.gz; test -s man/man5/gaoler.yaml.5.gz
         test -s bash-completion/completions/gaoler; test -s zsh/site-functions/_gaoler
         test -s fish/vendor_completions.d/gaoler.fish; test -s polkit-1/rules.d/45-gaoler.rules
         test -s gaoler/filters/sshd.yaml; test -s /usr/lib/firewalld/services/gaoler.xml")?;
    Ok(())
}

/// Does something, while the kernel refuses the `banned` at every look.
fn all_along(
    host: &Host,
    backend: Backend,
    banned: &Addresses,
    what: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut looks = 0_u32;
            while !over.load(Ordering::Relaxed) {
                let are = backend.in_kernel(host, "public")?;
                assert!(are.is_superset(banned), "let in: {:?}", lacks(&are, banned));
                looks += 1;
                thread::sleep(PAUSE);
            }
            Ok::<u32, anyhow::Error>(looks)
        });
        let did = what();
        over.store(true, Ordering::Relaxed);
        let looks = watcher.join().ok().context("somebody was let in meanwhile")?;
        did?;
        assert!(looks? > 1, "nobody looked");
        Ok(())
    })
}
